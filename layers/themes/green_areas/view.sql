-- Green and other open ground, the lowest of the map: buildings, paths and ponds lie upon it. Replaced as a whole by loading.
CREATE OR REPLACE VIEW layer_green_areas AS
SELECT g.code, nullif(g.name_zh, '') AS name_zh, nullif(g.name_en, '') AS name_en, g.class,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  g.geom, g.geom_3857
FROM green_areas AS g
LEFT JOIN organisations AS o USING (organisation_id);
