-- name: shown
-- How many different photographs a case has: of all its reports, and of those who were sent to look.
SELECT count(DISTINCT used.sha256) AS shown
FROM (
  SELECT s.sha256
  FROM reports r JOIN report_photos s USING (district_code, report_id)
  WHERE r.district_code = %(district_code)s AND r.case_id = %(case_id)s
  UNION ALL
  SELECT s.sha256 FROM case_photos s WHERE s.district_code = %(district_code)s AND s.case_id = %(case_id)s AND s.phase = 'verify'
) AS used;

-- name: lock
-- One act at a time for each of these photographs: of two that name the same one at once, the later sees that it was used.
SELECT pg_advisory_xact_lock(hashtextextended('evidence ' || sha256, 0))
FROM (SELECT DISTINCT unnest(%(sha256s)s::text[]) AS sha256 ORDER BY 1) AS named;

-- name: used
-- Where a photograph, or one that looks like it, was used before, oldest first: itself by its hash, others by one of their five bands and then by how
-- many bits they differ in. What is asked of the case too: who may see it.
WITH alike AS MATERIALIZED (
  SELECT p.sha256, bit_count((p.phash # %(phash)s::bigint)::bit(64)) AS bits
  FROM photos p
  WHERE p.bands && %(bands)s::int[] AND bit_count((p.phash # %(phash)s::bigint)::bit(64)) <= %(within)s AND p.sha256 <> %(sha256)s
  UNION ALL
  SELECT %(sha256)s::text, 0
), used AS (
  SELECT a.sha256, a.bits, r.district_code, r.case_id, 'report' AS phase, s.added_at
  FROM alike a JOIN report_photos s USING (sha256) JOIN reports r USING (district_code, report_id)
  UNION ALL
  SELECT a.sha256, a.bits, s.district_code, s.case_id, s.phase, s.added_at
  FROM alike a JOIN case_photos s USING (sha256)
)
SELECT u.sha256 = %(sha256)s AS same, u.bits, u.phase, u.case_id = %(case_id)s AS own, c.case_no, c.unit_id, c.handler_id, c.superior_id, c.organisation_id
FROM used u JOIN cases c USING (district_code, case_id)
ORDER BY u.added_at
LIMIT 1;

-- name: keep
-- The photographs of a move.
INSERT INTO case_photos (district_code, case_id, seq, n, sha256, phase, captured_at, geom, accuracy_m, account_id, added_at)
SELECT %(district_code)s, %(case_id)s, %(seq)s, p.n, p.sha256, p.phase, p.captured_at, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326), p.accuracy_m,
       %(account_id)s, app_now()
FROM jsonb_to_recordset(%(photos)s) AS p (n smallint, sha256 text, phase text, captured_at timestamptz, lon float8, lat float8, accuracy_m real);

-- name: wanted
-- How many photographs a filing condition wants.
SELECT min_photos FROM filing_conditions WHERE filing_condition_id = %(filing_condition_id)s;
