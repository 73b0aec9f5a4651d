-- name: of_what
-- What a case that the viewer may see is about, and what its first report says.
SELECT c.category_id, r.text
FROM seen_cases(number => %(case_no)s) s
JOIN cases c USING (district_code, case_id)
LEFT JOIN LATERAL (
  SELECT q.text FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.report_id LIMIT 1
) r ON true;

-- name: of_case
-- What a case may be a duplicate of, each with what its first reporter wrote.
SELECT f.same_part, f.same_device, f.closeness, f.distance_m, f.base, f.said, c.case_id, c.case_no, c.state, c.stage, c.version, c.report_count,
       c.reported_at, c.closed_at, c.organisation_id, k.code, k.scheme, k.name_zh, k.name_en, r.text, r.photos
FROM seen_near(%(case_no)s, %(reach_m)s, %(hours)s) f
JOIN cases c ON c.district_code = f.district_code AND c.case_id = f.case_id
JOIN categories k ON k.category_id = c.category_id
LEFT JOIN LATERAL (
  SELECT q.text, q.photos FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.report_id LIMIT 1
) r ON true
WHERE f.in_hours;
