-- Video cameras. Where they are is for staff. What they see is a layer of its own, camera_views: a tile's layer holds one geometry.
CREATE OR REPLACE VIEW layer_cameras AS
SELECT c.code, c.name_zh, nullif(c.name_en, '') AS name_en, c.heading_deg, c.view_deg, c.range_m,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  c.geom, c.geom_3857
FROM cameras AS c
LEFT JOIN organisations AS o USING (organisation_id);
