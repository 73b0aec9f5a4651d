-- Twins: which cases a report may be about, and the one way in which a report comes into another case. docs/decisions/0034.

DROP FUNCTION IF EXISTS case_priority(int);
CREATE OR REPLACE FUNCTION case_priority(severity text, report_count int, urged_count int, again boolean, hotline boolean) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- What a case's own facts make of it: 3 critical, 2 high, 1 low, 0 none. The highest of them counts, nothing is added up; and as no moment is asked for,
-- it changes only when one of them does.
RETURN CASE
  WHEN severity = 'danger' OR report_count >= 10 THEN 3
  WHEN severity = 'urgent' OR report_count >= 5 OR urged_count > 0 OR again THEN 2
  WHEN hotline OR report_count >= 3 THEN 1
  ELSE 0
END::smallint;

DROP FUNCTION IF EXISTS twin_cases;
CREATE FUNCTION twin_cases(
  numbers int[], lons float8[], lats float8[], reaches_m float8[], fuzzes_m float8[], hours int[], category_ids int[], part_ids uuid[], part_codes text[],
  source_refs text[], with_text boolean[], excepts uuid[]
) RETURNS TABLE (
  n int, district_code text, case_id uuid, is_open boolean, same_part boolean, named_part boolean, same_device boolean, closeness float8, distance_m float8,
  base float8, said text, closed_at timestamptz, in_hours boolean
)
LANGUAGE plpgsql STABLE ROWS 10
-- For each report the cases that it may be about: of the same part, or of a compatible category (the same minor class 1, the same major class 0.5) and
-- no farther off than `reaches_m` (the category's radius) and `fuzzes_m` (how wrong the position may be) together. Open ones, and those closed within
-- 30 days or `hours`; ten of each at most, the nearest. base = 0.5 distance + 0.3 category, and 1 for the same part; `said` is what the first report of
-- the case says, where how alike the texts are can still matter (`duplicates.scored`).
-- Planned once, for each input goes through its indexes whatever their number (see dispatch).
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH classes AS MATERIALIZED (
    -- 1 the same minor class, in one scheme or by the map between two; 0.5 the same major class. Worked out once for each category that is asked about:
    -- a function called for every case near by costs more than all the rest.
    SELECT k.category_id,
           k.category_id || ARRAY(
             SELECT o.category_id FROM category_map m JOIN categories o ON o.scheme = m.to_scheme AND o.code = m.to_code
             WHERE m.from_scheme = k.scheme AND m.from_code = k.code
             UNION ALL
             SELECT o.category_id FROM category_map m JOIN categories o ON o.scheme = m.from_scheme AND o.code = m.from_code
             WHERE m.to_scheme = k.scheme AND m.to_code = k.code) AS same,
           ARRAY(SELECT o.category_id FROM categories o WHERE o.pattern_major = k.pattern_major) AS alike
    FROM categories k
    WHERE k.category_id = ANY (category_ids)
  ), asked AS MATERIALIZED (
    SELECT u.*, l.same, l.alike, m.p, m.kx, m.ky, ST_Expand(m.p, (u.reach_m + u.fuzz_m) / m.kx, (u.reach_m + u.fuzz_m) / m.ky) AS box, u.reach_m + u.fuzz_m AS far_m,
           app_now() - make_interval(hours => greatest(u.hours, 720)) AS closed_since,
           app_now() - make_interval(hours => u.hours) AS proposed_since,
           -- a part that changed hands is another record of the same code
           ARRAY(SELECT q.part_id FROM parts p JOIN parts q ON q.code = p.code AND q.district_code = p.district_code WHERE p.part_id = u.part_id) AS part_ids
    FROM unnest(numbers, lons, lats, reaches_m, fuzzes_m, hours, category_ids, part_ids, part_codes, source_refs, with_text, excepts)
         AS u (n, lon, lat, reach_m, fuzz_m, hours, category_id, part_id, part_code, source_ref, has_text, except_id)
    JOIN classes l ON l.category_id = u.category_id
    CROSS JOIN LATERAL (
      SELECT ST_SetSRID(ST_MakePoint(u.lon, u.lat), 4326) AS p, metres_per_degree_lon(u.lat) AS kx, metres_per_degree_lat(u.lat) AS ky OFFSET 0
    ) m
  )
  SELECT a.n, f.district_code, f.case_id, f.stage < 7, f.same_part, f.same_part AND f.names_part, f.same_device, f.closeness, f.distance_m, t.base,
         CASE WHEN a.has_text AND NOT f.same_part AND t.in_hours AND t.base >= 0.3 THEN (
           SELECT r.text FROM reports r WHERE r.district_code = f.district_code AND r.case_id = f.case_id ORDER BY r.report_id LIMIT 1) END,
         f.closed_at, t.in_hours
  FROM asked a
  CROSS JOIN LATERAL (
    -- by part and by place the same may be found twice
    SELECT DISTINCT ON (c.district_code, c.case_id) c.*
    FROM (
      (SELECT c.district_code, c.case_id, c.stage, c.closed_at, true AS same_part, w.closeness, w.distance_m, w.names_part, false AS same_device
       FROM (
         SELECT q.district_code, q.case_id, q.stage, q.closed_at, q.category_id, q.geom
         FROM cases q
         WHERE q.part_id = ANY (a.part_ids) AND (q.stage < 7 OR q.state = 'closed' AND q.closed_at > a.closed_since) AND q.case_id IS DISTINCT FROM a.except_id
         ORDER BY q.stage < 7 DESC, q.closed_at DESC, q.case_id LIMIT 10
       ) c
       CROSS JOIN LATERAL (
         SELECT local_distance_m(c.geom, a.lon, a.lat, a.kx, a.ky) AS distance_m,
                CASE WHEN c.category_id = ANY (a.same) THEN 1 WHEN c.category_id = ANY (a.alike) THEN 0.5 ELSE 0 END::float8 AS closeness,
                -- not EXISTS, of which the planner would make a hash of all reports there are
                a.part_code IS NOT NULL AND (SELECT true FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id
                                                                          AND r.part_code = a.part_code LIMIT 1) IS TRUE AS names_part
       ) w)
      UNION ALL
      (SELECT c.district_code, c.case_id, c.stage, c.closed_at, false, w.closeness, w.distance_m, false, w.same_device
       FROM cases c
       CROSS JOIN LATERAL (
         SELECT local_distance_m(c.geom, a.lon, a.lat, a.kx, a.ky) AS distance_m,
                CASE WHEN c.category_id = ANY (a.same) THEN 1 WHEN c.category_id = ANY (a.alike) THEN 0.5 ELSE 0 END::float8 AS closeness,
                a.source_ref IS NOT NULL AND (SELECT true FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id
                                                AND r.source_ref = a.source_ref AND r.category_id = a.category_id LIMIT 1) IS TRUE AS same_device
         OFFSET 0
       ) w
       WHERE c.stage < 7 AND c.geom && a.box AND c.case_id IS DISTINCT FROM a.except_id AND c.category_id = ANY (a.same || a.alike) AND w.distance_m <= a.far_m
       ORDER BY w.same_device DESC, w.distance_m, c.case_id LIMIT 10)
      UNION ALL
      (SELECT c.district_code, c.case_id, c.stage, c.closed_at, false, w.closeness, w.distance_m, false, false
       FROM cases c
       CROSS JOIN LATERAL (
         SELECT local_distance_m(c.geom, a.lon, a.lat, a.kx, a.ky) AS distance_m,
                CASE WHEN c.category_id = ANY (a.same) THEN 1 WHEN c.category_id = ANY (a.alike) THEN 0.5 ELSE 0 END::float8 AS closeness
         OFFSET 0
       ) w
       WHERE c.state = 'closed' AND c.geom && a.box AND c.closed_at > a.closed_since AND c.case_id IS DISTINCT FROM a.except_id
         AND c.category_id = ANY (a.same || a.alike) AND w.distance_m <= a.far_m
       ORDER BY w.distance_m, c.case_id LIMIT 10)
    ) c
    ORDER BY c.district_code, c.case_id, c.same_part DESC
  ) f
  CROSS JOIN LATERAL (
    SELECT CASE WHEN f.same_part THEN 1 ELSE 0.5 * greatest(0, least(1, (a.far_m - f.distance_m) / a.reach_m)) + 0.3 * f.closeness END AS base,
           f.stage < 7 OR f.closed_at > a.proposed_since AS in_hours
  ) t
  ORDER BY a.n, f.distance_m, f.case_id;
END
$$;

DROP FUNCTION IF EXISTS seen_near;
CREATE FUNCTION seen_near(number text, reach_m float8, hours int) RETURNS TABLE (
  district_code text, case_id uuid, is_open boolean, same_part boolean, same_device boolean, closeness float8, distance_m float8, base float8, said text,
  in_hours boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, public, pg_temp
-- The same for a case that the viewer may see, by its first report: of the others, those that he may see.
AS $$
#variable_conflict use_column
DECLARE
  v record;
BEGIN
  SELECT * INTO v FROM viewer();
  RETURN QUERY
  SELECT f.district_code, f.case_id, f.is_open, f.same_part, f.same_device, f.closeness, f.distance_m, f.base, f.said, f.in_hours
  FROM seen_cases(number => number) s
  JOIN cases c ON c.district_code = s.district_code AND c.case_id = s.case_id
  LEFT JOIN LATERAL (
    SELECT q.text, q.accuracy_m, q.part_code, q.source_ref FROM reports q
    WHERE q.district_code = c.district_code AND q.case_id = c.case_id ORDER BY q.report_id LIMIT 1
  ) r ON true
  CROSS JOIN LATERAL twin_cases(
    ARRAY[1], ARRAY[ST_X(c.geom)], ARRAY[ST_Y(c.geom)], ARRAY[reach_m], ARRAY[least(coalesce(r.accuracy_m, 0), 100)::float8], ARRAY[hours], ARRAY[c.category_id],
    ARRAY[c.part_id], ARRAY[r.part_code], ARRAY[r.source_ref], ARRAY[coalesce(r.text, '') <> ''], ARRAY[c.case_id]) f
  JOIN cases o ON o.district_code = f.district_code AND o.case_id = f.case_id
  WHERE v.everywhere OR o.handler_id = v.staff_id OR o.superior_id = v.staff_id OR o.organisation_id = v.organisation_id
     OR o.unit_id IN (SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id);
END
$$;

DROP FUNCTION IF EXISTS near_for_strangers;
CREATE FUNCTION near_for_strangers(lon float8, lat float8, reach_m float8, fuzz_m float8, category int, from_score float8, most int) RETURNS TABLE (
  district_code text, case_id uuid, code text, scheme text, name_zh text, name_en text, distance_m float8, reported_at timestamptz, report_count int,
  state text, stage smallint
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 3
SET search_path = pg_catalog, public, pg_temp
-- Open cases of public categories that a report may be about, for anybody: scored as `twin_cases` scores them, without texts and parts. Whatever is not
-- public takes nobody's place here. Where a case is counts to 0.0001 degrees only, in what is measured as in what is left out. Who joined it within the
-- hour without a sign-in is not counted yet: else whoever joins until a figure changes knows how many there were.
AS $$
  SELECT c.district_code, c.case_id, k.code, k.scheme, k.name_zh, k.name_en, d.distance_m, c.reported_at,
         greatest(1, c.report_count - (
           SELECT count(*) FROM reports r
           WHERE r.district_code = c.district_code AND r.case_id = c.case_id AND r.account_id IS NULL AND r.report_id >= first_key(app_now() - interval '1 hour')
             AND EXISTS (SELECT FROM reports q WHERE q.district_code = r.district_code AND q.case_id = r.case_id AND q.report_id < r.report_id)))::int,
         c.state, c.stage
  FROM (SELECT metres_per_degree_lon(near_for_strangers.lat) AS kx, metres_per_degree_lat(near_for_strangers.lat) AS ky,
               reach_m + fuzz_m AS far_m OFFSET 0) m
  CROSS JOIN categories a
  JOIN cases c ON c.geom && ST_Expand(ST_SetSRID(ST_MakePoint(near_for_strangers.lon, near_for_strangers.lat), 4326), (m.far_m + 12) / m.kx, (m.far_m + 12) / m.ky)
  JOIN categories k ON k.category_id = c.category_id
  CROSS JOIN LATERAL (
    SELECT local_distance_m(ST_SnapToGrid(c.geom, 0.0001), near_for_strangers.lon, near_for_strangers.lat, m.kx, m.ky) AS distance_m,
           CASE WHEN k.category_id = a.category_id
                  OR EXISTS (SELECT FROM category_map q WHERE q.from_scheme = a.scheme AND q.from_code = a.code AND q.to_scheme = k.scheme AND q.to_code = k.code)
                  OR EXISTS (SELECT FROM category_map q WHERE q.from_scheme = k.scheme AND q.from_code = k.code AND q.to_scheme = a.scheme AND q.to_code = a.code)
                THEN 1 WHEN k.pattern_major = a.pattern_major THEN 0.5 ELSE 0 END::float8 AS closeness
    OFFSET 0
  ) d
  CROSS JOIN LATERAL (
    SELECT 0.5 * greatest(0, least(1, (m.far_m - d.distance_m) / reach_m)) + 0.3 * d.closeness AS score OFFSET 0
  ) s
  WHERE a.category_id = category AND k.public AND c.stage < 7 AND d.closeness > 0 AND d.distance_m <= m.far_m AND s.score >= from_score
  ORDER BY s.score DESC, d.distance_m, c.case_id
  LIMIT most
$$;

DROP FUNCTION IF EXISTS move_reports;
CREATE FUNCTION move_reports(district text, from_case uuid, to_case uuid, kind text, moved uuid[], by_account int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Take reports from one case into another of the district and write down where they were; returns how many. `moved` NULL: all that are there;
-- of 'unlinked', those that came with `to_case`. The one way in which a report's case changes: its row is nobody's to write at the doors.
AS $$
#variable_conflict use_variable
DECLARE
  chosen uuid[];
BEGIN
  IF kind NOT IN ('linked', 'unlinked', 'taken_out') OR from_case = to_case THEN
    RAISE EXCEPTION 'reports do not move so: %', kind;
  END IF;
  -- The rows are held before it is asked where they are: two who link at once come one after the other.
  SELECT array_agg(r.report_id) INTO chosen
  FROM (SELECT q.report_id FROM reports q WHERE q.district_code = district AND q.case_id = from_case ORDER BY q.report_id FOR NO KEY UPDATE) r
  WHERE (moved IS NULL OR r.report_id = ANY (moved))
    AND (kind <> 'unlinked' OR to_case = (
      SELECT l.case_id FROM report_links l
      WHERE l.district_code = district AND l.report_id = r.report_id AND l.kind NOT IN ('linked', 'unlinked') ORDER BY l.seq DESC LIMIT 1));
  INSERT INTO report_links (district_code, report_id, seq, case_id, kind, since, until)
  SELECT district, r.report_id, 1, from_case, 'opened', r.received_at, app_now()
  FROM reports r
  WHERE r.district_code = district AND r.report_id = ANY (chosen)
    AND NOT EXISTS (SELECT FROM report_links l WHERE l.district_code = district AND l.report_id = r.report_id);
  UPDATE report_links l SET until = app_now() WHERE l.district_code = district AND l.report_id = ANY (chosen) AND l.until IS NULL;
  INSERT INTO report_links (district_code, report_id, seq, case_id, kind, since, account_id)
  SELECT district, l.report_id, max(l.seq) + 1, to_case, kind, app_now(), by_account
  FROM report_links l
  WHERE l.district_code = district AND l.report_id = ANY (chosen)
  GROUP BY l.report_id;
  UPDATE reports r SET case_id = to_case WHERE r.district_code = district AND r.report_id = ANY (chosen);
  RETURN coalesce(cardinality(chosen), 0);
END
$$;

DROP FUNCTION IF EXISTS text_commitment;
CREATE FUNCTION text_commitment(district text, report uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- What history keeps instead of what a reporter wrote; the salt stays where it is.
AS $$
  SELECT encode(sha256(r.text_salt || convert_to(r.text, 'UTF8')), 'hex') FROM reports r WHERE r.district_code = district AND r.report_id = report
$$;
REVOKE ALL ON FUNCTION move_reports, text_commitment FROM PUBLIC;

GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION seen_near OWNER TO gisops_windows;
ALTER FUNCTION near_for_strangers OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION seen_near, near_for_strangers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen_near, near_for_strangers TO gisops_reader;
-- a stranger's report is answered with what he would be told if he asked
GRANT EXECUTE ON FUNCTION near_for_strangers TO gisops_app;
