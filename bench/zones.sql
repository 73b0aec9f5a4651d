-- name: covering
-- The join that geopandas.sjoin does: every pair of a point and a zone that covers it. The order is pinned: points along a curve outside, index inside.
SELECT count(*)
FROM (SELECT p FROM bench_points ORDER BY p) i
CROSS JOIN LATERAL (SELECT FROM zones z WHERE ST_DWithin(z.geom, i.p, 1e-10) OFFSET 0) z;

-- name: winners
-- The zone step of dispatch: by scope, validity, reach and the whole key, one zone a point.
SELECT count(*)
FROM (SELECT p FROM bench_points ORDER BY p) i
CROSS JOIN categories c
CROSS JOIN LATERAL (
  SELECT
  FROM zones_near(i.p, metres_per_degree_lon(ST_Y(i.p)), metres_per_degree_lat(ST_Y(i.p)), 10, now(),
                  c.pattern_minor, c.pattern_major, c.pattern_kind) z
  ORDER BY z.covers DESC, z.specificity DESC, z.priority DESC, z.edge DESC, z.area_m2, z.code COLLATE "C"
  LIMIT 1
) w
WHERE c.scheme = %(scheme)s AND c.code = 'E04-05';

-- name: dispatch
-- The full rules.
SELECT count(*)
FROM (
  SELECT array_agg(n) AS n, array_agg(ST_X(p)) AS lon, array_agg(ST_Y(p)) AS lat, array_agg(8.0::float8) AS accuracy_m,
         array_agg(c.category_id) AS category_id, array_agg(NULL::text) AS part, array_agg(NULL::uuid) AS place, array_agg(now()) AS at,
         array_agg(NULL::jsonb) AS facts
  FROM bench_points, categories c
  WHERE c.scheme = %(scheme)s AND c.code = 'E04-05' AND n < %(points)s
) x, dispatch(x.n, x.lon, x.lat, x.accuracy_m, x.category_id, x.part, x.place, x.at, x.facts) d;

-- name: city
-- A city round the zones: one district, 60 organisations and the desk.
WITH box AS (
  INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
  VALUES ('410200', 'c', 'c', ST_Multi(ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)), 4547, %(scheme)s, 'bench')
  RETURNING geom
), district AS (
  INSERT INTO admin_areas (level, code, name_zh, name_en, geom) SELECT 2, '410202', 'd', 'd', geom FROM box
), zone_set AS (
  INSERT INTO zone_sets (zone_set_id, code, name_zh, name_en, purpose, status, valid) VALUES (1, 'S', 's', 's', 'all', 'published', '[2020-01-01,)')
)
INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind, is_duty_desk)
SELECT i + 1, 'O' || i, 'x', 'x', 'bureau', i = 0 FROM generate_series(0, 60) i;

-- name: staff
-- Six staff an organisation, each in half its zones; two in three are on duty at any time.
WITH people AS (
  INSERT INTO staff (code, name, organisation_id, post_zh, post_en, role)
  SELECT 'S' || o || '-' || k, 'x', o + 1, 'p', 'p', 'officer' FROM generate_series(1, 60) o, generate_series(1, 6) k
  RETURNING staff_id, organisation_id
), assigned AS (
  INSERT INTO zone_staff (zone_id, staff_id, role)
  SELECT z.zone_id, p.staff_id, (ARRAY['primary', 'backup', 'leader'])[1 + p.staff_id %% 3]
  FROM zones z JOIN people p USING (organisation_id)
  WHERE (p.staff_id + z.zone_id) %% 2 = 0
), shift AS (
  INSERT INTO shifts VALUES ('d', 'd', 'd', '00:00', '23:00')
)
INSERT INTO rosters
SELECT '410202', p.staff_id, tstzrange(d, d + CASE WHEN p.staff_id %% 3 = 0 THEN interval '1 hour' ELSE interval '24 hours' END), 'd'
FROM people p, generate_series(now() - interval '30 days 2 hours', now() + interval '30 days', interval '1 day') d;
