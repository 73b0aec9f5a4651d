-- name: districts
-- Where something is due, the longest waiting first. Due rows are claimed by district: on a distributed engine rows of several cannot be locked at once.
SELECT district_code, min(due_at) AS since
FROM (SELECT k.district_code, k.due_at FROM case_clocks k WHERE k.due_at <= app_now() ORDER BY k.due_at LIMIT %(most)s) AS first
GROUP BY district_code
ORDER BY since;

-- name: remind
-- Claim reminders that are due while the limit still runs, tell who holds the case, and move each clock on to the end of its limit: one statement for
-- thousands. `steps` says of which steps, and what is due at their end.
WITH due AS MATERIALIZED (
  SELECT k.district_code, k.case_id, k.clock_no
  FROM case_clocks k
  WHERE k.district_code = %(district)s AND k.due_at <= app_now() AND k.due_kind = 'remind' AND k.deadline > app_now() AND k.step = ANY (%(names)s)
  ORDER BY k.due_at
  LIMIT %(most)s
  FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE case_clocks k
  SET due_at = k.deadline, due_kind = s.due_kind, due_attempts = 0, due_error = NULL
  FROM due d, jsonb_to_recordset(%(steps)s) AS s (step text, due_kind text, percent int, holders boolean)
  WHERE k.district_code = d.district_code AND k.case_id = d.case_id AND k.clock_no = d.clock_no AND s.step = k.step
  RETURNING k.district_code, k.case_id, k.clock_no, CASE k.beside WHEN 'appeal' THEN k.beside ELSE k.step END AS step, k.deadline, k.organisation_id, s.percent, s.holders
), addressed AS (
  SELECT m.*, c.version, CASE WHEN m.holders THEN c.handler_id END AS handler_id, c.case_no, c.category_id
  FROM moved m
  JOIN cases c ON c.district_code = m.district_code AND c.case_id = m.case_id
), beyond AS MATERIALIZED (
  -- whether a reminder has to leave the house, or a system elsewhere hears of it: then it is told like everything else
  SELECT EXISTS (SELECT FROM webhooks w WHERE w.active AND 'remind' = ANY (w.kinds))
      OR EXISTS (SELECT FROM delivery_lanes l JOIN notice_texts x ON x.kind = 'remind' WHERE l.active AND (l.lane = 'sms' AND x.sms OR l.lane = 'mail' AND x.mail)) AS goes
), a_notice AS (
  INSERT INTO notices (district_code, notice_id, case_id, seq, kind, cause, recipient, staff_id, organisation_id, facts, created_at)
  SELECT a.district_code, time_key(), a.case_id, a.version, 'remind', 'clock:' || a.clock_no || ':' || a.percent,
         CASE WHEN a.handler_id IS NULL THEN 'organisation:' || a.organisation_id ELSE 'staff:' || a.handler_id END,
         a.handler_id, CASE WHEN a.handler_id IS NULL THEN a.organisation_id END,
         jsonb_build_object('step', a.step, 'percent', a.percent, 'deadline', a.deadline, 'case_no', a.case_no, 'category', k.code, 'category_zh', k.name_zh,
                            'category_en', k.name_en), app_now()
  FROM addressed a
  JOIN categories k ON k.category_id = a.category_id
  WHERE NOT (SELECT goes FROM beyond)
  ON CONFLICT DO NOTHING
), an_event AS (
  -- once for each who is reminded, however often he is
  INSERT INTO outbox (district_code, event_id, kind, recipient, payload, at)
  SELECT a.district_code, time_key(), 'notice', a.recipient, jsonb_build_object('kinds', jsonb_build_array('remind'), 'count', count(*)), app_now()
  FROM (SELECT district_code, coalesce('staff:' || handler_id, 'organisation:' || organisation_id) AS recipient FROM addressed) AS a
  WHERE NOT (SELECT goes FROM beyond)
  GROUP BY a.district_code, a.recipient
)
SELECT count(*) AS fired,
       tell(jsonb_agg(jsonb_build_object(
         'district_code', district_code, 'case_id', case_id, 'seq', version, 'kind', 'remind', 'cause', 'clock:' || clock_no || ':' || percent,
         'staff_id', handler_id, 'organisation_id', CASE WHEN handler_id IS NULL THEN organisation_id END,
         'facts', jsonb_build_object('step', step, 'percent', percent, 'deadline', deadline))) FILTER (WHERE (SELECT goes FROM beyond))) AS told
FROM addressed;

-- name: claim
-- Claim what else is due than those reminders, case and clock together, the longest waiting first: a move locks the case first and then its clock, so whoever claims the
-- clock alone could wait for a move that waits for him. What another worker or a move holds is left for the next look.
SELECT k.district_code, k.case_id, k.clock_no, k.step, k.organisation_id, k.started_at, k.unit, k.value, k.deadline, k.level, k.due_at, k.due_kind,
       k.due_attempts, k.beside, c.case_no, c.version, c.handler_id, c.superior_id, app_now() AS now,
       (SELECT r.staff_id FROM case_recipients r
        WHERE r.district_code = k.district_code AND r.case_id = k.case_id AND r.role = k.step AND r.notified_at >= k.started_at
        ORDER BY r.seq DESC LIMIT 1) AS asked_id,
       (SELECT s.issued_by FROM supervision_orders s
        WHERE k.beside = 'order' AND s.district_code = k.district_code AND s.case_id = k.case_id AND s.clock_no = k.clock_no) AS issuer_id,
       (SELECT coalesce(o.lead_staff_id, p.lead_staff_id)
        FROM organisations o LEFT JOIN organisations p ON p.organisation_id = o.parent_id
        WHERE o.organisation_id = k.organisation_id) AS lead_id
FROM case_clocks k
JOIN cases c ON c.district_code = k.district_code AND c.case_id = k.case_id
WHERE k.district_code = %(district)s AND k.due_at <= app_now()
  AND (k.due_kind <> 'remind' OR k.deadline <= app_now() OR k.deadline IS NULL OR k.step <> ALL (%(names)s))
ORDER BY k.due_at
LIMIT %(most)s
FOR NO KEY UPDATE OF c, k SKIP LOCKED;

-- name: move_on
-- Clocks that have been attended to: how high it has gone, and what is due next. Each says what it stood at, so that none is moved twice.
UPDATE case_clocks k
SET level = s.level, due_at = s.due_at, due_kind = s.due_kind, due_attempts = 0, due_error = NULL
FROM jsonb_to_recordset(%(rows)s) AS s (
  district_code text, case_id uuid, clock_no smallint, level smallint, due_at timestamptz, due_kind text)
WHERE k.district_code = s.district_code AND k.case_id = s.case_id AND k.clock_no = s.clock_no AND k.stopped_at IS NULL;

-- name: set_aside
-- A clock whose work could not be done: tried again later, and later still the next time.
UPDATE case_clocks
SET due_at = app_now() + make_interval(secs => %(seconds)s), due_attempts = due_attempts + 1, due_error = %(error)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND clock_no = %(clock_no)s AND stopped_at IS NULL AND due_at IS NOT NULL;

-- name: standing
-- How much is due, since when, and how much of it could not be done.
SELECT count(*) AS due, min(due_at) AS since, extract(epoch FROM app_now() - min(due_at))::float AS lag_s,
       (SELECT count(*) FROM case_clocks q WHERE q.due_at IS NOT NULL AND q.due_attempts > 0) AS set_aside
FROM case_clocks k
WHERE k.due_at <= app_now();
