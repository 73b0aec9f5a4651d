-- Buildings. Households and residents are for staff; the catalogue leaves them out for everybody else.
CREATE OR REPLACE VIEW layer_buildings AS
SELECT b.code, nullif(b.name_zh, '') AS name_zh, b.use, b.floors, b.height_m, b.households, b.residents, b.geom, b.geom_3857,
  b.unit_id AS scope_unit
FROM buildings AS b;
