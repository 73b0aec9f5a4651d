-- The audit: written by one function, sealed by another, read by a third; nobody but the owner has a right on its tables.

CREATE OR REPLACE FUNCTION audit_hash(
  district_code text, entry_id uuid, at timestamptz, account_id int, key_id int, role text, act text, subject text, object text, purpose text,
  place text, rows int, facts jsonb
) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 5000
-- SHA-256 over a fixed text form: a JSON list of the fields in this order, so that no field can run into the next and absent is not empty; the
-- moment in whole microseconds since 1970. plpgsql for the reason given at history_hash; its cost is said so that the check uses every core.
AS $$
BEGIN
  RETURN sha256(convert_to(
    jsonb_build_array(district_code, entry_id, (extract(epoch FROM at) * 1000000)::bigint, account_id, key_id, role, act, subject, object, purpose,
                      place, rows, facts)::text, 'UTF8'));
END
$$;

CREATE OR REPLACE FUNCTION audit_digest(
  prev_digest bytea, district_code text, seal_no int, first_pos bigint, last_pos bigint, rows int, body bytea, sealed_at timestamptz
) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
-- What a seal is known by: SHA-256 over the digest of the seal before and all that this one says.
AS $$
BEGIN
  RETURN sha256(prev_digest || convert_to(
    jsonb_build_array(district_code, seal_no, first_pos, last_pos, rows, encode(body, 'hex'), (extract(epoch FROM sealed_at) * 1000000)::bigint)::text,
    'UTF8'));
END
$$;

CREATE OR REPLACE FUNCTION audit_add(
  act text, subject text, object text DEFAULT NULL, purpose text DEFAULT NULL, place text DEFAULT NULL, rows int DEFAULT 0, facts jsonb DEFAULT '{}',
  account int DEFAULT NULL, key int DEFAULT NULL, district text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- One entry. Whoever looks is named by the transaction's own setting, and then nobody else can be; only where none is set (a sign-in, the command
-- line) the caller says whose act it was. The moment is the clock's: app_now() can be moved by a session. Nothing waits: entries get their number
-- and their place in the chain later, from the worker.
AS $$
DECLARE
  viewer int := nullif(current_setting('gisops.account', true), '')::int;
  now_at timestamptz := clock_timestamp();
  moment bigint := extract(epoch FROM now_at) * 1000000;
  -- A UUIDv7: milliseconds, version, the microseconds beyond them (so that entries of one moment keep their order), and chance.
  entry uuid := (lpad(to_hex(moment / 1000), 12, '0') || '7' || lpad(to_hex(moment % 1000 * 4096 / 1000), 3, '0') || substr(gen_random_uuid()::text, 20))::uuid;
  who int;
  as_role text;
  home text;
BEGIN
  IF viewer IS NOT NULL AND account IS NOT NULL AND account <> viewer THEN
    RAISE EXCEPTION 'the entry of account % cannot be written as account %', viewer, account USING ERRCODE = 'insufficient_privilege';
  END IF;
  who := coalesce(viewer, account);
  SELECT a.role INTO as_role FROM public.accounts a WHERE a.account_id = who;
  IF who IS NOT NULL AND as_role IS NULL THEN
    RAISE EXCEPTION 'there is no account %', who USING ERRCODE = 'foreign_key_violation';
  END IF;
  home := coalesce(district, (SELECT c.code FROM public.city c), '0');
  as_role := coalesce(as_role, 'none');
  INSERT INTO public.audit (district_code, entry_id, at, account_id, key_id, role, act, subject, object, purpose, place, rows, facts, hash)
  VALUES (home, entry, now_at, who, key, as_role, act, subject, object, purpose, place, rows, facts,
          public.audit_hash(home, entry, now_at, who, key, as_role, act, subject, object, purpose, place, rows, facts));
  RETURN entry;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_add FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_seal(most int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Number what is committed and not numbered yet, at most so many entries of each chain, and lay one seal over them; returns how many. One at a
-- time: each seal holds the digest of the one before. An entry committed late gets a later number: none is lost, and no writer waits.
AS $$
DECLARE
  chain text;
  before record;
  sealed record;
  given int := 0;
  moment timestamptz;
BEGIN
  IF most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'a seal holds 1 to 100000 entries, not %', most USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- "seals"; whoever comes while another is at it has nothing to do. Each statement below sees what was committed before the lock was had.
  IF NOT pg_try_advisory_xact_lock(x'7365616c73'::bit(40)::bigint) THEN
    RETURN 0;
  END IF;
  FOR chain IN SELECT DISTINCT a.district_code FROM public.audit a WHERE a.pos IS NULL ORDER BY 1 LOOP
    SELECT s.seal_no, s.last_pos, s.digest INTO before
    FROM public.audit_seals s
    WHERE s.district_code = chain
    ORDER BY s.seal_no DESC
    LIMIT 1;
    IF NOT FOUND THEN
      SELECT 0 AS seal_no, 0::bigint AS last_pos, ''::bytea AS digest INTO before;
    END IF;
    WITH next AS MATERIALIZED (
      SELECT a.entry_id FROM public.audit a WHERE a.district_code = chain AND a.pos IS NULL ORDER BY a.entry_id LIMIT most
    ), numbered AS MATERIALIZED (
      SELECT n.entry_id, before.last_pos + row_number() OVER (ORDER BY n.entry_id) AS pos FROM next n
    ), given_to AS (
      UPDATE public.audit a
      SET pos = n.pos, seal_no = before.seal_no + 1
      FROM numbered n
      WHERE a.district_code = chain AND a.entry_id = n.entry_id
      RETURNING n.pos, a.hash
    )
    SELECT min(g.pos) AS first_pos, max(g.pos) AS last_pos, count(*)::int AS rows, sha256(string_agg(g.hash, ''::bytea ORDER BY g.pos)) AS body
    INTO sealed
    FROM given_to g;
    moment := clock_timestamp();
    INSERT INTO public.audit_seals (district_code, seal_no, first_pos, last_pos, rows, body, prev_digest, digest, sealed_at)
    VALUES (chain, before.seal_no + 1, sealed.first_pos, sealed.last_pos, sealed.rows, sealed.body, before.digest,
            public.audit_digest(before.digest, chain, before.seal_no + 1, sealed.first_pos, sealed.last_pos, sealed.rows, sealed.body, moment), moment);
    given := given + sealed.rows;
  END LOOP;
  RETURN given;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_seal FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_page(
  by_login text, of_act text, on_subject text, from_at timestamptz, until_at timestamptz, after uuid, most int
) RETURNS TABLE (entry_id uuid, at timestamptz, account_id int, login text, key_id int, role text, act text, subject text, object text, purpose text,
                 place text, rows int, facts jsonb, district_code text, seal_no int, pos bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
-- A page of the audit, newest first, for an administrator or inspector of the whole city; that somebody read it is an entry too. The moments
-- are turned into keys, which begin with them, so that only the months asked for are opened.
AS $$
DECLARE
  reader record;
  low uuid := coalesce(public.first_key(from_at), '00000000-0000-0000-0000-000000000000');
  high uuid := least(coalesce(public.first_key(until_at), 'ffffffff-ffff-ffff-ffff-ffffffffffff'), audit_page.after);
  found_rows int;
  wanted int;
BEGIN
  SELECT v.account_id, v.role, v.everywhere INTO reader FROM public.viewer() v;
  IF reader.account_id IS NULL OR reader.role NOT IN ('admin', 'inspector') OR reader.everywhere IS NOT TRUE THEN
    RAISE EXCEPTION 'the audit is read by administrators and inspectors of the whole city' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- A login nobody has is an account that did nothing.
  wanted := CASE WHEN by_login IS NOT NULL THEN coalesce((SELECT c.account_id FROM public.accounts c WHERE c.login = by_login), -1) END;
  RETURN QUERY
  SELECT a.entry_id, a.at, a.account_id, c.login, a.key_id, a.role, a.act, a.subject, a.object, a.purpose, a.place, a.rows, a.facts, a.district_code,
         a.seal_no, a.pos
  FROM public.audit a
  LEFT JOIN public.accounts c ON c.account_id = a.account_id
  WHERE (wanted IS NULL OR a.account_id = wanted) AND (of_act IS NULL OR a.act = of_act) AND (on_subject IS NULL OR a.subject = on_subject)
    AND a.entry_id >= low AND a.entry_id < high
  ORDER BY a.entry_id DESC
  LIMIT least(most, 1000);
  GET DIAGNOSTICS found_rows = ROW_COUNT;
  PERFORM public.audit_add('look', 'audit', rows => found_rows);
END
$$;
REVOKE EXECUTE ON FUNCTION audit_page FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_forget(before timestamptz) RETURNS TABLE (chain text, seals int, entries bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Drop the entries of every seal that holds none as young as that moment, oldest first; the seals stay, so that the chain can still be followed.
-- For the owner alone, and never within the half year that must be kept.
AS $$
DECLARE
  upto record;
BEGIN
  IF before IS NULL OR before > now() - interval '6 months' THEN
    RAISE EXCEPTION 'the audit is kept for at least six months' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(x'7365616c73'::bit(40)::bigint);
  FOR upto IN
    SELECT s.district_code, max(s.seal_no) AS seal_no
    FROM public.audit_seals s
    WHERE s.forgotten_at IS NULL AND s.sealed_at < before
    GROUP BY s.district_code
  LOOP
    chain := upto.district_code;
    UPDATE public.audit_seals s SET forgotten_at = clock_timestamp()
    WHERE s.district_code = upto.district_code AND s.seal_no <= upto.seal_no AND s.forgotten_at IS NULL;
    GET DIAGNOSTICS seals = ROW_COUNT;
    DELETE FROM public.audit a WHERE a.district_code = upto.district_code AND a.seal_no <= upto.seal_no;
    GET DIAGNOSTICS entries = ROW_COUNT;
    PERFORM public.audit_add('forget', 'audit', rows => least(entries, 2147483647)::int, district => upto.district_code,
                             facts => jsonb_build_object('seal', upto.seal_no));
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_forget FROM PUBLIC;
