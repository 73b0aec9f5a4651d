-- Administrative areas in force. The organisation is joined on its key, so a query that does not ask for it never touches it.
CREATE OR REPLACE VIEW layer_admin_areas AS
SELECT a.code, a.level, a.parent_code, a.name_zh, a.name_en,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  a.geom, a.geom_3857
FROM admin_areas AS a
LEFT JOIN organisations AS o USING (organisation_id)
WHERE a.valid @> app_now();
