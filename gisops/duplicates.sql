-- name: wait_for_twins
-- Reports of one part or one device come one after the other, to the end of their transactions; in order, so that no two wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('twins/' || k.key, 0)) FROM (SELECT unnest(%(keys)s::text[]) AS key ORDER BY 1) k;

-- name: near
-- The cases that each report may be about.
SELECT f.n, f.district_code, f.case_id, f.is_open, f.same_part, f.named_part, f.same_device, f.closeness, f.distance_m, f.likeness, f.score, f.closed_at, f.in_hours
FROM twin_cases(%(n)s::int[], %(lon)s::float8[], %(lat)s::float8[], %(reach_m)s::float8[], %(fuzz_m)s::float8[], %(hours)s::int[], %(category_id)s::int[],
                %(part_id)s::uuid[], %(part_code)s::text[], %(source_ref)s::text[], %(text)s::text[],
                array_fill(NULL::uuid, ARRAY[cardinality(%(n)s::int[])])) f;

-- name: hold
-- The open ones of these cases, by key or by number, kept from moving until the transaction ends; in order, so that no two wait for each other. A case's
-- district is what its number begins with.
SELECT c.district_code, c.case_id, c.case_no, c.version, c.state, c.stage, c.flow, c.deadline, c.report_count, c.category_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       c.unit_id, c.handler_id, c.superior_id, c.organisation_id, k.public, o.code AS organisation_code, o.name_zh AS organisation_zh,
       o.name_en AS organisation_en, h.post_zh, h.post_en
FROM cases c
JOIN categories k ON k.category_id = c.category_id
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN staff h ON h.staff_id = c.handler_id
WHERE c.stage < 7
  AND (c.district_code, c.case_id) IN (
    SELECT * FROM unnest(%(districts)s::text[], %(case_ids)s::uuid[])
    UNION ALL
    SELECT q.district_code, q.case_id
    FROM unnest(%(numbers)s::text[]) AS a (case_no)
    JOIN cases q ON q.district_code = regexp_replace(a.case_no, '-[0-9]+-[0-9]+$', '') AND q.case_no = a.case_no)
ORDER BY c.district_code, c.case_id
FOR NO KEY UPDATE OF c;

-- name: standing
-- Where some cases stand, and who may know of them.
SELECT c.district_code, c.case_id, c.case_no, c.state, c.stage, c.report_count, c.unit_id, c.handler_id, c.superior_id, c.organisation_id, k.public
FROM unnest(%(districts)s::text[], %(case_ids)s::uuid[]) AS a (district_code, case_id)
JOIN cases c ON c.district_code = a.district_code AND c.case_id = a.case_id
JOIN categories k ON k.category_id = c.category_id;

-- name: of_what
-- What a case that the viewer may see is about.
SELECT c.category_id FROM seen_cases(number => %(case_no)s) s JOIN cases c USING (district_code, case_id);

-- name: of_case
-- What a case may be a duplicate of, the best first, each with what its first reporter wrote.
SELECT f.is_open, f.same_part, f.same_device, f.closeness, f.distance_m, f.likeness, f.score, c.case_no, c.state, c.stage, c.version, c.report_count,
       c.reported_at, c.closed_at, c.organisation_id, k.code, k.scheme, k.name_zh, k.name_en, r.text, r.photos
FROM seen_near(%(case_no)s, %(reach_m)s, %(hours)s) f
JOIN cases c ON c.district_code = f.district_code AND c.case_id = f.case_id
JOIN categories k ON k.category_id = c.category_id
LEFT JOIN LATERAL (
  SELECT q.text, q.photos FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.report_id LIMIT 1
) r ON true
WHERE f.in_hours AND f.score >= 0.5
ORDER BY f.score DESC, f.distance_m, f.case_id
LIMIT 20;
