-- Last positions of vehicles; one that was never heard of has none and is not on the map. There is no track to show.
CREATE OR REPLACE VIEW layer_vehicles AS
SELECT v.code, v.plate, v.kind, nullif(v.name_zh, '') AS name_zh, v.captured_at, v.heading_deg, v.speed_kmh,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  v.geom, v.geom_3857
FROM vehicles AS v
LEFT JOIN organisations AS o USING (organisation_id)
WHERE v.geom IS NOT NULL;
