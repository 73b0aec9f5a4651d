-- name: ground
-- A city of cells of 0.004 degrees, from the first to the last column and row, on one district, one street and one community, and an
-- organisation that holds every case.
WITH box AS (
  INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
  VALUES ('410200', 'c', 'c', ST_Multi(ST_MakeEnvelope(
    %(west)s + %(first)s * 0.004, %(south)s + %(first)s * 0.004, %(west)s + (%(last)s + 1) * 0.004, %(south)s + (%(last)s + 1) * 0.004, 4326)), 4547, %(scheme)s, 'bench')
  RETURNING geom
), areas AS (
  INSERT INTO admin_areas (level, code, parent_code, name_zh, name_en, geom)
  SELECT a.level, a.code, a.parent_code, 'x', 'x', box.geom
  FROM box, (VALUES (2, '410202', '410200'), (3, '410202001', '410202'), (4, '410202001001', '410202001')) AS a (level, code, parent_code)
), cells AS (
  INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom)
  SELECT (410202000000000 + x * 100 + y)::text, 'bench', '410202', '410202001', '410202001001',
    ST_MakeEnvelope(%(west)s + x * 0.004, %(south)s + y * 0.004, %(west)s + (x + 1) * 0.004, %(south)s + (y + 1) * 0.004, 4326)
  FROM generate_series(%(first)s::int, %(last)s::int) AS x, generate_series(%(first)s::int, %(last)s::int) AS y
), organisation AS (
  INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind, is_duty_desk) VALUES (1, 'O1', 'x', 'x', 'bureau', true)
)
INSERT INTO staff (code, name, organisation_id, post_zh, post_en, role) VALUES ('S1', 'x', 1, 'p', 'p', 'officer');

-- name: accounts
-- Officers who see 1, 25, 625 cells in the middle of the city and the whole district, and a dispatcher who sees everything.
WITH made AS (
  INSERT INTO accounts (login, password_hash, role, everywhere)
  SELECT login, 'x', CASE WHEN login = 'everywhere' THEN 'dispatcher' ELSE 'officer' END, login = 'everywhere'
  FROM unnest(ARRAY['sees-1', 'sees-25', 'sees-625', 'sees-10000', 'everywhere']) AS login
  RETURNING account_id, login
)
INSERT INTO account_scopes (account_id, kind, code)
SELECT m.account_id, 'cell', (410202000000000 + x * 100 + y)::text
FROM (VALUES ('sees-1', 0), ('sees-25', 2), ('sees-625', 12)) AS block (login, around)
JOIN made AS m USING (login)
CROSS JOIN LATERAL generate_series(50 - around, 50 + around) AS x
CROSS JOIN LATERAL generate_series(50 - around, 50 + around) AS y
UNION ALL
SELECT account_id, 'area', '410202' FROM made WHERE login = 'sees-10000';

-- name: cases
-- Open cases: half of them anywhere, half in 300 heaps of some 600 m, one of which lies in the middle.
WITH box AS (
  SELECT %(west)s + %(first)s * 0.004 AS west, %(south)s + %(first)s * 0.004 AS south, (%(last)s - %(first)s + 1) * 0.004 - 0.000001 AS side
), heaps AS (
  SELECT n AS heap, CASE n WHEN 0 THEN %(west)s + 0.202 ELSE west + side * random() END AS lon,
    CASE n WHEN 0 THEN %(south)s + 0.202 ELSE south + side * random() END AS lat
  FROM box, generate_series(0, 299) AS n
), points AS (
  SELECT n,
    least(greatest(CASE WHEN n %% 2 = 0 THEN h.lon + (random() + random() - 1) * 0.02 ELSE west + random() * side END, west), west + side) AS lon,
    least(greatest(CASE WHEN n %% 2 = 0 THEN h.lat + (random() + random() - 1) * 0.02 ELSE south + random() * side END, south), south + side) AS lat
  FROM box, generate_series(1, %(count)s::int) AS n
  JOIN heaps AS h ON h.heap = n / 2 %% 300
)
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, grid_cell_code, organisation_id, reported_at, unit_id)
SELECT '410202', uuid_in(md5(n::text)::cstring), '410202-2026-' || lpad(n::text, 7, '0'), k.category_id, 'accepted', 2, 'normal',
  ST_SetSRID(ST_MakePoint(lon, lat), 4326), u.code, 1, now(), u.unit_id
FROM points
JOIN scope_units AS u ON u.level = 5 AND u.code = (410202000000000 + floor((lon - %(west)s) / 0.004)::int * 100 + floor((lat - %(south)s) / 0.004)::int)::text
CROSS JOIN (SELECT category_id FROM categories WHERE scheme = %(scheme)s AND code = 'E04-05') AS k;
