-- name: near
-- The cases that each report may be about; and where those stand that may be proposed or recur, and who may know of them.
SELECT f.n, f.district_code, f.case_id, f.is_open, f.same_part, f.named_part, f.same_device, f.closeness, f.distance_m, f.base, f.said, f.closed_at, f.in_hours,
       c.case_no, c.state, c.stage, c.report_count, c.unit_id, c.handler_id, c.superior_id, c.organisation_id,
       (SELECT k.public FROM categories k WHERE k.category_id = c.category_id) AS public
FROM twin_cases(%(n)s::int[], %(lon)s::float8[], %(lat)s::float8[], %(reach_m)s::float8[], %(fuzz_m)s::float8[], %(hours)s::int[], %(category_id)s::int[],
                %(part_id)s::uuid[], %(part_code)s::text[], %(source_ref)s::text[], %(with_text)s::boolean[],
                array_fill(NULL::uuid, ARRAY[cardinality(%(n)s::int[])])) f
LEFT JOIN cases c ON c.district_code = f.district_code AND c.case_id = f.case_id AND f.base >= 0.3;
