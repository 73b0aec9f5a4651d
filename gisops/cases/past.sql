-- name: now
-- The moment at which the past ends.
SELECT app_now() AS now;

-- name: known
-- Which of these reports are there already, and their cases as they stand.
SELECT k.client_uid, k.body_hash, k.district_code, k.case_id, c.case_no, c.state, o.code AS organisation
FROM intake_keys k
JOIN cases c ON c.district_code = k.district_code AND c.case_id = k.case_id
JOIN organisations o ON o.organisation_id = c.organisation_id
WHERE k.client_uid = ANY (%(client_uids)s);

-- name: addressees
-- Organisations by code, each with a member of its staff if one is asked for (active or gone since), and who is told beside him.
SELECT asked.organisation, asked.staff, o.organisation_id, s.staff_id, nullif(coalesce(o.lead_staff_id, p.lead_staff_id), s.staff_id) AS superior_id
FROM unnest(%(organisations)s::text[], %(staff)s::text[]) AS asked (organisation, staff)
JOIN organisations o ON o.code = asked.organisation
LEFT JOIN organisations p ON p.organisation_id = o.parent_id
LEFT JOIN staff s ON s.organisation_id = o.organisation_id AND s.code = asked.staff;

-- name: parts
-- What others did in cases that are over.
INSERT INTO case_subtasks (district_code, case_id, subtask_no, organisation_id, state, opened_at, acknowledged_at, ended_at)
SELECT r.district_code, r.case_id, r.subtask_no, r.organisation_id, 'done', r.opened_at, r.opened_at, r.ended_at
FROM jsonb_to_recordset(%(rows)s) AS r (district_code text, case_id uuid, subtask_no smallint, organisation_id int, opened_at timestamptz, ended_at timestamptz);

-- name: visits
-- What reporters said of them.
INSERT INTO follow_ups (district_code, case_id, follow_up_no, method, reached, score, at, report_id)
SELECT r.district_code, r.case_id, r.follow_up_no, r.method, r.score IS NOT NULL, r.score, r.at, r.report_id
FROM jsonb_to_recordset(%(rows)s) AS r (district_code text, case_id uuid, follow_up_no smallint, method text, score smallint, at timestamptz, report_id uuid);
