-- name: parties
-- Who has had a case and gave it back, in order of the first time.
SELECT k.organisation_id FROM case_clocks k
WHERE k.district_code = %(district_code)s AND k.case_id = %(case_id)s AND k.outcome = 'returned'
GROUP BY k.organisation_id ORDER BY min(k.clock_no);

-- name: interim
-- Who secures a place meanwhile: the street or town it lies in, else the district, and who leads it.
SELECT a.organisation_id, o.code, o.lead_staff_id
FROM admin_areas a
JOIN organisations o ON o.organisation_id = a.organisation_id
WHERE a.level IN (2, 3) AND a.valid @> app_now() AND ST_Covers(a.geom, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)) AND NOT o.is_duty_desk
ORDER BY a.level DESC, a.code LIMIT 1;

-- name: open
-- A dispute begins.
INSERT INTO disputes (district_code, case_id, dispute_no, opened_seq, opened_at, parties, interim_organisation_id)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(d.dispute_no), 0) + 1 FROM disputes d WHERE d.district_code = %(district_code)s AND d.case_id = %(case_id)s),
       %(seq)s, app_now(), %(parties)s, %(interim)s;

-- name: current
-- The dispute that is open, the part it is about, and the code that its reporter named, if he named one.
SELECT d.dispute_no, d.parties, d.interim_organisation_id, p.code AS part_code,
       (SELECT r.part_code FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id ORDER BY r.report_id LIMIT 1) AS scanned
FROM disputes d
JOIN cases c USING (district_code, case_id)
LEFT JOIN parts p ON p.district_code = c.district_code AND p.part_id = c.part_id
WHERE d.district_code = %(district_code)s AND d.case_id = %(case_id)s AND d.decided_at IS NULL
FOR UPDATE OF d;

-- name: area
-- The area of an agreement or a zone: as it was sent (GeoJSON, WGS-84), else thirty metres around the place, for a zone the cell it lies in, so that no
-- outline says where the case was; whether it is one, what it holds, how large it is, and whether it lies in the district and in what the account may see.
SELECT ST_AsEWKB(g.geom) AS geom, g.geom IS NOT NULL AND ST_IsValid(g.geom) AND NOT ST_IsEmpty(g.geom) AND GeometryType(g.geom) IN ('POLYGON', 'MULTIPOLYGON') AS sound,
       EXISTS (SELECT FROM cases c JOIN parts p USING (district_code, part_id)
               WHERE c.district_code = %(district_code)s AND c.case_id = %(case_id)s AND ST_Covers(g.geom, ST_PointOnSurface(p.geom))) AS holds,
       ST_Covers(g.geom, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)) AS holds_place,
       CASE WHEN ST_IsValid(g.geom) THEN ST_Area(g.geom::geography) END AS area_m2,
       CASE WHEN ST_IsValid(g.geom) THEN NOT EXISTS (
         SELECT FROM admin_areas a WHERE a.code = %(district_code)s AND in_force(a.valid, app_now()) AND NOT ST_Covers(ST_Buffer(a.geom, 1e-6), g.geom)) END AS in_district,
       CASE WHEN ST_IsValid(g.geom) THEN EXISTS (SELECT FROM accounts v WHERE v.account_id = %(account_id)s AND v.everywhere)
         OR coalesce(ST_Covers((
           SELECT ST_Buffer(ST_Union(u.geom), 1e-6)
           FROM (SELECT c.geom, s.unit_id FROM grid_cells c JOIN scope_units s ON s.level = 5 AND s.code = c.code
                 WHERE in_force(c.valid, app_now()) AND ST_Intersects(c.geom, g.geom)
                 UNION ALL
                 SELECT a.geom, s.unit_id FROM admin_areas a JOIN scope_units s ON s.level = a.level AND s.code = a.code
                 WHERE in_force(a.valid, app_now()) AND ST_Intersects(a.geom, g.geom)) u
           JOIN account_units w ON w.unit_id = u.unit_id AND w.account_id = %(account_id)s), g.geom), false) END AS seen
FROM (SELECT CASE WHEN %(area)s::text IS NULL
                  THEN CASE WHEN %(of_ground)s
                            THEN coalesce((SELECT c.geom FROM cell_at(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), app_now()) n JOIN grid_cells c ON c.code = n.code AND in_force(c.valid, app_now()) LIMIT 1),
                                          ST_Expand(ST_SnapToGrid(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), 0.002), 0.002))
                            ELSE ST_Buffer(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)::geography, 30)::geometry END
                  ELSE ST_SetSRID(ST_GeomFromGeoJSON(%(area)s::text), 4326) END AS geom) AS g;

-- name: determine_fact
-- Write the fact by which the same dispute does not come again.
SELECT kind, key FROM determine_fact(%(district_code)s, %(case_no)s, %(decision)s, %(organisation_id)s, %(effective_from)s, %(new_key)s, ST_GeomFromEWKB(%(area)s), %(note)s);

-- name: decide
-- A dispute is decided.
UPDATE disputes
SET decision = %(decision)s, organisation_id = %(organisation_id)s, effective_from = %(effective_from)s, created_kind = %(kind)s, created_key = %(key)s,
    decided_seq = %(seq)s, decided_by = %(account_id)s, decided_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND decided_at IS NULL;

-- name: ownerless
-- What was determined to be nobody's and is nobody's still, the newest first: its fact is the one in force, and names whom it named then.
SELECT c.case_no, d.case_id, d.dispute_no, p.code AS part, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, k.scheme, k.code AS category, k.name_zh AS category_zh,
       k.name_en AS category_en, c.street_code AS street, o.organisation_id, o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
       d.created_kind AS fact, d.created_key AS fact_code, d.effective_from, d.decided_at,
       (SELECT jsonb_build_object('post_zh', s.post_zh, 'post_en', s.post_en, 'code', s.code, 'name', s.name)
        FROM staff_of_accounts() a JOIN staff s ON s.staff_id = a.staff_id WHERE a.account_id = d.decided_by) AS decider
FROM disputes d
JOIN cases c USING (district_code, case_id)
JOIN categories k ON k.category_id = c.category_id
JOIN organisations o ON o.organisation_id = d.organisation_id
LEFT JOIN parts p ON d.created_kind = 'part' AND p.district_code = d.district_code AND p.code = d.created_key
 AND in_force(p.valid, greatest(app_now(), d.effective_from))
LEFT JOIN zones z ON d.created_kind = 'zone' AND z.code = d.created_key AND in_force(z.valid, greatest(app_now(), d.effective_from))
WHERE d.decision = 'ownerless' AND d.organisation_id IN (p.maintainer_organisation_id, z.organisation_id)
  AND (%(at)s::timestamptz IS NULL OR (d.decided_at, d.case_id) < (%(at)s, %(case_id)s::uuid))
ORDER BY d.decided_at DESC, d.case_id DESC
LIMIT %(most)s;
