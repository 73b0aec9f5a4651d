-- name: known_srid
-- Whether the database knows a reference system, and whether it is in metres.
SELECT proj4text LIKE '%%+units=m%%' OR proj4text LIKE '%%+proj=utm%%' AS metres FROM spatial_ref_sys WHERE srid = %(srid)s;

-- name: schemes
-- Schemes of categories that are there.
SELECT DISTINCT scheme FROM categories ORDER BY 1;

-- name: add_city
-- The one city of this database.
INSERT INTO city (code, name_zh, name_en, geom, metric_srid, timezone, category_scheme, grid_code_scheme, auto_file, settings)
VALUES (%(code)s, %(name_zh)s, %(name_en)s, ST_Multi(ST_GeomFromWKB(%(geom)s, 4326)), %(metric_srid)s, %(timezone)s, %(category_scheme)s,
        %(grid_code_scheme)s, %(auto_file)s, %(settings)s);

-- name: add_area
-- An administrative area.
INSERT INTO admin_areas (level, code, parent_code, name_zh, name_en, geom)
VALUES (%(level)s, %(code)s, %(parent_code)s, %(name_zh)s, %(name_en)s, ST_Multi(ST_GeomFromWKB(%(geom)s, 4326)));

-- name: add_neighbour
-- An area beside the city.
INSERT INTO neighbours (code, name_zh, name_en, geom)
VALUES (%(code)s, %(name_zh)s, %(name_en)s, ST_Multi(ST_GeomFromWKB(%(geom)s, 4326)));

-- name: add_desk
-- The duty desk: the last answer of dispatch.
INSERT INTO organisations (code, name_zh, name_en, kind, is_duty_desk, phone)
VALUES (%(code)s, %(name_zh)s, %(name_en)s, 'centre', true, %(phone)s);

-- name: add_admin
-- The first account.
INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%(login)s, %(password_hash)s, 'admin', true);

-- name: forget_holidays
-- A city with a calendar of its own, or none.
DELETE FROM calendar_days WHERE calendar = 'city';

-- name: forget_windows
-- A city with working hours of its own.
DELETE FROM work_windows WHERE calendar = 'city';

-- name: add_window
-- Working hours.
INSERT INTO work_windows (opens, closes) VALUES (%(opens)s, %(closes)s);

-- name: add_day
-- A day that is not what its weekday says.
INSERT INTO calendar_days (day, kind, note) VALUES (%(day)s, %(kind)s, %(note)s)
ON CONFLICT (calendar, day) DO UPDATE SET kind = excluded.kind, note = excluded.note;

-- name: new_version
-- The areas are there.
SELECT layer_changed(%(layer)s);

-- name: counts
-- What a city holds.
SELECT (SELECT count(*) FROM admin_areas WHERE valid @> app_now()) AS admin_areas, (SELECT count(*) FROM organisations) AS organisations,
       (SELECT count(*) FROM staff) AS staff, (SELECT count(*) FROM grid_cells WHERE valid @> app_now()) AS grid_cells,
       (SELECT count(*) FROM parts WHERE valid @> app_now()) AS parts, (SELECT count(*) FROM places) AS places,
       (SELECT count(*) FROM zone_sets WHERE valid @> app_now()) AS zone_sets,
       (SELECT count(*) FROM zones z JOIN zone_sets s USING (zone_set_id) WHERE s.valid @> app_now() AND z.valid @> app_now()) AS zones,
       (SELECT count(*) FROM cases) AS cases, (SELECT count(*) FROM categories WHERE enabled) AS categories;
