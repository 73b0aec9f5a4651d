-- name: move
-- Move cases that are at the version somebody read and in a state that the move starts from. The version guards against somebody having been
-- first; history, decision, recipients and event are written by the same statement. A case's district is what its number begins with.
WITH sent AS MATERIALIZED (
  SELECT r.*, regexp_replace(case_no, '-[0-9]+-[0-9]+$', '') AS district_code,
         CASE WHEN to_desk THEN (SELECT o.organisation_id FROM organisations o WHERE o.is_duty_desk) ELSE organisation_id END AS holder_id
  FROM jsonb_to_recordset(%(rows)s) AS r (
    case_no text, expected_version int, action text, from_states text[], to_state text, stage smallint, stamps text[], clears text[], payload jsonb,
    to_desk boolean, organisation_id int, handler_id int, superior_id int, decision jsonb, event_id uuid)
), moved AS (
  UPDATE cases c
  SET state = s.to_state, stage = s.stage, version = c.version + 1,
      organisation_id = coalesce(s.holder_id, c.organisation_id),
      handler_id = CASE WHEN s.holder_id IS NULL THEN c.handler_id ELSE s.handler_id END,
      superior_id = CASE WHEN s.holder_id IS NULL THEN c.superior_id ELSE s.superior_id END,
      filed_at = CASE WHEN 'filed_at' = ANY (s.stamps) THEN app_now() ELSE c.filed_at END,
      dispatched_at = CASE WHEN 'dispatched_at' = ANY (s.stamps) THEN app_now() ELSE c.dispatched_at END,
      handled_at = CASE WHEN 'handled_at' = ANY (s.stamps) THEN app_now() WHEN 'handled_at' = ANY (s.clears) THEN NULL ELSE c.handled_at END,
      closed_at = CASE WHEN 'closed_at' = ANY (s.stamps) THEN app_now() ELSE c.closed_at END
  FROM sent s
  -- the row as it was: whose it was is told no more than that it is gone
  JOIN cases was ON was.district_code = s.district_code AND was.case_no = s.case_no
  WHERE c.district_code = s.district_code AND c.case_no = s.case_no AND c.version = s.expected_version AND c.state = ANY (s.from_states)
  RETURNING c.*, s.action, s.payload, s.decision, s.event_id, app_now() AS at,
            was.handler_id AS was_handler_id, was.superior_id AS was_superior_id, was.organisation_id AS was_organisation_id
), written AS (
  SELECT m.*, h.hash AS prev_hash, h.to_state AS from_state
  FROM moved m
  JOIN case_history h ON h.district_code = m.district_code AND h.case_id = m.case_id AND h.seq = m.version - 1
), a_history AS (
  INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash)
  SELECT district_code, case_id, version, action, from_state, state, at, %(account_id)s, %(role)s, organisation_id, payload, prev_hash,
         history_hash(prev_hash, district_code, case_id, version, action, from_state, state, at, %(account_id)s, %(role)s, organisation_id, payload)
  FROM written
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
  WHERE jsonb_typeof(w.decision) = 'object' AND r.staff_id IS NOT NULL
), an_event AS (
  INSERT INTO outbox (district_code, event_id, kind, case_no, geom, unit_id, handler_id, superior_id, organisation_id,
                      was_handler_id, was_superior_id, was_organisation_id, payload, at)
  SELECT w.district_code, w.event_id, 'case', w.case_no, w.geom, w.unit_id, w.handler_id, w.superior_id, w.organisation_id,
         w.was_handler_id, w.was_superior_id, w.was_organisation_id,
         jsonb_build_object('action', w.action, 'state', w.state, 'stage', w.stage,
                            'category', jsonb_build_object('code', c.code, 'name_zh', c.name_zh, 'name_en', c.name_en),
                            'organisation', jsonb_build_object('code', o.code, 'name_zh', o.name_zh, 'name_en', o.name_en), 'ambiguous', w.ambiguous),
         w.at
  FROM written w
  JOIN categories c ON c.category_id = w.category_id
  JOIN organisations o ON o.organisation_id = w.organisation_id
)
SELECT case_no FROM written;
