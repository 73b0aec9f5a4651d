-- name: facts
-- A case as it is before an act: everything that a guard may ask, with the clock that runs or is paused.
SELECT c.district_code, c.case_id, c.case_no, c.state, c.stage, c.version, app_now() AS now, c.flow, c.severity, c.category_id,
       cat.scheme AS category_scheme, cat.code AS category_code, cat.name_zh AS category_zh, cat.name_en AS category_en, cat.severity AS category_severity,
       cat.public AS category_public, cat.auto_file AS category_auto_file,
       c.filing_condition_id, c.closing_condition_id, c.organisation_id, (SELECT d.organisation_id FROM organisations d WHERE d.is_duty_desk) AS desk_id,
       c.handler_id, c.superior_id, c.unit_id, c.part_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, first.accuracy_m, first.channel, first.photos,
       c.report_count, c.reported_at, c.filed_at, c.dispatched_at, c.acknowledged_at, c.handled_at, c.closed_at, c.deadline, c.assessed,
       c.return_count, c.rework_count, c.extended_count, c.suspended_count, c.escalation, c.timeout_exempt, c.duplicate_of, c.recurrence_of,
       c.excluded, c.area_grade, c.satisfaction,
       k.clock_no, k.step AS clock_step, k.organisation_id AS clock_organisation_id, k.started_at AS clock_started_at, k.unit AS clock_unit,
       k.value AS clock_value, k.deadline AS clock_deadline, k.paused_at AS clock_paused_at, k.level AS clock_level,
       (SELECT q.deadline
        FROM case_clocks q
        WHERE q.district_code = c.district_code AND q.case_id = c.case_id AND q.step IN ('handle', 'stop', 'penalise', 'restore')
        ORDER BY q.clock_no DESC LIMIT 1) AS handle_deadline,
       c.acknowledged_at IS NOT NULL AND EXISTS (
         SELECT FROM case_history h
         WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND h.at >= c.acknowledged_at
           AND h.action IN ('step_done', 'suspend', 'extend', 'finish')) AS began_work,
       -- one that was returned waits for somebody else, and the case for it
       (SELECT count(*)
        FROM case_subtasks q
        WHERE q.district_code = c.district_code AND q.case_id = c.case_id AND q.required AND q.state IN ('open', 'acknowledged', 'returned')) AS open_subtasks
FROM cases c
JOIN categories cat ON cat.category_id = c.category_id
LEFT JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
LEFT JOIN LATERAL (
  SELECT r.accuracy_m::float8, r.channel, r.photos
  FROM reports r
  WHERE r.district_code = c.district_code AND r.case_id = c.case_id
  ORDER BY r.report_id LIMIT 1
) first ON true
WHERE c.case_no = %(case_no)s AND c.district_code = regexp_replace(%(case_no)s, '-[0-9]+-[0-9]+$', '');
