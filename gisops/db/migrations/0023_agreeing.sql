-- What agreements mean: who walks the ground and who supervises, whom a look was asked of, appeals by round, what a determination may write, limits
-- of the steps by category. docs/decisions/0040.

-- The roles by their names: a supervisor (监督员) walks an area, verifies and checks; an inspector (督查员) gives orders and looks after the whole city.
-- An account that has the whole city as a supervisor keeps it; nobody else of that role gets it (access/roles.py).
ALTER TABLE accounts DROP CONSTRAINT accounts_everywhere;
ALTER TABLE accounts ADD CONSTRAINT accounts_everywhere CHECK (
  NOT everywhere OR role IN ('admin', 'acceptor', 'shift_leader', 'dispatcher', 'supervisor', 'inspector', 'leader', 'planner', 'coordinator'));

-- The sample had the two the wrong way round: its people, and the two sign-ins that are theirs, change names and roles. Nobody else's row is touched.
UPDATE staff s
SET role = CASE s.role WHEN 'inspector' THEN 'supervisor' ELSE 'inspector' END,
    post_en = CASE s.role WHEN 'inspector' THEN 'Supervisor' ELSE 'Inspector' END
WHERE (s.post_zh, s.role) IN (('监督员', 'inspector'), ('督办员', 'supervisor'))
  AND EXISTS (SELECT FROM city WHERE settings ? 'sample');
WITH pair AS (
  SELECT w.account_id AS walks, i.account_id AS inspects
  FROM accounts w
  JOIN accounts i ON i.login = 'supervisor' AND i.role = 'supervisor' AND i.is_sample
  WHERE w.login = 'inspector' AND w.role = 'inspector' AND w.is_sample
)
UPDATE accounts a
SET login = 'sample-swap-' || a.account_id, role = CASE a.account_id WHEN p.walks THEN 'supervisor' ELSE 'inspector' END, scope_version = a.scope_version + 1
FROM pair p
WHERE a.account_id IN (p.walks, p.inspects);
UPDATE accounts SET login = role WHERE login = 'sample-swap-' || account_id;

-- Of whom a look was asked is told of it as that.
ALTER TABLE case_recipients DROP CONSTRAINT case_recipients_role_check;
ALTER TABLE case_recipients ADD CONSTRAINT case_recipients_role_check CHECK (role IN ('handler', 'superior', 'assist', 'copy', 'verify', 'check'));

-- Usage: what somebody was asked to look at.
CREATE INDEX case_recipients_looks ON case_recipients (staff_id) WHERE role IN ('verify', 'check');

-- A case is appealed once each time that it was closed; a review has its time.
ALTER TABLE appeals ADD COLUMN appeal_no smallint NOT NULL DEFAULT 1, ADD COLUMN clock_no smallint;
ALTER TABLE appeals DROP CONSTRAINT appeals_pkey;
ALTER TABLE appeals ADD PRIMARY KEY (district_code, case_id, appeal_no);
ALTER TABLE appeals DROP CONSTRAINT appeals_state_check;
ALTER TABLE appeals ADD CONSTRAINT appeals_state_check CHECK (state IN ('lodged', 'seconded', 'granted', 'refused', 'lapsed'));
COMMENT ON COLUMN appeals.case_id IS 'work: The case.';
COMMENT ON COLUMN appeals.appeal_no IS 'work: 1, 2 ... within the case: one each time that it was closed.';
COMMENT ON COLUMN appeals.clock_no IS 'work: The clock of the review that it waits for (case_clocks).';
COMMENT ON COLUMN appeals.state IS 'work: lodged; seconded by the dispatcher; granted by the acceptor, or refused by either; lapsed where the case was opened again.';
-- Usage: one appeal of a case waits at a time.
CREATE UNIQUE INDEX appeals_open ON appeals (district_code, case_id) WHERE state IN ('lodged', 'seconded');
COMMENT ON COLUMN case_clocks.step IS 'work: What it is the time of; a subtask is whatever goes on beside the case''s own clock.';
ALTER TABLE case_clocks ADD COLUMN beside text CHECK (beside IN ('part', 'appeal', 'order'));
COMMENT ON COLUMN case_clocks.beside IS 'work: What goes on beside the case''s own clock: a part of a joint case (null in old ones too), the review of an appeal, an order to get it done.';

-- Whoever had the case when it was ordered can answer, also where it is another's since.
ALTER TABLE supervision_orders ADD COLUMN handler_id int REFERENCES staff;
ALTER TABLE supervision_orders ADD COLUMN clock_no smallint;
COMMENT ON COLUMN supervision_orders.clock_no IS 'work: The clock until it is due (case_clocks).';
COMMENT ON COLUMN supervision_orders.handler_id IS 'work: Who handled the case then.';
-- Usage: the orders that an organisation has to answer.
CREATE INDEX supervision_orders_organisation ON supervision_orders (organisation_id) WHERE state = 'open';
-- Usage: the orders that somebody has to answer who handled the case.
CREATE INDEX supervision_orders_handler ON supervision_orders (handler_id) WHERE state = 'open';

-- What a determination may write: also whose a piece of ground is.
ALTER TABLE disputes DROP CONSTRAINT disputes_decision_check;
ALTER TABLE disputes ADD CONSTRAINT disputes_decision_check CHECK (decision IN ('part_owner', 'dispatch_rule', 'co_ownership_area', 'zone', 'ownerless'));
ALTER TABLE disputes DROP CONSTRAINT disputes_created_kind_check;
ALTER TABLE disputes ADD CONSTRAINT disputes_created_kind_check CHECK (created_kind IN ('part', 'dispatch_rule', 'co_ownership_area', 'zone'));
-- Usage: what is nobody's, newest first.
CREATE INDEX disputes_ownerless ON disputes (decided_at) WHERE decision = 'ownerless';

-- How long a step may take, also of one kind of case.
ALTER TABLE stage_limits ADD COLUMN scheme text NOT NULL DEFAULT '', ADD COLUMN kind text NOT NULL DEFAULT '' CHECK (kind IN ('', 'P', 'E')),
  ADD COLUMN major text NOT NULL DEFAULT '', ADD COLUMN minor text NOT NULL DEFAULT '';
ALTER TABLE stage_limits DROP CONSTRAINT stage_limits_pkey;
ALTER TABLE stage_limits ADD PRIMARY KEY (step, severity, scheme, kind, major, minor);
ALTER TABLE stage_limits ADD CONSTRAINT stage_limits_category CHECK ((minor = '' OR major <> '') AND (major = '' OR (kind <> '' AND scheme <> '')));
ALTER TABLE stage_limits DROP CONSTRAINT stage_limits_step_check;
ALTER TABLE stage_limits ADD CONSTRAINT stage_limits_step_check
  CHECK (step IN ('accept', 'verify', 'file', 'dispatch', 'ack', 'simple', 'check', 'close', 'appeal'));
COMMENT ON COLUMN stage_limits.scheme IS 'public: Scheme of the categories it is for; empty for all.';
COMMENT ON COLUMN stage_limits.kind IS 'public: P parts, E events; empty for both.';
COMMENT ON COLUMN stage_limits.major IS 'public: Major class; empty for all.';
COMMENT ON COLUMN stage_limits.minor IS 'public: Minor class; empty for all. The closest row holds, and of those the one of the severity.';
-- What a review of an appeal may take, where the shipped rows are not loaded again.
INSERT INTO stage_limits (step, severity, unit, value, certainty) VALUES ('appeal', '', 'work_day', 2, 'P');
