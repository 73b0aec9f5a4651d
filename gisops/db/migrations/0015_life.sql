-- The life of a case beyond its dispatch: what is counted of it, the clocks that run in it, the texts that people write with a move.

ALTER TABLE grid_cells ADD COLUMN grade text NOT NULL DEFAULT '';
COMMENT ON COLUMN grid_cells.grade IS 'public: Grade of the area (一类区域 ...), by which time limits may differ; empty where the city has none.';
-- Usage: the city's graded cells, read again every half minute.
CREATE INDEX grid_cells_graded ON grid_cells (code) WHERE grade <> '';

ALTER TABLE cases
  ADD COLUMN assessed boolean NOT NULL DEFAULT true,
  ADD COLUMN acknowledged_at timestamptz,
  ADD COLUMN return_count smallint NOT NULL DEFAULT 0,
  ADD COLUMN rework_count smallint NOT NULL DEFAULT 0,
  ADD COLUMN extended_count smallint NOT NULL DEFAULT 0,
  ADD COLUMN suspended_count smallint NOT NULL DEFAULT 0,
  ADD COLUMN escalation smallint NOT NULL DEFAULT 0,
  ADD COLUMN timeout_exempt boolean NOT NULL DEFAULT false,
  ADD COLUMN duplicate_of uuid,
  ADD COLUMN recurrence_of uuid,
  ADD COLUMN area_grade text NOT NULL DEFAULT '',
  ADD COLUMN excluded int[] NOT NULL DEFAULT '{}',
  ADD COLUMN closing_condition_id int REFERENCES filing_conditions,
  ADD COLUMN satisfaction smallint CHECK (satisfaction BETWEEN 1 AND 5);
COMMENT ON COLUMN cases.assessed IS 'work: Whether it enters the assessment: a case of the simple flow does only once it was promoted.';
COMMENT ON COLUMN cases.acknowledged_at IS 'work: When the organisation that holds it took it on; null again after a return or a new dispatch.';
COMMENT ON COLUMN cases.return_count IS 'work: How often it was returned.';
COMMENT ON COLUMN cases.rework_count IS 'work: How often it had to be done again.';
COMMENT ON COLUMN cases.extended_count IS 'work: How often its limit was extended.';
COMMENT ON COLUMN cases.suspended_count IS 'work: How often it was suspended.';
COMMENT ON COLUMN cases.escalation IS 'work: How far up it was escalated while nobody acknowledged it.';
COMMENT ON COLUMN cases.timeout_exempt IS 'work: That it was late does not count, by an appeal that was granted.';
COMMENT ON COLUMN cases.duplicate_of IS 'work: Key of the case it was joined with.';
COMMENT ON COLUMN cases.recurrence_of IS 'work: Key of the closed case of which it is the same again.';
COMMENT ON COLUMN cases.area_grade IS 'work: Grade of the area at intake, by which its limit was chosen.';
COMMENT ON COLUMN cases.excluded IS 'work: Organisations that returned it as not theirs; it is not sent to them again.';
COMMENT ON COLUMN cases.closing_condition_id IS 'work: Under which closing condition it was closed.';
COMMENT ON COLUMN cases.satisfaction IS 'work: What its reporter said of it on a follow-up visit, 1 to 5.';

CREATE TABLE stage_limits (
  step text NOT NULL CHECK (step IN ('accept', 'verify', 'file', 'dispatch', 'ack', 'simple', 'check', 'close')),
  severity text NOT NULL DEFAULT '' CHECK (severity IN ('', 'minor', 'normal', 'urgent', 'danger')),
  unit text NOT NULL CHECK (unit IN ('urgent_hour', 'work_hour', 'work_day', 'natural_day', 'minute')),
  value numeric NOT NULL CHECK (value > 0),
  certainty text NOT NULL,
  PRIMARY KEY (step, severity)
);
COMMENT ON TABLE stage_limits IS 'reference: How long each step beside handling may take.';
COMMENT ON COLUMN stage_limits.step IS 'public: Which step.';
COMMENT ON COLUMN stage_limits.severity IS 'public: For which severity; empty for those that have no row of their own.';
COMMENT ON COLUMN stage_limits.unit IS 'public: Unit; docs/reference/glossary.md.';
COMMENT ON COLUMN stage_limits.value IS 'public: How many of it.';
COMMENT ON COLUMN stage_limits.certainty IS 'public: How well it is known.';

CREATE TABLE escalations (
  step text NOT NULL DEFAULT '',
  percent smallint NOT NULL CHECK (percent BETWEEN 1 AND 1000),
  due_kind text NOT NULL CHECK (due_kind IN ('remind', 'overdue', 'escalate', 'promote')),
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 9),
  tells text NOT NULL CHECK (tells IN ('holder', 'superior', 'lead', 'centre')),
  PRIMARY KEY (step, percent)
);
COMMENT ON TABLE escalations IS 'reference: What happens when a share of a limit has run, and who is told.';
COMMENT ON COLUMN escalations.step IS 'public: Which step of a case; empty for those that have no row of their own.';
COMMENT ON COLUMN escalations.percent IS 'public: Share of the limit, per cent.';
COMMENT ON COLUMN escalations.due_kind IS 'public: remind, overdue, escalate, promote.';
COMMENT ON COLUMN escalations.level IS 'public: How high it has gone once this has happened.';
COMMENT ON COLUMN escalations.tells IS 'public: Who is told: who holds it, his superior, the head of the organisation, the centre.';

CREATE TABLE case_clocks (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  clock_no smallint NOT NULL,
  step text NOT NULL CHECK (step IN ('accept', 'verify', 'file', 'dispatch', 'ack', 'simple', 'handle', 'stop', 'penalise', 'restore', 'check', 'close', 'subtask')),
  organisation_id int NOT NULL REFERENCES organisations,
  started_at timestamptz NOT NULL,
  unit text CHECK (unit IN ('urgent_hour', 'work_hour', 'work_day', 'natural_day', 'minute')),
  value numeric CHECK (value > 0),
  deadline timestamptz,
  paused_at timestamptz,
  paused_ranges tstzmultirange NOT NULL DEFAULT '{}',
  stopped_at timestamptz,
  outcome text CHECK (outcome IN ('done', 'late', 'returned', 'cancelled', 'paused_out', 'exempt')),
  level smallint NOT NULL DEFAULT 0,
  due_at timestamptz,
  due_kind text CHECK (due_kind IN ('remind', 'overdue', 'escalate', 'promote', 'resume')),
  PRIMARY KEY (district_code, case_id, clock_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((stopped_at IS NULL) = (outcome IS NULL)),
  CHECK (stopped_at IS NULL OR due_at IS NULL),
  CHECK ((due_at IS NULL) = (due_kind IS NULL))
) WITH (fillfactor = 85);
COMMENT ON TABLE case_clocks IS 'district: The clocks of a case, one after the other: whose time ran when, how long it was given, and what is due next.';
COMMENT ON COLUMN case_clocks.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_clocks.case_id IS 'work: The case.';
COMMENT ON COLUMN case_clocks.clock_no IS 'work: 1, 2, 3 ... within the case.';
COMMENT ON COLUMN case_clocks.step IS 'work: What it is the time of.';
COMMENT ON COLUMN case_clocks.organisation_id IS 'work: Whose time it is.';
COMMENT ON COLUMN case_clocks.started_at IS 'work: When it began to run.';
COMMENT ON COLUMN case_clocks.unit IS 'work: Unit of its limit; null where there is none.';
COMMENT ON COLUMN case_clocks.value IS 'work: How many of it.';
COMMENT ON COLUMN case_clocks.deadline IS 'work: When the limit is over, pauses and extensions taken into account; null without a limit.';
COMMENT ON COLUMN case_clocks.paused_at IS 'work: Since when it stands still; null while it runs.';
COMMENT ON COLUMN case_clocks.paused_ranges IS 'work: When it stood still before.';
COMMENT ON COLUMN case_clocks.stopped_at IS 'work: When it ended; null while it runs or stands still.';
COMMENT ON COLUMN case_clocks.outcome IS 'work: How it ended.';
COMMENT ON COLUMN case_clocks.level IS 'work: How high it has been escalated.';
COMMENT ON COLUMN case_clocks.due_at IS 'work: When something is to be done about it next.';
COMMENT ON COLUMN case_clocks.due_kind IS 'work: What.';
-- Usage: one clock runs in a case at a time; subtasks have their own beside it.
CREATE UNIQUE INDEX case_clocks_running ON case_clocks (district_code, case_id) WHERE stopped_at IS NULL AND step <> 'subtask';
-- Usage: the worker (what is due).
CREATE INDEX case_clocks_due ON case_clocks (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE case_texts (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  text_id uuid NOT NULL,
  seq int,
  kind text NOT NULL DEFAULT 'move' CHECK (kind ~ '^[a-z_]{1,20}$'),
  salt bytea NOT NULL,
  text text NOT NULL CHECK (text <> ''),
  at timestamptz NOT NULL,
  PRIMARY KEY (district_code, case_id, text_id),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE case_texts IS 'district: What people wrote with a move or a request; history keeps a salted SHA-256 of it, so that it can be erased.';
COMMENT ON COLUMN case_texts.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_texts.case_id IS 'work: The case.';
COMMENT ON COLUMN case_texts.text_id IS 'work: Key, a UUIDv7.';
COMMENT ON COLUMN case_texts.seq IS 'work: The entry of the history it belongs to; null for a text of something else.';
COMMENT ON COLUMN case_texts.kind IS 'work: What it is: move, approval ...';
COMMENT ON COLUMN case_texts.salt IS 'secret: Salt of the commitment that history keeps instead of the text.';
COMMENT ON COLUMN case_texts.text IS 'personal: What was written.';
COMMENT ON COLUMN case_texts.at IS 'work: When.';

-- What a step may take where nobody has said so yet: a database of before gets its clocks with these. Shipped rows of the reference data take
-- the place of what is missing here; what is here stays.
INSERT INTO stage_limits (step, severity, unit, value, certainty) VALUES
  ('accept', '', 'minute', 15, 'V'), ('accept', 'danger', 'minute', 7.5, 'P'),
  ('verify', '', 'minute', 30, 'V'), ('verify', 'danger', 'minute', 15, 'P'),
  ('file', '', 'minute', 15, 'P'), ('file', 'danger', 'minute', 7.5, 'P'),
  ('dispatch', '', 'minute', 15, 'V'), ('dispatch', 'danger', 'minute', 7.5, 'P'),
  ('ack', '', 'minute', 20, 'P'), ('ack', 'urgent', 'minute', 5, 'P'), ('ack', 'danger', 'minute', 2.5, 'P'),
  ('simple', '', 'work_hour', 2, 'P'),
  ('check', '', 'minute', 30, 'V'), ('check', 'danger', 'minute', 15, 'P'),
  ('close', '', 'minute', 15, 'P'), ('close', 'danger', 'minute', 7.5, 'P');
INSERT INTO escalations (step, percent, due_kind, level, tells) VALUES
  ('', 80, 'remind', 0, 'holder'), ('', 100, 'overdue', 1, 'superior'), ('', 150, 'escalate', 2, 'lead'), ('', 200, 'escalate', 3, 'centre'),
  ('ack', 80, 'remind', 0, 'holder'), ('ack', 100, 'escalate', 1, 'superior'), ('ack', 150, 'escalate', 2, 'lead'), ('ack', 200, 'escalate', 3, 'centre'),
  ('simple', 80, 'remind', 0, 'holder'), ('simple', 100, 'promote', 1, 'superior');

-- Open cases of before get the clock of their state, begun when they came into it. What was due meanwhile is due once, as overdue, from now on:
-- nobody is told a hundred times of what lies in the past. A limit in working time was reckoned when the case was filed; it is the case's
-- own deadline, which stays.
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, paused_at, due_at, due_kind)
SELECT o.district_code, o.case_id, 1, o.step, CASE WHEN o.step IN ('ack', 'handle') THEN o.organisation_id ELSE o.desk_id END, o.since, o.unit, o.value,
       o.deadline, CASE WHEN o.state = 'suspended' THEN o.since END,
       CASE WHEN o.state <> 'suspended' AND o.deadline IS NOT NULL THEN greatest(o.deadline, now()) END,
       CASE WHEN o.state <> 'suspended' AND o.deadline IS NOT NULL THEN CASE o.step WHEN 'ack' THEN 'escalate' ELSE 'overdue' END END
FROM (
  SELECT s.*, l.unit, l.value,
         CASE s.step WHEN 'handle' THEN s.case_deadline ELSE s.since + make_interval(secs => (l.value * 60)::float8) END AS deadline
  FROM (
    SELECT c.district_code, c.case_id, c.state, c.severity, c.organisation_id, c.deadline AS case_deadline,
           coalesce((SELECT max(h.at) FROM case_history h WHERE h.district_code = c.district_code AND h.case_id = c.case_id), c.reported_at) AS since,
           (SELECT d.organisation_id FROM organisations d WHERE d.is_duty_desk) AS desk_id,
           CASE c.state WHEN 'reported' THEN 'accept' WHEN 'verifying' THEN 'verify' WHEN 'accepted' THEN 'file' WHEN 'filed' THEN 'dispatch'
             WHEN 'returned' THEN 'dispatch' WHEN 'dispatched' THEN 'ack' WHEN 'handling' THEN 'handle' WHEN 'suspended' THEN 'handle'
             WHEN 'handled' THEN 'check' WHEN 'checking' THEN 'check' WHEN 'to_close' THEN 'close' END AS step
    FROM cases c
    WHERE c.stage < 7
  ) s
  LEFT JOIN LATERAL (
    SELECT q.unit, q.value FROM stage_limits q WHERE q.step = s.step AND q.severity IN (s.severity, '') AND q.unit = 'minute' ORDER BY q.severity DESC LIMIT 1
  ) l ON true
  WHERE s.step IS NOT NULL
) o;

-- When its organisation took it on, of a case that is being handled.
UPDATE cases c
SET acknowledged_at = h.at
FROM (
  SELECT q.district_code, q.case_id, max(q.at) AS at
  FROM case_history q
  JOIN cases o ON o.district_code = q.district_code AND o.case_id = q.case_id AND o.stage BETWEEN 4 AND 6
  WHERE q.action = 'ack'
  GROUP BY q.district_code, q.case_id
) h
WHERE c.district_code = h.district_code AND c.case_id = h.case_id;
