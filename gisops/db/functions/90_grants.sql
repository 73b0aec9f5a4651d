-- What the doors' role may do. It owns nothing. History, decisions and reports can be added, never changed; what the operation does not
-- need it cannot read: thematic tables with personal fields are reached through their layer's view only, and a password's hash by its login
-- only. tests/house/test_least_privilege.py holds the table of it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gisops_app') THEN
    RAISE NOTICE 'There is no role gisops_app; the doors will use the owner''s rights. `gisops doctor` says how to mend it.';
    RETURN;
  END IF;

  REVOKE ALL ON ALL TABLES IN SCHEMA public FROM gisops_app;
  GRANT USAGE ON SCHEMA public TO gisops_app;
  GRANT SELECT ON spatial_ref_sys, geometry_columns TO gisops_app;
  GRANT SELECT ON migrations, layer_versions, city_layers TO gisops_app;

  -- what dispatch, locate and the answers are made of
  GRANT SELECT ON city, neighbours, organisations, admin_areas, grid_cells, categories, category_majors, category_map, duplicate_rules, auto_rule_defaults, filing_conditions, time_limits, part_scopes,
    zone_sets, zones, zone_staff, dispatch_rules, co_ownership_areas, shifts, work_windows, calendar_days, rosters, parts TO gisops_app;
  GRANT SELECT (staff_id, code, name, organisation_id, post_zh, post_en, role, max_open, active) ON staff TO gisops_app;
  GRANT SELECT (district_code, place_id, code, kind, name_zh, organisation_id, geom) ON places TO gisops_app;

  -- the handbook is read; what is written about a case is added, and its text erased
  GRANT SELECT ON handbook_entries TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (text, erased_at) ON case_messages TO gisops_app;

  -- which reports file themselves: read with each, set by an administrator, switched off by what was overturned
  GRANT SELECT, INSERT, UPDATE (enabled, min_confidence, channels, min_photos, alone, certain, max_overturn, window_cases, window_days, min_cases, since,
                                switched_off_at, switched_off_because, reason, changed_by, changed_at) ON auto_rules TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (overturned_at, overturned_by) ON auto_filings TO gisops_app;

  -- of what was loaded, that it was and what its checks said: `gisops check` asks
  GRANT SELECT (load_id, target, state, crs, audit, published_at) ON loads TO gisops_app;

  -- cases: added and moved; what was said and done stays
  GRANT SELECT, INSERT ON cases, case_history, dispatch_decisions, case_recipients, intake_keys TO gisops_app;
  GRANT UPDATE (state, stage, organisation_id, handler_id, superior_id, filed_at, dispatched_at, handled_at, closed_at, version) ON cases TO gisops_app;
  -- what a move may set or count beside (moves.SETTABLE, moves.COUNTED)
  GRANT UPDATE (acknowledged_at, category_id, filing_condition_id, closing_condition_id, flow, severity, deadline, assessed, timeout_exempt, duplicate_of,
                recurrence_of, area_grade, excluded, satisfaction, part_id, zone_id, ambiguous, geom, grid_cell_code, street_code, community_code, unit_id,
                return_count, rework_count, extended_count, suspended_count, escalation, report_count) ON cases TO gisops_app;
  -- clocks are started, stopped and moved on; whose time it was and since when stays. What people wrote with a move is added.
  GRANT SELECT ON stage_limits, escalations TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (step, started_at, unit, deadline, value, paused_at, paused_ranges, stopped_at, outcome, level, due_at, due_kind) ON case_clocks TO gisops_app;
  GRANT INSERT ON case_texts TO gisops_app;
  -- who sent a report, its key and the salt of its text are written once and read by nobody at the doors
  GRANT INSERT ON reports TO gisops_app;
  -- which case a report is in is changed by one function, which keeps where it was; how many reports a case has, with it
  GRANT INSERT ON report_links TO gisops_app;
  GRANT EXECUTE ON FUNCTION move_reports, text_commitment TO gisops_app;
  GRANT UPDATE (report_count, crowd_count, priority, urged_count, hotline, duplicate_of) ON cases TO gisops_app;
  GRANT UPDATE (priority) ON case_clocks TO gisops_app;
  GRANT SELECT (district_code, report_id, case_id, channel, category_id, text, geom, raw_crs, accuracy_m, part_code, place_id, source_ref, photos, captured_at, received_at) ON reports TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (next_serial) ON number_blocks TO gisops_app;

  -- photographs: added, used and looked at, never changed; what a file says of place, time and camera, and who sent it in, is read by nobody at the
  -- doors. One function lets go of what was never used.
  GRANT INSERT ON photos, report_photos, case_photos TO gisops_app;
  GRANT SELECT (sha256, mime, bytes, width, height, phash, bands, copies, stored_at, kept_for) ON photos TO gisops_app;
  GRANT SELECT (district_code, report_id, n, sha256, added_at) ON report_photos TO gisops_app;
  GRANT SELECT (district_code, case_id, seq, n, sha256, phase, captured_at, accuracy_m, added_at) ON case_photos TO gisops_app;
  -- once a report names it, the address it came from is forgotten; sent a second time, it stays longer
  GRANT UPDATE (sender, kept_for) ON photos TO gisops_app;
  GRANT EXECUTE ON FUNCTION forget_photos, unnamed_photos TO gisops_app;

  -- positions: the last one is read; whose it is and its home district stay. Tracks are written, and read by nobody at the doors.
  GRANT SELECT, INSERT, UPDATE (captured_at, accuracy_m, geom, unit_id) ON last_positions TO gisops_app;
  GRANT INSERT ON positions TO gisops_app;

  -- agreements: asked for, then decided; who asked for what, and when, stays. The fact of a determination is written by a function.
  GRANT SELECT ON seasons TO gisops_app;
  GRANT SELECT, INSERT ON approvals, case_subtasks, disputes, supervision_orders, urgings, appeals, follow_ups TO gisops_app;
  GRANT SELECT, INSERT ON case_outcomes TO gisops_app;
  GRANT UPDATE (version, told_until, counted_until, accepted_at, filed_at, dispatched_at, given_at, finished_at, closed_at, last_state, extensions, suspensions, returns,
                reworks, reopenings, pushes, on_hold_when_due, on_hold_when_own_due, own_due, patroller_id) ON case_outcomes TO gisops_app;
  GRANT UPDATE (state, decided_by, decided_at, decision_text_id, seq) ON approvals TO gisops_app;
  GRANT UPDATE (state, deadline, acknowledged_at, ended_by, ended_at, reason_code, result_text_id) ON case_subtasks TO gisops_app;
  GRANT UPDATE (interim_organisation_id, decision, organisation_id, effective_from, created_kind, created_key, decided_seq, decided_by, decided_at) ON disputes TO gisops_app;
  GRANT UPDATE (state, answered_by, answered_at, answer_text_id, closed_at) ON supervision_orders TO gisops_app;
  GRANT UPDATE (state, first_by, first_at, first_text_id, second_by, second_at, second_text_id, seq, clock_no) ON appeals TO gisops_app;
  GRANT EXECUTE ON FUNCTION determine_fact TO gisops_app;

  -- months: the worker has them made and, of tracks, dropped; it chooses neither the tables nor the time
  GRANT EXECUTE ON FUNCTION ensure_partitions_ahead, forget_positions TO gisops_app;

  -- bulletins: published once, never changed; what indicators count by
  GRANT SELECT, INSERT ON bulletins TO gisops_app;
  GRANT EXECUTE ON FUNCTION staff_of_accounts TO gisops_app;
  GRANT SELECT (code, name_zh, name_en, geom) ON roads TO gisops_app;

  -- notices are written by one function, read and marked as read by two; the worker reads what it carries out, and looks up a number for it only
  GRANT EXECUTE ON FUNCTION tell, read_notices, delivery_address, forget_notices, post_of TO gisops_app;
  GRANT SELECT (district_code, notice_id, case_id, seq, kind, facts, created_at, webhook_id) ON notices TO gisops_app;
  -- reminders are written by the statement that claims them
  GRANT INSERT (district_code, notice_id, case_id, seq, kind, cause, recipient, staff_id, organisation_id, facts, created_at) ON notices TO gisops_app;
  GRANT SELECT, DELETE, UPDATE (state, attempts, refusals, next_try_at, lease, last_error, expires_at, delivered_at) ON deliveries TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (active, failures, closed_until) ON delivery_lanes TO gisops_app;
  -- of other systems, whether any listens to a kind; where they are and what is signed with, one function tells whoever is trying a delivery
  GRANT SELECT (kinds, active) ON webhooks TO gisops_app;
  GRANT SELECT ON notice_texts TO gisops_app;
  -- a timer that could not do its work is set aside
  GRANT UPDATE (due_attempts, due_error) ON case_clocks TO gisops_app;

  -- events
  GRANT SELECT, INSERT, DELETE ON outbox TO gisops_app;
  GRANT UPDATE (pos) ON outbox TO gisops_app;
  GRANT SELECT, UPDATE (last_pos, ran_at) ON relay_state TO gisops_app;

  -- who may look where: the system reads it, the worker has it brought up to date; a grant is the owner's
  GRANT SELECT ON scope_units, account_scopes, account_units TO gisops_app;
  GRANT EXECUTE ON FUNCTION viewer, viewer_scope, my_units, expand_scopes, settle_due, unsettled_rows TO gisops_app;

  -- the audit is added to by one function and sealed by another; nobody at the doors reads an entry by itself. The seals' digests are carried out.
  GRANT EXECUTE ON FUNCTION audit_add, audit_seal TO gisops_app;
  GRANT SELECT ON audit_seals TO gisops_app;

  -- sign-ins and limits; a sign-in can be ended, never lengthened or given to somebody else
  GRANT SELECT (account_id, login, role, staff_id, organisation_id, active, everywhere, scope_version) ON accounts TO gisops_app;
  GRANT EXECUTE ON FUNCTION password_hash_of, account_of_subject TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (revoked_at), DELETE ON sessions TO gisops_app;
  -- a phone's sign-in is renewed, never bound to another key; keys of systems are made and ended by the owner only
  GRANT SELECT, INSERT, UPDATE (rotation_hash, rotated_at, expires_at, revoked_at), DELETE ON devices TO gisops_app;
  GRANT SELECT, INSERT, DELETE ON proofs_seen TO gisops_app;
  GRANT SELECT, UPDATE (last_used_at) ON api_keys TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (failed_at), DELETE ON sign_in_failures TO gisops_app;
  GRANT SELECT, INSERT, UPDATE (tokens, filled_at), DELETE ON rate_buckets TO gisops_app;
END
$$;

-- What a request may read for somebody: nothing can be written, and below each grant stands row-level security (80_row_security.sql).
-- The layers' views and windows are granted where they are made (layers.catalog.view_sql).
DO $$
BEGIN
  REVOKE ALL ON ALL TABLES IN SCHEMA public FROM gisops_reader, gisops_windows;
  GRANT USAGE ON SCHEMA public TO gisops_reader, gisops_windows;
  GRANT SELECT ON spatial_ref_sys, geometry_columns, migrations, layer_versions TO gisops_reader, gisops_windows;

  -- what the city is made of
  GRANT SELECT ON city, neighbours, organisations, admin_areas, grid_cells, categories, category_majors, category_map, duplicate_rules, auto_rule_defaults, filing_conditions, time_limits, part_scopes,
    zone_sets, zones, zone_staff, dispatch_rules, co_ownership_areas, shifts, work_windows, calendar_days, rosters, parts, scope_units TO gisops_reader, gisops_windows;
  GRANT SELECT (staff_id, code, name, organisation_id, post_zh, post_en, role, max_open, active) ON staff TO gisops_reader, gisops_windows;
  GRANT SELECT (district_code, place_id, code, kind, name_zh, organisation_id, geom) ON places TO gisops_reader, gisops_windows;

  -- cases with what was said and done: the rows of the viewer's scope
  GRANT SELECT ON cases, case_history, dispatch_decisions, case_recipients, case_clocks TO gisops_reader, gisops_windows;
  GRANT SELECT (district_code, case_id, text_id, seq, kind, text, at) ON case_texts TO gisops_reader, gisops_windows;
  GRANT SELECT ON stage_limits, escalations TO gisops_reader, gisops_windows;
  GRANT SELECT (district_code, report_id, case_id, channel, text, geom, raw_crs, accuracy_m, part_code, photos, captured_at, received_at) ON reports TO gisops_reader, gisops_windows;
  -- what makes two detections of one device the same
  GRANT SELECT (category_id, source_ref) ON reports TO gisops_windows;
  -- whether somebody was signed in: who was not, and came to another's report, is told less of it
  GRANT SELECT (account_id) ON reports TO gisops_windows;
  GRANT SELECT (sha256, mime, bytes, width, height, copies, stored_at) ON photos TO gisops_reader, gisops_windows;
  GRANT SELECT (district_code, report_id, n, sha256, added_at) ON report_photos TO gisops_reader, gisops_windows;
  GRANT SELECT (district_code, case_id, seq, n, sha256, phase, captured_at, accuracy_m, added_at) ON case_photos TO gisops_reader, gisops_windows;
  GRANT SELECT ON last_positions TO gisops_reader, gisops_windows;

  GRANT SELECT ON bulletins TO gisops_reader;
  GRANT EXECUTE ON FUNCTION staff_of_accounts TO gisops_reader;
  GRANT SELECT (code, name_zh, name_en, geom) ON roads TO gisops_reader;

  -- the handbook, and what those who work on a case write about it
  GRANT SELECT ON handbook_entries TO gisops_reader, gisops_windows;
  GRANT SELECT ON case_messages TO gisops_reader;

  GRANT SELECT ON seasons TO gisops_reader, gisops_windows;
  -- which reports file themselves, and what came of it; who set a rule is nobody's to read here
  GRANT SELECT ON auto_filings TO gisops_reader;
  GRANT SELECT (district_code, scheme, code, enabled, min_confidence, channels, min_photos, alone, certain, max_overturn, window_cases, window_days, min_cases, since,
                switched_off_at, switched_off_because, reason, changed_at) ON auto_rules TO gisops_reader;
  GRANT SELECT ON approvals, case_subtasks, disputes, supervision_orders, urgings, appeals, follow_ups TO gisops_reader, gisops_windows;
  GRANT SELECT ON case_outcomes TO gisops_reader;

  -- one's own account, nobody else's
  GRANT SELECT (account_id, login, role, staff_id, organisation_id, active, everywhere, scope_version) ON accounts TO gisops_reader;
  GRANT EXECUTE ON FUNCTION viewer, my_units TO gisops_reader, gisops_windows;
  GRANT EXECUTE ON FUNCTION viewer_scope TO gisops_reader;
  GRANT SELECT ON account_units TO gisops_windows;
  -- one's own notices
  GRANT EXECUTE ON FUNCTION my_notices, deliveries_page TO gisops_reader;
  GRANT SELECT ON notice_texts TO gisops_reader;
  -- by the key of a report, what became of it
  GRANT SELECT (client_uid, answered_at, district_code, case_id, report_id, answer) ON intake_keys TO gisops_windows;

  -- that somebody looked is written down by the transaction that shows it; the audit is read through a function that writes down that, too
  GRANT EXECUTE ON FUNCTION audit_add TO gisops_reader, gisops_windows;
  GRANT EXECUTE ON FUNCTION audit_page TO gisops_reader;
END
$$;
