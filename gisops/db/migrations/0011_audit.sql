-- Who did and saw what: one entry for each act and for each look at personal data. docs/decisions/0022 says why it is so.

CREATE TABLE audit (
  district_code text NOT NULL,
  entry_id uuid NOT NULL,
  at timestamptz NOT NULL,
  account_id int,
  key_id int,
  role text NOT NULL,
  act text NOT NULL CHECK (act ~ '^[a-z][a-z_]{1,39}$'),
  subject text NOT NULL,
  object text,
  purpose text,
  place text,
  rows int NOT NULL DEFAULT 0 CHECK (rows >= 0),
  facts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
  hash bytea NOT NULL,
  seal_no int,
  pos bigint,
  PRIMARY KEY (district_code, entry_id),
  CHECK ((pos IS NULL) = (seal_no IS NULL))
) PARTITION BY RANGE (entry_id);
-- No foreign key on purpose: an entry outlives what it names, and a look would lock the row of whoever looks.
COMMENT ON TABLE audit IS 'district: Who did and who saw what. Rows are added, by one function only, and never changed; the worker numbers and seals them. In parts by month.';
COMMENT ON COLUMN audit.district_code IS 'work: Which chain it belongs to: the district it was about where there is one, else the city''s own code.';
COMMENT ON COLUMN audit.entry_id IS 'work: Key.';
COMMENT ON COLUMN audit.at IS 'work: When, by the server''s clock, which no session can move.';
COMMENT ON COLUMN audit.account_id IS 'personal: Who; null for the system and for whoever did not get in.';
COMMENT ON COLUMN audit.key_id IS 'work: By which API key, if by one.';
COMMENT ON COLUMN audit.role IS 'work: In which role, as it was then; none without an account.';
COMMENT ON COLUMN audit.act IS 'work: What was done: sign_in, look, reveal, report, grant ...';
COMMENT ON COLUMN audit.subject IS 'work: On what: a layer or a table.';
COMMENT ON COLUMN audit.object IS 'personal: On which one: its key.';
COMMENT ON COLUMN audit.purpose IS 'work: What for, where that had to be said.';
COMMENT ON COLUMN audit.place IS 'work: Where somebody looked: a tile or a box.';
COMMENT ON COLUMN audit.rows IS 'work: How many rows were shown or changed.';
COMMENT ON COLUMN audit.facts IS 'work: What else belongs to it; never what was seen.';
COMMENT ON COLUMN audit.hash IS 'work: SHA-256 over the fixed text form of the entry.';
COMMENT ON COLUMN audit.seal_no IS 'work: The seal it lies under; null for the last few seconds.';
COMMENT ON COLUMN audit.pos IS 'work: 1, 2, 3 ... within its chain, given with the seal.';
-- Usage: the worker's seal: what is not numbered yet.
CREATE INDEX audit_unsealed ON audit (district_code, entry_id) WHERE pos IS NULL;
-- Usage: reading the audit, newest first.
CREATE INDEX audit_newest ON audit (entry_id);
-- Usage: reading what one account did.
CREATE INDEX audit_account ON audit (account_id, entry_id);

-- What no month holds lies in the rest until its month is made.
CREATE TABLE audit_rest PARTITION OF audit DEFAULT;
COMMENT ON TABLE audit_rest IS 'district: Part of audit: whatever no month holds.';

CREATE TABLE audit_seals (
  district_code text NOT NULL,
  seal_no int NOT NULL,
  first_pos bigint NOT NULL,
  last_pos bigint NOT NULL,
  rows int NOT NULL,
  body bytea NOT NULL,
  prev_digest bytea NOT NULL,
  digest bytea NOT NULL,
  sealed_at timestamptz NOT NULL,
  forgotten_at timestamptz,
  PRIMARY KEY (district_code, seal_no)
);
COMMENT ON TABLE audit_seals IS 'district: Seals over the audit, each holding the digest of the one before. Its head is also written outside of the database.';
COMMENT ON COLUMN audit_seals.district_code IS 'work: The chain.';
COMMENT ON COLUMN audit_seals.seal_no IS 'work: 1, 2, 3 ... within the chain.';
COMMENT ON COLUMN audit_seals.first_pos IS 'work: Its first entry.';
COMMENT ON COLUMN audit_seals.last_pos IS 'work: Its last entry.';
COMMENT ON COLUMN audit_seals.rows IS 'work: How many entries it seals.';
COMMENT ON COLUMN audit_seals.body IS 'work: SHA-256 over the hashes of its entries in order.';
COMMENT ON COLUMN audit_seals.prev_digest IS 'work: Digest of the seal before; empty for the first.';
COMMENT ON COLUMN audit_seals.digest IS 'work: SHA-256 over prev_digest and everything above.';
COMMENT ON COLUMN audit_seals.sealed_at IS 'work: When it was made; part of the digest.';
COMMENT ON COLUMN audit_seals.forgotten_at IS 'work: When its entries were dropped because their time was over; the seal stays.';

-- The present month and three to come; from here on the worker has them made (functions/60_partitions.sql).
DO $$
DECLARE
  month timestamp;
  tail text;
  said record;
BEGIN
  FOR month IN
    SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'), (now() + interval '3 months') AT TIME ZONE 'UTC', interval '1 month')
  LOOP
    tail := to_char(month, 'YYYY_MM');
    EXECUTE format('CREATE TABLE %I PARTITION OF audit FOR VALUES FROM (%L) TO (%L)', 'audit_' || tail,
                   first_key(month AT TIME ZONE 'UTC'), first_key((month + interval '1 month') AT TIME ZONE 'UTC'));
    EXECUTE format('COMMENT ON TABLE %I IS %L', 'audit_' || tail, 'district: Part of audit: ' || replace(tail, '_', '-') || '.');
  END LOOP;
  -- PARTITION OF copies no comments, and the class of a field must be readable on every table.
  FOR said IN
    SELECT i.inhrelid::regclass AS part, a.attname, col_description(i.inhparent, a.attnum) AS words
    FROM pg_inherits i
    JOIN pg_attribute a ON a.attrelid = i.inhparent AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.inhparent = 'audit'::regclass
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', said.part, said.attname, said.words);
  END LOOP;
END
$$;
