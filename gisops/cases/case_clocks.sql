-- name: start_beside
-- A clock beside the one of the case: of a part of a joint case, of a review, of an order.
INSERT INTO case_clocks (district_code, case_id, clock_no, step, beside, organisation_id, started_at, unit, value, deadline, due_at, due_kind)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(k.clock_no), 0) + 1 FROM case_clocks k WHERE k.district_code = %(district_code)s AND k.case_id = %(case_id)s),
       %(step)s, %(beside)s, %(organisation_id)s, %(started_at)s, %(unit)s, %(value)s, %(deadline)s, %(due_at)s, %(due_kind)s
RETURNING clock_no;

-- name: stop_beside
-- A clock beside the one of the case has ended; one that stood still was late only if it was before that.
UPDATE case_clocks k
SET stopped_at = app_now(), due_at = NULL, due_kind = NULL, paused_at = NULL,
    paused_ranges = CASE WHEN k.paused_at < app_now() THEN k.paused_ranges + tstzmultirange(tstzrange(k.paused_at, app_now())) ELSE k.paused_ranges END,
    outcome = CASE WHEN %(outcome)s = 'done' AND k.deadline < coalesce(k.paused_at, app_now()) THEN 'late' ELSE %(outcome)s END
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND clock_no = %(clock_no)s AND stopped_at IS NULL;

-- name: pause_beside
-- The case stands still, and with it the parts of others in it.
UPDATE case_clocks SET paused_at = app_now(), due_at = NULL, due_kind = NULL
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND step = 'subtask' AND coalesce(beside, 'part') = 'part' AND stopped_at IS NULL
  AND paused_at IS NULL;

-- name: paused_beside
-- What stands still beside the case's own clock.
SELECT clock_no, step, organisation_id, started_at, unit, value, deadline, paused_at, level
FROM case_clocks
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND step = 'subtask' AND stopped_at IS NULL AND paused_at IS NOT NULL
ORDER BY clock_no;

-- name: go_on_beside
-- A clock that stood still goes on with what was left of it.
UPDATE case_clocks k
SET paused_ranges = CASE WHEN k.paused_at < app_now() THEN k.paused_ranges + tstzmultirange(tstzrange(k.paused_at, app_now())) ELSE k.paused_ranges END,
    paused_at = NULL, deadline = %(deadline)s, due_at = %(due_at)s, due_kind = %(due_kind)s
WHERE k.district_code = %(district_code)s AND k.case_id = %(case_id)s AND k.clock_no = %(clock_no)s AND k.stopped_at IS NULL;
