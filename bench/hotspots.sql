-- name: table
-- Where the points stand: metres in a plane, as the hexagons are.
CREATE UNLOGGED TABLE hotspot_points (geom geometry(Point, 3857) NOT NULL);

-- name: grid
-- Count points on PostGIS's own hexagons, as its manual shows it: the grid over the points' extent, joined to them.
SELECT count(*) AS hexagons, sum(n) AS points
FROM (
  SELECT h.i, h.j, count(*) AS n
  FROM ST_HexagonGrid(%(edge_m)s, (SELECT ST_Extent(geom)::geometry(Geometry, 3857) FROM hotspot_points)) h
  JOIN hotspot_points p ON ST_Intersects(p.geom, h.geom)
  GROUP BY h.i, h.j
) counted;

-- name: index
-- For the join to choose, if it likes.
CREATE INDEX hotspot_points_geom ON hotspot_points USING gist (geom);
