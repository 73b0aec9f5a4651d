-- Which grid cell holds a point.

CREATE OR REPLACE FUNCTION cell_at(p geometry, at timestamptz)
RETURNS TABLE (code text, district text, street_code text, community_code text)
LANGUAGE sql STABLE PARALLEL SAFE
-- One cell, or none: of those that cover the point (within 1e-10 degrees, so that rounding leaves no cracks) the one that also covers the point
-- moved a hair north-east, so that a shared edge belongs to one side only. It returns a set so that it is inlined where it is joined.
BEGIN ATOMIC
  SELECT g.code, g.district, g.street_code, g.community_code
  FROM grid_cells g
  WHERE ST_DWithin(g.geom, p, 1e-10) AND in_force(g.valid, cell_at.at)
  ORDER BY ST_DWithin(g.geom, ST_Translate(p, 1e-9, 1e-9), 1e-10) DESC, g.code COLLATE "C"
  LIMIT 1;
END;

CREATE OR REPLACE FUNCTION cells_at(n int[], lon float8[], lat float8[], at timestamptz)
RETURNS TABLE (n int, grid_cell_code text)
LANGUAGE sql STABLE PARALLEL SAFE
-- The same for many points. LATERAL with LIMIT pins the order: points outside, index inside.
BEGIN ATOMIC
  SELECT i.n, c.code
  FROM unnest(n, lon, lat) AS i (n, lon, lat)
  LEFT JOIN LATERAL cell_at(ST_SetSRID(ST_MakePoint(i.lon, i.lat), 4326), cells_at.at) c ON true;
END;
