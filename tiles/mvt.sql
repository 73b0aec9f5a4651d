-- name: features
-- The features of one tile, drawn singly: at most `most` of them (one more is read, to know that there are more, and then none is drawn). The
-- box is widened by the layer's buffer (units of 4,096) so that what lies just outside is drawn up to the edge.
WITH found AS MATERIALIZED (
  SELECT {columns}, geom_3857
  FROM {source}
  WHERE geom_3857 && {box} AND {shown}
  LIMIT %(most)s + 1
), cut AS MATERIALIZED (
  SELECT {names}, geom_3857 AS shape, {large} AS large,
    CASE WHEN {large} THEN ST_AsMVTGeom(geom_3857, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, %(buffer)s, true) END AS geom
  FROM found
), whole AS (
  (SELECT {names}, {uncounted} geom FROM cut WHERE geom IS NOT NULL ORDER BY {key}) {counted}
)
SELECT n.found,
  CASE WHEN n.found <= %(most)s THEN (SELECT ST_AsMVT(whole, {layer}, 4096, 'geom') FROM whole) END AS tile,
  {labels} AS labels
FROM (SELECT count(*) AS found FROM found) AS n;

-- name: counted_small
-- What is too small to be drawn, or so thin that nothing is left of it in the tile's units, counted by squares: each in the one tile that
-- holds the middle of its box. A square is drawn in the tile's own units, as ST_AsMVT takes it, whatever its system is called.
UNION ALL (
  SELECT {address} AS {key}, {nulls} count(*)::int, {area}
    ST_ForcePolygonCCW(ST_MakeEnvelope((square_x %% %(among)s) * %(edge)s, (square_y %% %(among)s) * %(edge)s,
      (square_x %% %(among)s + 1) * %(edge)s, (square_y %% %(among)s + 1) * %(edge)s, 3857))
  FROM (
    SELECT geom_3857, {square_x} AS square_x, {square_y} AS square_y
    FROM (SELECT shape AS geom_3857 FROM cut WHERE NOT large OR geom IS NULL AND ST_Intersects(shape, ST_TileEnvelope(%(z)s, %(x)s, %(y)s))) AS lost
  ) AS small
  WHERE square_x / %(among)s = %(x)s AND square_y / %(among)s = %(y)s AND square_x >= 0 AND square_y >= 0
  GROUP BY square_x, square_y
  ORDER BY square_x, square_y
)

-- name: labels
-- One point for each polygon whose point lies in this tile and no other (half-open): a label drawn from the polygon itself would
-- stand once in every tile it touches. A label that says nothing is none.
CASE WHEN n.found <= %(most)s THEN (
  SELECT ST_AsMVT(labelled, {label_layer}, 4096, 'geom')
  FROM (
    SELECT {names}, ST_AsMVTGeom(point, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 0, false) AS geom
    FROM (
      SELECT {names}, {key} AS ordered_by, ST_PointOnSurface(geom_3857) AS point
      FROM found
      WHERE geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AND {says} AND {large}
    ) AS placed
    WHERE floor((ST_X(point) + 20037508.342789244) / %(side)s) = %(x)s AND floor((20037508.342789244 - ST_Y(point)) / %(side)s) = %(y)s
    ORDER BY ordered_by
  ) AS labelled
  WHERE geom IS NOT NULL
) END

-- name: squares
-- The features of one tile, counted: each belongs to the one square (a tile some zooms deeper) that holds the middle of its box, so the
-- counts of all squares add up to the number of features.
WITH placed AS (
  SELECT geom_3857, {square_x} AS square_x, {square_y} AS square_y
  FROM {source}
  WHERE geom_3857 && {box} AND {shown}
), counted AS (
  SELECT {address} AS {key}, count(*)::int AS count, {area}
    ST_ForcePolygonCCW(ST_MakeEnvelope((square_x %% %(among)s) * %(edge)s, (square_y %% %(among)s) * %(edge)s,
      (square_x %% %(among)s + 1) * %(edge)s, (square_y %% %(among)s + 1) * %(edge)s, 3857)) AS geom
  FROM placed
  WHERE square_x / %(among)s = %(x)s AND square_y / %(among)s = %(y)s AND square_x >= 0 AND square_y >= 0
  GROUP BY square_x, square_y
  ORDER BY square_x, square_y
)
SELECT ST_AsMVT(counted, {layer}, 4096, 'geom') AS tile FROM counted;
