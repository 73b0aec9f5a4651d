-- name: order
-- An order to get a case done; by the system where no account is named.
INSERT INTO supervision_orders (district_code, case_id, order_no, level, organisation_id, issued_by, issued_at, due_at, text_id)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(o.order_no), 0) + 1 FROM supervision_orders o WHERE o.district_code = %(district_code)s AND o.case_id = %(case_id)s),
       %(level)s, %(organisation_id)s, %(account_id)s, app_now(), %(due_at)s, %(text_id)s
RETURNING order_no;

-- name: one
-- One order, held until the transaction ends.
SELECT order_no, state, organisation_id, issued_by FROM supervision_orders
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND order_no = %(order_no)s
FOR UPDATE;

-- name: answer
-- What was done about an order.
UPDATE supervision_orders SET state = 'answered', answered_by = %(account_id)s, answered_at = app_now(), answer_text_id = %(text_id)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND order_no = %(order_no)s;

-- name: close
-- Whoever supervises is content.
UPDATE supervision_orders SET state = 'closed', closed_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND order_no = %(order_no)s;

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
-- Somebody asked when it will be done.
INSERT INTO urgings (district_code, case_id, urging_no, by_reporter, urged_by, organisation_id, at, text_id)
SELECT c.district_code, c.case_id,
       (SELECT coalesce(max(u.urging_no), 0) + 1 FROM urgings u WHERE u.district_code = c.district_code AND u.case_id = c.case_id),
       %(by_reporter)s, %(account_id)s, c.organisation_id, app_now(), %(text_id)s
FROM cases c WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s
RETURNING urging_no;
