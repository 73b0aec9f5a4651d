-- name: city
-- The city's outline, one column wider than its districts.
INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
VALUES (%(code)s, '样例市', 'Sample City', ST_Multi(ST_GeomFromText(%(geom)s, 4326)), 4546, 'S', 'S');

-- name: area
-- A district, street or community.
INSERT INTO admin_areas (level, code, parent_code, name_zh, name_en, geom)
VALUES (%(level)s, %(code)s, %(parent)s, '样例区划', 'Sample area', ST_Multi(ST_GeomFromText(%(geom)s, 4326)));

-- name: cell
-- A grid cell.
INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom)
VALUES (%(code)s, 'S', %(district)s, %(street)s, %(community)s, ST_GeomFromText(%(geom)s, 4326));

-- name: organisation
-- Somebody who answers for something; the first is the duty desk.
INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind, is_duty_desk)
VALUES (%(organisation_id)s, %(code)s, %(zh)s, %(en)s, 'bureau', %(organisation_id)s = 1);

-- name: categories
-- Two things that can be reported.
INSERT INTO categories (category_id, scheme, kind, major, minor, name_zh, name_en, certainty)
VALUES (1, 'S', 'E', '04', '05', '样例事件甲', 'Sample event A', 'P'), (2, 'S', 'E', '04', '06', '样例事件乙', 'Sample event B', 'P');

-- name: person
-- A member of staff.
INSERT INTO staff (staff_id, code, name, phone, organisation_id, post_zh, post_en, role, active)
VALUES (%(staff_id)s, %(code)s, %(name)s, %(phone)s, %(organisation_id)s, '网格员', 'Grid officer', 'officer', %(active)s);

-- name: duty
-- Everybody is on duty, so that a dispatch looks at load and nearness.
INSERT INTO rosters (district_code, staff_id, on_duty, shift_code)
SELECT d.code, s.staff_id, tstzrange(now() - interval '1 day', now() + interval '30 days'), 'all'
FROM staff AS s, admin_areas AS d
WHERE d.level = 2;

-- name: shift
-- The one turn there is.
INSERT INTO shifts (code, name_zh, name_en, starts, ends) VALUES ('all', '全天', 'All day', '00:00', '23:59');

-- name: zone_sets
-- One set in force and a draft.
INSERT INTO zone_sets (zone_set_id, code, name_zh, name_en, purpose, status, valid)
VALUES (1, 'SET1', '现行', 'In force', 'duty', 'published', '[2000-01-01,)'), (2, 'SET2', '草案', 'Draft', 'duty', 'draft', 'empty');

-- name: zone
-- A zone of one of the sets.
INSERT INTO zones (zone_id, zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom, valid)
VALUES (%(zone_id)s, %(zone_set_id)s, %(code)s, '样例责任区', 'Sample zone', 'duty', %(organisation_id)s, '{}', 50, ST_Multi(ST_GeomFromText(%(geom)s, 4326)),
        %(valid)s::tstzrange);

-- name: assign
-- Somebody looks after a zone.
INSERT INTO zone_staff (zone_id, staff_id, role, valid) VALUES (%(zone_id)s, %(staff_id)s, 'primary', %(valid)s::tstzrange);

-- name: account
-- Somebody who may sign in.
INSERT INTO accounts (account_id, login, password_hash, role, staff_id, organisation_id, everywhere)
VALUES (%(account_id)s, %(login)s, '-', %(role)s, %(staff_id)s, %(organisation_id)s, %(everywhere)s);

-- name: grant
-- What an account was granted.
INSERT INTO account_scopes (account_id, kind, code) VALUES (%(account_id)s, %(kind)s, %(code)s);

-- name: versions
-- The layers that were loaded.
INSERT INTO layer_versions (layer, loaded_at, confirmed_at)
SELECT unnest(ARRAY['admin_areas', 'grid_cells', 'zones', 'buildings', 'places', 'party_building', 'poverty_relief']), '2026-01-02 00:00Z', '2026-01-02 00:00Z'
ON CONFLICT DO NOTHING;

-- name: report
-- What somebody wrote.
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x, raw_y, raw_crs,
                     accuracy_m, accuracy_is_default, received_at)
VALUES ('460105', %(report_id)s, gen_random_uuid(), %(case_id)s, 'citizen', 1, %(text)s, '\x00', ST_Point(%(lon)s, %(lat)s, 4326), 0, 0, 'WGS84',
        10, false, %(at)s);

-- name: history
-- A case's first entry.
INSERT INTO case_history (district_code, case_id, seq, action, to_state, at, hash)
VALUES ('460105', %(case_id)s, 1, 'report', 'reported', %(at)s, '');

-- name: decision
-- A case's first decision.
INSERT INTO dispatch_decisions (district_code, case_id, seq, at, input, answer)
VALUES ('460105', %(case_id)s, 1, %(at)s, %(input)s, %(answer)s);

-- name: recipient
-- Who was told of a case.
INSERT INTO case_recipients (district_code, case_id, seq, staff_id, role, notified_at)
VALUES ('460105', %(case_id)s, 1, %(staff_id)s, 'handler', %(at)s);

-- name: clock
-- The clock of an open case's state, without a limit: what is open has one that runs, whose it is follows from the state.
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at)
SELECT c.district_code, c.case_id, 1, s.step,
       CASE WHEN s.step IN ('ack', 'handle') THEN c.organisation_id ELSE (SELECT organisation_id FROM organisations WHERE is_duty_desk) END, c.reported_at
FROM cases c
JOIN (VALUES ('reported', 'accept'), ('accepted', 'file'), ('filed', 'dispatch'), ('dispatched', 'ack'), ('handling', 'handle'), ('to_close', 'close'))
  AS s (state, step) USING (state)
WHERE c.case_id = %(case_id)s;

-- name: no_clock
-- A case whose state is told anew.
DELETE FROM case_clocks WHERE case_id = %(case_id)s;
