-- The chain of a case's history.

CREATE OR REPLACE FUNCTION history_hash(
  prev_hash bytea, district_code text, case_id uuid, seq int, action text, from_state text, to_state text,
  at timestamptz, account_id int, role text, organisation_id int, payload jsonb
) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
-- SHA-256 over a fixed text form: fields in this order, one a line, an absent one empty; the moment in whole microseconds since 1970;
-- the payload as jsonb prints it, whose keys are always in the same order. It names no person's text, so erasing text leaves it whole.
-- plpgsql, for concat_ws is only STABLE by name, so that an SQL function around it is never inlined, and called it takes twice as long.
AS $$
BEGIN
  RETURN sha256(
    coalesce(prev_hash, ''::bytea) || convert_to(
      concat_ws(E'\n', district_code, case_id::text, seq::text, action, coalesce(from_state, ''), to_state,
                (extract(epoch FROM at) * 1000000)::bigint::text, coalesce(account_id::text, ''), role, coalesce(organisation_id::text, ''), payload::text),
      'UTF8'));
END
$$;

CREATE OR REPLACE AGGREGATE history_chain(
  district_code text, case_id uuid, seq int, action text, from_state text, to_state text,
  at timestamptz, account_id int, role text, organisation_id int, payload jsonb
) (
  -- The hash of the last of some entries of one case, beginning with its first; as a window over them, the hash of each.
  SFUNC = history_hash,
  STYPE = bytea
);

DROP FUNCTION IF EXISTS broken_history();
DROP FUNCTION IF EXISTS broken_history(uuid, uuid);
CREATE FUNCTION broken_history(after uuid DEFAULT NULL, last uuid DEFAULT NULL) RETURNS TABLE (district_code text, case_id uuid, seq int, problem text)
LANGUAGE sql STABLE PARALLEL SAFE
-- Entries whose hash is not that of their content, that do not follow the one before, or whose numbers have a gap; of all cases, or of those from
-- behind one key up to another.
BEGIN ATOMIC
  SELECT h.district_code, h.case_id, h.seq,
         CASE WHEN h.seq <> h.expected_seq THEN 'gap'
              WHEN h.prev_hash IS DISTINCT FROM h.hash_before THEN 'not linked'
              ELSE 'altered' END
  FROM (
    SELECT c.*, row_number() OVER w AS expected_seq, lag(c.hash) OVER w AS hash_before
    FROM case_history c
    WHERE (after IS NULL OR c.case_id > after) AND (last IS NULL OR c.case_id <= last)
    WINDOW w AS (PARTITION BY c.district_code, c.case_id ORDER BY c.seq)
  ) h
  WHERE h.seq <> h.expected_seq
     OR h.prev_hash IS DISTINCT FROM h.hash_before
     OR h.hash <> history_hash(h.prev_hash, h.district_code, h.case_id, h.seq, h.action, h.from_state, h.to_state, h.at,
                               h.account_id, h.role, h.organisation_id, h.payload);
END;
