-- name: page
-- One page of an export in the order of keys, from behind `after`; those that share the last key are on one page.
SELECT t.{key} AS key, {columns}
FROM {rows}
WHERE {inside} AND {onward} AND {passing}
ORDER BY t.{key}
FETCH FIRST %(most)s ROWS WITH TIES;

-- name: passing
-- The same of those that pass a condition behind a window: of so many that are looked at, in the order of keys. Every row says how many those
-- were and what the last one's key is, and where none passes there is one row without a key.
WITH looked AS MATERIALIZED (SELECT t.* FROM {rows})
SELECT t.{key} AS key, {columns}, l."looked at", l."last key"
FROM (SELECT count(*) AS "looked at", max(k.{key}) AS "last key" FROM looked AS k) AS l
LEFT JOIN looked AS t ON {passing}
ORDER BY t.{key};
