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
