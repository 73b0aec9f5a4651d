-- name: page
-- One page of an export in the order of keys, from behind `after`; those that share the last key are on one page.
SELECT t.{key} AS key, {columns}
FROM {rows}
WHERE {inside} AND {onward}
ORDER BY t.{key}
FETCH FIRST %(most)s ROWS WITH TIES;
