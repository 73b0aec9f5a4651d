-- name: order
-- An order to get a case done; by the system where no account is named.
INSERT INTO supervision_orders (district_code, case_id, order_no, level, organisation_id, handler_id, issued_by, issued_at, due_at, clock_no, text_id)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(o.order_no), 0) + 1 FROM supervision_orders o WHERE o.district_code = %(district_code)s AND o.case_id = %(case_id)s),
       %(level)s, %(organisation_id)s, %(handler_id)s, %(account_id)s, app_now(), %(due_at)s, %(clock_no)s, %(text_id)s
RETURNING order_no;

-- name: one
-- One order, held until the transaction ends.
SELECT s.order_no, s.state, s.organisation_id, s.issued_by, s.handler_id, s.clock_no, o.lead_staff_id
FROM supervision_orders s JOIN organisations o USING (organisation_id)
WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s AND s.order_no = %(order_no)s
FOR UPDATE OF s;

-- name: answer
-- What was done about an order.
UPDATE supervision_orders SET state = 'answered', answered_by = %(account_id)s, answered_at = app_now(), answer_text_id = %(text_id)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND order_no = %(order_no)s;

-- name: close
-- Whoever supervises is content.
UPDATE supervision_orders SET state = 'closed', closed_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND order_no = %(order_no)s;

-- name: over
-- The case is over: no order in it waits for anything.
UPDATE supervision_orders SET state = 'closed', closed_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state <> 'closed'
RETURNING clock_no;

-- name: leads
-- Who is told of an order: the head of the organisation, from the second level on the one above as well.
SELECT o.lead_staff_id, p.lead_staff_id AS above_staff_id
FROM organisations o LEFT JOIN organisations p ON p.organisation_id = o.parent_id
WHERE o.organisation_id = %(organisation_id)s;

-- name: urged_since
-- How often a case was urged lately, by its reporters or by staff.
SELECT count(*) AS n FROM urgings
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND by_reporter = %(by_reporter)s AND at > app_now() - make_interval(hours => %(hours)s);

-- name: urge
-- Somebody asked when it will be done: the case goes up on the desk. A reporter's asking does that once the time that runs has been reminded of: before, one
-- who cannot be held to anything would put any case of his first.
WITH counted AS (
  UPDATE cases c
  SET urged_count = c.urged_count + w.weighs,
      priority = case_priority(c.severity, c.report_count, c.urged_count + w.weighs, c.recurrence_of IS NOT NULL, c.hotline)
  FROM (SELECT (NOT %(by_reporter)s OR EXISTS (
          SELECT FROM case_clocks k
          WHERE k.district_code = %(district_code)s AND k.case_id = %(case_id)s AND k.stopped_at IS NULL AND k.step <> 'subtask'
            AND (k.level > 0 OR k.due_kind IN ('overdue', 'promote', 'escalate') OR k.due_kind = 'remind' AND k.due_at <= app_now())))::int AS weighs) w
  WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s
  RETURNING c.district_code, c.case_id, c.priority
), a_running AS (
  UPDATE case_clocks k
  SET priority = n.priority
  FROM counted n
  WHERE k.district_code = n.district_code AND k.case_id = n.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask' AND k.priority <> n.priority
)
INSERT INTO urgings (district_code, case_id, urging_no, by_reporter, urged_by, organisation_id, at, text_id)
SELECT c.district_code, c.case_id,
       (SELECT coalesce(max(u.urging_no), 0) + 1 FROM urgings u WHERE u.district_code = c.district_code AND u.case_id = c.case_id),
       %(by_reporter)s, %(account_id)s, c.organisation_id, app_now(), %(text_id)s
FROM cases c WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s
RETURNING urging_no;

-- name: mine
-- The open orders that went to the viewer or his organisation, those due first: of the case no more than an answer needs.
SELECT case_no, order_no, level, issued_at, due_at, category, category_zh, category_en, lon, lat, text FROM my_orders();

-- name: given
-- Orders by their state, the newest first: to whom, about what, and whether they are due.
SELECT c.case_no, s.case_id, s.order_no, s.level, s.state, coalesce(s.due_at <= app_now() AND s.state <> 'closed', false) AS overdue, s.issued_at, s.due_at,
       s.answered_at, s.closed_at, s.issued_by IS NOT DISTINCT FROM %(account_id)s AS own, o.code AS organisation, o.name_zh AS organisation_zh,
       o.name_en AS organisation_en, k.code AS category, k.name_zh AS category_zh, k.name_en AS category_en
FROM supervision_orders s
JOIN cases c USING (district_code, case_id)
JOIN organisations o ON o.organisation_id = s.organisation_id
JOIN categories k ON k.category_id = c.category_id
WHERE CASE %(state)s WHEN 'overdue' THEN s.state <> 'closed' AND s.due_at <= app_now() ELSE s.state = %(state)s END
  AND (NOT %(own)s OR s.issued_by = %(account_id)s)
  AND (%(at)s::timestamptz IS NULL OR (s.issued_at, s.case_id, s.order_no) < (%(at)s, %(case_id)s::uuid, %(number)s::int))
ORDER BY s.issued_at DESC, s.case_id DESC, s.order_no DESC
LIMIT %(most)s;
