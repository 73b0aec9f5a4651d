-- name: add
-- Ask another organisation for its part in a case.
INSERT INTO case_subtasks (district_code, case_id, subtask_no, required, organisation_id, clock_no, deadline, opened_by, opened_at, task_text_id)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(s.subtask_no), 0) + 1 FROM case_subtasks s WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s),
       %(required)s, %(organisation_id)s, %(clock_no)s, %(deadline)s, %(account_id)s, app_now(), %(text_id)s
RETURNING subtask_no;

-- name: whole
-- A joint case is due when the last of its required parts is: its deadline moves on, never back.
UPDATE cases c
SET deadline = greatest(c.deadline, d.deadline)
FROM (SELECT max(s.deadline) AS deadline FROM case_subtasks s
      WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s AND s.required AND s.state IN ('open', 'acknowledged')) d
WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s AND c.deadline IS NOT NULL AND d.deadline > c.deadline;

-- name: one
-- One subtask, held until the transaction ends.
SELECT s.subtask_no, s.state, s.required, s.organisation_id, s.clock_no, s.deadline, c.organisation_id AS lead_id, c.version, c.state AS case_state,
       (SELECT d.organisation_id FROM organisations d WHERE d.is_duty_desk) AS desk_id
FROM case_subtasks s JOIN cases c USING (district_code, case_id)
WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s AND s.subtask_no = %(subtask_no)s
FOR UPDATE OF s;

-- name: key_of
-- Where a case is kept, by its number.
SELECT district_code, case_id FROM cases WHERE case_no = %(case_no)s AND district_code = regexp_replace(%(case_no)s, '-[0-9]+-[0-9]+$', '');

-- name: ack
-- It was taken on.
UPDATE case_subtasks SET state = 'acknowledged', acknowledged_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND subtask_no = %(subtask_no)s;

-- name: end
-- It is done, was returned, or is not needed any more.
UPDATE case_subtasks SET state = %(state)s, ended_by = %(account_id)s, ended_at = app_now(), reason_code = %(reason_code)s, result_text_id = %(text_id)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND subtask_no = %(subtask_no)s;

-- name: running
-- What is still to be done in a case beside the organisation that holds it.
SELECT subtask_no, organisation_id, clock_no FROM case_subtasks
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state IN ('open', 'acknowledged', 'returned');

-- name: mine
-- The open subtasks of the viewer's organisation, those due first: of the case no more than its part needs.
SELECT case_no, subtask_no, required, state, deadline, opened_at, acknowledged_at, category, category_zh, category_en, lon, lat, lead, lead_zh, lead_en, task
FROM my_subtasks();

-- name: moved_by_pause
-- The parts whose clocks go on after a pause are due later.
UPDATE case_subtasks s SET deadline = d.deadline
FROM unnest(%(numbers)s::int[], %(deadlines)s::timestamptz[]) AS d (clock_no, deadline)
WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s AND s.clock_no = d.clock_no AND s.ended_at IS NULL;
