-- name: columns
-- Columns of a table that can be written, with their types.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a
WHERE a.attrelid = %(table)s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum;

-- name: primary_key
-- Columns of a table's primary key, in order.
SELECT a.attname AS name
FROM pg_constraint k
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
WHERE k.conrelid = %(table)s::regclass AND k.contype = 'p'
ORDER BY n.place;

-- name: outline
-- The city's outline.
SELECT ST_AsBinary(geom) AS shape FROM city;

-- name: has_rows
-- Whether a table holds anything.
SELECT EXISTS (SELECT FROM {table}) AS there;

-- name: staged
-- Columns of a staging table.
SELECT a.attname AS name FROM pg_attribute a
WHERE a.attrelid = to_regclass(%(stage)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
