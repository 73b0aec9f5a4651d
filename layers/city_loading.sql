-- name: incoming
-- Rows of a file as they come, every column as text; gone with the transaction, or with the next file of the same one.
DROP TABLE IF EXISTS pg_temp.incoming_layer;
CREATE TEMP TABLE incoming_layer (row_no bigint NOT NULL, {columns} geom geometry NOT NULL) ON COMMIT DROP;

-- name: copy
-- How they come.
COPY pg_temp.incoming_layer FROM STDIN;

-- name: without_key
-- Rows whose key is missing, or too long for an index.
DELETE FROM pg_temp.incoming_layer WHERE {key} IS NULL OR length({key}) NOT BETWEEN 1 AND 200 RETURNING row_no;

-- name: repeated_key
-- Rows whose key stood in the file before.
DELETE FROM pg_temp.incoming_layer AS i
USING (SELECT row_no, row_number() OVER (PARTITION BY {key} ORDER BY row_no) AS time FROM pg_temp.incoming_layer) AS n
WHERE n.row_no = i.row_no AND n.time > 1
RETURNING i.row_no;

-- name: tells_apart
-- Whether a column tells every row from every other.
SELECT count(*) = count({column}) AND count(*) = count(DISTINCT {column}) AND max(length({column})) <= 200 AS apart
FROM pg_temp.incoming_layer;

-- name: make
-- The layer's table, in the schema where things wait.
CREATE TABLE staging.{table} (
  {columns},
  {unit}
  geom geometry({shape}, 4326) NOT NULL,
  geom_3857 geometry GENERATED ALWAYS AS (to_3857(geom)) STORED,
  CHECK (NOT ST_IsEmpty(geom) AND geom_3857 IS NOT NULL)
);

-- name: fill
-- Its rows, each as its type; neighbours on the ground lie near one another on the disk, so that a tile reads few pages.
INSERT INTO staging.{table} ({names}, geom)
SELECT {values}, {geometry} FROM pg_temp.incoming_layer ORDER BY geom;

-- name: index
-- Features by box; tiles by box; and, where rows have a unit, the rows of those who look into few.
CREATE INDEX {geom_index} ON staging.{table} USING gist (geom);
CREATE INDEX {geom_3857_index} ON staging.{table} USING gist (geom_3857);

-- name: index_unit
-- The rows of those who look into few units.
CREATE INDEX {index} ON staging.{table} (unit_id);

-- name: analyze
-- What the planner should know of it before anybody asks.
ANALYZE staging.{table};

-- name: fullest
-- The features and the corners of lines that the fullest tile of each zoom holds, by the middles of boxes.
WITH placed AS (
  SELECT
    floor(((ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2 + 20037508.342789244) / (2 * 20037508.342789244) * 65536)::int AS x,
    floor((20037508.342789244 - (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2) / (2 * 20037508.342789244) * 65536)::int AS y,
    ST_NPoints(geom_3857) AS corners
  FROM staging.{table}
), fine AS (
  SELECT x, y, count(*) AS features, sum(corners) AS corners FROM placed GROUP BY x, y
), tiles AS (
  SELECT z.zoom, sum(f.features) AS features, sum(f.corners) AS corners
  FROM fine AS f CROSS JOIN generate_series(8, 16) AS z (zoom)
  GROUP BY z.zoom, f.x >> (16 - z.zoom), f.y >> (16 - z.zoom)
)
SELECT zoom, max(features)::bigint AS features, max(corners)::bigint AS corners FROM tiles GROUP BY zoom;

-- name: zone
-- Moments without an offset are in the city's own time.
SET LOCAL timezone = {timezone};

-- name: patience
-- Whoever reads the layer at this moment is waited for, not longer.
SET LOCAL lock_timeout = '30s';

-- name: clear
-- What an earlier attempt may have left where things wait.
DROP TABLE IF EXISTS staging.{table};
