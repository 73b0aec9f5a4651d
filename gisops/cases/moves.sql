-- name: move
-- Move cases that are at the version somebody read and in a state that the move starts from. The version guards against somebody having been
-- first; history, decision, recipients, clocks, text and event are written by the same statement. A case's district is what its number begins with.
WITH sent AS MATERIALIZED (
  SELECT r.*, regexp_replace(case_no, '-[0-9]+-[0-9]+$', '') AS district_code,
         CASE WHEN to_desk THEN (SELECT o.organisation_id FROM organisations o WHERE o.is_duty_desk) ELSE organisation_id END AS holder_id
  FROM jsonb_to_recordset(%(rows)s) AS r (
    case_no text, expected_version int, action text, from_states text[], to_state text, stage smallint, stamps text[], clears text[], payload jsonb,
    to_desk boolean, organisation_id int, handler_id int, superior_id int, decision jsonb, tells boolean, sets jsonb, adds jsonb, clock jsonb, text jsonb, event_id uuid)
), moved AS (
  UPDATE cases c
  SET state = s.to_state, stage = s.stage, version = c.version + 1,
      organisation_id = CASE WHEN s.sets ? 'organisation_id' THEN n.organisation_id ELSE coalesce(s.holder_id, c.organisation_id) END,
      handler_id = CASE WHEN s.sets ? 'handler_id' THEN n.handler_id WHEN s.holder_id IS NULL THEN c.handler_id ELSE s.handler_id END,
      superior_id = CASE WHEN s.sets ? 'superior_id' THEN n.superior_id WHEN s.holder_id IS NULL THEN c.superior_id ELSE s.superior_id END,
      filed_at = CASE WHEN s.sets ? 'filed_at' THEN n.filed_at WHEN 'filed_at' = ANY (s.stamps) THEN app_now()
                      WHEN 'filed_at' = ANY (s.clears) THEN NULL ELSE c.filed_at END,
      dispatched_at = CASE WHEN 'dispatched_at' = ANY (s.stamps) THEN app_now() WHEN 'dispatched_at' = ANY (s.clears) THEN NULL ELSE c.dispatched_at END,
      acknowledged_at = CASE WHEN 'acknowledged_at' = ANY (s.stamps) THEN app_now() WHEN 'acknowledged_at' = ANY (s.clears) THEN NULL
                             ELSE c.acknowledged_at END,
      handled_at = CASE WHEN 'handled_at' = ANY (s.stamps) THEN app_now() WHEN 'handled_at' = ANY (s.clears) THEN NULL ELSE c.handled_at END,
      closed_at = CASE WHEN 'closed_at' = ANY (s.stamps) THEN app_now() WHEN 'closed_at' = ANY (s.clears) THEN NULL ELSE c.closed_at END,
      category_id = CASE WHEN s.sets ? 'category_id' THEN n.category_id ELSE c.category_id END,
      filing_condition_id = CASE WHEN s.sets ? 'filing_condition_id' THEN n.filing_condition_id ELSE c.filing_condition_id END,
      closing_condition_id = CASE WHEN s.sets ? 'closing_condition_id' THEN n.closing_condition_id ELSE c.closing_condition_id END,
      flow = CASE WHEN s.sets ? 'flow' THEN n.flow ELSE c.flow END,
      severity = CASE WHEN s.sets ? 'severity' THEN n.severity ELSE c.severity END,
      deadline = CASE WHEN s.sets ? 'deadline' THEN n.deadline ELSE c.deadline END,
      assessed = CASE WHEN s.sets ? 'assessed' THEN n.assessed ELSE c.assessed END,
      timeout_exempt = CASE WHEN s.sets ? 'timeout_exempt' THEN n.timeout_exempt ELSE c.timeout_exempt END,
      duplicate_of = CASE WHEN s.sets ? 'duplicate_of' THEN n.duplicate_of ELSE c.duplicate_of END,
      recurrence_of = CASE WHEN s.sets ? 'recurrence_of' THEN n.recurrence_of ELSE c.recurrence_of END,
      area_grade = CASE WHEN s.sets ? 'area_grade' THEN n.area_grade ELSE c.area_grade END,
      excluded = CASE WHEN s.sets ? 'excluded' THEN n.excluded ELSE c.excluded END,
      satisfaction = CASE WHEN s.sets ? 'satisfaction' THEN n.satisfaction ELSE c.satisfaction END,
      part_id = CASE WHEN s.sets ? 'part_id' THEN n.part_id ELSE c.part_id END,
      zone_id = CASE WHEN s.sets ? 'zone_id' THEN n.zone_id ELSE c.zone_id END,
      ambiguous = CASE WHEN s.sets ? 'ambiguous' THEN n.ambiguous ELSE c.ambiguous END,
      geom = CASE WHEN s.sets ? 'geom' THEN n.geom ELSE c.geom END,
      grid_cell_code = CASE WHEN s.sets ? 'grid_cell_code' THEN n.grid_cell_code ELSE c.grid_cell_code END,
      street_code = CASE WHEN s.sets ? 'street_code' THEN n.street_code ELSE c.street_code END,
      community_code = CASE WHEN s.sets ? 'community_code' THEN n.community_code ELSE c.community_code END,
      unit_id = CASE WHEN s.sets ? 'unit_id' THEN n.unit_id ELSE c.unit_id END,
      return_count = c.return_count + coalesce((s.adds ->> 'return_count')::smallint, 0::smallint),
      rework_count = c.rework_count + coalesce((s.adds ->> 'rework_count')::smallint, 0::smallint),
      extended_count = c.extended_count + coalesce((s.adds ->> 'extended_count')::smallint, 0::smallint),
      suspended_count = c.suspended_count + coalesce((s.adds ->> 'suspended_count')::smallint, 0::smallint),
      escalation = CASE WHEN s.sets ? 'escalation' THEN n.escalation ELSE c.escalation + coalesce((s.adds ->> 'escalation')::smallint, 0::smallint) END,
      report_count = c.report_count + coalesce((s.adds ->> 'report_count')::int, 0),
      priority = case_priority(n.severity, c.report_count + coalesce((s.adds ->> 'report_count')::int, 0), c.urged_count, n.recurrence_of IS NOT NULL, c.hotline)
  FROM sent s
  -- the row as it was: whose it was is told no more than that it is gone
  JOIN cases was ON was.district_code = s.district_code AND was.case_no = s.case_no
  CROSS JOIN LATERAL jsonb_populate_record(was, s.sets) AS n
  WHERE c.district_code = s.district_code AND c.case_no = s.case_no AND c.version = s.expected_version AND c.state = ANY (s.from_states)
  RETURNING c.*, s.action, s.payload, s.decision, s.tells, s.clock, s.text, s.event_id, app_now() AS at,
            was.handler_id AS was_handler_id, was.superior_id AS was_superior_id, was.organisation_id AS was_organisation_id,
            was.unit_id AS was_unit_id, CASE WHEN was.geom IS DISTINCT FROM c.geom THEN was.geom END AS was_geom
), written AS (
  SELECT m.*, h.hash AS prev_hash, h.to_state AS from_state
  FROM moved m
  JOIN case_history h ON h.district_code = m.district_code AND h.case_id = m.case_id AND h.seq = m.version - 1
), a_history AS (
  INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash)
  SELECT district_code, case_id, version, action, from_state, state, at, %(account_id)s, %(role)s, organisation_id, payload, prev_hash,
         history_hash(prev_hash, district_code, case_id, version, action, from_state, state, at, %(account_id)s, %(role)s, organisation_id, payload)
  FROM written
), a_text AS (
  INSERT INTO case_texts (district_code, case_id, text_id, seq, salt, text, at)
  SELECT district_code, case_id, (text ->> 'text_id')::uuid, version, decode(text ->> 'salt', 'hex'), text ->> 'text', at
  FROM written
  WHERE jsonb_typeof(text) = 'object'
), a_decision AS (
  INSERT INTO dispatch_decisions (district_code, case_id, seq, at, by_hand, input, answer, staff_facts)
  SELECT district_code, case_id, version, at, (decision ->> 'by_hand')::boolean, decision -> 'input', decision -> 'answer', decision -> 'staff_facts'
  FROM written
  WHERE jsonb_typeof(decision) = 'object'
), a_recipient AS (
  INSERT INTO case_recipients (district_code, case_id, seq, staff_id, role, notified_at)
  SELECT w.district_code, w.case_id, w.version, r.staff_id, r.role, w.at
  FROM written w
  CROSS JOIN LATERAL (VALUES (w.handler_id, 'handler'), (w.superior_id, 'superior')) r (staff_id, role)
  WHERE w.tells AND r.staff_id IS NOT NULL
), clocked AS (
  -- the one that runs: stopped, made to stand still, or gone on with
  UPDATE case_clocks k
  SET stopped_at = CASE WHEN w.clock ? 'stop' THEN w.at END,
      outcome = w.clock ->> 'stop',
      paused_ranges = CASE WHEN k.paused_at < w.at AND (w.clock ? 'stop' OR (w.clock -> 'go_on' ->> 'resume')::boolean)
                           THEN k.paused_ranges + tstzmultirange(tstzrange(k.paused_at, w.at)) ELSE k.paused_ranges END,
      paused_at = CASE WHEN w.clock ? 'pause' THEN w.at WHEN w.clock ? 'stop' OR (w.clock -> 'go_on' ->> 'resume')::boolean THEN NULL ELSE k.paused_at END,
      step = CASE WHEN w.clock ? 'go_on' THEN w.clock -> 'go_on' ->> 'step' ELSE k.step END,
      started_at = CASE WHEN w.clock ? 'go_on' THEN (w.clock -> 'go_on' ->> 'started_at')::timestamptz ELSE k.started_at END,
      unit = CASE WHEN w.clock ? 'go_on' THEN w.clock -> 'go_on' ->> 'unit' ELSE k.unit END,
      deadline = CASE WHEN w.clock ? 'go_on' THEN (w.clock -> 'go_on' ->> 'deadline')::timestamptz ELSE k.deadline END,
      value = CASE WHEN w.clock ? 'go_on' THEN (w.clock -> 'go_on' ->> 'value')::numeric ELSE k.value END,
      due_at = CASE WHEN w.clock ? 'pause' THEN (w.clock -> 'pause' ->> 'until')::timestamptz
                    WHEN w.clock ? 'go_on' THEN (w.clock -> 'go_on' ->> 'due_at')::timestamptz END,
      due_kind = CASE WHEN w.clock ? 'pause' THEN CASE WHEN w.clock -> 'pause' ->> 'until' IS NOT NULL THEN 'resume' END
                      WHEN w.clock ? 'go_on' THEN w.clock -> 'go_on' ->> 'due_kind' END,
      priority = w.priority
  FROM written w
  WHERE k.district_code = w.district_code AND k.case_id = w.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
    AND w.clock ?| ARRAY['stop', 'pause', 'go_on']
  RETURNING k.case_id
), a_clock AS (
  INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, due_at, due_kind, priority)
  SELECT w.district_code, w.case_id,
         coalesce((SELECT max(k.clock_no) FROM case_clocks k WHERE k.district_code = w.district_code AND k.case_id = w.case_id), 0) + 1,
         n.step, n.organisation_id, n.started_at, n.unit, n.value, n.deadline, n.due_at, n.due_kind, w.priority
  FROM written w
  CROSS JOIN LATERAL jsonb_to_record(w.clock -> 'start') AS n (
    step text, organisation_id int, started_at timestamptz, unit text, value numeric, deadline timestamptz, due_at timestamptz, due_kind text)
  -- counted first, so that every clock that stops has stopped before another starts
  WHERE jsonb_typeof(w.clock -> 'start') = 'object' AND (SELECT count(*) FROM clocked) >= 0
), an_event AS (
  INSERT INTO outbox (district_code, event_id, kind, case_no, geom, unit_id, handler_id, superior_id, organisation_id,
                      was_handler_id, was_superior_id, was_organisation_id, was_unit_id, was_geom, payload, at)
  SELECT w.district_code, w.event_id, 'case', w.case_no, w.geom, w.unit_id, w.handler_id, w.superior_id, w.organisation_id,
         w.was_handler_id, w.was_superior_id, w.was_organisation_id, w.was_unit_id, w.was_geom,
         jsonb_build_object('action', w.action, 'state', w.state, 'stage', w.stage,
                            'category', jsonb_build_object('code', c.code, 'name_zh', c.name_zh, 'name_en', c.name_en),
                            'organisation', jsonb_build_object('code', o.code, 'name_zh', o.name_zh, 'name_en', o.name_en), 'ambiguous', w.ambiguous),
         w.at
  FROM written w
  JOIN categories c ON c.category_id = w.category_id
  JOIN organisations o ON o.organisation_id = w.organisation_id
)
SELECT case_no FROM written;
