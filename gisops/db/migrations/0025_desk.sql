-- What goes before what on the desk: the priority of a case counts how grave it is, who asks after it and whether it comes back, and the clock that
-- runs in it carries it, so that one index has the whole order. docs/decisions/0036.

ALTER TABLE cases
  ADD COLUMN urged_count smallint NOT NULL DEFAULT 0,
  ADD COLUMN hotline boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN cases.urged_count IS 'work: How often somebody asked when it will be done.';
COMMENT ON COLUMN cases.hotline IS 'work: Whether a report of it came by the hot line.';
COMMENT ON COLUMN cases.priority IS 'work: 0 none, 1 low, 2 high, 3 critical; docs/reference/moves.md says by what.';
-- No check of its own, which would read every clock there ever was: what is written is the priority of its case.
ALTER TABLE case_clocks ADD COLUMN priority smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN case_clocks.priority IS 'work: The priority of its case while it runs, by which the desk goes; a subtask has none.';

UPDATE cases c
SET urged_count = u.n
FROM (SELECT q.district_code, q.case_id, count(*)::smallint AS n FROM urgings q GROUP BY q.district_code, q.case_id) u
WHERE c.district_code = u.district_code AND c.case_id = u.case_id;
-- What is over stands on no desk: there it stays unasked.
UPDATE cases c
SET hotline = true
WHERE c.stage < 7 AND EXISTS (SELECT FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id AND r.channel = 'hotline');
UPDATE cases c
SET priority = n.priority
FROM (SELECT q.district_code, q.case_id,
             CASE WHEN q.severity = 'danger' OR q.report_count >= 10 THEN 3
                  WHEN q.severity = 'urgent' OR q.report_count >= 5 OR q.urged_count > 0 OR q.recurrence_of IS NOT NULL THEN 2
                  WHEN q.hotline OR q.report_count >= 3 THEN 1 ELSE 0 END AS priority
      FROM cases q WHERE q.stage < 7) n
WHERE c.district_code = n.district_code AND c.case_id = n.case_id AND c.priority <> n.priority;
UPDATE case_clocks k
SET priority = c.priority
FROM cases c
WHERE c.district_code = k.district_code AND c.case_id = k.case_id AND c.stage < 7 AND c.priority > 0 AND k.stopped_at IS NULL AND k.step <> 'subtask';

DROP INDEX case_clocks_urgent;
DROP INDEX case_clocks_of_organisation;
-- Usage: the inbox and the overdue board of whoever looks after the whole city: running clocks of a step, the gravest first and of those what runs
-- out first.
CREATE INDEX case_clocks_urgent ON case_clocks (step, (- priority), (coalesce(deadline, 'infinity')), case_id) WHERE stopped_at IS NULL AND step <> 'subtask';
-- Usage: the inbox and the tasks of an organisation: the clocks that run for it.
CREATE INDEX case_clocks_of_organisation ON case_clocks (organisation_id, (- priority), (coalesce(deadline, 'infinity')), case_id)
WHERE stopped_at IS NULL AND step <> 'subtask';

DROP INDEX cases_open_by_unit;
-- Usage: the inbox of whoever looks into some units: the open cases of each, and how many there are by state, which is counted here alone.
CREATE INDEX cases_open_by_unit ON cases (unit_id, state) WHERE stage < 7;
