-- The operational tables. district_code is the home district, fixed at intake, first in every key: the rule that lets these tables be
-- spread over several servers later without a rewrite. Keys are UUIDv7: made anywhere, sorted by time.

CREATE FUNCTION app_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
-- The one clock. Tests move it with SET LOCAL gisops.clock_offset = '3 days'.
RETURN now() + coalesce(nullif(current_setting('gisops.clock_offset', true), ''), '0')::interval;

CREATE TABLE parts (
  district_code text NOT NULL,
  part_id uuid NOT NULL,
  code text NOT NULL,
  code_scheme text NOT NULL,
  category_id int NOT NULL REFERENCES categories,
  name_zh text NOT NULL,
  supervising_organisation_id int REFERENCES organisations,
  owner_organisation_id int REFERENCES organisations,
  maintainer_organisation_id int REFERENCES organisations,
  grid_cell_code text,
  state text NOT NULL DEFAULT 'intact' CHECK (state IN ('intact', 'damaged', 'lost', 'abandoned', 'moved', 'removed')),
  position_class text NOT NULL DEFAULT 'A' CHECK (position_class IN ('A', 'B', 'C')),
  source text NOT NULL DEFAULT '',
  geom geometry(Geometry, 4326) NOT NULL,
  geom_3857 geometry GENERATED ALWAYS AS (to_3857(geom)) STORED,
  valid tstzrange NOT NULL DEFAULT tstzrange('2000-01-01 00:00+00', NULL),
  PRIMARY KEY (district_code, part_id),
  EXCLUDE USING gist (district_code WITH =, code WITH =, valid WITH &&),
  CHECK (NOT ST_IsEmpty(geom) AND geom_3857 IS NOT NULL)
);
COMMENT ON TABLE parts IS 'district: Management components (部件): covers, lamps, bins, trees.';
COMMENT ON COLUMN parts.district_code IS 'public: Home district.';
COMMENT ON COLUMN parts.part_id IS 'work: Internal key.';
COMMENT ON COLUMN parts.code IS 'public: 16 digits; split by its scheme.';
COMMENT ON COLUMN parts.code_scheme IS 'public: The scheme that splits the code; never its length.';
COMMENT ON COLUMN parts.category_id IS 'public: What it is.';
COMMENT ON COLUMN parts.name_zh IS 'public: Name.';
COMMENT ON COLUMN parts.supervising_organisation_id IS 'public: 主管部门.';
COMMENT ON COLUMN parts.owner_organisation_id IS 'public: 权属单位.';
COMMENT ON COLUMN parts.maintainer_organisation_id IS 'public: 养护单位: who is asked to act.';
COMMENT ON COLUMN parts.grid_cell_code IS 'public: The cell it lies in.';
COMMENT ON COLUMN parts.state IS 'public: Condition.';
COMMENT ON COLUMN parts.position_class IS 'public: Positional accuracy: A 0.5 m, B 1 m, C 10 m.';
COMMENT ON COLUMN parts.source IS 'public: Where the record comes from.';
COMMENT ON COLUMN parts.geom IS 'public: Mostly a point; lines and areas for extended parts.';
COMMENT ON COLUMN parts.geom_3857 IS 'public: The same in Web Mercator, for tiles.';
COMMENT ON COLUMN parts.valid IS 'public: When this record holds; a change of owner closes it and opens the next.';
-- Usage: dispatch (nearest part of a kind). Of the geometry alone, see zones_geom.
CREATE INDEX parts_geom ON parts USING gist (geom);
-- Usage: layer fixtures as tiles.
CREATE INDEX parts_geom_3857 ON parts USING gist (geom_3857);
-- Usage: dispatch (the part whose code was scanned).
CREATE INDEX parts_code ON parts (code);

CREATE TABLE places (
  district_code text NOT NULL,
  place_id uuid NOT NULL,
  code text NOT NULL,
  kind text NOT NULL,
  name_zh text NOT NULL,
  address_zh text NOT NULL DEFAULT '',
  organisation_id int REFERENCES organisations,
  responsible_person text,
  phone text,
  geom geometry(Point, 4326) NOT NULL,
  geom_3857 geometry GENERATED ALWAYS AS (to_3857(geom)) STORED,
  PRIMARY KEY (district_code, place_id),
  UNIQUE (district_code, code),
  CHECK (NOT ST_IsEmpty(geom) AND geom_3857 IS NOT NULL)
);
COMMENT ON TABLE places IS 'district: Shops, units, compounds: with the person to call.';
COMMENT ON COLUMN places.district_code IS 'public: Home district.';
COMMENT ON COLUMN places.place_id IS 'public: Key.';
COMMENT ON COLUMN places.code IS 'public: Code.';
COMMENT ON COLUMN places.kind IS 'public: unit, compound, shop, key_trade ...';
COMMENT ON COLUMN places.name_zh IS 'public: Name.';
COMMENT ON COLUMN places.address_zh IS 'public: Address.';
COMMENT ON COLUMN places.organisation_id IS 'public: Who answers for it, where that is settled.';
COMMENT ON COLUMN places.responsible_person IS 'personal: The person in charge.';
COMMENT ON COLUMN places.phone IS 'personal: Their telephone number.';
COMMENT ON COLUMN places.geom IS 'public: Where.';
COMMENT ON COLUMN places.geom_3857 IS 'public: The same in Web Mercator, for tiles.';
-- Usage: layer places as features; places near a point.
CREATE INDEX places_geom ON places USING gist (geom);
-- Usage: layer places as tiles.
CREATE INDEX places_geom_3857 ON places USING gist (geom_3857);
-- Usage: dispatch (the place that was clicked).
CREATE INDEX places_place ON places (place_id);

CREATE TABLE rosters (
  district_code text NOT NULL,
  staff_id int NOT NULL REFERENCES staff,
  on_duty tstzrange NOT NULL CHECK (NOT isempty(on_duty) AND NOT lower_inf(on_duty)),
  shift_code text NOT NULL REFERENCES shifts,
  PRIMARY KEY (district_code, staff_id, on_duty),
  EXCLUDE USING gist (district_code WITH =, staff_id WITH =, on_duty WITH &&)
);
COMMENT ON TABLE rosters IS 'district: Who is on duty when. Written ahead from the shifts; the past is never edited.';
COMMENT ON COLUMN rosters.district_code IS 'work: Home district.';
COMMENT ON COLUMN rosters.staff_id IS 'work: Who.';
COMMENT ON COLUMN rosters.on_duty IS 'work: From when to when.';
COMMENT ON COLUMN rosters.shift_code IS 'work: Which shift it came from.';

-- Usage: dispatch (is this member of staff on duty: the last turn that began before the moment is the only one that can hold it).
CREATE INDEX rosters_latest ON rosters (district_code, staff_id, lower(on_duty) DESC);

CREATE TABLE last_positions (
  district_code text NOT NULL,
  staff_id int NOT NULL REFERENCES staff,
  captured_at timestamptz NOT NULL,
  accuracy_m real NOT NULL,
  geom geometry(Point, 4326) NOT NULL,
  geom_3857 geometry GENERATED ALWAYS AS (to_3857(geom)) STORED,
  PRIMARY KEY (district_code, staff_id),
  CHECK (NOT ST_IsEmpty(geom) AND geom_3857 IS NOT NULL)
);
COMMENT ON TABLE last_positions IS 'district: Where each officer was last. One row each; no track is kept here.';
COMMENT ON COLUMN last_positions.district_code IS 'work: Home district of the officer.';
COMMENT ON COLUMN last_positions.staff_id IS 'personal: Who.';
COMMENT ON COLUMN last_positions.captured_at IS 'personal: When.';
COMMENT ON COLUMN last_positions.accuracy_m IS 'personal: Radius of its error, metres.';
COMMENT ON COLUMN last_positions.geom IS 'personal: Where.';
COMMENT ON COLUMN last_positions.geom_3857 IS 'personal: The same in Web Mercator, for tiles.';
-- Usage: dispatch (officers near a report); layer officers as features.
CREATE INDEX last_positions_geom ON last_positions USING gist (geom);
-- Usage: layer officers as tiles.
CREATE INDEX last_positions_geom_3857 ON last_positions USING gist (geom_3857);

CREATE TABLE cases (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  case_no text NOT NULL,
  category_id int NOT NULL REFERENCES categories,
  filing_condition_id int REFERENCES filing_conditions,
  flow text NOT NULL DEFAULT 'standard' CHECK (flow IN ('simple', 'standard')),
  state text NOT NULL CHECK (state IN ('reported', 'verifying', 'accepted', 'simple_open', 'filed', 'dispatched', 'handling', 'suspended', 'returned', 'disputed',
    'handled', 'checking', 'to_close', 'closed', 'force_closed', 'not_accepted', 'not_filed', 'duplicate', 'voided')),
  stage smallint NOT NULL CHECK (stage BETWEEN 1 AND 7),
  severity text NOT NULL,
  geom geometry(Point, 4326) NOT NULL,
  geom_3857 geometry GENERATED ALWAYS AS (to_3857(geom)) STORED,
  part_id uuid,
  place_id uuid,
  grid_cell_code text,
  street_code text,
  community_code text,
  zone_id int REFERENCES zones,
  organisation_id int NOT NULL REFERENCES organisations,
  handler_id int REFERENCES staff,
  superior_id int REFERENCES staff,
  ambiguous boolean NOT NULL DEFAULT false,
  report_count int NOT NULL DEFAULT 1,
  reported_at timestamptz NOT NULL,
  filed_at timestamptz,
  dispatched_at timestamptz,
  deadline timestamptz,
  version int NOT NULL DEFAULT 1,
  PRIMARY KEY (district_code, case_id),
  UNIQUE (district_code, case_no),
  FOREIGN KEY (district_code, part_id) REFERENCES parts,
  FOREIGN KEY (district_code, place_id) REFERENCES places,
  CHECK (NOT ST_IsEmpty(geom) AND geom_3857 IS NOT NULL)
);
COMMENT ON TABLE cases IS 'district: One unit of work; one or more reports.';
COMMENT ON COLUMN cases.district_code IS 'work: Home district, fixed at intake.';
COMMENT ON COLUMN cases.case_id IS 'work: Internal key.';
COMMENT ON COLUMN cases.case_no IS 'work: Human number: district, year, serial.';
COMMENT ON COLUMN cases.category_id IS 'work: What it is about.';
COMMENT ON COLUMN cases.filing_condition_id IS 'work: Under which condition it was filed.';
COMMENT ON COLUMN cases.flow IS 'work: 简易流程 or 一般流程.';
COMMENT ON COLUMN cases.state IS 'work: Where it stands.';
COMMENT ON COLUMN cases.stage IS 'work: The seven stages of the closed loop.';
COMMENT ON COLUMN cases.severity IS 'work: Taken from the category.';
COMMENT ON COLUMN cases.geom IS 'work: Where.';
COMMENT ON COLUMN cases.geom_3857 IS 'work: The same in Web Mercator, for tiles.';
COMMENT ON COLUMN cases.part_id IS 'work: The part it is about.';
COMMENT ON COLUMN cases.place_id IS 'work: The place it is about.';
COMMENT ON COLUMN cases.grid_cell_code IS 'work: The cell it lies in.';
COMMENT ON COLUMN cases.street_code IS 'work: The street it lies in.';
COMMENT ON COLUMN cases.community_code IS 'work: The community it lies in.';
COMMENT ON COLUMN cases.zone_id IS 'work: The zone that decided.';
COMMENT ON COLUMN cases.organisation_id IS 'work: Who holds it now; the desk while nobody else does.';
COMMENT ON COLUMN cases.handler_id IS 'work: Who handles it.';
COMMENT ON COLUMN cases.superior_id IS 'work: Who was told beside the handler.';
COMMENT ON COLUMN cases.ambiguous IS 'work: Whether the position left the answer open.';
COMMENT ON COLUMN cases.report_count IS 'work: Reports joined in it.';
COMMENT ON COLUMN cases.reported_at IS 'work: First report received.';
COMMENT ON COLUMN cases.filed_at IS 'work: Filed.';
COMMENT ON COLUMN cases.dispatched_at IS 'work: Sent to its organisation.';
COMMENT ON COLUMN cases.deadline IS 'work: When handling must be done.';
COMMENT ON COLUMN cases.version IS 'work: Goes up by one with every move.';
-- Usage: layer cases as features, the list of cases in a box.
CREATE INDEX cases_geom ON cases USING gist (geom);
-- Usage: layer cases as tiles.
CREATE INDEX cases_geom_3857 ON cases USING gist (geom_3857);
-- Usage: dispatch (an officer's open load), my tasks.
CREATE INDEX cases_open_by_handler ON cases (handler_id) WHERE handler_id IS NOT NULL AND stage < 7;
-- Usage: the list of cases, newest first (case_id is a UUIDv7).
CREATE INDEX cases_newest ON cases (case_id);
-- Usage: one case by its number.
CREATE INDEX cases_number ON cases (case_no);
-- Usage: what lies on the desk, an organisation's open cases.
CREATE INDEX cases_open_by_organisation ON cases (organisation_id, case_id) WHERE stage < 7;

CREATE TABLE reports (
  district_code text NOT NULL,
  report_id uuid NOT NULL,
  client_uid uuid NOT NULL,
  case_id uuid NOT NULL,
  channel text NOT NULL CHECK (channel IN ('citizen', 'officer', 'hotline', 'video', 'sensor', 'open311', 'feed')),
  category_id int NOT NULL REFERENCES categories,
  text text NOT NULL DEFAULT '',
  text_salt bytea NOT NULL,
  account_id int REFERENCES accounts,
  geom geometry(Point, 4326) NOT NULL,
  raw_x double precision NOT NULL,
  raw_y double precision NOT NULL,
  raw_crs text NOT NULL,
  accuracy_m real NOT NULL CHECK (accuracy_m >= 0),
  accuracy_is_default boolean NOT NULL,
  part_code text,
  place_id uuid,
  photos text[] NOT NULL DEFAULT '{}',
  captured_at timestamptz,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (district_code, report_id),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK (NOT ST_IsEmpty(geom))
);
COMMENT ON TABLE reports IS 'district: One submission by a citizen, an officer, a camera, a feed.';
COMMENT ON COLUMN reports.district_code IS 'work: Home district.';
COMMENT ON COLUMN reports.report_id IS 'work: Internal key.';
COMMENT ON COLUMN reports.client_uid IS 'secret: Made by the sender; whoever knows it may ask what became of the report.';
COMMENT ON COLUMN reports.case_id IS 'work: The case it belongs to.';
COMMENT ON COLUMN reports.channel IS 'work: How it came.';
COMMENT ON COLUMN reports.category_id IS 'work: What the reporter chose.';
COMMENT ON COLUMN reports.text IS 'personal: What the reporter wrote.';
COMMENT ON COLUMN reports.text_salt IS 'secret: Salt of the commitment that history keeps instead of the text.';
COMMENT ON COLUMN reports.account_id IS 'personal: Who reported, when signed in.';
COMMENT ON COLUMN reports.geom IS 'work: Where, WGS-84.';
COMMENT ON COLUMN reports.raw_x IS 'work: As it was sent.';
COMMENT ON COLUMN reports.raw_y IS 'work: As it was sent.';
COMMENT ON COLUMN reports.raw_crs IS 'work: The reference system it was sent in.';
COMMENT ON COLUMN reports.accuracy_m IS 'work: Radius of its error, metres.';
COMMENT ON COLUMN reports.accuracy_is_default IS 'work: The sender gave none; the channel''s default stands.';
COMMENT ON COLUMN reports.part_code IS 'work: What was scanned or clicked.';
COMMENT ON COLUMN reports.place_id IS 'work: What was scanned or clicked.';
COMMENT ON COLUMN reports.photos IS 'work: SHA-256 of each photograph.';
COMMENT ON COLUMN reports.captured_at IS 'work: When the sender says it was seen.';
COMMENT ON COLUMN reports.received_at IS 'work: When it reached us; dispatch uses this.';
-- Usage: the reports of a case.
CREATE INDEX reports_case ON reports (district_code, case_id);

CREATE TABLE case_history (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  seq int NOT NULL,
  action text NOT NULL,
  from_state text,
  to_state text NOT NULL,
  at timestamptz NOT NULL,
  account_id int REFERENCES accounts,
  role text NOT NULL DEFAULT 'system',
  organisation_id int REFERENCES organisations,
  payload jsonb NOT NULL DEFAULT '{}',
  prev_hash bytea,
  hash bytea NOT NULL,
  PRIMARY KEY (district_code, case_id, seq),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE case_history IS 'district: Every move of every case. Rows are added, never changed; each is chained to the one before it.';
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

CREATE TABLE dispatch_decisions (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  seq int NOT NULL,
  at timestamptz NOT NULL,
  by_hand boolean NOT NULL DEFAULT false,
  input jsonb NOT NULL,
  answer jsonb NOT NULL,
  staff_facts jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (district_code, case_id, seq),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE dispatch_decisions IS 'district: Why this organisation and this person. Rows are added, never changed.';
COMMENT ON COLUMN dispatch_decisions.district_code IS 'work: Home district.';
COMMENT ON COLUMN dispatch_decisions.case_id IS 'work: The case.';
COMMENT ON COLUMN dispatch_decisions.seq IS 'work: The history entry it belongs to.';
COMMENT ON COLUMN dispatch_decisions.at IS 'work: The moment whose data decided.';
COMMENT ON COLUMN dispatch_decisions.by_hand IS 'work: Whether a person decided.';
COMMENT ON COLUMN dispatch_decisions.input IS 'work: Exactly what dispatch was asked.';
COMMENT ON COLUMN dispatch_decisions.answer IS 'work: Exactly what it answered: codes, reasons, candidates with their keys.';
COMMENT ON COLUMN dispatch_decisions.staff_facts IS 'personal: Staff considered, with load and distance; what a replay needs.';

CREATE TABLE case_recipients (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  seq int NOT NULL,
  staff_id int NOT NULL REFERENCES staff,
  role text NOT NULL CHECK (role IN ('handler', 'superior', 'assist', 'copy')),
  notified_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  PRIMARY KEY (district_code, case_id, seq, staff_id, role),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE case_recipients IS 'district: Who was told of a case, and as what.';
COMMENT ON COLUMN case_recipients.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_recipients.case_id IS 'work: The case.';
COMMENT ON COLUMN case_recipients.seq IS 'work: The history entry that told them.';
COMMENT ON COLUMN case_recipients.staff_id IS 'work: Who.';
COMMENT ON COLUMN case_recipients.role IS 'work: As what.';
COMMENT ON COLUMN case_recipients.notified_at IS 'work: When.';
COMMENT ON COLUMN case_recipients.acknowledged_at IS 'work: When they took note.';

CREATE TABLE outbox (
  district_code text NOT NULL,
  event_id uuid NOT NULL,
  pos bigint,
  kind text NOT NULL,
  case_no text,
  geom geometry(Point, 4326),
  payload jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (district_code, event_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE outbox IS 'district: Events, written with what they tell of. One relay numbers what is committed; readers take pos > last.';
COMMENT ON COLUMN outbox.district_code IS 'work: Home district.';
COMMENT ON COLUMN outbox.event_id IS 'work: Internal key.';
COMMENT ON COLUMN outbox.pos IS 'work: Dense position, stamped by the relay; null until then.';
COMMENT ON COLUMN outbox.kind IS 'work: case ...';
COMMENT ON COLUMN outbox.case_no IS 'work: The case it tells of.';
COMMENT ON COLUMN outbox.geom IS 'work: Where, so that it goes only to those who look there.';
COMMENT ON COLUMN outbox.payload IS 'work: What is told: codes and states, never personal text.';
COMMENT ON COLUMN outbox.at IS 'work: When.';
-- Usage: the relay (what has no position yet).
CREATE INDEX outbox_unstamped ON outbox (event_id) WHERE pos IS NULL;
-- Usage: readers (pos > last).
CREATE INDEX outbox_pos ON outbox (pos) WHERE pos IS NOT NULL;

CREATE TABLE number_blocks (
  district_code text NOT NULL,
  year int NOT NULL,
  next_serial bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (district_code, year)
);
COMMENT ON TABLE number_blocks IS 'district: The next free case number; processes take blocks, so numbers may have gaps.';
COMMENT ON COLUMN number_blocks.district_code IS 'work: District.';
COMMENT ON COLUMN number_blocks.year IS 'work: Local year.';
COMMENT ON COLUMN number_blocks.next_serial IS 'work: First serial not yet given to a process.';

CREATE TABLE intake_keys (
  client_uid uuid PRIMARY KEY,
  body_hash bytea NOT NULL,
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  answer text NOT NULL,
  answered_at timestamptz NOT NULL
);
COMMENT ON TABLE intake_keys IS 'local: What was answered to a client_uid. Named exception to the district rule: a repeated uid with a moved point must meet the same row.';
COMMENT ON COLUMN intake_keys.client_uid IS 'secret: The sender''s key.';
COMMENT ON COLUMN intake_keys.body_hash IS 'secret: SHA-256 of the body as understood.';
COMMENT ON COLUMN intake_keys.district_code IS 'work: Home district of the case.';
COMMENT ON COLUMN intake_keys.case_id IS 'work: The case.';
COMMENT ON COLUMN intake_keys.answer IS 'personal: The answer, verbatim.';
COMMENT ON COLUMN intake_keys.answered_at IS 'work: When.';

CREATE TABLE sessions (
  token_hash bytea PRIMARY KEY,
  account_id int NOT NULL REFERENCES accounts ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
COMMENT ON TABLE sessions IS 'local: Sign-ins. Only a hash of the token is kept.';
COMMENT ON COLUMN sessions.token_hash IS 'secret: SHA-256 of the token.';
COMMENT ON COLUMN sessions.account_id IS 'work: Whose.';
COMMENT ON COLUMN sessions.created_at IS 'work: When it was made.';
COMMENT ON COLUMN sessions.expires_at IS 'work: When it ends by itself.';
COMMENT ON COLUMN sessions.revoked_at IS 'work: When it was ended.';

CREATE UNLOGGED TABLE rate_buckets (
  key text PRIMARY KEY,
  tokens real NOT NULL,
  filled_at timestamptz NOT NULL
);
COMMENT ON TABLE rate_buckets IS 'local: Token buckets of callers without a sign-in. Unlogged: losing them costs nothing.';
COMMENT ON COLUMN rate_buckets.key IS 'personal: Hash of a network address and what is limited.';
COMMENT ON COLUMN rate_buckets.tokens IS 'work: Tokens left.';
COMMENT ON COLUMN rate_buckets.filled_at IS 'work: When they were counted.';

CREATE TABLE relay_state (
  relay_id smallint PRIMARY KEY DEFAULT 1 CHECK (relay_id = 1),
  epoch int NOT NULL DEFAULT 1,
  last_pos bigint NOT NULL DEFAULT 0,
  ran_at timestamptz
);
COMMENT ON TABLE relay_state IS 'local: Where the relay stands.';
COMMENT ON COLUMN relay_state.relay_id IS 'work: Always 1.';
COMMENT ON COLUMN relay_state.epoch IS 'work: Goes up with every restore, so that old positions are not mistaken for new.';
COMMENT ON COLUMN relay_state.last_pos IS 'work: The last position given.';
COMMENT ON COLUMN relay_state.ran_at IS 'work: When it last looked.';
INSERT INTO relay_state DEFAULT VALUES;
