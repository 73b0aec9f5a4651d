-- name: whose
-- The key of a case that the viewer may see, who holds it, and how many reported it.
SELECT c.district_code, c.case_id, c.organisation_id, c.report_count, c.crowd_count
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id);

-- name: page
-- Its reports in the order in which they came, from behind one of them.
SELECT r.report_id, r.channel, r.text, r.received_at, r.captured_at, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat, r.accuracy_m, r.raw_crs AS crs_in, r.part_code,
       r.photos
FROM reports r
WHERE r.district_code = %(district_code)s AND r.case_id = %(case_id)s AND (%(after)s::uuid IS NULL OR r.report_id > %(after)s)
ORDER BY r.report_id
LIMIT %(most)s;
