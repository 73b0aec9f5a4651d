-- Reports and cases are n to 1: what counts as the same by category, where each report has been, and the indexes by which a twin is found.

CREATE TABLE duplicate_rules (
  scheme text NOT NULL DEFAULT '',
  kind text NOT NULL DEFAULT '' CHECK (kind IN ('', 'P', 'E')),
  major text NOT NULL DEFAULT '',
  minor text NOT NULL DEFAULT '',
  radius_m real NOT NULL CHECK (radius_m BETWEEN 1 AND 1000),
  hours int NOT NULL CHECK (hours BETWEEN 1 AND 8784),
  certainty text NOT NULL,
  PRIMARY KEY (scheme, kind, major, minor),
  CHECK ((minor = '' OR major <> '') AND (major = '' OR (kind <> '' AND scheme <> '')))
);
COMMENT ON TABLE duplicate_rules IS 'reference: How near, and how long after its closing, a report may be about the same as a case. The closest row holds.';
COMMENT ON COLUMN duplicate_rules.scheme IS 'public: Scheme of the categories; empty for all.';
COMMENT ON COLUMN duplicate_rules.kind IS 'public: P parts, E events; empty for both.';
COMMENT ON COLUMN duplicate_rules.major IS 'public: Major class; empty for all.';
COMMENT ON COLUMN duplicate_rules.minor IS 'public: Minor class; empty for all.';
COMMENT ON COLUMN duplicate_rules.radius_m IS 'public: How far apart they may lie beyond what the position may be wrong by, metres.';
COMMENT ON COLUMN duplicate_rules.hours IS 'public: For how long after it was closed a case is still proposed.';
COMMENT ON COLUMN duplicate_rules.certainty IS 'public: How well it is known.';

-- A city of before has these until its own reference data is loaded again, which takes the place of none that is here.
INSERT INTO duplicate_rules (scheme, kind, radius_m, hours, certainty) VALUES ('', '', 20, 72, 'P'), ('', 'P', 15, 504, 'P');

CREATE TABLE report_links (
  district_code text NOT NULL,
  report_id uuid NOT NULL,
  seq int NOT NULL CHECK (seq >= 1),
  case_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('opened', 'same_part', 'same_device', 'joined', 'linked', 'unlinked', 'taken_out')),
  since timestamptz NOT NULL,
  until timestamptz,
  account_id int REFERENCES accounts,
  PRIMARY KEY (district_code, report_id, seq),
  FOREIGN KEY (district_code, report_id) REFERENCES reports,
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE report_links IS 'district: In which cases a report has been. One that has no row is in the case it opened, and always was.';
COMMENT ON COLUMN report_links.district_code IS 'work: Home district.';
COMMENT ON COLUMN report_links.report_id IS 'work: The report.';
COMMENT ON COLUMN report_links.seq IS 'work: 1, 2, 3 ... within the report.';
COMMENT ON COLUMN report_links.case_id IS 'work: The case it was in.';
COMMENT ON COLUMN report_links.kind IS 'work: How it came there: it opened it; same_part, same_device, joined at intake; linked, unlinked with its case; taken out of one.';
COMMENT ON COLUMN report_links.since IS 'work: From when.';
COMMENT ON COLUMN report_links.until IS 'work: Until when; null where it is now.';
COMMENT ON COLUMN report_links.account_id IS 'personal: By whom; null for the system itself and for a reporter who joined.';
-- Usage: a report is in one case at a time.
CREATE UNIQUE INDEX report_links_now ON report_links (district_code, report_id) WHERE until IS NULL;
-- Usage: the reports that have been in a case (link, unlink).
CREATE INDEX report_links_case ON report_links (district_code, case_id);

ALTER TABLE cases
  ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 3),
  ADD COLUMN is_rework boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN cases.priority IS 'work: 0, and 1, 2, 3 from the 3rd, 5th and 10th report of it on.';
COMMENT ON COLUMN cases.is_rework IS 'work: The same again within 7 days of its closing: counts against whoever handled recurrence_of.';

ALTER TABLE reports ADD COLUMN source_ref text CHECK (source_ref <> '' AND length(source_ref) <= 200);
COMMENT ON COLUMN reports.source_ref IS 'work: The device that saw it (a camera, a sensor), by its operator''s own name.';
ALTER TABLE intake_keys ADD COLUMN report_id uuid;
COMMENT ON COLUMN intake_keys.report_id IS 'work: The report, by which its case is found when it has moved to another; null for those of before.';

-- Usage: duplicates (open cases near a report); a city has a hundred closed ones for each of them.
CREATE INDEX cases_open_geom ON cases USING gist (geom) WHERE stage < 7;
-- Usage: duplicates (cases closed near a report not long ago: recurrence).
CREATE INDEX cases_closed_near ON cases USING gist (geom, closed_at) WHERE state = 'closed';
-- Usage: duplicates (the cases of a part).
CREATE INDEX cases_part ON cases (part_id) WHERE part_id IS NOT NULL;
-- Usage: the cases that were joined with one (unlink, chains).
CREATE INDEX cases_duplicate_of ON cases (district_code, duplicate_of) WHERE duplicate_of IS NOT NULL;
