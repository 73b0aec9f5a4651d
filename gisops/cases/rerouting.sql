-- name: place
-- The columns of a case that lies at a point.
SELECT ST_AsEWKT(p.geom) AS geom, unit_at(p.geom) AS unit_id, g.code AS grid_cell_code, g.street_code, g.community_code
FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS geom) p
LEFT JOIN LATERAL cell_at(p.geom, app_now()) AS at_cell ON true
LEFT JOIN grid_cells g ON g.code = at_cell.code AND in_force(g.valid, app_now());

-- name: part
-- Where a part is that a case is said to be about: a point of it.
SELECT ST_X(q.point) AS lon, ST_Y(q.point) AS lat
FROM parts p
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(p.geom) AS point) q
WHERE p.code = %(code)s AND in_force(p.valid, app_now())
LIMIT 1;

-- name: asked
-- What the rules were last asked about a case: the part or place that its report named.
SELECT d.input ->> 'part_code' AS part_code, (d.input ->> 'place_id')::uuid AS place_id
FROM dispatch_decisions d
WHERE d.district_code = %(district)s AND d.case_id = %(case_id)s AND NOT d.by_hand
ORDER BY d.seq DESC
LIMIT 1;

-- name: keep_decision
-- What the rules say now, with the entry of the history that had them asked.
INSERT INTO dispatch_decisions (district_code, case_id, seq, at, by_hand, input, answer, staff_facts)
VALUES (%(district)s, %(case_id)s, %(seq)s, %(at)s, false, %(input)s, %(answer)s, %(staff_facts)s);

-- name: standing
-- A case that the viewer may see, as a dry run needs it.
SELECT c.district_code, c.case_id, c.case_no, c.state, c.stage, c.version, c.category_id, c.filing_condition_id, c.filed_at, c.deadline, c.area_grade,
       c.organisation_id, o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       r.accuracy_m
FROM seen_cases(number => %(case_no)s) s
JOIN cases c USING (district_code, case_id)
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN LATERAL (
  SELECT q.accuracy_m::float8 AS accuracy_m FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.report_id LIMIT 1
) r ON true;

-- name: open
-- A page of the cases that are on their way, of those the viewer may see, the newest first, with what the rules answered last.
SELECT c.district_code, c.case_id, c.case_no, c.state, c.stage, c.category_id, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, r.accuracy_m,
       o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en, d.part_code, d.place_id, d.organisation, d.zone, d.asked_at
FROM unnest(%(states)s::text[]) AS q (state)
CROSS JOIN LATERAL seen_cases(in_state => q.state, before => %(after)s, most => %(limit)s) s
JOIN cases c USING (district_code, case_id)
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN LATERAL (
  SELECT p.accuracy_m::float8 AS accuracy_m FROM reports p WHERE p.district_code = c.district_code AND p.case_id = c.case_id ORDER BY p.report_id LIMIT 1
) r ON true
JOIN LATERAL (
  SELECT h.input ->> 'part_code' AS part_code, (h.input ->> 'place_id')::uuid AS place_id, h.answer ->> 'organisation' AS organisation,
         h.answer ->> 'zone' AS zone, h.at AS asked_at
  FROM dispatch_decisions h
  WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND NOT h.by_hand
  ORDER BY h.seq DESC
  LIMIT 1
) d ON true
ORDER BY c.case_id DESC
LIMIT %(limit)s;
