-- name: total
-- How many features there are.
SELECT count(*)::int AS count FROM {dots} AS t (geom);

-- name: city_wide
-- Whether the whole city is open to this transaction's viewer.
SELECT coalesce(v.everywhere, false) AS everywhere FROM viewer() AS v;

-- name: by_field
-- How many features there are of each value of a field, the most first; at most `groups` values, the last row telling of the rest.
WITH counted AS (
  SELECT t.{field} AS value, count(*)::int AS count
  FROM {rows} AS t
  WHERE {inside}
  GROUP BY t.{field}
), ranked AS (
  SELECT value, count, row_number() OVER (ORDER BY count DESC, value) AS place FROM counted
)
SELECT to_jsonb(value) AS value, count, false AS rest FROM ranked WHERE place <= %(groups)s
UNION ALL
SELECT NULL, sum(count)::int, true FROM ranked WHERE place > %(groups)s HAVING count(*) > 0;

-- name: squares
-- How many features lie in each square of the tile grid: each in the one square that holds the middle of its box.
WITH placed AS (
  SELECT
    floor(((ST_XMin(t.geom_3857) + ST_XMax(t.geom_3857)) / 2 + 20037508.342789244) / %(side)s)::int AS x,
    floor((20037508.342789244 - (ST_YMin(t.geom_3857) + ST_YMax(t.geom_3857)) / 2) / %(side)s)::int AS y
  FROM {dots} AS t (geom_3857)
)
SELECT x, y, count(*)::int AS count
FROM placed
WHERE x BETWEEN %(west_x)s AND %(east_x)s AND y BETWEEN %(north_y)s AND %(south_y)s
GROUP BY x, y
ORDER BY y, x;

-- name: squares_of_five
-- The same of a layer whose features this viewer may not see one by one: the window leaves out squares that would tell of few.
SELECT x, y, count FROM {window}(%(zoom)s, %(west_x)s, %(north_y)s, %(east_x)s, %(south_y)s) ORDER BY y, x;
