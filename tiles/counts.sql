-- name: counts
-- All features of a layer, counted by squares of the tile grid: each belongs to the one that holds the middle of its box. Three numbers for
-- each square, column, row and count, and the area of what it counts (square metres of Web Mercator), as bytes one after the other.
WITH counted AS (
  SELECT
    floor(((ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2 + 20037508.342789244) / %(side)s)::int AS square_x,
    floor((20037508.342789244 - (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2) / %(side)s)::int AS square_y,
    count(*)::int AS count,
    {area} AS area
  FROM {source}
  GROUP BY 1, 2
)
SELECT string_agg(int4send(square_x) || int4send(square_y) || int4send(count) || float8send(area), ''::bytea) AS squares
FROM counted
WHERE square_x >= 0 AND square_y >= 0;
