-- name: areas
-- Areas of one level in force, each under its code and its name.
SELECT n.name, ST_AsBinary(a.geom) AS shape
FROM admin_areas a
CROSS JOIN LATERAL (SELECT DISTINCT unnest(ARRAY[a.code, a.name_zh, a.name_en])) AS n (name)
WHERE a.level = %(level)s AND a.valid @> app_now()
ORDER BY n.name;

-- name: zones
-- Zones in force, each under its code.
SELECT z.code AS name, ST_AsBinary(z.geom) AS shape
FROM zones z
JOIN zone_sets s USING (zone_set_id)
WHERE s.valid @> app_now() AND z.valid @> app_now()
ORDER BY z.code;

-- name: roads
-- Roads in a box, as lines to stand along.
SELECT ST_AsBinary(geom) AS shape FROM roads
WHERE geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)
ORDER BY road_id LIMIT 50000;

-- name: latest_datum
-- The last load of each kind whose positions were held against something.
SELECT DISTINCT ON (target) load_id, target, crs, audit -> 'datum' AS datum
FROM loads
WHERE audit ? 'datum' AND state IN ('staged', 'published')
ORDER BY target, load_id DESC;
