-- name: one
-- One of the city's own layers.
SELECT layer_id, description, style, file_columns, scoped, file_name, row_count, made_at, changed_at
FROM city_layers
WHERE layer_id = %(layer)s;

-- name: all
-- All of them, with what they are made of.
SELECT layer_id, description, style FROM city_layers ORDER BY layer_id;

-- name: counts
-- How many rows each holds.
SELECT layer_id, row_count FROM city_layers;

-- name: next_order
-- The place above all that the city brought so far.
SELECT max((regexp_match(description, '^order = ([0-9]+)', 'n'))[1]::int) AS highest FROM city_layers;

-- name: taken
-- Relations and functions of the names that a layer of this id would make, and that are there already.
SELECT c.relname AS name FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('city_' || %(layer)s, 'layer_' || %(layer)s)
UNION ALL
SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ ('^[a-z]+_' || %(layer)s || '$');

-- name: keep
-- A layer as it is now, in place of what it was.
INSERT INTO city_layers (layer_id, description, style, file_columns, scoped, file_name, sha256, row_count)
VALUES (%(layer)s, %(description)s, %(style)s, %(file_columns)s, %(scoped)s, %(file_name)s, %(sha256)s, %(row_count)s)
ON CONFLICT (layer_id) DO UPDATE SET
  description = excluded.description, style = excluded.style, file_columns = excluded.file_columns, scoped = excluded.scoped,
  file_name = excluded.file_name, sha256 = excluded.sha256, row_count = excluded.row_count,
  changed_at = now(), stamp = nextval('city_layer_stamps');

-- name: describe
-- The same rows under another description.
UPDATE city_layers SET description = %(description)s, style = %(style)s, scoped = %(scoped)s, changed_at = now(), stamp = nextval('city_layer_stamps')
WHERE layer_id = %(layer)s;

-- name: forget
-- A layer is none any more. The number of its loads stays: a layer of the same id made later must not take up addresses that were kept for this one.
DELETE FROM city_layers WHERE layer_id = %(layer)s;

-- name: functions
-- The functions that were made for a layer: its windows, whose owner owns nothing else, and its digest.
SELECT p.oid::regprocedure::text AS name
FROM pg_proc AS p
WHERE p.pronamespace = 'public'::regnamespace
  AND (p.proname = 'digest_' || %(layer)s OR (p.proname ~ ('^[a-z]+_' || %(layer)s || '$') AND pg_get_userbyid(p.proowner) = 'gisops_windows'));

-- name: add_unit
-- From now on each row has the unit that holds it.
ALTER TABLE {table} ADD COLUMN unit_id int REFERENCES scope_units;
COMMENT ON COLUMN {table}.unit_id IS {comment};
CREATE INDEX {index} ON {table} (unit_id);

-- name: drop_unit
-- From now on none has.
ALTER TABLE {table} DROP COLUMN unit_id;

-- name: changed
-- The layer's content was loaded: a new version, where anybody sees another.
SELECT layer_changed(%(layer)s) AS moved;
