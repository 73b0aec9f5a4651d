-- name: entries
-- What the handbook says at a moment, of a category where one is named, with words where some are looked for.
SELECT h.filing_condition_id, c.scheme, c.code, c.name_zh, c.name_en, c.severity, f.seq, f.is_default, h.text_zh, h.text_en, h.evidence_zh, h.min_photos,
  h.closing_zh, h.closing_en, h.limits, h.handling_zh, h.handling_en, h.supervising_zh, h.responsible_zh, h.legal_zh, h.collection_zh, h.collection_en,
  h.certainty, h.source, lower(h.valid) AS valid_from, upper(h.valid) AS valid_until
FROM handbook_entries AS h
JOIN filing_conditions AS f USING (filing_condition_id)
JOIN categories AS c USING (category_id)
WHERE in_force(h.valid, coalesce(%(at)s, app_now())) AND c.scheme = %(scheme)s
  AND (%(category_id)s::int IS NULL OR c.category_id = %(category_id)s) AND (c.public OR NOT %(public_only)s)
  AND (%(words)s::text IS NULL OR concat_ws(' ', c.code, c.name_zh, c.name_en, h.text_zh, h.text_en, h.closing_zh, h.closing_en, h.handling_zh, h.handling_en,
    h.supervising_zh, h.responsible_zh, h.legal_zh, h.collection_zh, h.collection_en) ILIKE '%%' || %(words)s || '%%')
ORDER BY c.code, f.seq
LIMIT %(most)s;

-- name: of_condition
-- What the handbook says of one condition at a moment.
SELECT h.filing_condition_id, c.scheme, c.code, c.name_zh, c.name_en, c.severity, f.seq, f.is_default, h.text_zh, h.text_en, h.evidence_zh, h.min_photos,
  h.closing_zh, h.closing_en, h.limits, h.handling_zh, h.handling_en, h.supervising_zh, h.responsible_zh, h.legal_zh, h.collection_zh, h.collection_en,
  h.certainty, h.source, lower(h.valid) AS valid_from, upper(h.valid) AS valid_until
FROM handbook_entries AS h
JOIN filing_conditions AS f USING (filing_condition_id)
JOIN categories AS c USING (category_id)
WHERE h.filing_condition_id = %(filing_condition_id)s AND in_force(h.valid, coalesce(%(at)s, app_now()));

-- name: known
-- The categories of the schemes, and the conditions each of them has.
SELECT c.category_id, c.scheme, c.code, f.filing_condition_id, f.seq, coalesce(f.is_default, false) AS is_default, h.handbook_entry_id IS NOT NULL AS holds
FROM categories AS c
LEFT JOIN filing_conditions AS f USING (category_id)
LEFT JOIN handbook_entries AS h ON h.filing_condition_id = f.filing_condition_id AND upper_inf(h.valid)
WHERE c.city_code = '' OR c.city_code = (SELECT code FROM city);

-- name: alone
-- One file at a time.
LOCK TABLE handbook_entries, filing_conditions, time_limits IN SHARE ROW EXCLUSIVE MODE;

-- name: put_conditions
-- Conditions as a file has them: those that are there get the texts that the file has, the others are new.
INSERT INTO filing_conditions AS held (category_id, seq, text_zh, text_en, evidence_zh, min_photos, closing_zh, closing_en, is_default, certainty)
SELECT r.category_id, r.seq, coalesce(r.text_zh, f.text_zh), coalesce(r.text_en, f.text_en, ''), coalesce(r.evidence_zh, f.evidence_zh, ''),
  coalesce(r.min_photos, f.min_photos, 0), coalesce(r.closing_zh, f.closing_zh), coalesce(r.closing_en, f.closing_en, ''),
  coalesce(f.is_default, false), coalesce(r.certainty, f.certainty, 'P')
FROM jsonb_to_recordset(%(rows)s) AS r (
  category_id int, seq smallint, text_zh text, text_en text, evidence_zh text, min_photos smallint, closing_zh text, closing_en text, certainty text)
LEFT JOIN filing_conditions AS f USING (category_id, seq)
ON CONFLICT (category_id, seq) DO UPDATE SET text_zh = excluded.text_zh, text_en = excluded.text_en, evidence_zh = excluded.evidence_zh,
  min_photos = excluded.min_photos, closing_zh = excluded.closing_zh, closing_en = excluded.closing_en, certainty = excluded.certainty
WHERE (held.text_zh, held.text_en, held.evidence_zh, held.min_photos, held.closing_zh, held.closing_en, held.certainty)
  IS DISTINCT FROM (excluded.text_zh, excluded.text_en, excluded.evidence_zh, excluded.min_photos, excluded.closing_zh, excluded.closing_en, excluded.certainty);

-- name: put_defaults
-- Which condition is taken where nobody chooses: where a file names one, the others of its category are it no longer.
UPDATE filing_conditions AS f SET is_default = (f.seq = r.seq)
FROM jsonb_to_recordset(%(rows)s) AS r (category_id int, seq smallint, is_default boolean)
WHERE r.is_default AND f.category_id = r.category_id AND f.is_default <> (f.seq = r.seq);

-- name: drop_limits
-- Limits that the file no longer has, of conditions for which it has limits.
DELETE FROM time_limits AS t
USING jsonb_to_recordset(%(rows)s) AS r (category_id int, seq smallint, limits jsonb), filing_conditions AS f
WHERE jsonb_typeof(r.limits) = 'array' AND f.category_id = r.category_id AND f.seq = r.seq AND t.filing_condition_id = f.filing_condition_id
  AND NOT EXISTS (SELECT FROM jsonb_to_recordset(r.limits) AS l (step text, area_grade text) WHERE (l.step, l.area_grade) = (t.step, t.area_grade));

-- name: put_limits
-- Limits as the file has them.
INSERT INTO time_limits AS held (filing_condition_id, step, area_grade, unit, value, season, certainty)
SELECT f.filing_condition_id, l.step, l.area_grade, l.unit, l.value, l.season, f.certainty
FROM jsonb_to_recordset(%(rows)s) AS r (category_id int, seq smallint, limits jsonb)
JOIN filing_conditions AS f USING (category_id, seq)
CROSS JOIN LATERAL jsonb_to_recordset(CASE WHEN jsonb_typeof(r.limits) = 'array' THEN r.limits ELSE '[]' END) AS l (
  step text, area_grade text, unit text, value numeric, season text)
ON CONFLICT (filing_condition_id, step, area_grade) DO UPDATE SET unit = excluded.unit, value = excluded.value, season = excluded.season,
  certainty = excluded.certainty
WHERE (held.unit, held.value, held.season) IS DISTINCT FROM (excluded.unit, excluded.value, excluded.season);

-- name: turn
-- The entries of the handbook, brought up to all that.
SELECT count(*) AS written
FROM turn_handbook(
  (SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object('filing_condition_id', f.filing_condition_id))
   FROM jsonb_to_recordset(%(rows)s) AS r (
     category_id int, seq smallint, handling_zh text, handling_en text, supervising_zh text, responsible_zh text, legal_zh text, collection_zh text,
     collection_en text, ends boolean)
   JOIN filing_conditions AS f USING (category_id, seq)), 'city') AS entry;
