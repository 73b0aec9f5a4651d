-- name: hold_city
-- Nobody else loads a city while we do.
LOCK TABLE city IN EXCLUSIVE MODE;

-- name: city_is_there
-- The city this database holds already, or any organisation of one.
SELECT coalesce((SELECT name_zh || ' / ' || name_en FROM city), (SELECT name_zh || ' …' FROM organisations ORDER BY organisation_id LIMIT 1)) AS name;

-- name: categories_of_scheme
-- Keys of a scheme's own categories by their short codes.
SELECT code, category_id FROM categories WHERE scheme = %(scheme)s AND city_code = '';

-- name: add_account
-- One sign-in of the sample.
INSERT INTO accounts (login, password_hash, role, staff_id, organisation_id, is_sample)
VALUES (%(login)s, %(password_hash)s, %(role)s, %(staff_id)s, %(organisation_id)s, true);

-- name: go_on_counting
-- Keys given by hand do not move the counters behind them.
SELECT setval(pg_get_serial_sequence('organisations', 'organisation_id'), (SELECT max(organisation_id) FROM organisations)),
  setval(pg_get_serial_sequence('staff', 'staff_id'), (SELECT max(staff_id) FROM staff)),
  setval(pg_get_serial_sequence('zone_sets', 'zone_set_id'), (SELECT max(zone_set_id) FROM zone_sets)),
  setval(pg_get_serial_sequence('zones', 'zone_id'), (SELECT max(zone_id) FROM zones));

-- name: extent
-- The city's box, about five kilometres wider on every side.
SELECT round((ST_XMin(geom) - 0.05)::numeric, 4) AS west, round((ST_YMin(geom) - 0.05)::numeric, 4) AS south,
  round((ST_XMax(geom) + 0.05)::numeric, 4) AS east, round((ST_YMax(geom) + 0.05)::numeric, 4) AS north
FROM city;

-- name: keep_in_city
-- No point of this table may lie far from the city, whoever writes it: a swapped or unconverted coordinate stops here.
ALTER TABLE {table} ADD CONSTRAINT {constraint}
CHECK (geom && ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326));

-- name: new_version
-- A layer's content changed by loading.
INSERT INTO layer_versions (layer, loaded_at) VALUES (%(layer)s, now())
ON CONFLICT (layer) DO UPDATE SET version = layer_versions.version + 1, loaded_at = excluded.loaded_at;
