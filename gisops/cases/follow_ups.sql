-- name: of_report
-- The case that a report belongs to now, for whoever holds the report's key; and what else is known of it for what he may do.
SELECT c.case_no, c.district_code, c.case_id, c.state, c.version, coalesce(r.report_id, k.case_id) AS report_id,
       k.report_id IS NOT NULL AND r.report_id IS NULL AS counted_only, w.was_first,
       CASE WHEN w.was_first THEN c.case_no ELSE k.answer::jsonb #>> '{case,case_no}' END AS told_no
FROM intake_keys k
LEFT JOIN reports r ON r.district_code = k.district_code AND r.report_id = k.report_id
JOIN cases f ON f.district_code = k.district_code AND f.case_id = coalesce(r.case_id, k.case_id)
JOIN cases c ON c.district_code = f.district_code AND c.case_id = coalesce(f.duplicate_of, f.case_id)
CROSS JOIN LATERAL (
  SELECT NOT EXISTS (SELECT FROM reports q WHERE q.district_code = r.district_code AND q.case_id = r.case_id AND q.report_id < r.report_id) AS was_first OFFSET 0
) w
WHERE k.client_uid = %(client_uid)s;

-- name: add
-- What a reporter said, or that nobody answered, with its text. A reporter says it once by his key: saying it again changes nothing and keeps nothing.
WITH said AS (
  INSERT INTO follow_ups (district_code, case_id, follow_up_no, method, reached, score, at, made_by, report_id, text_id)
  SELECT %(district_code)s, %(case_id)s,
         (SELECT coalesce(max(f.follow_up_no), 0) + 1 FROM follow_ups f WHERE f.district_code = %(district_code)s AND f.case_id = %(case_id)s),
         %(method)s, %(reached)s, %(score)s, app_now(), %(account_id)s, %(report_id)s, %(text_id)s
  ON CONFLICT DO NOTHING
  RETURNING district_code, case_id, follow_up_no, text_id, at
), a_text AS (
  INSERT INTO case_texts (district_code, case_id, text_id, kind, salt, text, at)
  SELECT district_code, case_id, text_id, 'follow_up', decode(%(salt)s, 'hex'), %(text)s, at FROM said WHERE text_id IS NOT NULL
)
SELECT follow_up_no FROM said;

-- name: satisfied
-- What was said last is what counts of a case.
UPDATE cases SET satisfaction = %(score)s WHERE district_code = %(district_code)s AND case_id = %(case_id)s;
