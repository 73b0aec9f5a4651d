-- name: above
-- Who leads an organisation, and who leads the one above it.
SELECT o.lead_staff_id, p.lead_staff_id AS above_staff_id
FROM organisations o
LEFT JOIN organisations p ON p.organisation_id = o.parent_id
WHERE o.organisation_id = %(organisation_id)s;

-- name: staff
-- A member of an organisation's active staff, by code.
SELECT staff_id FROM staff WHERE organisation_id = %(organisation_id)s AND code = %(staff)s AND active;
