-- What each camera sees, from the same table as layer_cameras; one whose view nobody knows is left out here, not there.
CREATE OR REPLACE VIEW layer_camera_views AS
SELECT c.code, c.name_zh, nullif(c.name_en, '') AS name_en, c.heading_deg, c.view_deg, c.range_m,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  c.sector AS geom, c.sector_3857 AS geom_3857
FROM cameras AS c
LEFT JOIN organisations AS o USING (organisation_id)
WHERE c.sector IS NOT NULL;
