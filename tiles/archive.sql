-- name: touched
-- The tiles of one zoom that something may be drawn in: those that the features' boxes touch, widened as tiles are, within a range of them.
SELECT DISTINCT x, y
FROM (
  SELECT
    greatest(floor((ST_XMin(geom_3857) - %(margin)s + 20037508.342789244) / %(side)s)::int, %(west)s) AS west,
    least(floor((ST_XMax(geom_3857) + %(margin)s + 20037508.342789244) / %(side)s)::int, %(east)s) AS east,
    greatest(floor((20037508.342789244 - ST_YMax(geom_3857) - %(margin)s) / %(side)s)::int, %(north)s) AS north,
    least(floor((20037508.342789244 - ST_YMin(geom_3857) + %(margin)s) / %(side)s)::int, %(south)s) AS south
  FROM {source}
) AS boxes
CROSS JOIN LATERAL generate_series(west, east) AS x
CROSS JOIN LATERAL generate_series(north, south) AS y;

-- name: extent
-- The box of what is there, in degrees; none where nothing is.
SELECT ST_XMin(box)::float8 AS west, ST_YMin(box)::float8 AS south, ST_XMax(box)::float8 AS east, ST_YMax(box)::float8 AS north
FROM (SELECT ST_Transform(ST_SetSRID(ST_Extent(geom_3857)::geometry, 3857), 4326) AS box FROM {source}) AS e
WHERE box IS NOT NULL;

-- name: snapshot
-- A name for what this transaction sees, for others to see the same.
SELECT pg_export_snapshot() AS snapshot;

-- name: share
-- See in this transaction what another one sees; before anything else is asked in it.
SET TRANSACTION SNAPSHOT {snapshot};
