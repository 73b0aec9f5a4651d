-- name: hold
-- The case, held until the transaction ends: what is agreed on in it happens one after the other.
SELECT c.version FROM cases c WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s FOR UPDATE;

-- name: who_may
-- Accounts of some roles that look into a unit, but for one: whose word something waits for.
SELECT a.account_id
FROM accounts a
WHERE a.role = ANY (%(roles)s) AND a.active AND a.account_id IS DISTINCT FROM %(but)s
  AND (a.everywhere OR EXISTS (SELECT FROM account_units u WHERE u.account_id = a.account_id AND u.unit_id = %(unit_id)s))
ORDER BY a.account_id
LIMIT %(most)s;
