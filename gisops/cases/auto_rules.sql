-- name: standing
-- Which rule holds for each category in each district: the district's own for the category, for its major class, else the closest default.
SELECT a.n, c.scheme, coalesce(r.code, c.code) AS code, r.code IS NOT NULL AS own,
       coalesce(r.enabled, d.enabled) AS enabled, c.auto_file,
       CASE WHEN r.code IS NULL THEN d.min_confidence ELSE r.min_confidence END::float8 AS min_confidence,
       coalesce(r.channels, d.channels) AS channels, coalesce(r.min_photos, d.min_photos) AS min_photos,
       coalesce(r.alone, d.alone) AS alone, coalesce(r.certain, d.certain) AS certain
FROM unnest(%(n)s::int[], %(districts)s::text[], %(category_ids)s::int[]) AS a (n, district_code, category_id)
JOIN categories c USING (category_id)
LEFT JOIN LATERAL (
  SELECT q.* FROM auto_rules q
  WHERE q.district_code = a.district_code AND q.scheme = c.scheme AND q.code IN (c.code, c.kind || c.major)
  ORDER BY length(q.code) DESC
  LIMIT 1
) r ON true
LEFT JOIN LATERAL (
  SELECT q.* FROM auto_rule_defaults q
  WHERE q.scheme IN ('', c.scheme) AND q.kind IN ('', c.kind) AND q.major IN ('', c.major) AND q.minor IN ('', c.minor)
  ORDER BY q.minor DESC, q.major DESC, q.kind DESC, q.scheme DESC
  LIMIT 1
) d ON true;

-- name: overturn
-- What a rule did with a case was taken back; the first time counts.
UPDATE auto_filings SET overturned_at = app_now(), overturned_by = %(action)s
WHERE district_code = %(district)s AND case_id = %(case_id)s AND overturned_at IS NULL
RETURNING scheme, code;

-- name: one_at_a_time
-- Whoever judges a rule waits for whoever else does, and counts what that one wrote.
SELECT pg_advisory_xact_lock(hashtextextended('auto_rule:' || %(district)s || ':' || %(scheme)s || ':' || %(code)s, 0));

-- name: hold
-- A rule as it is: the district's own row, or what the closest default says for the category.
SELECT r.code IS NOT NULL AS own, coalesce(r.enabled, d.enabled) AS enabled,
       CASE WHEN r.code IS NULL THEN d.min_confidence ELSE r.min_confidence END::float8 AS min_confidence,
       coalesce(r.channels, d.channels) AS channels, coalesce(r.min_photos, d.min_photos) AS min_photos,
       coalesce(r.alone, d.alone) AS alone, coalesce(r.certain, d.certain) AS certain,
       coalesce(r.max_overturn, d.max_overturn)::float8 AS max_overturn, coalesce(r.window_cases, d.window_cases) AS window_cases,
       coalesce(r.window_days, d.window_days) AS window_days, coalesce(r.min_cases, d.min_cases) AS min_cases, r.since,
       r.switched_off_at, r.switched_off_because, r.reason, r.changed_at
FROM (
  SELECT DISTINCT c.kind, c.major, CASE WHEN c.code = %(code)s THEN c.minor ELSE '' END AS minor
  FROM categories c
  WHERE c.scheme = %(scheme)s AND %(code)s IN (c.code, c.kind || c.major)
) k
LEFT JOIN auto_rules r ON r.district_code = %(district)s AND r.scheme = %(scheme)s AND r.code = %(code)s
CROSS JOIN LATERAL (
  SELECT q.* FROM auto_rule_defaults q
  WHERE q.scheme IN ('', %(scheme)s) AND q.kind IN ('', k.kind) AND q.major IN ('', k.major) AND q.minor IN ('', k.minor)
  ORDER BY q.minor DESC, q.major DESC, q.kind DESC, q.scheme DESC
  LIMIT 1
) d;

-- name: figures
-- Of the latest cases that a rule filed within its window and that are decided (taken on, over, or taken back): how many, and how many were taken back.
-- What was joined with another case says nothing of the rule.
SELECT count(*)::int AS decided, count(*) FILTER (WHERE w.overturned)::int AS overturned, min(w.filed_at) AS since
FROM (
  SELECT f.filed_at, f.overturned_at IS NOT NULL AS overturned
  FROM auto_filings f
  JOIN cases c ON c.district_code = f.district_code AND c.case_id = f.case_id
  WHERE f.district_code = %(district)s AND f.scheme = %(scheme)s AND f.code = %(code)s
    AND f.filed_at >= greatest(%(since)s::timestamptz, app_now() - make_interval(days => %(window_days)s)) AND c.state <> 'duplicate'
    AND (f.overturned_at IS NOT NULL OR c.acknowledged_at IS NOT NULL OR c.handled_at IS NOT NULL OR c.stage = 7)
  ORDER BY f.filed_at DESC
  LIMIT %(window_cases)s
) w;

-- name: filed
-- How many cases a rule filed within its window, decided or not.
SELECT count(*)::int AS filed
FROM auto_filings f
WHERE f.district_code = %(district)s AND f.scheme = %(scheme)s AND f.code = %(code)s
  AND f.filed_at >= greatest(%(since)s::timestamptz, app_now() - make_interval(days => %(window_days)s));

-- name: switch_off
-- A rule that stands switches itself off; one that was off is left alone.
INSERT INTO auto_rules AS r (district_code, scheme, code, enabled, min_confidence, channels, min_photos, alone, certain, max_overturn, window_cases,
                             window_days, min_cases, since, switched_off_at, switched_off_because, changed_at)
VALUES (%(district)s, %(scheme)s, %(code)s, false, %(min_confidence)s, %(channels)s, %(min_photos)s, %(alone)s, %(certain)s, %(max_overturn)s,
        %(window_cases)s, %(window_days)s, %(min_cases)s, coalesce(%(since)s::timestamptz, '-infinity'), app_now(), %(because)s, app_now())
ON CONFLICT (district_code, scheme, code)
DO UPDATE SET enabled = false, switched_off_at = app_now(), switched_off_because = excluded.switched_off_because, changed_by = NULL, changed_at = app_now()
WHERE r.enabled
RETURNING r.code;

-- name: event
-- Everybody whose screen shows the district hears that a rule is off.
INSERT INTO outbox (district_code, event_id, kind, case_no, unit_id, organisation_id, payload, at)
SELECT c.district_code, %(event_id)s, 'auto_rule', c.case_no, c.unit_id, c.organisation_id, %(payload)s, app_now()
FROM cases c
WHERE c.district_code = %(district)s AND c.case_id = %(case_id)s;

-- name: answerable
-- Who is told that a rule went off: administrators and shift leaders who look after the whole city, or the place of the case that tipped it.
SELECT a.account_id
FROM accounts a
WHERE a.active AND a.role IN ('admin', 'shift_leader')
  AND (a.everywhere OR EXISTS (SELECT FROM account_units u WHERE u.account_id = a.account_id AND u.unit_id = %(unit_id)s))
ORDER BY a.account_id;

-- name: rules
-- Rules that a district has set or that went off, and those by which it filed anything of late, page by page: of the districts that the viewer looks
-- after as a whole, for why a rule went off counts all their cases.
SELECT k.district_code, k.scheme, k.code, r.reason, r.changed_at,
       coalesce(m.name_zh, c.name_zh) AS name_zh, coalesce(m.name_en, c.name_en) AS name_en, c.auto_file
FROM (
  SELECT district_code, scheme, code FROM auto_rules
  UNION
  SELECT district_code, scheme, code FROM auto_filings WHERE filed_at >= app_now() - interval '30 days'
) k
LEFT JOIN auto_rules r USING (district_code, scheme, code)
LEFT JOIN categories c ON c.scheme = k.scheme AND c.code = k.code
LEFT JOIN LATERAL (
  SELECT q.name_zh, q.name_en FROM category_majors q WHERE q.scheme = k.scheme AND q.kind || q.major = k.code LIMIT 1
) m ON c.code IS NULL
WHERE (%(district)s::text IS NULL OR k.district_code = %(district)s)
  AND (EXISTS (SELECT FROM viewer() v WHERE v.everywhere)
       OR EXISTS (SELECT FROM scope_units u WHERE u.level = 2 AND u.code = k.district_code AND u.unit_id IN (SELECT my_units())))
  AND (%(after)s::text[] IS NULL OR ARRAY[k.district_code, k.scheme, k.code] > %(after)s::text[])
ORDER BY k.district_code, k.scheme, k.code
LIMIT %(limit)s;

-- name: district
-- A district by its code, as a unit of scope.
SELECT u.unit_id FROM scope_units u WHERE u.level = 2 AND u.code = %(district)s AND u.live;

-- name: set
-- An administrator says how it is; the window starts anew where he switches it on.
INSERT INTO auto_rules AS r (district_code, scheme, code, enabled, min_confidence, channels, min_photos, alone, certain, max_overturn, window_cases,
                             window_days, min_cases, since, reason, changed_by, changed_at)
VALUES (%(district)s, %(scheme)s, %(code)s, %(enabled)s, %(min_confidence)s, %(channels)s, %(min_photos)s, %(alone)s, %(certain)s, %(max_overturn)s,
        %(window_cases)s, %(window_days)s, %(min_cases)s, app_now(), %(reason)s, %(account_id)s, app_now())
ON CONFLICT (district_code, scheme, code)
DO UPDATE SET enabled = excluded.enabled, min_confidence = excluded.min_confidence, channels = excluded.channels, min_photos = excluded.min_photos,
  alone = excluded.alone, certain = excluded.certain, max_overturn = excluded.max_overturn, window_cases = excluded.window_cases, window_days = excluded.window_days, min_cases = excluded.min_cases,
  since = CASE WHEN excluded.enabled AND NOT r.enabled THEN excluded.since ELSE r.since END,
  switched_off_at = CASE WHEN NOT excluded.enabled THEN r.switched_off_at END,
  switched_off_because = CASE WHEN NOT excluded.enabled THEN r.switched_off_because END,
  reason = excluded.reason, changed_by = excluded.changed_by, changed_at = excluded.changed_at
RETURNING r.changed_at;
