-- name: staged
-- The cases that wait, in the order in which they were received.
SELECT s.*, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, k.scheme || ':' || k.code AS category_code
FROM staging.{stage} s
JOIN categories k ON k.category_id = s.category
ORDER BY s.received_at, s.row_no;

-- name: span
-- From when to when they were received.
SELECT min(received_at) AS first, max(received_at) AS last FROM staging.{stage};

-- name: make_told
-- What became of each: for undoing, and for the comparison with what the file expects.
CREATE TABLE staging.{told} (
  row_no bigint PRIMARY KEY, district_code text, case_id uuid, case_no text, zone text, mode text, state text, organisation text,
  fresh boolean NOT NULL, refusal text
);

-- name: copy_told
-- One batch of it.
COPY staging.{told} (row_no, district_code, case_id, case_no, zone, mode, state, organisation, fresh, refusal) FROM STDIN;

-- name: copy_findings
-- What dispatch did not take.
COPY load_findings (load_id, seq, row_no, kind, code, words_zh, words_en, was, now) FROM STDIN;

-- name: last_finding
-- How far the findings of a load are numbered.
SELECT coalesce(max(seq), 0) AS seq FROM load_findings WHERE load_id = %(load_id)s;

-- name: agreement
-- Each case of which the file says the zone, with the zone dispatch chose and how far it lies from the expected one; a zone is known by its
-- code in any set that was in force.
SELECT s.row_no, s.expect_zone AS expected, t.zone, t.mode, t.state, t.refusal, s.accuracy_m, s.channel,
       e.known, round(e.away_m::numeric, 1)::float8 AS away_m, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat
FROM staging.{stage} s
JOIN staging.{told} t USING (row_no)
LEFT JOIN LATERAL (
  SELECT count(*) > 0 AS known, min(ST_Distance(z.geom::geography, s.geom::geography)) AS away_m
  FROM zones z
  JOIN zone_sets zs USING (zone_set_id)
  WHERE z.code = s.expect_zone AND zs.valid @> s.received_at AND z.valid @> s.received_at AND t.zone IS DISTINCT FROM s.expect_zone
) e ON true
WHERE t.fresh AND s.expect_zone IS NOT NULL
ORDER BY s.row_no;

-- name: moved_on
-- Cases of a load that have been worked on since.
SELECT c.case_no FROM staging.{told} t
JOIN cases c ON c.district_code = t.district_code AND c.case_id = t.case_id
WHERE t.fresh AND (
  EXISTS (SELECT FROM case_history h WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND h.account_id IS NOT NULL)
  OR EXISTS (SELECT FROM report_links h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM case_messages h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM case_photos h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM approvals h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM case_subtasks h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM disputes h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM supervision_orders h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM urgings h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM appeals h WHERE h.district_code = c.district_code AND h.case_id = c.case_id)
  OR EXISTS (SELECT FROM follow_ups h WHERE h.district_code = c.district_code AND h.case_id = c.case_id))
ORDER BY c.case_no LIMIT 5;

-- name: remove_recipients
-- Told, and to be untold: nobody has worked on these cases.
DELETE FROM case_recipients r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_clocks
-- Their clocks.
DELETE FROM case_clocks r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_texts
-- What was written with their moves.
DELETE FROM case_texts r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_deliveries
-- What the timers of those still open had sent out,
DELETE FROM deliveries d USING notices n, staging.{told} t
WHERE d.district_code = n.district_code AND d.notice_id = n.notice_id AND n.district_code = t.district_code AND n.case_id = t.case_id AND t.fresh;

-- name: remove_notices
-- and told of them.
DELETE FROM notices r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_report_photos
-- The photographs that their reports name; the photographs themselves are let go as those that nothing names.
DELETE FROM report_photos r USING reports p, staging.{told} t
WHERE r.district_code = p.district_code AND r.report_id = p.report_id AND p.district_code = t.district_code AND p.case_id = t.case_id AND t.fresh;

-- name: remove_decisions
-- Their decisions.
DELETE FROM dispatch_decisions r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_history
-- Their history, whole.
DELETE FROM case_history r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_reports
-- Their reports.
DELETE FROM reports r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_keys
-- The keys by which a second load would have found them.
DELETE FROM intake_keys r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: remove_cases
-- The cases themselves, last.
DELETE FROM cases r USING staging.{told} t WHERE r.district_code = t.district_code AND r.case_id = t.case_id AND t.fresh;

-- name: drop
-- A table that is no longer needed.
DROP TABLE IF EXISTS staging.{name};
