-- name: organisations
-- Organisations that may be sent cases, each with one of its active staff.
SELECT o.organisation_id, o.code, min(s.code) AS staff
FROM organisations o
JOIN staff s ON s.organisation_id = o.organisation_id AND s.active
WHERE NOT o.is_duty_desk
GROUP BY o.organisation_id, o.code
ORDER BY o.code;

-- name: places
-- Points in the city, one of each cell, in an order that stays.
SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT code, ST_PointOnSurface(geom) AS p FROM grid_cells ORDER BY code) c;

-- name: began
-- When the transaction began: what its clock is moved from.
SELECT now() AS at;

-- name: seen
-- How a case stands.
SELECT c.case_id, c.state, c.version, c.category_id, c.organisation_id, c.handler_id, c.deadline, c.filed_at, c.excluded, c.closed_at, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       (SELECT s.code FROM staff s WHERE s.staff_id = c.handler_id) AS handler,
       (SELECT max(f.seq) FROM filing_conditions f WHERE f.category_id = c.category_id) AS conditions
FROM cases c
WHERE c.case_no = %(case_no)s;

-- name: due
-- When something is due next.
SELECT min(due_at) AS due_at FROM case_clocks WHERE due_at IS NOT NULL;

-- name: due_now
-- The cases for which something is due now.
SELECT DISTINCT c.case_no, c.version
FROM case_clocks k JOIN cases c USING (district_code, case_id)
WHERE k.due_at <= app_now()
ORDER BY c.case_no;

-- name: another_open
-- An open case near by that is not this one, to be joined with.
SELECT o.case_no
FROM cases c
JOIN cases o ON o.district_code = c.district_code AND o.case_id <> c.case_id AND o.stage < 7
WHERE c.case_no = %(case_no)s
ORDER BY o.geom <-> c.geom
LIMIT 1;
