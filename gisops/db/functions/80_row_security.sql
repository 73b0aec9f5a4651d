-- The net below the windows: whatever statement a reader's role comes up with, and whatever predicate it forgets, it gets the rows of its
-- viewer's scope. The system's role and the windows, which carry the scope in their own text, are let through; forced, so that the owner goes
-- through the same gate. A policy's subqueries are worked out once for a statement, not once for a row. docs/decisions/0020.
DO $$
DECLARE
  one record;
  let_through text := 'CURRENT_USER, gisops_windows';
  everywhere text := '(SELECT v.everywhere FROM viewer() v)';
  mine text := '(SELECT v.staff_id FROM viewer() v)';
  units text := '(SELECT my_units())';
  the_case text := 'EXISTS (SELECT FROM cases c WHERE c.district_code = %1$I.district_code AND c.case_id = %1$I.case_id)';
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gisops_app') THEN
    let_through := let_through || ', gisops_app';
  END IF;
  FOR one IN
    SELECT t.name, format(t.seen, t.name) AS seen
    FROM (VALUES
      ('cases', concat_ws(' OR ', everywhere, 'unit_id IN ' || units, 'handler_id = ' || mine, 'superior_id = ' || mine,
                          'organisation_id = (SELECT v.organisation_id FROM viewer() v)')),
      -- what belongs to a case is seen with it: the case's policy holds within this one
      ('reports', concat_ws(' OR ', everywhere, the_case)),
      ('case_history', concat_ws(' OR ', everywhere, the_case)),
      ('dispatch_decisions', concat_ws(' OR ', everywhere, the_case)),
      ('case_recipients', concat_ws(' OR ', everywhere, the_case)),
      ('case_clocks', concat_ws(' OR ', everywhere, the_case)),
      ('case_texts', concat_ws(' OR ', everywhere, the_case)),
      ('approvals', concat_ws(' OR ', everywhere, the_case)),
      ('case_subtasks', concat_ws(' OR ', everywhere, the_case)),
      ('disputes', concat_ws(' OR ', everywhere, the_case)),
      ('supervision_orders', concat_ws(' OR ', everywhere, the_case)),
      ('urgings', concat_ws(' OR ', everywhere, the_case)),
      ('appeals', concat_ws(' OR ', everywhere, the_case)),
      ('follow_ups', concat_ws(' OR ', everywhere, the_case)),
      ('case_outcomes', concat_ws(' OR ', everywhere, the_case)),
      ('auto_filings', concat_ws(' OR ', everywhere, the_case)),
      ('case_messages', concat_ws(' OR ', everywhere, the_case)),
      ('case_photos', concat_ws(' OR ', everywhere, the_case)),
      ('report_photos', concat_ws(' OR ', everywhere,
                                  'EXISTS (SELECT FROM reports r WHERE r.district_code = %1$I.district_code AND r.report_id = %1$I.report_id)')),
      ('photos', concat_ws(' OR ', everywhere, 'EXISTS (SELECT FROM case_photos s WHERE s.sha256 = %1$I.sha256)',
                           'EXISTS (SELECT FROM report_photos s WHERE s.sha256 = %1$I.sha256)')),
      ('relief_households', concat_ws(' OR ', everywhere, 'unit_id IN ' || units)),
      ('last_positions', concat_ws(' OR ', everywhere, 'unit_id IN ' || units, 'staff_id = ' || mine)),
      ('positions', concat_ws(' OR ', everywhere, 'staff_id = ' || mine)),
      -- one's own account; who else works for the city is asked of the system
      ('accounts', 'account_id = (SELECT v.account_id FROM viewer() v)')
    ) AS t (name, seen)
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', one.name);
    EXECUTE format('DROP POLICY IF EXISTS the_system ON %I', one.name);
    EXECUTE format('CREATE POLICY the_system ON %I TO %s USING (true) WITH CHECK (true)', one.name, let_through);
    EXECUTE format('DROP POLICY IF EXISTS in_scope ON %I', one.name);
    EXECUTE format('CREATE POLICY in_scope ON %I FOR SELECT TO gisops_reader USING (%s)', one.name, one.seen);
  END LOOP;
END
$$;
