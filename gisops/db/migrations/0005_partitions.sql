-- What only ever grows lies in months: the history of cases by the month a case came in, the tracks of officers by the month they were
-- walked. docs/decisions/0014 says why; functions/60_partitions.sql makes the months to come.

CREATE FUNCTION first_key(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- The least UUIDv7 of a moment: where the keys made from then on begin. A key starts with its milliseconds since 1970, so a span of keys is
-- a span of time.
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- It reads the table that is about to be another one; functions are applied anew after the steps.
DROP FUNCTION IF EXISTS broken_history();

ALTER TABLE case_history RENAME TO case_history_before;
ALTER INDEX case_history_pkey RENAME TO case_history_before_pkey;

CREATE TABLE case_history (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  seq int NOT NULL,
  action text NOT NULL,
  from_state text,
  to_state text NOT NULL,
  at timestamptz NOT NULL,
  account_id int,
  role text NOT NULL DEFAULT 'system',
  organisation_id int,
  payload jsonb NOT NULL DEFAULT '{}',
  prev_hash bytea,
  hash bytea NOT NULL,
  PRIMARY KEY (district_code, case_id, seq)
) PARTITION BY RANGE (case_id);
COMMENT ON TABLE case_history IS 'district: Every move of every case. Rows are added, never changed; each is chained to the one before it. In parts by the month in which the case came in.';
COMMENT ON COLUMN case_history.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_history.case_id IS 'work: The case.';
COMMENT ON COLUMN case_history.seq IS 'work: 1, 2, 3 ... within the case.';
COMMENT ON COLUMN case_history.action IS 'work: What was done.';
COMMENT ON COLUMN case_history.from_state IS 'work: From.';
COMMENT ON COLUMN case_history.to_state IS 'work: To.';
COMMENT ON COLUMN case_history.at IS 'work: When.';
COMMENT ON COLUMN case_history.account_id IS 'personal: By whom; null for the system itself.';
COMMENT ON COLUMN case_history.role IS 'work: In which role.';
COMMENT ON COLUMN case_history.organisation_id IS 'work: Who holds the case after it.';
COMMENT ON COLUMN case_history.payload IS 'work: What else belongs to the move; no personal text, only commitments to it.';
COMMENT ON COLUMN case_history.prev_hash IS 'work: Hash of the row before.';
COMMENT ON COLUMN case_history.hash IS 'work: SHA-256 over this row''s fixed text form and prev_hash.';

CREATE TABLE positions (
  district_code text NOT NULL,
  staff_id int NOT NULL REFERENCES staff,
  captured_at timestamptz NOT NULL,
  accuracy_m real NOT NULL CHECK (accuracy_m >= 0),
  geom geometry(Point, 4326) NOT NULL CHECK (NOT ST_IsEmpty(geom)),
  source text NOT NULL DEFAULT 'officer' CHECK (source IN ('officer', 'feed', 'sample')),
  PRIMARY KEY (district_code, staff_id, captured_at)
) PARTITION BY RANGE (captured_at);
COMMENT ON TABLE positions IS 'district: Tracks of officers, for attendance and patrol coverage. Rows are added, never changed; whole months are dropped when their time is over.';
COMMENT ON COLUMN positions.district_code IS 'personal: Home district of the officer.';
COMMENT ON COLUMN positions.staff_id IS 'personal: Who.';
COMMENT ON COLUMN positions.captured_at IS 'personal: When.';
COMMENT ON COLUMN positions.accuracy_m IS 'personal: Radius of its error, metres.';
COMMENT ON COLUMN positions.geom IS 'personal: Where.';
COMMENT ON COLUMN positions.source IS 'personal: Who said so: the officer''s own device, another system, the sample.';

-- Nothing is ever refused for its month: what no month holds lies in the rest until its month is made.
CREATE TABLE case_history_rest PARTITION OF case_history DEFAULT;
COMMENT ON TABLE case_history_rest IS 'district: Part of case_history: whatever no month holds.';
CREATE TABLE positions_rest PARTITION OF positions DEFAULT;
COMMENT ON TABLE positions_rest IS 'district: Part of positions: whatever no month holds.';

-- Months for the rows that are there (keys made by others than UUIDv7 are no moments and stay in the rest) and for three to come.
DO $$
DECLARE
  month timestamptz;
  tail text;
BEGIN
  FOR month IN
    SELECT DISTINCT m AT TIME ZONE 'UTC'
    FROM (
      SELECT date_trunc('month', to_timestamp(('x' || left(replace(case_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC')
      FROM case_history_before
      WHERE substr(case_id::text, 15, 1) = '7' AND case_id >= first_key('2000-01-01 00:00+00') AND case_id < first_key(now() + interval '3 months')
      UNION ALL
      SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'), (now() + interval '3 months') AT TIME ZONE 'UTC', interval '1 month')
    ) AS n (m)
    ORDER BY 1
  LOOP
    tail := to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    EXECUTE format('CREATE TABLE %I PARTITION OF case_history FOR VALUES FROM (%L) TO (%L)', 'case_history_' || tail,
                   first_key(month), first_key((month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
    EXECUTE format('COMMENT ON TABLE %I IS %L', 'case_history_' || tail, 'district: Part of case_history: ' || replace(tail, '_', '-') || '.');
    IF month >= date_trunc('month', now(), 'UTC') THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF positions FOR VALUES FROM (%L) TO (%L)', 'positions_' || tail,
                     month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
      EXECUTE format('COMMENT ON TABLE %I IS %L', 'positions_' || tail, 'district: Part of positions: ' || replace(tail, '_', '-') || '.');
    END IF;
  END LOOP;
END
$$;

INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash)
SELECT district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash
FROM case_history_before
ORDER BY district_code, case_id, seq;
DROP TABLE case_history_before;

-- After the rows: checked once for all of them instead of once for each.
ALTER TABLE case_history ADD FOREIGN KEY (district_code, case_id) REFERENCES cases;
ALTER TABLE case_history ADD FOREIGN KEY (account_id) REFERENCES accounts;
ALTER TABLE case_history ADD FOREIGN KEY (organisation_id) REFERENCES organisations;

-- The columns of a part carry no comments of their own from PARTITION OF; the field's class must be readable on every table.
DO $$
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT i.inhrelid::regclass AS name, a.attname, col_description(i.inhparent, a.attnum) AS said
    FROM pg_inherits i
    JOIN pg_attribute a ON a.attrelid = i.inhparent AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.inhparent IN ('case_history'::regclass, 'positions'::regclass)
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', part.name, part.attname, part.said);
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gisops_app') THEN
    -- Until the grants are applied anew, after the last step, the doors keep what they had.
    GRANT SELECT, INSERT ON case_history TO gisops_app;
  END IF;
END
$$;
