-- Last positions of staff in service. One row each: there is no track to show.
CREATE OR REPLACE VIEW layer_officers AS
SELECT s.code, s.name, s.phone, s.post_zh, s.post_en,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  l.captured_at, l.accuracy_m, l.geom, l.geom_3857,
  l.unit_id AS scope_unit, l.staff_id AS scope_staff
FROM last_positions AS l
JOIN staff AS s USING (staff_id)
LEFT JOIN organisations AS o USING (organisation_id)
WHERE s.active;
