-- name: people
-- Handlers, each with some ten open cases, two departments, and somebody at the desk.
WITH offices AS (
  INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind) SELECT n, 'O' || n, 'x', 'x', 'bureau' FROM generate_series(2, 21) AS n RETURNING organisation_id
), staffed AS (
  INSERT INTO staff (code, name, organisation_id, post_zh, post_en, role)
  SELECT 'H' || n, 'x', (SELECT min(organisation_id) FROM offices) + n %% 20, 'p', 'p', 'handler' FROM generate_series(0, greatest(10, %(open)s::int / 10) - 1) AS n
  RETURNING staff_id, code, organisation_id
)
INSERT INTO accounts (login, password_hash, role, everywhere, staff_id, organisation_id)
SELECT 'handler', 'x', 'handler', false, staff_id, NULL FROM staffed WHERE code = 'H3'
UNION ALL SELECT 'department', 'x', 'department', false, NULL, min(organisation_id) FROM staffed
UNION ALL SELECT 'acceptor', 'x', 'acceptor', true, NULL, NULL;

-- name: cases
-- So many cases of ten years, of which the newest are open, ten states in turn and of every priority; the rest were closed within a day.
INSERT INTO cases (district_code, case_id, case_no, category_id, filing_condition_id, state, stage, severity, hotline, priority, geom, grid_cell_code, street_code, organisation_id,
  handler_id, superior_id, reported_at, filed_at, dispatched_at, handled_at, closed_at, deadline, version, unit_id)
SELECT '410202', (lpad(to_hex((extract(epoch FROM t.at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, '410202-2026-' || lpad(n::text, 8, '0'),
  k.category_id, f.filing_condition_id, s.state, s.stage, g.severity, g.hotline, case_priority(g.severity, 1, 0, false, g.hotline), ST_SetSRID(ST_MakePoint(%(west)s + x * 0.004 + 0.001, %(south)s + y * 0.004 + 0.001), 4326), u.code,
  '410202001', h.organisation_id, h.staff_id, NULL, t.at, t.at, t.at, CASE WHEN s.stage > 4 THEN t.at END, CASE WHEN s.stage = 7 THEN t.at END,
  t.at + interval '2 days', 3, u.unit_id
FROM generate_series(1, %(count)s::int) AS n
CROSS JOIN LATERAL (SELECT n * 7919::bigint %% 100 AS x, n * 104729::bigint / 100 %% 100 AS y, now() - (%(count)s::int - n) * %(every)s::interval AS at) AS t
JOIN scope_units AS u ON u.level = 5 AND u.code = (410202000000000 + t.x * 100 + t.y)::text
CROSS JOIN (SELECT category_id FROM categories WHERE scheme = %(scheme)s AND code = 'E04-05') AS k
JOIN filing_conditions AS f ON f.category_id = k.category_id AND f.is_default
CROSS JOIN LATERAL (
  SELECT CASE WHEN n <= %(count)s::int - %(open)s::int THEN 'closed' ELSE (ARRAY['reported', 'verifying', 'accepted', 'filed', 'returned', 'dispatched', 'handling',
    'handled', 'checking', 'to_close'])[1 + n %% 10] END AS state,
    CASE WHEN n <= %(count)s::int - %(open)s::int THEN 7 ELSE (ARRAY[1, 1, 2, 3, 3, 3, 4, 5, 6, 6])[1 + n %% 10] END AS stage) AS s
CROSS JOIN LATERAL (SELECT CASE WHEN n %% 97 = 0 THEN 'danger' WHEN n %% 13 = 0 THEN 'urgent' ELSE 'normal' END AS severity, n %% 7 = 0 AS hotline) AS g
JOIN staff AS h ON h.code = 'H' || (n / 10) %% (SELECT count(*) FROM staff WHERE code LIKE 'H%%');

-- name: clocks
-- Three clocks of each closed case, and the one that runs in each open one, begun within the last 25 hours: some are late.
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, stopped_at, outcome, due_at, due_kind, priority)
SELECT c.district_code, c.case_id, k.n, CASE WHEN c.stage = 7 THEN k.step ELSE s.step END,
  CASE WHEN s.step IN ('ack', 'handle') OR c.stage = 7 THEN c.organisation_id ELSE 1 END, t.at, 'natural_day', 1,
  t.at + interval '1 day', CASE WHEN c.stage = 7 THEN c.reported_at END,
  CASE WHEN c.stage = 7 THEN 'done' END, CASE WHEN c.stage < 7 THEN t.at + interval '20 hours' END, CASE WHEN c.stage < 7 THEN 'remind' END, c.priority
FROM cases AS c
CROSS JOIN LATERAL (SELECT CASE WHEN c.stage = 7 THEN c.reported_at ELSE now() - (hashtext(c.case_no) & 2047) * interval '45 seconds' END AS at) AS t
LEFT JOIN (VALUES ('reported', 'accept'), ('verifying', 'verify'), ('accepted', 'file'), ('filed', 'dispatch'), ('returned', 'dispatch'), ('dispatched', 'ack'),
  ('handling', 'handle'), ('handled', 'check'), ('checking', 'check'), ('to_close', 'close')) AS s (state, step) USING (state)
CROSS JOIN (VALUES (1, 'ack'), (2, 'handle'), (3, 'check')) AS k (n, step)
WHERE c.stage = 7 OR k.n = 1;

-- name: history
-- Three moves of each case; nobody follows the chain here.
INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, role, organisation_id, payload, hash)
SELECT c.district_code, c.case_id, k.seq, k.action, NULL, k.state, c.reported_at, 'system', c.organisation_id, '{}', '\x00'
FROM cases AS c CROSS JOIN (VALUES (1, 'report', 'reported'), (2, 'file', 'filed'), (3, 'dispatch', 'dispatched')) AS k (seq, action, state);

-- name: reports
-- The report of each case.
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x, raw_y, raw_crs, accuracy_m, accuracy_is_default, received_at)
SELECT district_code, case_id, case_id, case_id, 'citizen', category_id, 'x', '\x00', geom, 0, 0, 'WGS84', 10, false, reported_at FROM cases;

-- name: some
-- Open cases and closed ones from all over the table, by their numbers.
(SELECT case_no FROM cases WHERE stage < 7 ORDER BY md5(case_no) LIMIT 20) UNION ALL
(SELECT case_no FROM cases WHERE case_no = ANY (%(numbers)s));

-- name: months
-- The months that the cases' history lies in.
SELECT ensure_partitions(now() - %(count)s::int * %(every)s::interval, now(), 'case_history');

-- name: indexes
-- Which indexes of a table no constraint needs: they are made anew once the rows are there, which takes a fraction of the time.
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made_by
FROM pg_index i
WHERE i.indrelid = %(table)s::text::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid);
