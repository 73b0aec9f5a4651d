-- Sensors with their last reading, which is for staff: what a single value means is told by those who answer for it.
CREATE OR REPLACE VIEW layer_sensors AS
SELECT s.code, s.kind, s.name_zh, nullif(s.name_en, '') AS name_en, nullif(s.unit, '') AS unit, s.last_value, s.last_at,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  s.geom, s.geom_3857
FROM sensors AS s
LEFT JOIN organisations AS o USING (organisation_id);
