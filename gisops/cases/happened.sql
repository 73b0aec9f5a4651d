-- name: now
-- The clock that cases are kept by.
SELECT app_now() AS at;

-- name: happened
-- What was reported in a period, as points with their moments, newest first; nobody's name or words. `in_box` is how many were looked at, which is told
-- also where none of them lies near enough: then as a row without a case.
WITH seen AS MATERIALIZED (
  SELECT * FROM seen_cases(
    in_category => %(category_id)s, box => ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326),
    before => first_key(%(until)s), most => %(most)s, since => first_key(%(since)s))
)
SELECT n.in_box, f.*
FROM (SELECT count(*) AS in_box FROM seen) n
LEFT JOIN (
  SELECT c.case_no, c.state, c.stage, c.severity, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, c.reported_at,
    g.code AS category_code, g.scheme AS category_scheme, g.name_zh AS category_name_zh, g.name_en AS category_name_en,
    CASE WHEN %(within_m)s::float8 IS NOT NULL
         THEN round(ST_Distance(c.geom::geography, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)::geography)::numeric, 1)::float8 END AS distance_m,
    c.case_id AS key
  FROM seen
  JOIN cases c USING (district_code, case_id)
  JOIN categories g ON g.category_id = c.category_id
  WHERE %(within_m)s::float8 IS NULL
    OR ST_DWithin(c.geom::geography, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)::geography, %(within_m)s)
) f ON true
ORDER BY f.key DESC;
