-- name: categories_of_scheme
-- Keys of a scheme's own categories by their short codes.
SELECT code, category_id FROM categories WHERE scheme = %(scheme)s AND city_code = '';

-- name: add_account
-- One sign-in of the sample.
INSERT INTO accounts (login, password_hash, role, staff_id, organisation_id, is_sample, everywhere)
VALUES (%(login)s, %(password_hash)s, %(role)s, %(staff_id)s, %(organisation_id)s, true, %(everywhere)s);

-- name: know_the_ground
-- Statistics of what every row is looked up in: without them the first plans would be guesses.
ANALYZE admin_areas, grid_cells, zones, zone_staff;

-- name: grant_scopes
-- The sample's officer looks into the zones he is assigned to, its supervisor into one street, the one of most cells; handler and department
-- see the cases that are theirs.
INSERT INTO account_scopes (account_id, kind, code)
SELECT account_id, 'own_zones', '' FROM accounts WHERE is_sample AND role = 'officer'
UNION ALL
SELECT a.account_id, 'area', s.street_code
FROM accounts AS a
CROSS JOIN (SELECT street_code FROM grid_cells GROUP BY street_code ORDER BY count(*) DESC, street_code COLLATE "C" LIMIT 1) AS s
WHERE a.is_sample AND a.role = 'supervisor';

-- name: go_on_counting
-- Keys given by hand do not move the counters behind them.
SELECT setval(pg_get_serial_sequence('organisations', 'organisation_id'), (SELECT max(organisation_id) FROM organisations)),
  setval(pg_get_serial_sequence('staff', 'staff_id'), (SELECT max(staff_id) FROM staff)),
  setval(pg_get_serial_sequence('zone_sets', 'zone_set_id'), (SELECT max(zone_set_id) FROM zone_sets)),
  setval(pg_get_serial_sequence('zones', 'zone_id'), (SELECT max(zone_id) FROM zones));

-- name: new_version
-- A layer's content changed by loading.
SELECT layer_changed(%(layer)s);

-- name: still_to_tell
-- How many past cases the sample is to have; the city's settings keep it, so that a telling that was cut off can be finished.
UPDATE city SET settings = jsonb_set(settings, '{sample,cases}', to_jsonb(%(cases)s::int)) WHERE %(cases)s > 0;

-- name: untold
-- Seed, moment and number of the past cases that are to be told, where that is not done.
SELECT (settings #>> '{sample,seed}')::int AS seed, settings #>> '{sample,until}' AS until, (settings #>> '{sample,cases}')::int AS cases
FROM city
WHERE settings #>> '{sample,cases}' IS NOT NULL AND settings #>> '{sample,told}' IS NULL;

-- name: all_told
-- The sample's past is told.
UPDATE city SET settings = jsonb_set(settings, '{sample,told}', 'true');
