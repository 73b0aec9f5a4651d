-- name: page
-- Cases of the ledger that the viewer may see, newest first, from behind the last one of the page before.
SELECT c.case_id, c.organisation_id, c.handler_id, c.case_no, c.state, c.stage, c.flow, c.severity, g.code AS category, g.name_zh AS category_zh, g.name_en AS category_en,
  f.seq AS condition, e.text_zh AS condition_zh, o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en, h.code AS handler, h.name AS handler_name,
  h.post_zh AS handler_post_zh, c.street_code AS street, c.community_code AS community, c.grid_cell_code AS grid_cell, z.code AS zone,
  ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, c.reported_at, c.filed_at, c.dispatched_at, c.acknowledged_at, c.handled_at, c.closed_at, c.deadline,
  coalesce(c.handled_at, c.closed_at, app_now()) > c.deadline AS late,
  c.report_count, c.return_count, c.rework_count, c.extended_count, c.suspended_count, c.escalation, c.assessed, c.timeout_exempt, c.satisfaction
FROM seen_cases(
  in_state => %(state)s, in_category => %(category_id)s, at_organisation => %(organisation)s, box => ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326),
  before => coalesce(%(after)s::uuid, first_key(%(until)s)), most => %(most)s, since => first_key(%(since)s)) AS seen
JOIN cases c USING (district_code, case_id)
JOIN categories g ON g.category_id = c.category_id
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN zones z ON z.zone_id = c.zone_id
LEFT JOIN staff h ON h.staff_id = c.handler_id
LEFT JOIN filing_conditions f ON f.filing_condition_id = c.filing_condition_id
LEFT JOIN handbook_entries e ON e.filing_condition_id = c.filing_condition_id AND in_force(e.valid, coalesce(c.filed_at, c.reported_at))
ORDER BY c.case_id DESC;
