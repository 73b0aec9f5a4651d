-- name: hold
-- The case, held until the transaction ends: what is agreed on in it happens one after the other.
SELECT c.version FROM cases c WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s FOR UPDATE;
