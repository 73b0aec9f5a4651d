-- name: cases
-- Open cases, and as many that were closed in the last month, spread over the city's box.
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, organisation_id, reported_at, closed_at)
SELECT '469901', gen_random_uuid(), 'B' || n, k.category_id, CASE WHEN mod(n, 2) = 0 THEN 'filed' ELSE 'closed' END, CASE WHEN mod(n, 2) = 0 THEN 3 ELSE 7 END,
       'normal', ST_SetSRID(ST_MakePoint(b.x + random() * b.w, b.y + random() * b.h), 4326), o.organisation_id, now(),
       CASE WHEN mod(n, 2) = 1 THEN now() - random() * interval '30 days' END
FROM generate_series(1, 2 * %(each)s) AS n
JOIN (SELECT category_id, row_number() OVER (ORDER BY category_id) - 1 AS m FROM categories JOIN city ON scheme = category_scheme WHERE enabled) k
  ON k.m = mod(n, 61),
     (SELECT ST_XMin(geom) AS x, ST_YMin(geom) AS y, ST_XMax(geom) - ST_XMin(geom) AS w, ST_YMax(geom) - ST_YMin(geom) AS h FROM city) b,
     (SELECT organisation_id FROM organisations WHERE is_duty_desk) o;
