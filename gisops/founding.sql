-- name: hold_city
-- Nobody else founds a city while we do.
LOCK TABLE city IN EXCLUSIVE MODE;

-- name: city_is_there
-- The city this database holds already, or any organisation of one.
SELECT coalesce((SELECT name_zh || ' / ' || name_en FROM city), (SELECT name_zh || ' …' FROM organisations ORDER BY organisation_id LIMIT 1)) AS name;

-- name: extent
-- The city's box, about five kilometres wider on every side.
SELECT round((ST_XMin(geom) - 0.05)::numeric, 4) AS west, round((ST_YMin(geom) - 0.05)::numeric, 4) AS south,
  round((ST_XMax(geom) + 0.05)::numeric, 4) AS east, round((ST_YMax(geom) + 0.05)::numeric, 4) AS north
FROM city;

-- name: keep_in_city
-- No point of this table may lie far from the city, whoever writes it: a swapped or unconverted coordinate stops here.
ALTER TABLE {table} ADD CONSTRAINT {constraint}
CHECK (geom && ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326));
