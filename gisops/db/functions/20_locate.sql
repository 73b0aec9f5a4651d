-- Which grid cell holds a point.

CREATE OR REPLACE FUNCTION cells_at(n int[], lon float8[], lat float8[], at timestamptz)
RETURNS TABLE (n int, grid_cell_code text)
LANGUAGE sql STABLE PARALLEL SAFE
-- One cell a point, or none: of those that cover it (within 1e-10 degrees, so that rounding leaves no cracks) the one that also covers the point
-- moved a hair north-east, so that a shared edge belongs to one side only. LATERAL with LIMIT pins the order: points outside, index inside.
BEGIN ATOMIC
  SELECT i.n, c.code
  FROM unnest(n, lon, lat) AS i (n, lon, lat)
  LEFT JOIN LATERAL (
    SELECT g.code
    FROM grid_cells g
    WHERE ST_DWithin(g.geom, ST_SetSRID(ST_MakePoint(i.lon, i.lat), 4326), 1e-10)
      AND in_force(g.valid, cells_at.at)
    ORDER BY ST_DWithin(g.geom, ST_SetSRID(ST_MakePoint(i.lon + 1e-9, i.lat + 1e-9), 4326), 1e-10) DESC, g.code COLLATE "C"
    LIMIT 1
  ) c ON true;
END;
