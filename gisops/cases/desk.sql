-- name: inbox
-- Open cases in some states that the viewer may see, the gravest first and of those what runs out first, with the clock that runs in each.
SELECT c.case_no, c.case_id, c.organisation_id, c.handler_id, c.state, c.stage, c.flow, c.severity, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, c.reported_at, c.filed_at, c.dispatched_at,
       c.handled_at, c.closed_at, c.deadline, c.ambiguous, c.version, c.grid_cell_code, c.priority,
       c.report_count, c.return_count, c.rework_count, c.extended_count, c.suspended_count, c.urged_count, c.is_rework,
       (SELECT d.case_no FROM cases d WHERE d.district_code = c.district_code AND d.case_id = c.duplicate_of) AS duplicate_of,
       (SELECT r.case_no FROM cases r WHERE r.district_code = c.district_code AND r.case_id = c.recurrence_of) AS recurrence_of,
       cat.scheme AS category_scheme, cat.code AS category_code, cat.name_zh AS category_zh, cat.name_en AS category_en,
       o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
       z.code AS zone_code, z.name_zh AS zone_zh, z.name_en AS zone_en,
       h.code AS handler_code, h.name AS handler_name, h.post_zh AS handler_post_zh, h.post_en AS handler_post_en,
       w.rank, w.urgent_at::text AS urgent_at, k.step, k.started_at, k.deadline AS clock_deadline, k.unit, k.value, k.paused_at, k.level, q.code AS clock_organisation,
       clock_light(coalesce(k.deadline, CASE WHEN k.case_id IS NULL THEN c.deadline END), k.due_at, k.due_kind, k.paused_at, app_now()) AS light, app_now() AS now
FROM (
  SELECT * FROM seen_work(
    in_states => %(states)s, in_category => %(category_id)s, at_organisation => %(organisation_id)s, in_street => %(street)s, of_severity => %(severity)s,
    late => %(late)s, above => %(above)s, since => %(since)s::timestamptz, after => %(after)s, most => %(limit)s)
  WHERE NOT %(tasks)s
  -- tasks: what he handles himself, what his organisation's time runs for, and what there is to verify or check where he looks
  UNION SELECT * FROM seen_work(in_states => %(states)s, mine => true, above => %(above)s, since => %(since)s::timestamptz, after => %(after)s, most => %(limit)s) WHERE %(tasks)s
  UNION SELECT * FROM seen_work(
    in_states => %(held)s, at_organisation => %(organisation_id)s, above => %(above)s, since => %(since)s::timestamptz, after => %(after)s, most => %(limit)s)
  WHERE %(tasks)s AND cardinality(%(held)s::text[]) > 0
  UNION SELECT * FROM seen_work(in_states => %(pool)s, above => %(above)s, since => %(since)s::timestamptz, after => %(after)s, most => %(limit)s)
  WHERE %(tasks)s AND cardinality(%(pool)s::text[]) > 0
) AS w
JOIN cases c USING (district_code, case_id)
JOIN categories cat ON cat.category_id = c.category_id
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN zones z ON z.zone_id = c.zone_id
LEFT JOIN staff h ON h.staff_id = c.handler_id
LEFT JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
LEFT JOIN organisations q ON q.organisation_id = k.organisation_id
ORDER BY w.rank, w.urgent_at, w.case_id
LIMIT %(limit)s;

-- name: counts
-- How many open cases the viewer may see in each of some states, counted so far.
SELECT state, count FROM seen_open_counts(%(states)s, %(most)s);

-- name: asked
-- Of which cases that wait for a look one was asked for it, the last of all.
SELECT c.case_no
FROM unnest(%(districts)s::text[], %(numbers)s::text[]) AS n (district_code, case_no)
JOIN cases c ON c.district_code = n.district_code AND c.case_no = n.case_no AND c.state IN ('verifying', 'checking')
JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
CROSS JOIN LATERAL (
  SELECT r.staff_id FROM case_recipients r
  WHERE r.district_code = c.district_code AND r.case_id = c.case_id AND r.role = k.step AND r.notified_at >= k.started_at
  ORDER BY r.seq DESC LIMIT 1) last
WHERE last.staff_id = %(staff_id)s;

-- name: organisation
-- The key of an organisation.
SELECT organisation_id FROM organisations WHERE code = %(code)s;

-- name: late_by_organisation
-- What is late, or soon will be, by whose clock it is.
SELECT o.code, o.name_zh, o.name_en, count(*) FILTER (WHERE l.light = 'red') AS red, count(*) FILTER (WHERE l.light = 'yellow') AS yellow,
       min(l.deadline) FILTER (WHERE l.light = 'red') AS longest_since
FROM seen_late() AS l
JOIN organisations o ON o.organisation_id = l.clock_organisation_id
GROUP BY o.organisation_id
ORDER BY red DESC, yellow DESC, o.code COLLATE "C";

-- name: late_by_street
-- The same by the street in which it is; without one what lies in none.
SELECT coalesce(c.street_code, '') AS code, a.name_zh, a.name_en, count(*) FILTER (WHERE l.light = 'red') AS red,
       count(*) FILTER (WHERE l.light = 'yellow') AS yellow, min(l.deadline) FILTER (WHERE l.light = 'red') AS longest_since
FROM seen_late() AS l
JOIN cases c USING (district_code, case_id)
LEFT JOIN admin_areas a ON a.level = 3 AND a.code = c.street_code AND in_force(a.valid, app_now())
GROUP BY coalesce(c.street_code, ''), a.name_zh, a.name_en
ORDER BY red DESC, yellow DESC, coalesce(c.street_code, '') COLLATE "C";

-- name: late_by_category
-- The same by what it is about.
SELECT g.code, g.name_zh, g.name_en, count(*) FILTER (WHERE l.light = 'red') AS red, count(*) FILTER (WHERE l.light = 'yellow') AS yellow,
       min(l.deadline) FILTER (WHERE l.light = 'red') AS longest_since
FROM seen_late() AS l
JOIN cases c USING (district_code, case_id)
JOIN categories g USING (category_id)
GROUP BY g.category_id
ORDER BY red DESC, yellow DESC, g.code COLLATE "C";
