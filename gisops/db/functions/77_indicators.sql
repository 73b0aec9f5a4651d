-- What indicators ask beside the cases themselves.

DROP FUNCTION IF EXISTS staff_of_accounts;
CREATE FUNCTION staff_of_accounts() RETURNS TABLE (account_id int, staff_id int)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, public, pg_temp
-- Which member of staff an account stands for, for counting by staff: all of them for whoever may know people, one's own organisation's for a
-- department, else only oneself. (The system itself, which looks as nobody, reads what it likes.)
AS $$
  SELECT a.account_id, a.staff_id
  FROM accounts a
  CROSS JOIN viewer() v
  WHERE a.staff_id IS NOT NULL
    AND (v.account_id IS NULL OR a.account_id = v.account_id
         OR v.role IN ('admin', 'acceptor', 'shift_leader', 'dispatcher', 'supervisor', 'handler', 'officer', 'inspector', 'leader', 'coordinator')
         OR EXISTS (SELECT FROM staff s WHERE s.staff_id = a.staff_id AND s.organisation_id = v.organisation_id))
$$;
REVOKE EXECUTE ON FUNCTION staff_of_accounts FROM PUBLIC;
