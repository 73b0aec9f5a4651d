-- A case in every grid cell with all that belongs to one, some of them the sample's handler's, department's or officer's; and where the staff is.
WITH told AS (
  SELECT g.*, row_number() OVER (ORDER BY g.code) AS n, gen_random_uuid() AS case_id, ST_PointOnSurface(g.geom) AS p,
         (SELECT o.organisation_id FROM accounts a JOIN staff o USING (staff_id) WHERE a.login = 'handler') AS with_handler,
         (SELECT coalesce(a.organisation_id, s.organisation_id) FROM accounts a LEFT JOIN staff s USING (staff_id)
          WHERE a.login = 'department') AS with_department,
         (SELECT staff_id FROM accounts WHERE login = 'handler') AS handler,
         (SELECT staff_id FROM accounts WHERE login = 'officer') AS officer,
         (SELECT min(category_id) FROM categories) AS category_id
  FROM grid_cells g
), a_case AS (
  INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, grid_cell_code, organisation_id,
                     handler_id, superior_id, reported_at, unit_id)
  SELECT district, case_id, 'N-' || n, category_id, 'handling', 4, 'normal', p, code,
         CASE WHEN n % 5 = 0 THEN with_department ELSE with_handler END, CASE WHEN n % 7 = 0 THEN handler END,
         CASE WHEN n % 11 = 0 THEN officer END, now(), unit_at(p)
  FROM told
), a_report AS (
  INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x, raw_y, raw_crs,
                       accuracy_m, accuracy_is_default, received_at)
  SELECT district, gen_random_uuid(), gen_random_uuid(), case_id, 'citizen', category_id, '样例 ' || n, '', p, 0, 0, 'WGS84',
         5, false, now()
  FROM told
), a_move AS (
  INSERT INTO case_history (district_code, case_id, seq, action, to_state, at, hash)
  SELECT district, case_id, 1, 'report', 'reported', now(), '' FROM told
), a_decision AS (
  INSERT INTO dispatch_decisions (district_code, case_id, seq, at, input, answer)
  SELECT district, case_id, 1, now(), '{}', '{}' FROM told
), a_recipient AS (
  INSERT INTO case_recipients (district_code, case_id, seq, staff_id, role, notified_at)
  SELECT district, case_id, 1, officer, 'copy', now() FROM told
), a_position AS (
  -- one of the staff in each cell, as far as they go; where a sample is made at night hardly anybody is about
  INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom, unit_id)
  SELECT t.district, s.staff_id, now(), 5, t.p, unit_at(t.p)
  FROM told t
  JOIN (SELECT staff_id, row_number() OVER (ORDER BY staff_id) AS n FROM staff) s USING (n)
  ON CONFLICT DO NOTHING
)
INSERT INTO positions (district_code, staff_id, captured_at, accuracy_m, geom)
SELECT t.district, s.staff_id, now(), 5, t.p
FROM told t
JOIN (SELECT staff_id, row_number() OVER (ORDER BY staff_id) AS n FROM staff) s USING (n);
