-- Which reports file themselves: rules that a city sets per district and category or whole major class, defaults for all others, and what each rule
-- filed, so that one that is overturned too often switches itself off. A device may say how sure it is of what it saw.

CREATE TABLE auto_rule_defaults (
  scheme text NOT NULL DEFAULT '',
  kind text NOT NULL DEFAULT '' CHECK (kind IN ('', 'P', 'E')),
  major text NOT NULL DEFAULT '',
  minor text NOT NULL DEFAULT '',
  enabled boolean NOT NULL,
  min_confidence real CHECK (min_confidence BETWEEN 0 AND 1),
  channels text[] NOT NULL,
  min_photos smallint NOT NULL CHECK (min_photos BETWEEN 0 AND 9),
  alone boolean NOT NULL,
  certain boolean NOT NULL,
  max_overturn real NOT NULL CHECK (max_overturn BETWEEN 0 AND 1),
  window_cases int NOT NULL CHECK (window_cases BETWEEN 1 AND 10000),
  window_days int NOT NULL CHECK (window_days BETWEEN 1 AND 366),
  min_cases int NOT NULL CHECK (min_cases BETWEEN 1 AND window_cases),
  certainty text NOT NULL,
  PRIMARY KEY (scheme, kind, major, minor),
  CHECK ((minor = '' OR major <> '') AND (major = '' OR (kind <> '' AND scheme <> '')))
);
COMMENT ON TABLE auto_rule_defaults IS 'reference: When a report files itself where its district has set no rule of its own. The closest row holds.';
COMMENT ON COLUMN auto_rule_defaults.scheme IS 'public: Scheme of the categories; empty for all.';
COMMENT ON COLUMN auto_rule_defaults.kind IS 'public: P parts, E events; empty for both.';
COMMENT ON COLUMN auto_rule_defaults.major IS 'public: Major class; empty for all.';
COMMENT ON COLUMN auto_rule_defaults.minor IS 'public: Minor class; empty for all.';
COMMENT ON COLUMN auto_rule_defaults.enabled IS 'work: Whether reports go their way by themselves at all; beside it, the category''s own auto_file.';
COMMENT ON COLUMN auto_rule_defaults.min_confidence IS 'work: How sure a device must be, 0 to 1; null takes its word.';
COMMENT ON COLUMN auto_rule_defaults.channels IS 'work: By which channels.';
COMMENT ON COLUMN auto_rule_defaults.min_photos IS 'work: With how many photographs at least.';
COMMENT ON COLUMN auto_rule_defaults.alone IS 'work: Only where no open case looks like a twin; the simple flow never takes one that has any.';
COMMENT ON COLUMN auto_rule_defaults.certain IS 'work: Only where it is certain whose it is; what is not is never sent by itself.';
COMMENT ON COLUMN auto_rule_defaults.max_overturn IS 'work: Above which share of overturned cases the rule switches itself off.';
COMMENT ON COLUMN auto_rule_defaults.window_cases IS 'work: The share is of so many decided cases, the latest.';
COMMENT ON COLUMN auto_rule_defaults.window_days IS 'work: Filed within so many days.';
COMMENT ON COLUMN auto_rule_defaults.min_cases IS 'work: With fewer decided cases nothing is judged.';
COMMENT ON COLUMN auto_rule_defaults.certainty IS 'public: How well it is known.';

-- What files itself today goes on doing so: every channel, no photograph asked for, a device's word taken, twins proposed to the desk behind it. The
-- shipped file says the same.
INSERT INTO auto_rule_defaults (enabled, channels, min_photos, alone, certain, max_overturn, window_cases, window_days, min_cases, certainty)
VALUES (true, '{citizen,officer,hotline,video,sensor,open311,feed}', 0, false, false, 0.05, 200, 30, 30, 'P');

CREATE TABLE auto_rules (
  district_code text NOT NULL,
  scheme text NOT NULL,
  code text NOT NULL,
  enabled boolean NOT NULL,
  min_confidence real CHECK (min_confidence BETWEEN 0 AND 1),
  channels text[] NOT NULL,
  min_photos smallint NOT NULL CHECK (min_photos BETWEEN 0 AND 9),
  alone boolean NOT NULL,
  certain boolean NOT NULL,
  max_overturn real NOT NULL CHECK (max_overturn BETWEEN 0 AND 1),
  window_cases int NOT NULL CHECK (window_cases BETWEEN 1 AND 10000),
  window_days int NOT NULL CHECK (window_days BETWEEN 1 AND 366),
  min_cases int NOT NULL CHECK (min_cases BETWEEN 1 AND window_cases),
  since timestamptz NOT NULL,
  switched_off_at timestamptz,
  switched_off_because jsonb,
  reason text NOT NULL DEFAULT '',
  changed_by int REFERENCES accounts,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district_code, scheme, code),
  CHECK ((switched_off_at IS NULL) = (switched_off_because IS NULL)),
  CHECK (switched_off_at IS NULL OR NOT enabled)
);
COMMENT ON TABLE auto_rules IS 'district: When a report files itself, as a district has set it; or that it does no more, because it was overturned too often.';
COMMENT ON COLUMN auto_rules.district_code IS 'work: District it holds in.';
COMMENT ON COLUMN auto_rules.scheme IS 'work: Scheme of the category.';
COMMENT ON COLUMN auto_rules.code IS 'work: A category (E04-05) or a whole major class (E04); the closer one holds.';
COMMENT ON COLUMN auto_rules.enabled IS 'work: Whether reports go their way by themselves.';
COMMENT ON COLUMN auto_rules.min_confidence IS 'work: How sure a device must be, 0 to 1; null takes its word.';
COMMENT ON COLUMN auto_rules.channels IS 'work: By which channels.';
COMMENT ON COLUMN auto_rules.min_photos IS 'work: With how many photographs at least.';
COMMENT ON COLUMN auto_rules.alone IS 'work: Only where no open case looks like a twin; the simple flow never takes one that has any.';
COMMENT ON COLUMN auto_rules.certain IS 'work: Only where it is certain whose it is; what is not is never sent by itself.';
COMMENT ON COLUMN auto_rules.max_overturn IS 'work: Above which share of overturned cases it switches itself off.';
COMMENT ON COLUMN auto_rules.window_cases IS 'work: The share is of so many decided cases, the latest.';
COMMENT ON COLUMN auto_rules.window_days IS 'work: Filed within so many days.';
COMMENT ON COLUMN auto_rules.min_cases IS 'work: With fewer decided cases nothing is judged.';
COMMENT ON COLUMN auto_rules.since IS 'work: Cases filed before count no more.';
COMMENT ON COLUMN auto_rules.switched_off_at IS 'work: When it switched itself off; null where it stands, or an administrator switched it off.';
COMMENT ON COLUMN auto_rules.switched_off_because IS 'work: The figures it was judged by.';
COMMENT ON COLUMN auto_rules.reason IS 'work: Why it was set so, in the administrator''s words: about the rule, for administrators.';
COMMENT ON COLUMN auto_rules.changed_by IS 'personal: Who set it; null for the rule itself.';
COMMENT ON COLUMN auto_rules.changed_at IS 'work: When.';

CREATE TABLE auto_filings (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  scheme text NOT NULL,
  code text NOT NULL,
  flow text NOT NULL CHECK (flow IN ('simple', 'standard')),
  filed_at timestamptz NOT NULL,
  overturned_at timestamptz,
  overturned_by text,
  PRIMARY KEY (district_code, case_id),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((overturned_at IS NULL) = (overturned_by IS NULL))
);
COMMENT ON TABLE auto_filings IS 'district: Cases that a rule filed or sent by itself, and which of them people took back.';
COMMENT ON COLUMN auto_filings.district_code IS 'work: Home district.';
COMMENT ON COLUMN auto_filings.case_id IS 'work: The case.';
COMMENT ON COLUMN auto_filings.scheme IS 'work: Scheme of the rule.';
COMMENT ON COLUMN auto_filings.code IS 'work: Category or major class of the rule.';
COMMENT ON COLUMN auto_filings.flow IS 'work: Sent the simple way, or filed.';
COMMENT ON COLUMN auto_filings.filed_at IS 'work: When.';
COMMENT ON COLUMN auto_filings.overturned_at IS 'work: When somebody decided otherwise.';
COMMENT ON COLUMN auto_filings.overturned_by IS 'work: By which action.';
-- Usage: what a rule filed, the latest first.
CREATE INDEX auto_filings_rule ON auto_filings (district_code, scheme, code, filed_at);

ALTER TABLE reports ADD COLUMN confidence real CHECK (confidence BETWEEN 0 AND 1);
COMMENT ON COLUMN reports.confidence IS 'work: How sure a device says it is of what it saw, 0 to 1; null where it says nothing, and for people.';

-- A case that is corrected may lie elsewhere: whoever saw it where it lay is told that it is gone.
ALTER TABLE outbox ADD COLUMN was_unit_id int, ADD COLUMN was_geom geometry(Point, 4326);
COMMENT ON COLUMN outbox.was_unit_id IS 'work: The smallest unit of the scope tree in which the case lay before.';
COMMENT ON COLUMN outbox.was_geom IS 'work: Where it lay before, if it lies elsewhere now; null where it stays.';
