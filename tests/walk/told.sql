-- name: cases
-- Cases of the past in one statement: spread over a span of time and over the city, each with its report and three chained entries of history.
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, organisation_id, reported_at, filed_at, dispatched_at, version)
SELECT '469901', (lpad(to_hex((extract(epoch FROM r.at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || right(md5(n::text), 15))::uuid,
       format('469901-2000-%%s', lpad(n::text, 9, '0')), k.category_id, 'dispatched', 3, 'normal',
       ST_SetSRID(ST_MakePoint(b.x + b.w * (0.3 + 0.4 * (n * 0.6180339 - floor(n * 0.6180339))), b.y + b.h * (0.3 + 0.4 * (n * 0.7548776 - floor(n * 0.7548776)))), 4326),
       o.organisation_id, r.at, r.at, r.at, 3
FROM (SELECT ST_XMin(geom) AS x, ST_YMin(geom) AS y, ST_XMax(geom) - ST_XMin(geom) AS w, ST_YMax(geom) - ST_YMin(geom) AS h FROM city) b,
     (SELECT category_id FROM categories ORDER BY 1 LIMIT 1) k,
     (SELECT organisation_id FROM organisations WHERE NOT is_duty_desk ORDER BY 1 LIMIT 1) o,
     generate_series(%(first)s::int, %(last)s::int) n,
     LATERAL (SELECT now() - interval '1 hour' - (n::float8 / %(last)s) * %(span)s::interval AS at) r;

-- name: reports
-- A report for each of them.
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x, raw_y, raw_crs, accuracy_m, accuracy_is_default, received_at)
SELECT district_code, case_id, case_id, case_id, 'feed', category_id, '样例 ' || case_no, '', geom, ST_X(geom), ST_Y(geom), 'WGS84', 5, false, reported_at
FROM cases
WHERE case_no LIKE '469901-2000-%%';

-- name: history
-- Reported, filed, dispatched; each entry chained to the one before it.
INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, role, organisation_id, payload, prev_hash, hash)
SELECT c.district_code, c.case_id, e.seq, e.action, e.from_state, e.to_state, c.reported_at, 'public', c.organisation_id, '{}', e.prev_hash, e.hash
FROM cases c
CROSS JOIN LATERAL (
  SELECT history_hash(NULL, c.district_code, c.case_id, 1, 'report', NULL, 'reported', c.reported_at, NULL, 'public', c.organisation_id, '{}') AS h1
  OFFSET 0
) a
CROSS JOIN LATERAL (
  SELECT history_hash(h1, c.district_code, c.case_id, 2, 'file', 'reported', 'filed', c.reported_at, NULL, 'public', c.organisation_id, '{}') AS h2
  OFFSET 0
) b
CROSS JOIN LATERAL (
  SELECT history_hash(h2, c.district_code, c.case_id, 3, 'dispatch', 'filed', 'dispatched', c.reported_at, NULL, 'public', c.organisation_id, '{}') AS h3
  OFFSET 0
) d
CROSS JOIN LATERAL (
  VALUES (1, 'report', NULL, 'reported', NULL::bytea, h1), (2, 'file', 'reported', 'filed', h1, h2), (3, 'dispatch', 'filed', 'dispatched', h2, h3)
) e (seq, action, from_state, to_state, prev_hash, hash)
WHERE c.case_no LIKE '469901-2000-%%';
