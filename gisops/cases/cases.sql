-- name: find
-- Cases that the viewer may see, newest first, by any of the filters; a page is asked for by the last case_id of the one before.
SELECT c.case_no, c.case_id, c.organisation_id, c.handler_id, c.state, c.stage, c.flow, c.severity, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, c.reported_at, c.filed_at, c.dispatched_at,
       c.handled_at, c.closed_at, c.deadline, c.ambiguous, c.version, c.grid_cell_code, c.priority,
       c.report_count, c.return_count, c.rework_count, c.extended_count, c.suspended_count, c.urged_count, c.is_rework,
       (SELECT d.case_no FROM cases d WHERE d.district_code = c.district_code AND d.case_id = c.duplicate_of) AS duplicate_of,
       (SELECT r.case_no FROM cases r WHERE r.district_code = c.district_code AND r.case_id = c.recurrence_of) AS recurrence_of,
       cat.scheme AS category_scheme, cat.code AS category_code, cat.name_zh AS category_zh, cat.name_en AS category_en,
       o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
       z.code AS zone_code, z.name_zh AS zone_zh, z.name_en AS zone_en,
       h.code AS handler_code, h.name AS handler_name, h.post_zh AS handler_post_zh, h.post_en AS handler_post_en
FROM unnest(%(numbers)s::text[]) AS asked (number)
CROSS JOIN LATERAL seen_cases(
  number => asked.number, in_state => %(state)s, in_category => %(category_id)s, at_organisation => %(organisation)s, with_handler => %(handler_id)s,
  box => ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326), before => %(after)s, most => %(limit)s) AS seen
JOIN cases c USING (district_code, case_id)
JOIN categories cat ON cat.category_id = c.category_id
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN zones z ON z.zone_id = c.zone_id
LEFT JOIN staff h ON h.staff_id = c.handler_id
ORDER BY c.case_id DESC;

-- name: story
-- The first reports, the history and the recipients of a case that the viewer may see.
SELECT ARRAY(SELECT jsonb_build_object('report_id', r.report_id, 'channel', r.channel, 'text', r.text, 'received_at', r.received_at, 'captured_at', r.captured_at,
                                       'lon', ST_X(r.geom), 'lat', ST_Y(r.geom), 'accuracy_m', r.accuracy_m, 'crs_in', r.raw_crs, 'part_code', r.part_code,
                                       'photos', r.photos)
             FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id ORDER BY r.report_id LIMIT %(first)s) AS reports,
       c.crowd_count,
       ARRAY(SELECT jsonb_build_object('seq', h.seq, 'action', h.action, 'from_state', h.from_state, 'state', h.to_state, 'at', h.at, 'role', h.role,
                                       'organisation', o.code, 'payload', h.payload, 'hash', encode(h.hash, 'hex'),
                                       'reason', (SELECT t.text FROM case_texts t
                                                  WHERE t.district_code = h.district_code AND t.case_id = h.case_id AND t.seq = h.seq AND t.kind = 'move'))
             FROM case_history h LEFT JOIN organisations o ON o.organisation_id = h.organisation_id
             WHERE h.district_code = c.district_code AND h.case_id = c.case_id ORDER BY h.seq) AS history,
       ARRAY(SELECT jsonb_build_object('role', q.role, 'staff_id', q.staff_id, 'code', s.code, 'name', s.name, 'post_zh', s.post_zh,
                                       'post_en', s.post_en, 'notified_at', q.notified_at, 'acknowledged_at', q.acknowledged_at)
             FROM case_recipients q JOIN staff s ON s.staff_id = q.staff_id
             WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.seq, q.role) AS recipients,
       ARRAY(SELECT jsonb_build_object('step', k.step, 'organisation', o.code, 'started_at', k.started_at, 'unit', k.unit, 'value', k.value,
                                       'deadline', k.deadline, 'paused_at', k.paused_at, 'stopped_at', k.stopped_at, 'outcome', k.outcome,
                                       'level', k.level)
             FROM case_clocks k JOIN organisations o ON o.organisation_id = k.organisation_id
             WHERE k.district_code = c.district_code AND k.case_id = c.case_id ORDER BY k.clock_no) AS clocks,
       c.organisation_id
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id);

-- name: place
-- Where a case is that the viewer may see, and how well its first report knew that.
SELECT ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
  (SELECT r.accuracy_m::float8 FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id ORDER BY r.report_id LIMIT 1) AS accuracy_m
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id);

-- name: decisions
-- Every dispatch decision of a case that the viewer may see, oldest first.
SELECT d.seq, d.at, d.by_hand, d.input, d.answer, d.staff_facts, c.organisation_id
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id)
JOIN dispatch_decisions d USING (district_code, case_id)
ORDER BY d.seq;

-- name: addressee
-- The organisation a case is to be sent to, and the member of staff, if one is named: active, and of that organisation.
SELECT o.organisation_id, o.code, o.name_zh, o.name_en, o.is_duty_desk, s.staff_id, s.code AS staff_code,
       nullif(coalesce(o.lead_staff_id, p.lead_staff_id), s.staff_id) AS superior_id
FROM organisations o
LEFT JOIN organisations p ON p.organisation_id = o.parent_id
LEFT JOIN staff s ON s.organisation_id = o.organisation_id AND s.code = %(staff)s AND s.active
WHERE o.code = %(organisation)s;

-- name: seen_numbers
-- Of these numbers of cases, those that the connection's viewer may see: row security keeps the others out.
SELECT c.case_no
FROM unnest(%(case_nos)s::text[]) AS n (case_no)
JOIN cases c ON c.district_code = regexp_replace(n.case_no, '-[0-9]+-[0-9]+$', '') AND c.case_no = n.case_no;
