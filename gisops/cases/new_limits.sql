-- name: given
-- What gave a case time since it was filed: that it was to be done anew, and what was granted beside its limit.
SELECT h.at, h.action IN ('extend', 'resume') AS granted, coalesce((h.payload ->> 'added_s')::float8, 0) AS added_s
FROM case_history h
WHERE h.district_code = %(district)s AND h.case_id = %(case_id)s AND h.at >= %(filed_at)s
  AND h.action IN ('extend', 'resume', 'fail', 'to_rework', 'reopen')
ORDER BY h.seq;

-- name: parts
-- When the last required part of a joint case is due that is still to be done.
SELECT max(s.deadline) AS deadline
FROM case_subtasks s
WHERE s.district_code = %(district)s AND s.case_id = %(case_id)s AND s.required AND s.state IN ('open', 'acknowledged');
