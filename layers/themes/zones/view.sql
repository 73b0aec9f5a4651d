-- Zones in force: in a set in force, and themselves in force (a draft set's validity is empty, so it never shows).
-- What was determined of a place in dispute is not among them: it lies where a case was, and cases are not public.
-- Only the organisation is told; who looks after a zone is not part of this layer.
CREATE OR REPLACE VIEW layer_zones AS
SELECT z.code, z.name_zh, z.name_en, z.kind, s.code AS zone_set, array_to_string(z.scope, ' ') AS scope, z.priority, z.area_m2,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  z.geom, z.geom_3857
FROM zones AS z
JOIN zone_sets AS s USING (zone_set_id)
LEFT JOIN organisations AS o USING (organisation_id)
WHERE z.valid @> app_now() AND s.valid @> app_now() AND s.purpose <> 'determination';
