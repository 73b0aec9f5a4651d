-- name: features
-- The features of one tile, drawn singly: at most `most` of them (one more is read, to know that there are more). The box is
-- widened by the layer's buffer (units of 4,096) so that what lies just outside is drawn up to the edge.
WITH found AS (
  SELECT {columns}, geom_3857
  FROM {source}
  WHERE geom_3857 && {box} AND {shown}
  LIMIT %(most)s + 1
), drawn AS (
  SELECT {names}, ST_AsMVTGeom(geom_3857, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, %(buffer)s, true) AS geom
  FROM found
  ORDER BY {key}
)
SELECT
  (SELECT count(*) FROM found) AS found,
  (SELECT ST_AsMVT(drawn, {layer}, 4096, 'geom') FROM drawn WHERE geom IS NOT NULL) AS tile;

-- name: labels
-- One point for each polygon whose point lies in this tile and no other (half-open): a label drawn from the polygon itself would
-- stand once in every tile it touches.
WITH found AS (
  SELECT {columns}, ST_PointOnSurface(geom_3857) AS point
  FROM {source}
  WHERE geom_3857 && {box} AND {shown}
), drawn AS (
  SELECT {names}, ST_AsMVTGeom(point, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 0, false) AS geom
  FROM found
  WHERE floor((ST_X(point) + 20037508.342789244) / %(side)s) = %(x)s
    AND floor((20037508.342789244 - ST_Y(point)) / %(side)s) = %(y)s
  ORDER BY {key}
)
SELECT ST_AsMVT(drawn, {layer}, 4096, 'geom') AS tile FROM drawn WHERE geom IS NOT NULL;

-- name: squares
-- The features of one tile, counted: each belongs to the one square (a tile five zooms deeper) that holds the middle of its box, so
-- the counts of all squares add up to the number of features.
WITH placed AS (
  SELECT
    floor(((ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2 + 20037508.342789244) / %(side)s * 32)::int AS square_x,
    floor((20037508.342789244 - (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2) / %(side)s * 32)::int AS square_y
  FROM {source}
  WHERE geom_3857 && {box} AND {shown}
), counted AS (
  SELECT square_x, square_y, count(*)::int AS count
  FROM placed
  WHERE square_x / 32 = %(x)s AND square_y / 32 = %(y)s AND square_x >= 0 AND square_y >= 0
  GROUP BY square_x, square_y
), drawn AS (
  SELECT
    format('%%s/%%s/%%s', %(z)s + 5, square_x, square_y) AS {key}, count,
    ST_AsMVTGeom(ST_TileEnvelope(%(z)s + 5, square_x, square_y), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 0, false) AS geom
  FROM counted
  ORDER BY square_x, square_y
)
SELECT ST_AsMVT(drawn, {layer}, 4096, 'geom') AS tile FROM drawn WHERE geom IS NOT NULL;
