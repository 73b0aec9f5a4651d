-- Open cases. A closed case leaves the map; it is found by number and in the statistics.
-- The handler is a post here; names are for the case itself, which the operation answers for.
CREATE OR REPLACE VIEW layer_cases AS
SELECT c.case_no, k.code AS category, k.name_zh AS category_zh, k.name_en AS category_en, c.state, c.stage, c.flow, c.severity,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  z.code AS zone, c.grid_cell_code AS grid_cell, s.post_zh AS handler_post_zh,
  c.ambiguous, c.report_count, c.reported_at, c.deadline, c.version, c.geom, c.geom_3857,
  c.unit_id AS scope_unit, c.handler_id AS scope_staff, c.superior_id AS scope_superior, c.organisation_id AS scope_organisation
FROM cases AS c
LEFT JOIN categories AS k USING (category_id)
LEFT JOIN organisations AS o ON o.organisation_id = c.organisation_id
LEFT JOIN zones AS z USING (zone_id)
LEFT JOIN staff AS s ON s.staff_id = c.handler_id
WHERE c.stage < 7;
