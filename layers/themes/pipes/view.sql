-- Pipes. Where they run is for staff: it is what whoever wants to do harm would ask. Replaced as a whole by loading.
CREATE OR REPLACE VIEW layer_pipes AS
SELECT p.code, p.medium, p.diameter_mm, p.depth_m, nullif(p.material, '') AS material, p.laid_year,
  o.code AS owner, o.name_zh AS owner_zh, o.name_en AS owner_en,
  p.geom, p.geom_3857
FROM pipes AS p
LEFT JOIN organisations AS o ON o.organisation_id = p.owner_organisation_id;
