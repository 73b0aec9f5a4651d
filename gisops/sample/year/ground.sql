-- name: outline
-- The city's outline and box.
SELECT ST_AsBinary(geom) AS geom, (ST_XMin(geom) + ST_XMax(geom)) / 2 AS lon, (ST_YMin(geom) + ST_YMax(geom)) / 2 AS lat, timezone, category_scheme FROM city;

-- name: roads
-- Streets with their names.
SELECT name_zh, class, ST_AsBinary(geom) AS geom FROM roads WHERE class <> 'motorway' ORDER BY code COLLATE "C";

-- name: parts
-- Parts by the short code of their class, at most so many; those whose record has held for the whole year bear their code.
SELECT c.code AS kind, CASE WHEN lower(p.valid) <= %(since)s AND upper(p.valid) IS NULL AND p.state <> 'removed' THEN p.code END AS code,
       ST_X(ST_PointOnSurface(p.geom)) AS lon, ST_Y(ST_PointOnSurface(p.geom)) AS lat
FROM parts p
JOIN categories c ON c.category_id = p.category_id
WHERE upper(p.valid) IS NULL AND hashtext(p.code) %% (1 + (SELECT count(*) FROM parts) / %(most)s)::int = 0
ORDER BY p.code COLLATE "C";

-- name: places
-- Places with their kinds and names.
SELECT place_id, kind, name_zh, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM places ORDER BY code COLLATE "C";

-- name: waters
-- Inland waters and the sea, as areas.
SELECT ST_AsBinary(geom) AS geom FROM rivers ORDER BY code COLLATE "C";

-- name: greens
-- A point in each green area.
SELECT ST_X(ST_PointOnSurface(geom)) AS lon, ST_Y(ST_PointOnSurface(geom)) AS lat FROM green_areas ORDER BY code COLLATE "C";

-- name: low
-- Spots that are known to flood.
SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM flood_points WHERE kind = 'waterlogging' ORDER BY code COLLATE "C";

-- name: partners
-- The organisations that are asked to help in another's case.
SELECT code FROM organisations WHERE kind IN ('bureau', 'street', 'enterprise') AND NOT is_duty_desk ORDER BY code COLLATE "C";
