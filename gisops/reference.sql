-- name: upsert_category_majors
-- Names of the major classes. Here and below, what stands there already is not written again.
INSERT INTO category_majors AS m (scheme, kind, major, name_zh, name_en, certainty)
SELECT scheme, kind, major, name_zh, name_en, certainty FROM shipped_category_majors
ON CONFLICT (scheme, city_code, kind, major)
DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, certainty = excluded.certainty
WHERE (m.name_zh, m.name_en, m.certainty) IS DISTINCT FROM (excluded.name_zh, excluded.name_en, excluded.certainty);

-- name: upsert_categories
-- The schemes' own rows. What a scheme says (names, certainty) is brought up to date; the switches are the city's, and stay.
INSERT INTO categories AS c (scheme, city_code, kind, major, minor, name_zh, name_en, certainty, enabled, public, simple_allowed, auto_file, severity, dispatch_mode)
SELECT scheme, city_code, kind, major, minor, name_zh, name_en, certainty, enabled::boolean, public::boolean, simple_allowed::boolean,
  auto_file::boolean, severity, dispatch_mode
FROM shipped_categories
ON CONFLICT (scheme, city_code, kind, major, minor)
DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, certainty = excluded.certainty
WHERE (c.name_zh, c.name_en, c.certainty) IS DISTINCT FROM (excluded.name_zh, excluded.name_en, excluded.certainty);

-- name: upsert_filing_conditions
-- Conditions of the schemes' categories; which of them is the default is the city's to change, and so is one that it wrote in its handbook.
INSERT INTO filing_conditions AS held (category_id, seq, text_zh, text_en, evidence_zh, min_photos, closing_zh, closing_en, is_default, certainty)
SELECT c.category_id, f.seq::smallint, f.text_zh, f.text_en, f.evidence_zh, f.min_photos::smallint, f.closing_zh, f.closing_en,
  f.is_default::boolean, f.certainty
FROM shipped_filing_conditions AS f
JOIN categories AS c ON (c.scheme, c.city_code, c.kind, c.major, c.minor) = (f.scheme, '', f.kind, f.major, f.minor)
ON CONFLICT (category_id, seq)
DO UPDATE SET text_zh = excluded.text_zh, text_en = excluded.text_en, evidence_zh = excluded.evidence_zh,
  min_photos = excluded.min_photos, closing_zh = excluded.closing_zh, closing_en = excluded.closing_en, certainty = excluded.certainty
WHERE (held.text_zh, held.text_en, held.evidence_zh, held.min_photos, held.closing_zh, held.closing_en, held.certainty)
  IS DISTINCT FROM (excluded.text_zh, excluded.text_en, excluded.evidence_zh, excluded.min_photos, excluded.closing_zh, excluded.closing_en,
                    excluded.certainty)
  AND NOT EXISTS (SELECT FROM handbook_entries AS h
                  WHERE h.filing_condition_id = held.filing_condition_id AND h.source = 'city' AND upper_inf(h.valid));

-- name: upsert_time_limits
-- Limits where there are none yet: a limit the city has set is never taken back.
INSERT INTO time_limits (filing_condition_id, step, area_grade, unit, value, season, certainty)
SELECT f.filing_condition_id, t.step, t.area_grade, t.unit, t.value::numeric, t.season, t.certainty
FROM shipped_time_limits AS t
JOIN categories AS c ON (c.scheme, c.city_code, c.kind, c.major, c.minor) = (t.scheme, '', t.kind, t.major, t.minor)
JOIN filing_conditions AS f ON f.category_id = c.category_id AND f.seq = t.seq::smallint
ON CONFLICT (filing_condition_id, step, area_grade) DO NOTHING;

-- name: upsert_seasons
-- Seasons that the city has not set for itself.
INSERT INTO seasons (season, opens, closes, name_zh, name_en, certainty)
SELECT s.season, s.opens, s.closes, s.name_zh, s.name_en, s.certainty
FROM shipped_seasons AS s
WHERE NOT EXISTS (SELECT FROM seasons AS held WHERE held.season = s.season);

-- name: upsert_handbook
-- What the handbook says beside conditions and limits, and its entries brought up to those; what the city wrote stays.
SELECT entry
FROM turn_handbook(
  (SELECT jsonb_agg(jsonb_build_object(
     'filing_condition_id', f.filing_condition_id, 'handling_zh', nullif(b.handling_zh, ''), 'handling_en', nullif(b.handling_en, ''),
     'supervising_zh', nullif(b.supervising_zh, ''), 'responsible_zh', nullif(b.responsible_zh, ''), 'legal_zh', nullif(b.legal_zh, ''),
     'collection_zh', nullif(b.collection_zh, ''), 'collection_en', nullif(b.collection_en, '')))
   FROM filing_conditions AS f
   JOIN categories AS c USING (category_id)
   CROSS JOIN LATERAL (
     SELECT s.* FROM shipped_handbook AS s
     WHERE s.scheme = c.scheme AND c.city_code = '' AND s.kind = c.kind AND s.major IN ('', c.major) AND s.minor IN ('', c.minor) AND s.seq IN ('', f.seq::text)
     ORDER BY s.seq DESC, s.minor DESC, s.major DESC LIMIT 1
   ) AS b), 'shipped') AS entry;

-- name: upsert_part_scopes
-- Which parts a category may be about.
INSERT INTO part_scopes (category_id, part_category_id, rank)
SELECT c.category_id, p.category_id, s.rank::smallint
FROM shipped_part_scopes AS s
JOIN categories AS c ON (c.scheme, c.city_code, c.kind, c.major, c.minor) = (s.scheme, '', s.kind, s.major, s.minor)
JOIN categories AS p ON (p.scheme, p.city_code, p.kind, p.major, p.minor) = (s.part_scheme, '', 'P', s.part_major, s.part_minor)
ON CONFLICT (category_id, part_category_id) DO NOTHING;

-- name: upsert_category_map
-- The same thing in two schemes.
INSERT INTO category_map AS m (from_scheme, from_code, to_scheme, to_code, certainty)
SELECT from_scheme, from_code, to_scheme, to_code, certainty FROM shipped_category_map
ON CONFLICT (from_scheme, from_code, to_scheme, to_code) DO UPDATE SET certainty = excluded.certainty
WHERE m.certainty IS DISTINCT FROM excluded.certainty;

-- name: upsert_duplicate_rules
-- How near two reports of the same thing lie; a rule the city has set is never taken back.
INSERT INTO duplicate_rules (scheme, kind, major, minor, radius_m, hours, certainty)
SELECT scheme, kind, major, minor, radius_m::real, hours::int, certainty FROM shipped_duplicate_rules
ON CONFLICT (scheme, kind, major, minor) DO NOTHING;

-- name: upsert_auto_rules
-- When a report files itself where its district has set nothing; a default that the city has changed is never taken back.
INSERT INTO auto_rule_defaults (scheme, kind, major, minor, enabled, min_confidence, channels, min_photos, alone, certain, max_overturn, window_cases,
                                window_days, min_cases, certainty)
SELECT scheme, kind, major, minor, enabled::boolean, nullif(min_confidence, '')::real, string_to_array(channels, ' '), min_photos::smallint,
       alone::boolean, certain::boolean, max_overturn::real, window_cases::int, window_days::int, min_cases::int, certainty
FROM shipped_auto_rules
ON CONFLICT (scheme, kind, major, minor) DO NOTHING;

-- name: upsert_calendar_days
-- Holidays and days worked in lieu; a day the city has decided for itself stays.
INSERT INTO calendar_days (day, kind, note)
SELECT date::date, kind, note FROM shipped_work_calendar
ON CONFLICT (calendar, day) DO NOTHING;

-- name: upsert_work_windows
-- Working hours, only where the city has none at all: ours beside its own would overlap.
INSERT INTO work_windows (opens, closes)
SELECT opens::time, closes::time FROM shipped_work_windows
WHERE NOT EXISTS (SELECT FROM work_windows WHERE calendar = 'city');

-- name: upsert_stage_limits
-- Limits of the steps beside handling, where there are none yet: one that the city has set is never taken back.
INSERT INTO stage_limits (step, severity, scheme, kind, major, minor, unit, value, certainty)
SELECT step, severity, scheme, kind, major, minor, unit, value::numeric, certainty FROM shipped_stage_limits
ON CONFLICT (step, severity, scheme, kind, major, minor) DO NOTHING;

-- name: upsert_escalations
-- What happens when a share of a limit has run; for a step only while the city has said nothing about it.
INSERT INTO escalations (step, percent, due_kind, level, tells)
SELECT s.step, s.percent::smallint, s.due_kind, s.level::smallint, s.tells
FROM shipped_escalations s
WHERE NOT EXISTS (SELECT FROM escalations e WHERE e.step = s.step);
