-- name: wait_for_twins
-- Reports of one part or one device come one after the other, to the end of their transactions; in order, so that no two wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('twins/' || k.key, 0)) FROM (SELECT unnest(%(keys)s::text[]) AS key ORDER BY 1) k;

-- name: hold
-- The open ones of these cases, by key or by number, kept from moving until the transaction ends; in order, so that no two wait for each other. A case's
-- district is what its number begins with. `near_lon`, `near_lat` are where strangers are told that it is
-- (`near_for_strangers`), `crowd_since` is when the last but so many of its reports came in; null where it has not that many.
SELECT c.district_code, c.case_id, c.case_no, c.version, c.state, c.stage, c.flow, c.deadline, c.report_count, c.category_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       ST_X(ST_SnapToGrid(c.geom, 0.0001)) AS near_lon, ST_Y(ST_SnapToGrid(c.geom, 0.0001)) AS near_lat,
       c.unit_id, c.handler_id, c.superior_id, c.organisation_id, k.public, o.code AS organisation_code, o.name_zh AS organisation_zh,
       o.name_en AS organisation_en, h.post_zh, h.post_en,
       (SELECT r.received_at FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id ORDER BY r.report_id DESC
        OFFSET %(before_last)s LIMIT 1) AS crowd_since
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
