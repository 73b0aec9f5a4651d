-- Road centre lines. A road has no period of validity: it is replaced as a whole by loading.
CREATE OR REPLACE VIEW layer_roads AS
SELECT r.code, r.name_zh, r.name_en, r.class, r.oneway, r.geom, r.geom_3857
FROM roads AS r;
GRANT SELECT ON layer_roads TO gisops_app;
