-- Road centre lines; a road without a name has none, rather than an empty one, so that no label is placed for it.
-- A road has no period of validity: it is replaced as a whole by loading.
CREATE OR REPLACE VIEW layer_roads AS
SELECT r.code, nullif(r.name_zh, '') AS name_zh, nullif(r.name_en, '') AS name_en, r.class, r.oneway, r.width_m,
  r.geom, r.geom_3857
FROM roads AS r;
