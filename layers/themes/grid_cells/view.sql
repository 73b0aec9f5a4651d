-- Grid cells in force. A changed boundary gets a new code, so the old cell ends and is not shown.
CREATE OR REPLACE VIEW layer_grid_cells AS
SELECT g.code, g.code_scheme, g.district, g.street_code, g.community_code, g.geom, g.geom_3857
FROM grid_cells AS g
WHERE g.valid @> app_now();
