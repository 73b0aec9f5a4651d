-- What is agreed on beside the main line of a case: approvals, joint work, disputes about whose it is, supervision, urging, appeals, follow-up
-- visits; and the seasons in which seasonal limits run. What people wrote about any of it is in case_texts, where it can be erased.

CREATE TABLE seasons (
  season text NOT NULL CHECK (season ~ '^[a-z_]{1,20}$'),
  opens text NOT NULL CHECK (opens ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'),
  closes text NOT NULL CHECK (closes ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'),
  name_zh text NOT NULL,
  name_en text NOT NULL,
  certainty text NOT NULL,
  PRIMARY KEY (season, opens)
);
COMMENT ON TABLE seasons IS 'reference: Seasons of the year in which seasonal limits begin to run; a season may open several times a year.';
COMMENT ON COLUMN seasons.season IS 'public: Code, as time_limits name it.';
COMMENT ON COLUMN seasons.opens IS 'public: First day, month-day.';
COMMENT ON COLUMN seasons.closes IS 'public: Last day, month-day; before the first one means in the next year.';
COMMENT ON COLUMN seasons.name_zh IS 'public: Name in Chinese.';
COMMENT ON COLUMN seasons.name_en IS 'public: Name in English.';
COMMENT ON COLUMN seasons.certainty IS 'public: How well it is known.';

CREATE TABLE approvals (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  approval_no smallint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('extend', 'suspend', 'return', 'void', 'force_close')),
  state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'granted', 'refused', 'withdrawn')),
  reason_code text,
  until timestamptz,
  details jsonb NOT NULL DEFAULT '{}',
  organisation_id int NOT NULL REFERENCES organisations,
  requested_by int NOT NULL REFERENCES accounts,
  requested_at timestamptz NOT NULL,
  request_text_id uuid,
  decided_by int REFERENCES accounts,
  decided_at timestamptz,
  decision_text_id uuid,
  seq int,
  PRIMARY KEY (district_code, case_id, approval_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((state = 'requested') = (decided_at IS NULL)),
  CHECK ((state = 'granted') = (seq IS NOT NULL))
);
COMMENT ON TABLE approvals IS 'district: What was asked for in a case and needs somebody else''s yes: more time, a pause, a late return, to take it back or end it.';
COMMENT ON COLUMN approvals.district_code IS 'work: Home district.';
COMMENT ON COLUMN approvals.case_id IS 'work: The case.';
COMMENT ON COLUMN approvals.approval_no IS 'work: 1, 2, 3 ... within the case.';
COMMENT ON COLUMN approvals.kind IS 'work: The move that is asked for.';
COMMENT ON COLUMN approvals.state IS 'work: requested, granted, refused, withdrawn.';
COMMENT ON COLUMN approvals.reason_code IS 'work: Why, by the move''s list of reasons.';
COMMENT ON COLUMN approvals.until IS 'work: Until when, of a suspension.';
COMMENT ON COLUMN approvals.details IS 'work: What else the move needs; codes, never personal text.';
COMMENT ON COLUMN approvals.organisation_id IS 'work: Whose request it is.';
COMMENT ON COLUMN approvals.requested_by IS 'personal: Who asked.';
COMMENT ON COLUMN approvals.requested_at IS 'work: When.';
COMMENT ON COLUMN approvals.request_text_id IS 'work: What was written with it (case_texts).';
COMMENT ON COLUMN approvals.decided_by IS 'personal: Who decided; never who asked.';
COMMENT ON COLUMN approvals.decided_at IS 'work: When.';
COMMENT ON COLUMN approvals.decision_text_id IS 'work: What was written with the decision (case_texts).';
COMMENT ON COLUMN approvals.seq IS 'work: The entry of the history that came of it.';
-- Usage: one request of a kind is open in a case at a time.
CREATE UNIQUE INDEX approvals_open ON approvals (district_code, case_id, kind) WHERE state = 'requested';
-- Usage: what waits for somebody's yes, oldest first.
CREATE INDEX approvals_waiting ON approvals (requested_at) WHERE state = 'requested';

CREATE TABLE case_subtasks (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  subtask_no smallint NOT NULL,
  required boolean NOT NULL DEFAULT true,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'done', 'returned', 'cancelled')),
  organisation_id int NOT NULL REFERENCES organisations,
  clock_no smallint,
  deadline timestamptz,
  opened_by int REFERENCES accounts,
  opened_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  ended_by int REFERENCES accounts,
  ended_at timestamptz,
  reason_code text,
  task_text_id uuid,
  result_text_id uuid,
  PRIMARY KEY (district_code, case_id, subtask_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((state IN ('open', 'acknowledged')) = (ended_at IS NULL))
);
COMMENT ON TABLE case_subtasks IS 'district: What other organisations do in a case beside the one that holds it, which leads.';
COMMENT ON COLUMN case_subtasks.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_subtasks.case_id IS 'work: The case.';
COMMENT ON COLUMN case_subtasks.subtask_no IS 'work: 1, 2, 3 ... within the case.';
COMMENT ON COLUMN case_subtasks.required IS 'work: Whether the case waits for it.';
COMMENT ON COLUMN case_subtasks.state IS 'work: open, acknowledged; done, returned, cancelled.';
COMMENT ON COLUMN case_subtasks.organisation_id IS 'work: Whose.';
COMMENT ON COLUMN case_subtasks.clock_no IS 'work: Its clock (case_clocks).';
COMMENT ON COLUMN case_subtasks.deadline IS 'work: When it is to be done.';
COMMENT ON COLUMN case_subtasks.opened_by IS 'personal: Who asked for it.';
COMMENT ON COLUMN case_subtasks.opened_at IS 'work: When.';
COMMENT ON COLUMN case_subtasks.acknowledged_at IS 'work: When it was taken on.';
COMMENT ON COLUMN case_subtasks.ended_by IS 'personal: Who ended it.';
COMMENT ON COLUMN case_subtasks.ended_at IS 'work: When.';
COMMENT ON COLUMN case_subtasks.reason_code IS 'work: Why it was returned.';
COMMENT ON COLUMN case_subtasks.task_text_id IS 'work: What is to be done, as it was written (case_texts).';
COMMENT ON COLUMN case_subtasks.result_text_id IS 'work: What came of it, as it was written (case_texts).';
-- Usage: an organisation has one open part in a case.
CREATE UNIQUE INDEX case_subtasks_open ON case_subtasks (district_code, case_id, organisation_id) WHERE ended_at IS NULL;
-- Usage: an organisation's open parts of joint cases.
CREATE INDEX case_subtasks_organisation ON case_subtasks (organisation_id, case_id) WHERE ended_at IS NULL;

CREATE TABLE disputes (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  dispute_no smallint NOT NULL,
  opened_seq int NOT NULL,
  opened_at timestamptz NOT NULL,
  parties int[] NOT NULL,
  interim_organisation_id int REFERENCES organisations,
  decision text CHECK (decision IN ('part_owner', 'dispatch_rule', 'co_ownership_area', 'ownerless')),
  organisation_id int REFERENCES organisations,
  effective_from timestamptz,
  created_kind text CHECK (created_kind IN ('part', 'dispatch_rule', 'co_ownership_area')),
  created_key text,
  decided_seq int,
  decided_by int REFERENCES accounts,
  decided_at timestamptz,
  PRIMARY KEY (district_code, case_id, dispute_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((decision IS NULL) = (decided_at IS NULL)),
  CHECK ((created_kind IS NULL) = (created_key IS NULL))
);
COMMENT ON TABLE disputes IS 'district: Whose a case is, where nobody would have it: who was asked, who secures it meanwhile, and the fact that the decision made.';
COMMENT ON COLUMN disputes.district_code IS 'work: Home district.';
COMMENT ON COLUMN disputes.case_id IS 'work: The case.';
COMMENT ON COLUMN disputes.dispute_no IS 'work: 1, 2 ... within the case.';
COMMENT ON COLUMN disputes.opened_seq IS 'work: The entry of the history that opened it.';
COMMENT ON COLUMN disputes.opened_at IS 'work: When.';
COMMENT ON COLUMN disputes.parties IS 'work: The organisations that said it is not theirs, or hold it.';
COMMENT ON COLUMN disputes.interim_organisation_id IS 'work: Who secures the place meanwhile; null where nothing is dangerous.';
COMMENT ON COLUMN disputes.decision IS 'work: What was decided: what fact was written.';
COMMENT ON COLUMN disputes.organisation_id IS 'work: Whose it is.';
COMMENT ON COLUMN disputes.effective_from IS 'work: From when the fact holds.';
COMMENT ON COLUMN disputes.created_kind IS 'work: The table that the fact is in.';
COMMENT ON COLUMN disputes.created_key IS 'work: Its code there.';
COMMENT ON COLUMN disputes.decided_seq IS 'work: The entry of the history that ended it.';
COMMENT ON COLUMN disputes.decided_by IS 'personal: Who decided.';
COMMENT ON COLUMN disputes.decided_at IS 'work: When.';
-- Usage: one dispute is open in a case at a time.
CREATE UNIQUE INDEX disputes_open ON disputes (district_code, case_id) WHERE decided_at IS NULL;

CREATE TABLE supervision_orders (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  order_no smallint NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
  organisation_id int NOT NULL REFERENCES organisations,
  issued_by int REFERENCES accounts,
  issued_at timestamptz NOT NULL,
  due_at timestamptz,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered', 'closed')),
  answered_by int REFERENCES accounts,
  answered_at timestamptz,
  closed_at timestamptz,
  text_id uuid,
  answer_text_id uuid,
  PRIMARY KEY (district_code, case_id, order_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((state = 'open') = (answered_at IS NULL AND closed_at IS NULL)),
  CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
COMMENT ON TABLE supervision_orders IS 'district: Orders of an inspector to get a case done, and what was answered.';
COMMENT ON COLUMN supervision_orders.district_code IS 'work: Home district.';
COMMENT ON COLUMN supervision_orders.case_id IS 'work: The case.';
COMMENT ON COLUMN supervision_orders.order_no IS 'work: 1, 2 ... within the case.';
COMMENT ON COLUMN supervision_orders.level IS 'work: 1 the organisation, 2 its head, 3 the city.';
COMMENT ON COLUMN supervision_orders.organisation_id IS 'work: Who is to act.';
COMMENT ON COLUMN supervision_orders.issued_by IS 'personal: By whom; null for the system itself.';
COMMENT ON COLUMN supervision_orders.issued_at IS 'work: When.';
COMMENT ON COLUMN supervision_orders.due_at IS 'work: By when an answer is wanted.';
COMMENT ON COLUMN supervision_orders.state IS 'work: open, answered, closed.';
COMMENT ON COLUMN supervision_orders.answered_by IS 'personal: Who answered.';
COMMENT ON COLUMN supervision_orders.answered_at IS 'work: When.';
COMMENT ON COLUMN supervision_orders.closed_at IS 'work: When the inspector was content.';
COMMENT ON COLUMN supervision_orders.text_id IS 'work: What was ordered, as it was written (case_texts).';
COMMENT ON COLUMN supervision_orders.answer_text_id IS 'work: What was answered (case_texts).';
-- Usage: open orders, those due first.
CREATE INDEX supervision_orders_open ON supervision_orders (due_at) WHERE state <> 'closed';

CREATE TABLE urgings (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  urging_no smallint NOT NULL,
  by_reporter boolean NOT NULL,
  urged_by int REFERENCES accounts,
  organisation_id int NOT NULL REFERENCES organisations,
  at timestamptz NOT NULL,
  text_id uuid,
  PRIMARY KEY (district_code, case_id, urging_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE urgings IS 'district: Who asked when it will be done.';
COMMENT ON COLUMN urgings.district_code IS 'work: Home district.';
COMMENT ON COLUMN urgings.case_id IS 'work: The case.';
COMMENT ON COLUMN urgings.urging_no IS 'work: 1, 2 ... within the case.';
COMMENT ON COLUMN urgings.by_reporter IS 'work: Whether its reporter asked, by the report''s key.';
COMMENT ON COLUMN urgings.urged_by IS 'personal: Who asked, of staff.';
COMMENT ON COLUMN urgings.organisation_id IS 'work: Who held the case then.';
COMMENT ON COLUMN urgings.at IS 'work: When.';
COMMENT ON COLUMN urgings.text_id IS 'work: What was written (case_texts).';

CREATE TABLE appeals (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  organisation_id int NOT NULL REFERENCES organisations,
  state text NOT NULL DEFAULT 'lodged' CHECK (state IN ('lodged', 'seconded', 'granted', 'refused')),
  lodged_by int NOT NULL REFERENCES accounts,
  lodged_at timestamptz NOT NULL,
  text_id uuid,
  first_by int REFERENCES accounts,
  first_at timestamptz,
  first_text_id uuid,
  second_by int REFERENCES accounts,
  second_at timestamptz,
  second_text_id uuid,
  seq int,
  PRIMARY KEY (district_code, case_id),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK ((state = 'granted') = (seq IS NOT NULL))
);
COMMENT ON TABLE appeals IS 'district: A department''s objection to a case counting as late: once, reviewed twice. What happened stays as it was.';
COMMENT ON COLUMN appeals.district_code IS 'work: Home district.';
COMMENT ON COLUMN appeals.case_id IS 'work: The case; one appeal each.';
COMMENT ON COLUMN appeals.organisation_id IS 'work: Whose objection.';
COMMENT ON COLUMN appeals.state IS 'work: lodged; seconded by the dispatcher; granted by the acceptor, or refused by either.';
COMMENT ON COLUMN appeals.lodged_by IS 'personal: Who lodged it.';
COMMENT ON COLUMN appeals.lodged_at IS 'work: When.';
COMMENT ON COLUMN appeals.text_id IS 'work: What was written (case_texts).';
COMMENT ON COLUMN appeals.first_by IS 'personal: Who reviewed it first.';
COMMENT ON COLUMN appeals.first_at IS 'work: When.';
COMMENT ON COLUMN appeals.first_text_id IS 'work: What was written (case_texts).';
COMMENT ON COLUMN appeals.second_by IS 'personal: Who reviewed it then.';
COMMENT ON COLUMN appeals.second_at IS 'work: When.';
COMMENT ON COLUMN appeals.second_text_id IS 'work: What was written (case_texts).';
COMMENT ON COLUMN appeals.seq IS 'work: The entry of the history that came of it.';
-- Usage: appeals that wait for a review, oldest first.
CREATE INDEX appeals_waiting ON appeals (lodged_at) WHERE state IN ('lodged', 'seconded');

CREATE TABLE follow_ups (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  follow_up_no smallint NOT NULL,
  method text NOT NULL CHECK (method IN ('phone', 'visit', 'reporter')),
  reached boolean NOT NULL DEFAULT true,
  score smallint CHECK (score BETWEEN 1 AND 5),
  at timestamptz NOT NULL,
  made_by int REFERENCES accounts,
  report_id uuid,
  text_id uuid,
  PRIMARY KEY (district_code, case_id, follow_up_no),
  FOREIGN KEY (district_code, case_id) REFERENCES cases,
  CHECK (reached = (score IS NOT NULL))
);
COMMENT ON TABLE follow_ups IS 'district: What a reporter said of a closed case, when somebody asked or by himself.';
COMMENT ON COLUMN follow_ups.district_code IS 'work: Home district.';
COMMENT ON COLUMN follow_ups.case_id IS 'work: The case.';
COMMENT ON COLUMN follow_ups.follow_up_no IS 'work: 1, 2 ... within the case.';
COMMENT ON COLUMN follow_ups.method IS 'work: By telephone, on a visit, or the reporter himself by the report''s key.';
COMMENT ON COLUMN follow_ups.reached IS 'work: Whether anybody answered.';
COMMENT ON COLUMN follow_ups.score IS 'work: 1 very dissatisfied to 5 very satisfied; 4 and 5 count as satisfied.';
COMMENT ON COLUMN follow_ups.at IS 'work: When.';
COMMENT ON COLUMN follow_ups.made_by IS 'personal: Who asked; null where the reporter said so by himself.';
COMMENT ON COLUMN follow_ups.report_id IS 'work: Of which report.';
COMMENT ON COLUMN follow_ups.text_id IS 'work: What was said, as it was written (case_texts).';
-- Usage: a reporter says it once; saying it again changes nothing.
CREATE UNIQUE INDEX follow_ups_report ON follow_ups (district_code, report_id) WHERE report_id IS NOT NULL AND method = 'reporter';
