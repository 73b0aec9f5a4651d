-- Flood-control points. The post on duty is for staff.
CREATE OR REPLACE VIEW layer_flood_control AS
SELECT f.code, f.name_zh, nullif(f.name_en, '') AS name_en, f.kind, f.risk,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  f.duty_post_zh, f.geom, f.geom_3857
FROM flood_points AS f
LEFT JOIN organisations AS o USING (organisation_id);
