-- name: clear
-- Cases without clocks.
DELETE FROM case_clocks;

-- name: spread
-- Most cases open, in every state, told straight to the tables: which clock runs in each, and for how long. Some run out at the same moment, some never.
WITH chosen AS (
  SELECT district_code, case_id, row_number() OVER (ORDER BY case_id) AS n FROM cases WHERE stage < 7 OR right(case_no, 1) <> '7'
), states AS (
  SELECT s.state, s.stage, s.step, s.n
  FROM (VALUES ('reported', 1, 'accept', 0), ('verifying', 1, 'verify', 1), ('accepted', 2, 'file', 2), ('filed', 3, 'dispatch', 3),
    ('returned', 3, 'dispatch', 4), ('dispatched', 3, 'ack', 5), ('simple_open', 4, 'simple', 6), ('handling', 4, 'handle', 7),
    ('suspended', 4, 'handle', 8), ('disputed', 3, NULL, 9), ('handled', 5, 'check', 10), ('checking', 6, 'check', 11),
    ('to_close', 6, 'close', 12)) AS s (state, stage, step, n)
), opened AS (
  UPDATE cases c
  SET state = s.state, stage = s.stage, closed_at = NULL, severity = (ARRAY['danger', 'urgent', 'normal', 'minor'])[1 + x.n % 4],
    report_count = 1 + x.n % 5,
    priority = case_priority((ARRAY['danger', 'urgent', 'normal', 'minor'])[1 + x.n % 4], 1 + (x.n % 5)::int, 0, false, x.n % 8 = 3),
    deadline = app_now() + (x.n - 100) * interval '17 minutes'
  FROM chosen x
  JOIN states s ON s.n = x.n % 13
  WHERE c.district_code = x.district_code AND c.case_id = x.case_id
  RETURNING c.district_code, c.case_id, c.organisation_id, c.priority, s.step, s.state, x.n
)
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, paused_at, due_at, due_kind, priority)
SELECT district_code, case_id, 900, step,
       CASE WHEN state IN ('dispatched', 'simple_open', 'handling', 'suspended') THEN organisation_id
            ELSE (SELECT organisation_id FROM organisations WHERE is_duty_desk) END,
       app_now() - interval '10 days', 'natural_day', 9,
       CASE WHEN n % 11 > 0 THEN app_now() + (n / 3 * 3 - 130) * interval '13 minutes' END,
       CASE WHEN state = 'suspended' THEN app_now() END,
       CASE WHEN state <> 'suspended' AND n % 11 > 0 THEN app_now() + (n / 3 * 3 - 150) * interval '13 minutes' END,
       CASE WHEN state <> 'suspended' AND n % 11 > 0 THEN CASE WHEN n % 2 = 0 THEN 'remind' ELSE 'overdue' END END, priority
FROM opened
WHERE step IS NOT NULL;

-- name: open
-- Every open case with the clock that runs in it.
SELECT c.case_id, c.case_no, c.unit_id, c.handler_id, c.superior_id, c.organisation_id, c.state, c.severity, c.priority, c.street_code, g.code AS category,
       o.code AS organisation, c.deadline AS case_deadline, k.case_id IS NOT NULL AS runs, k.deadline, k.due_at, k.due_kind, k.paused_at, app_now() AS now
FROM cases c
JOIN categories g USING (category_id)
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
WHERE c.stage < 7;
