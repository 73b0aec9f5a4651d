-- name: columns_of
-- The columns of a layer's relation with their full types (geometry type and SRID included).
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%(relation)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: versions_of
-- The content versions of layers that change only by loading, and the city's date (validity changes at its midnight).
-- No row: nothing was loaded through the loader yet.
SELECT v.layer, v.version, to_char(app_now() AT TIME ZONE coalesce(c.timezone, 'UTC'), 'YYYYMMDD') AS today
FROM layer_versions AS v LEFT JOIN city AS c ON true
WHERE v.layer = ANY (%(layers)s::text[]);

-- name: extent_of_city
-- The city's box: the bounds of every layer.
SELECT
  ST_XMin(e.box)::float8 AS west, ST_YMin(e.box)::float8 AS south,
  ST_XMax(e.box)::float8 AS east, ST_YMax(e.box)::float8 AS north
FROM (SELECT ST_Extent(geom) AS box FROM city) AS e
WHERE e.box IS NOT NULL;

-- name: own_layers
-- The layers that the city brought itself.
SELECT layer_id, description, style FROM city_layers ORDER BY layer_id;

-- name: columns_of_own
-- The columns of their relations, as columns_of has them of one.
SELECT l.layer_id, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM city_layers AS l
JOIN pg_attribute AS a ON a.attrelid = to_regclass('layer_' || l.layer_id) AND a.attnum > 0 AND NOT a.attisdropped;

-- name: present
-- What a process looks at twice a second: the number of loads of each layer, the city's date, and a stamp for each of the city's own layers.
SELECT
  coalesce((SELECT jsonb_object_agg(v.layer, v.version) FROM layer_versions AS v), '{}') AS loads,
  to_char(app_now() AT TIME ZONE coalesce((SELECT c.timezone FROM city AS c), 'UTC'), 'YYYYMMDD') AS today,
  coalesce((SELECT jsonb_object_agg(l.layer_id, l.stamp) FROM city_layers AS l), '{}') AS stamps;

-- name: loads
-- When each layer was last loaded, and by which number of loads it was another.
SELECT layer, version, loaded_at, confirmed_at, now() AS now FROM layer_versions;
