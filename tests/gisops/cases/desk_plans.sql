-- name: cells
-- Units that no ground has.
INSERT INTO scope_units (level, code, parent_id)
SELECT 5, 'Y' || n, (SELECT unit_id FROM scope_units WHERE level = 1) FROM generate_series(0, 2499) AS n;

-- name: cases
-- Many cases, of which the newest are open, ten states in turn.
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, unit_id, organisation_id, handler_id, reported_at, priority)
SELECT '469901', (lpad(to_hex(1700000000000 + i * 1000::bigint), 12, '0') || '70008000000000000000')::uuid, 'Y-' || i, p.category_id,
  CASE WHEN i <= %(count)s::int - %(open)s::int THEN 'closed' ELSE (ARRAY['reported', 'verifying', 'accepted', 'filed', 'returned', 'dispatched', 'handling', 'handled',
    'checking', 'to_close'])[1 + i %% 10] END,
  CASE WHEN i <= %(count)s::int - %(open)s::int THEN 7 ELSE (ARRAY[1, 1, 2, 3, 3, 3, 4, 5, 6, 6])[1 + i %% 10] END,
  'normal', p.at, u.unit_id, CASE WHEN i %% 50 = 6 THEN p.bureau_id ELSE p.desk_id END, CASE WHEN i %% 400 = 6 THEN p.handler_id END, now(),
  CASE WHEN i %% 37 = 0 THEN 3 WHEN i %% 7 = 0 THEN 2 WHEN i %% 3 = 0 THEN 1 ELSE 0 END
FROM generate_series(1, %(count)s::int) AS i
JOIN scope_units AS u ON u.code = 'Y' || (i * 7919::bigint %% 2500)
CROSS JOIN (
  SELECT (SELECT category_id FROM categories LIMIT 1) AS category_id, (SELECT organisation_id FROM organisations WHERE is_duty_desk) AS desk_id,
    (SELECT organisation_id FROM accounts WHERE login = 'department') AS bureau_id, (SELECT staff_id FROM accounts WHERE login = 'handler') AS handler_id,
    ST_PointOnSurface(geom) AS at
  FROM city) AS p;

-- name: clocks
-- A clock that ended of what is over, and one that runs of what is open.
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, stopped_at, outcome, priority)
SELECT c.district_code, c.case_id, 1, coalesce(s.step, 'handle'),
  CASE WHEN s.step IN ('ack', 'handle') THEN c.organisation_id ELSE (SELECT organisation_id FROM organisations WHERE is_duty_desk) END,
  c.reported_at, 'natural_day', 1, c.reported_at + (hashtext(c.case_no) % 1000) * interval '1 minute', CASE WHEN c.stage = 7 THEN now() END,
  CASE WHEN c.stage = 7 THEN 'done' END, c.priority
FROM cases AS c
LEFT JOIN (VALUES ('reported', 'accept'), ('verifying', 'verify'), ('accepted', 'file'), ('filed', 'dispatch'), ('returned', 'dispatch'), ('dispatched', 'ack'),
  ('handling', 'handle'), ('handled', 'check'), ('checking', 'check'), ('to_close', 'close')) AS s (state, step) USING (state);

-- name: account
-- Somebody who looks.
SELECT a.account_id, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id
FROM accounts AS a LEFT JOIN staff AS s USING (staff_id) WHERE a.login = %(login)s;

-- name: forget_units
-- He looks into nothing.
DELETE FROM account_units WHERE account_id = %(account_id)s;

-- name: units
-- He looks into some of the units.
INSERT INTO account_units (account_id, unit_id)
SELECT %(account_id)s, unit_id FROM scope_units WHERE code LIKE 'Y%%' ORDER BY md5(code) LIMIT %(most)s;
