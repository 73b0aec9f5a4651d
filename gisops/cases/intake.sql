-- name: record
-- Keep reports with everything that follows from them: key and answer, case, report, history, decision, recipients, event. One
-- statement, so all or nothing; rows whose key is taken by somebody else are left alone and not returned. Rows of one new case_id are reports of one
-- case, which the first of them opens; one that `joins` is of a case that is there (and held), and opens none; of one that is `counted` alone there is
-- its key and its answer; one that `is_there` was kept before and is only given a case of its own.
WITH sent AS MATERIALIZED (
  SELECT *, ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS geom
  FROM jsonb_to_recordset(%(rows)s) AS r (
    n int, joins boolean, counted boolean, is_there boolean, link_kind text, source_ref text, confidence real, auto_rule jsonb, recurrence_of uuid, is_rework boolean,
    client_uid uuid, body_hash text, answer text, received_at timestamptz, district_code text,
    report_id uuid, case_id uuid, case_no text, event_id uuid,
    channel text, category_id int, text text, text_salt text, account_id int, lon float8, lat float8, raw_x float8, raw_y float8, raw_crs text,
    accuracy_m real, accuracy_is_default boolean, part_code text, place_id uuid, photos jsonb, captured_at timestamptz,
    filing_condition_id int, state text, stage smallint, severity text, home_part_id uuid, home_place_id uuid, grid_cell_code text, street_code text,
    community_code text, zone_id int, organisation_id int, handler_id int, superior_id int, ambiguous boolean,
    filed_at timestamptz, dispatched_at timestamptz, handled_at timestamptz, closed_at timestamptz, deadline timestamptz, version int,
    flow text, assessed boolean, area_grade text, acknowledged_at timestamptz, return_count smallint, rework_count smallint, extended_count smallint,
    suspended_count smallint, satisfaction smallint, history jsonb, decisions jsonb, recipients jsonb, clocks jsonb, texts jsonb, event jsonb)
), taken AS (
  INSERT INTO intake_keys (client_uid, body_hash, district_code, case_id, report_id, answer, answered_at)
  SELECT client_uid, decode(body_hash, 'hex'), district_code, case_id, report_id, answer, received_at FROM sent WHERE NOT is_there
  ON CONFLICT (client_uid) DO NOTHING
  RETURNING client_uid
), fresh AS MATERIALIZED (
  -- nearly always the cell it was decided in; a point is looked up only where there is none, or not any more
  SELECT s.*, coalesce((SELECT u.unit_id FROM scope_units u WHERE u.level = 5 AND u.code = s.grid_cell_code AND u.live), unit_at(s.geom)) AS unit_id,
         NOT s.joins AND row_number() OVER one_case = 1 AS opens, (count(*) OVER one_case)::int AS report_count,
         bool_or(s.channel = 'hotline') OVER one_case AS hotline
  FROM sent s
  WHERE s.is_there OR s.client_uid IN (SELECT client_uid FROM taken) AND NOT s.counted
  WINDOW one_case AS (PARTITION BY s.district_code, s.case_id ORDER BY s.n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), a_case AS (
  INSERT INTO cases (district_code, case_id, case_no, category_id, filing_condition_id, state, stage, severity, geom, part_id, place_id,
                     grid_cell_code, street_code, community_code, zone_id, organisation_id, handler_id, superior_id, ambiguous,
                     reported_at, filed_at, dispatched_at, handled_at, closed_at, deadline, version, unit_id,
                     report_count, hotline, priority, recurrence_of, is_rework,
                     flow, assessed, area_grade, acknowledged_at, return_count, rework_count, extended_count, suspended_count, satisfaction)
  SELECT district_code, case_id, case_no, category_id, filing_condition_id, state, stage, severity, geom, home_part_id, home_place_id,
         grid_cell_code, street_code, community_code, zone_id, organisation_id, handler_id, superior_id, ambiguous,
         received_at, filed_at, dispatched_at, handled_at, closed_at, deadline, version, unit_id,
         report_count, hotline, case_priority(severity, report_count, 0, recurrence_of IS NOT NULL, hotline), recurrence_of, is_rework,
         flow, assessed, area_grade, acknowledged_at, return_count, rework_count, extended_count, suspended_count, satisfaction
  FROM fresh WHERE opens
), a_joined AS (
  UPDATE cases c
  SET report_count = c.report_count + j.report_count, hotline = c.hotline OR j.hotline,
      priority = case_priority(c.severity, c.report_count + j.report_count, c.urged_count, c.recurrence_of IS NOT NULL, c.hotline OR j.hotline)
  FROM (SELECT DISTINCT ON (district_code, case_id) district_code, case_id, event_id, received_at, report_count, hotline FROM fresh WHERE joins
        ORDER BY district_code, case_id, n) j
  WHERE c.district_code = j.district_code AND c.case_id = j.case_id
  RETURNING c.*, j.event_id, j.received_at
), a_crowd AS (
  UPDATE cases c
  SET crowd_count = c.crowd_count + j.more
  FROM (SELECT district_code, case_id, count(*)::int AS more FROM sent WHERE counted AND client_uid IN (SELECT client_uid FROM taken) GROUP BY 1, 2) j
  WHERE c.district_code = j.district_code AND c.case_id = j.case_id
), a_running AS (
  UPDATE case_clocks k
  SET priority = j.priority
  FROM a_joined j
  WHERE k.district_code = j.district_code AND k.case_id = j.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask' AND k.priority <> j.priority
), a_report AS (
  INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, account_id, geom, raw_x, raw_y, raw_crs,
                       accuracy_m, accuracy_is_default, part_code, place_id, photos, captured_at, received_at, source_ref, confidence)
  SELECT district_code, report_id, client_uid, case_id, channel, category_id, text, decode(text_salt, 'hex'), account_id, geom, raw_x, raw_y, raw_crs,
         accuracy_m, accuracy_is_default, part_code, place_id, ARRAY(SELECT jsonb_array_elements_text(photos)), captured_at, received_at,
         source_ref, confidence
  FROM fresh WHERE NOT is_there
), a_filing AS (
  -- what a rule took on by itself, so that it can be counted what came of it
  INSERT INTO auto_filings (district_code, case_id, scheme, code, flow, filed_at)
  SELECT district_code, case_id, auto_rule ->> 'scheme', auto_rule ->> 'code', auto_rule ->> 'flow', received_at
  FROM fresh WHERE opens AND jsonb_typeof(auto_rule) = 'object'
), a_link AS (
  -- one that opened its case needs no row: that is where it is
  INSERT INTO report_links (district_code, report_id, seq, case_id, kind, since)
  SELECT district_code, report_id, 1, case_id, link_kind, received_at
  FROM fresh WHERE NOT opens
), a_history AS (
  -- each move is chained to the one before; the window computes each hash once and hands it on
  INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash)
  SELECT district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, lag(hash) OVER life, hash
  FROM (
    SELECT f.district_code, f.case_id, m.*,
           history_chain(f.district_code, f.case_id, m.seq, m.action, m.from_state, m.to_state, m.at, m.account_id, m.role, m.organisation_id, m.payload)
             OVER (PARTITION BY f.district_code, f.case_id ORDER BY m.seq) AS hash
    FROM fresh f
    CROSS JOIN LATERAL jsonb_to_recordset(f.history) AS m (
      seq int, action text, from_state text, to_state text, at timestamptz, account_id int, role text, organisation_id int, payload jsonb)
    WHERE f.opens
  ) chained
  WINDOW life AS (PARTITION BY district_code, case_id ORDER BY seq)
), a_decision AS (
  INSERT INTO dispatch_decisions (district_code, case_id, seq, at, by_hand, input, answer, staff_facts)
  SELECT f.district_code, f.case_id, d.seq, d.at, d.by_hand, d.input, d.answer, d.staff_facts
  FROM fresh f
  CROSS JOIN LATERAL jsonb_to_recordset(f.decisions) AS d (seq int, at timestamptz, by_hand boolean, input jsonb, answer jsonb, staff_facts jsonb)
  WHERE f.opens
), a_recipient AS (
  INSERT INTO case_recipients (district_code, case_id, seq, staff_id, role, notified_at, acknowledged_at)
  SELECT f.district_code, f.case_id, r.seq, r.staff_id, r.role, r.notified_at, r.acknowledged_at
  FROM fresh f
  CROSS JOIN LATERAL jsonb_to_recordset(f.recipients) AS r (seq int, staff_id int, role text, notified_at timestamptz, acknowledged_at timestamptz)
  WHERE f.opens
), a_clock AS (
  INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline, paused_at, paused_ranges,
                           stopped_at, outcome, level, due_at, due_kind, priority)
  SELECT f.district_code, f.case_id, k.clock_no, k.step, k.organisation_id, k.started_at, k.unit, k.value, k.deadline, k.paused_at,
         (SELECT coalesce(range_agg(tstzrange((p ->> 0)::timestamptz, (p ->> 1)::timestamptz)), '{}') FROM jsonb_array_elements(k.paused) p),
         k.stopped_at, k.outcome, k.level, k.due_at, k.due_kind, case_priority(f.severity, f.report_count, 0, f.recurrence_of IS NOT NULL, f.hotline)
  FROM fresh f
  CROSS JOIN LATERAL jsonb_to_recordset(f.clocks) AS k (
    clock_no smallint, step text, organisation_id int, started_at timestamptz, unit text, value numeric, deadline timestamptz, paused_at timestamptz,
    paused jsonb, stopped_at timestamptz, outcome text, level smallint, due_at timestamptz, due_kind text)
  WHERE f.opens
), a_text AS (
  INSERT INTO case_texts (district_code, case_id, text_id, seq, salt, text, at)
  SELECT f.district_code, f.case_id, t.text_id, t.seq, decode(t.salt, 'hex'), t.text, t.at
  FROM fresh f
  CROSS JOIN LATERAL jsonb_to_recordset(f.texts) AS t (text_id uuid, seq int, salt text, text text, at timestamptz)
  WHERE f.opens
), an_event AS (
  -- what lies in the past is no news
  INSERT INTO outbox (district_code, event_id, kind, case_no, geom, unit_id, handler_id, superior_id, organisation_id, payload, at)
  SELECT district_code, event_id, 'case', case_no, geom, unit_id, handler_id, superior_id, organisation_id, event, received_at
  FROM fresh WHERE opens AND event_id IS NOT NULL
  UNION ALL
  SELECT c.district_code, c.event_id, 'case', c.case_no, c.geom, c.unit_id, c.handler_id, c.superior_id, c.organisation_id,
         jsonb_build_object('action', 'join', 'state', c.state, 'stage', c.stage, 'report_count', c.report_count, 'priority', c.priority,
                            'category', jsonb_build_object('code', k.code, 'name_zh', k.name_zh, 'name_en', k.name_en),
                            'organisation', jsonb_build_object('code', o.code, 'name_zh', o.name_zh, 'name_en', o.name_en), 'ambiguous', c.ambiguous),
         c.received_at
  FROM a_joined c
  JOIN categories k ON k.category_id = c.category_id
  JOIN organisations o ON o.organisation_id = c.organisation_id
)
SELECT client_uid FROM taken;
