-- name: near
-- The cases that each report may be about.
SELECT f.n, f.district_code, f.case_id, f.is_open, f.same_part, f.named_part, f.same_device, f.closeness, f.distance_m, f.base, f.said, f.closed_at, f.in_hours
FROM twin_cases(%(n)s::int[], %(lon)s::float8[], %(lat)s::float8[], %(reach_m)s::float8[], %(fuzz_m)s::float8[], %(hours)s::int[], %(category_id)s::int[],
                %(part_id)s::uuid[], %(part_code)s::text[], %(source_ref)s::text[], %(with_text)s::boolean[],
                array_fill(NULL::uuid, ARRAY[cardinality(%(n)s::int[])])) f;
