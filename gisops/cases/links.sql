-- name: hold_both
-- Two cases, kept from moving until the transaction ends, always in the same order; of one that is a duplicate, what it is a duplicate of, and whose
-- the one that was asked for is itself. A case's district is what its number begins with.
WITH named AS (
  SELECT a.case_no AS asked, q.duplicate_of IS NOT NULL AS duplicate, q.district_code, coalesce(q.duplicate_of, q.case_id) AS case_id,
         jsonb_build_object('unit_id', q.unit_id, 'handler_id', q.handler_id, 'superior_id', q.superior_id, 'organisation_id', q.organisation_id) AS itself
  FROM (VALUES (%(one)s), (%(other)s)) AS a (case_no)
  JOIN cases q ON q.district_code = regexp_replace(a.case_no, '-[0-9]+-[0-9]+$', '') AND q.case_no = a.case_no
), held AS MATERIALIZED (
  SELECT c.district_code, c.case_id, c.case_no, c.state, c.stage, c.version, c.report_count, c.part_id, c.unit_id, c.handler_id, c.superior_id,
         c.organisation_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat
  FROM cases c
  WHERE (c.district_code, c.case_id) IN (SELECT n.district_code, n.case_id FROM named n)
  ORDER BY c.district_code, c.case_id
  FOR NO KEY UPDATE
)
SELECT DISTINCT n.asked, n.duplicate, n.itself, h.* FROM named n JOIN held h USING (district_code, case_id) ORDER BY n.asked;

-- name: hold
-- Some cases of a district, kept from moving until the transaction ends.
SELECT case_id FROM cases WHERE district_code = %(district)s AND case_id = ANY (%(case_ids)s) ORDER BY case_id FOR NO KEY UPDATE;

-- name: one
-- The number of a case, and whose it is.
SELECT case_no, unit_id, handler_id, superior_id, organisation_id FROM cases WHERE district_code = %(district)s AND case_id = %(case_id)s;

-- name: move_reports
-- Take reports from one case into another, and write down where they were.
SELECT move_reports(%(district)s, %(from_case)s, %(to_case)s, %(kind)s, %(reports)s::uuid[], %(account_id)s) AS moved;

-- name: flatten
-- Who was a duplicate of this one is one of that one.
UPDATE cases SET duplicate_of = %(now)s WHERE district_code = %(district)s AND duplicate_of = %(was)s;

-- name: recount
-- How many reports a case has now that some came or went, and what goes by them.
WITH counted AS (
  UPDATE cases c
  SET report_count = c.report_count + %(more)s, hotline = q.hotline,
      priority = case_priority(c.severity, c.report_count + %(more)s, c.urged_count, c.recurrence_of IS NOT NULL, q.hotline)
  FROM (SELECT EXISTS (SELECT FROM reports r WHERE r.district_code = %(district)s AND r.case_id = %(case_id)s AND r.channel = 'hotline') AS hotline) q
  WHERE c.district_code = %(district)s AND c.case_id = %(case_id)s
  RETURNING c.district_code, c.case_id, c.priority
)
UPDATE case_clocks k
SET priority = n.priority
FROM counted n
WHERE k.district_code = n.district_code AND k.case_id = n.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask' AND k.priority <> n.priority;

-- name: report
-- One report of a case, as dispatch was asked of it, and the commitment that history keeps of its text.
SELECT r.report_id, r.category_id, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat, r.accuracy_m::float8 AS accuracy_m, r.part_code, r.place_id, r.channel,
       r.source_ref, text_commitment(r.district_code, r.report_id) AS text_commitment
FROM reports r
WHERE r.district_code = %(district)s AND r.case_id = %(case_id)s AND r.report_id = %(report_id)s;

-- name: note
-- An entry in the history of a case whose state stays while reports come or go; with the count of them, and the event that tells of it.
WITH noted AS (
  UPDATE cases c
  SET version = c.version + 1, report_count = c.report_count + %(more)s, hotline = q.hotline,
      priority = case_priority(c.severity, c.report_count + %(more)s, c.urged_count, c.recurrence_of IS NOT NULL, q.hotline)
  FROM (SELECT EXISTS (SELECT FROM reports r WHERE r.district_code = %(district)s AND r.case_id = %(case_id)s AND r.channel = 'hotline') AS hotline) q
  WHERE c.district_code = %(district)s AND c.case_id = %(case_id)s
  RETURNING c.*, app_now() AS at
), a_running AS (
  UPDATE case_clocks k
  SET priority = n.priority
  FROM noted n
  WHERE k.district_code = n.district_code AND k.case_id = n.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask' AND k.priority <> n.priority
), a_history AS (
  INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload, prev_hash, hash)
  SELECT n.district_code, n.case_id, n.version, %(action)s, n.state, n.state, n.at, %(account_id)s, %(role)s, n.organisation_id, %(payload)s, h.hash,
         history_hash(h.hash, n.district_code, n.case_id, n.version, %(action)s, n.state, n.state, n.at, %(account_id)s, %(role)s, n.organisation_id,
                      %(payload)s)
  FROM noted n
  JOIN case_history h ON h.district_code = n.district_code AND h.case_id = n.case_id AND h.seq = n.version - 1
), a_text AS (
  INSERT INTO case_texts (district_code, case_id, text_id, seq, salt, text, at)
  SELECT n.district_code, n.case_id, (t.text ->> 'text_id')::uuid, n.version, decode(t.text ->> 'salt', 'hex'), t.text ->> 'text', n.at
  FROM noted n CROSS JOIN (SELECT %(text)s::jsonb AS text) t
  WHERE t.text IS NOT NULL
)
INSERT INTO outbox (district_code, event_id, kind, case_no, geom, unit_id, handler_id, superior_id, organisation_id, payload, at)
SELECT n.district_code, %(event_id)s, 'case', n.case_no, n.geom, n.unit_id, n.handler_id, n.superior_id, n.organisation_id,
       jsonb_build_object('action', %(action)s::text, 'state', n.state, 'stage', n.stage, 'report_count', n.report_count, 'priority', n.priority,
                          'category', jsonb_build_object('code', k.code, 'name_zh', k.name_zh, 'name_en', k.name_en),
                          'organisation', jsonb_build_object('code', o.code, 'name_zh', o.name_zh, 'name_en', o.name_en), 'ambiguous', n.ambiguous),
       n.at
FROM noted n
JOIN categories k ON k.category_id = n.category_id
JOIN organisations o ON o.organisation_id = n.organisation_id;
