-- Dispatch. The contract is docs/reference/dispatch.md; the numbers of its sections stand in the comments here.
-- Whoever changes what a function returns drops it here first: CREATE OR REPLACE keeps the old columns.

CREATE OR REPLACE FUNCTION part_addressee(
  part_geom geometry, maintainer int, owner int, supervising int,
  pattern_minor text, pattern_major text, pattern_kind text, at timestamptz
) RETURNS TABLE (organisation_id int, co_ownership_area_id int)
LANGUAGE sql STABLE PARALLEL SAFE
-- §6. Who looks after a part: an agreement that covers it, else its maintainer, owner, supervising organisation. Always one row.
BEGIN ATOMIC
  SELECT coalesce(a.organisation_id, maintainer, owner, supervising), a.co_ownership_area_id
  FROM (SELECT ST_PointOnSurface(part_geom) AS p) s
  LEFT JOIN LATERAL (
    SELECT c.organisation_id, c.co_ownership_area_id
    FROM co_ownership_areas c
    WHERE ST_DWithin(c.geom, s.p, 1e-10)
      AND in_force(c.valid, part_addressee.at)
      AND specificity(c.scope, pattern_minor, pattern_major, pattern_kind) IS NOT NULL
    ORDER BY specificity(c.scope, pattern_minor, pattern_major, pattern_kind) DESC, c.area_m2, c.code COLLATE "C"
    LIMIT 1
  ) a ON true;
END;

DROP FUNCTION IF EXISTS zones_near;
CREATE FUNCTION zones_near(
  p geometry, kx float8, ky float8, reach_m float8, at timestamptz,
  pattern_minor text, pattern_major text, pattern_kind text
) RETURNS TABLE (zone_id int, organisation_id int, code text, set_code text, name_zh text, name_en text, specificity int, priority smallint,
                 area_m2 float8, covers boolean, edge boolean, distance_m float8)
LANGUAGE sql STABLE PARALLEL SAFE
-- §5.4. The zones in force whose scope fits, and which cover p or lie within reach. The box comes first and alone decides the index.
BEGIN ATOMIC
  SELECT c.zone_id, c.organisation_id, c.code, c.set_code, c.name_zh, c.name_en, c.specificity, c.priority, c.area_m2, c.covers,
         c.covers AND ST_DWithin(c.geom, ST_Translate(p, 1e-9, 1e-9), 1e-10), d.distance_m
  FROM (
    SELECT z.zone_id, z.organisation_id, z.code, s.code AS set_code, z.name_zh, z.name_en, z.priority, z.area_m2, z.geom,
           specificity(z.scope, pattern_minor, pattern_major, pattern_kind) AS specificity,
           ST_DWithin(z.geom, p, 1e-10) AS covers
    FROM zones z
    JOIN zone_sets s ON s.zone_set_id = z.zone_set_id AND in_force(s.valid, zones_near.at)
    WHERE z.geom && ST_Expand(p, reach_m / kx, reach_m / ky)
      AND in_force(z.valid, zones_near.at)
      AND specificity(z.scope, pattern_minor, pattern_major, pattern_kind) IS NOT NULL
    OFFSET 0
  ) c
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.covers THEN 0 ELSE local_distance_m(c.geom, ST_X(p), ST_Y(p), kx, ky) END AS distance_m
  ) d
  WHERE d.distance_m <= reach_m;
END;

CREATE OR REPLACE FUNCTION turn_at(district_code text, staff_id int, at timestamptz) RETURNS TABLE (ends_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
-- The turn of duty somebody is in, if any. Turns of one person never overlap, so the last that began by the moment is the only one that can hold it.
-- It returns a set so that it is inlined where it is joined; as a scalar it would be called.
BEGIN ATOMIC
  SELECT upper(t.on_duty)
  FROM (
    SELECT r.on_duty
    FROM rosters r
    WHERE r.district_code = turn_at.district_code AND r.staff_id = turn_at.staff_id AND lower(r.on_duty) <= turn_at.at
    ORDER BY lower(r.on_duty) DESC
    LIMIT 1
  ) t
  WHERE t.on_duty @> turn_at.at;
END;

CREATE OR REPLACE FUNCTION share_won(zone_ids int[], organisation_ids int[], organisation_id int, lon float8, lat float8, kx float8, ky float8, radius_m float8)
RETURNS float8
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- §5, ambiguity. zone_ids in order of rank, best first. The share of the covered part of the accuracy circle in which a zone of
-- the organisation is the best one. A zone whose border is farther than the circle's edge covers all that is left and ends the count; the others are
-- cut to the circle's box before they are cut to the circle, for a road's zone is long.
AS $$
DECLARE
  circle constant geometry := ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), radius_m, 8), 4326);
  box constant box2d := ST_Expand(circle, 1)::box2d;
  zone geometry;
  here geometry;
  taken geometry;            -- what the zones before this one cover
  taken_m2 float8 := 0;
  together_m2 float8;
  won_m2 float8 := 0;
  whole boolean := false;
BEGIN
  FOR n IN 1 .. cardinality(zone_ids) LOOP
    SELECT local_plane(z.geom, lon, lat, kx, ky) INTO zone FROM zones z WHERE z.zone_id = zone_ids[n];
    IF ST_Distance(ST_Boundary(zone), ST_SetSRID(ST_MakePoint(0, 0), 4326)) >= radius_m THEN
      CONTINUE WHEN NOT ST_Intersects(zone, ST_SetSRID(ST_MakePoint(0, 0), 4326));
      taken := circle;
      whole := true;
    ELSE
      here := ST_Intersection(ST_ClipByBox2D(zone, box), circle);
      taken := CASE WHEN taken IS NULL THEN here ELSE ST_Union(taken, here) END;
    END IF;
    together_m2 := ST_Area(taken);
    IF organisation_ids[n] = share_won.organisation_id THEN
      won_m2 := won_m2 + together_m2 - taken_m2;
    END IF;
    taken_m2 := together_m2;
    EXIT WHEN whole;
  END LOOP;
  RETURN won_m2 / nullif(taken_m2, 0);
END
$$;

DROP FUNCTION IF EXISTS dispatch;
CREATE FUNCTION dispatch(
  numbers int[], lons float8[], lats float8[], accuracies_m float8[], category_ids int[],
  part_codes text[], place_ids uuid[], ats timestamptz[], facts jsonb[]
) RETURNS TABLE (
  n int, at timestamptz, status text, neighbour_code text, mode text, organisation_id int, zone_id int,
  part_id uuid, part_distance_m float8, part_category_id int, place_id uuid, rule_id int, co_ownership_area_id int,
  grid_cell_code text, district_code text, street_code text, community_code text,
  handler_id int, superior_id int, ambiguous boolean, confidence float8,
  reasons text[], candidates jsonb, staff_facts jsonb
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- plpgsql, for it keeps the plan of this one statement for the life of the connection; planning it costs more than running it. The plan is the
-- generic one from the first call: it goes from each input through indexes, whatever their number. Every step is a LATERAL of the input's row and
-- none joins two sets of rows by n, so a thousand inputs cost a thousand times one. Whether a step is needed stands in its WHERE, where it gates
-- the step; in ON it would only throw the result away. A NULL moment is the present.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH located AS MATERIALIZED (
    -- §1, §2, §3: the point, its measures, the cell that covers it; without a cell, the areas, and how far outside the city it lies
    SELECT i.n, coalesce(i.at, app_now()) AS at, i.lon, i.lat, i.accuracy_m, i.category_id, i.part_code, i.place_id, i.staff_facts,
           m.p, m.kx, m.ky, m.r, m.snap, greatest(m.r, m.snap) AS reach, least(greatest(i.accuracy_m, 10), 30) AS part_reach,
           c.dispatch_mode, c.pattern_minor, c.pattern_major, c.pattern_kind,
           cell.code AS grid_cell_code,
           coalesce(cell.district, area.district) AS district_code,
           coalesce(cell.street_code, area.street) AS street_code,
           coalesce(cell.community_code, area.community) AS community_code,
           coalesce(area.outside_m, 0) AS outside_m,
           coalesce(area.outside_m, 0) > m.snap AS out_of_area
    FROM (
      -- along a space-filling curve, so that neighbours find their cell, zones and parts in pages still warm: a third less time on a large batch
      SELECT u.*
      FROM unnest(numbers, lons, lats, accuracies_m, category_ids, part_codes, place_ids, ats, facts)
           AS u (n, lon, lat, accuracy_m, category_id, part_code, place_id, at, staff_facts)
      ORDER BY ST_MakePoint(u.lon, u.lat)
    ) i
    JOIN categories c ON c.category_id = i.category_id
    CROSS JOIN LATERAL (
      SELECT ST_SetSRID(ST_MakePoint(i.lon, i.lat), 4326) AS p,
             metres_per_degree_lon(i.lat) AS kx, metres_per_degree_lat(i.lat) AS ky,
             least(greatest(i.accuracy_m, 5), 200) AS r, least(30, 2 * greatest(i.accuracy_m, 5)) AS snap
      OFFSET 0
    ) m
    LEFT JOIN LATERAL cell_at(m.p, coalesce(i.at, app_now())) cell ON true
    LEFT JOIN LATERAL (
      SELECT CASE WHEN ST_DWithin(city.geom, m.p, 1e-10) THEN 0 ELSE local_distance_m(city.geom, i.lon, i.lat, m.kx, m.ky) END AS outside_m,
             covering.street, covering.community,
             coalesce(covering.district, (
               SELECT a.code FROM admin_areas a
               WHERE cell.code IS NULL AND a.level = 2 AND in_force(a.valid, coalesce(i.at, app_now()))
               ORDER BY local_distance_m(a.geom, i.lon, i.lat, m.kx, m.ky), a.code COLLATE "C" LIMIT 1)) AS district
      -- OFFSET 0: pulled up, the condition would become one of the join, and the city's whole outline be looked at for every point
      FROM (SELECT geom FROM city WHERE cell.code IS NULL OFFSET 0) city
      CROSS JOIN LATERAL (
        SELECT max(first.code) FILTER (WHERE first.level = 2) AS district,
               max(first.code) FILTER (WHERE first.level = 3) AS street,
               max(first.code) FILTER (WHERE first.level = 4) AS community
        FROM (
          SELECT DISTINCT ON (a.level) a.level, a.code
          FROM admin_areas a
          WHERE cell.code IS NULL AND ST_DWithin(a.geom, m.p, 1e-10) AND in_force(a.valid, coalesce(i.at, app_now()))
          ORDER BY a.level, ST_DWithin(a.geom, ST_Translate(m.p, 1e-9, 1e-9), 1e-10) DESC, a.code COLLATE "C"
        ) first
      ) covering
    ) area ON true
  )
  SELECT l.n, l.at, 'ok', NULL::text, d.mode, d.organisation_id, d.zone_id, d.part_id, d.part_distance_m, d.part_category_id,
         CASE WHEN d.mode = 'place' THEN e.place_id END, CASE WHEN d.mode = 'fixed' THEN e.dispatch_rule_id END, d.co_ownership_area_id,
         l.grid_cell_code, l.district_code, l.street_code, l.community_code, s.handler_id, s.superior_id,
         l.accuracy_m > 200 OR d.ambiguous, round(d.confidence::numeric, 3)::float8,
         array_remove(ARRAY[
           CASE WHEN l.outside_m > 0 THEN 'CITY_EDGE_SNAPPED' END,
           CASE WHEN l.accuracy_m > 200 THEN 'ACCURACY_POOR' END,
           CASE WHEN l.part_code IS NOT NULL THEN CASE WHEN e.part_organisation IS NOT NULL THEN 'PART_EXPLICIT'
                                                       WHEN e.part_id IS NOT NULL THEN 'PART_WITHOUT_ORGANISATION' ELSE 'PART_UNKNOWN' END END,
           CASE WHEN e.part_organisation IS NOT NULL AND d.mode = 'co_ownership' THEN 'CO_OWNERSHIP' END,
           CASE WHEN l.place_id IS NOT NULL AND e.part_organisation IS NULL
                THEN CASE WHEN e.place_organisation IS NOT NULL THEN 'PLACE_EXPLICIT'
                          WHEN e.place_id IS NOT NULL THEN 'PLACE_WITHOUT_ORGANISATION' ELSE 'PLACE_UNKNOWN' END END,
           CASE WHEN d.mode = 'fixed' THEN 'RULE_FIXED' END,
           CASE WHEN l.dispatch_mode = 'part_owner' AND e.organisation_id IS NULL
                THEN CASE WHEN d.from_near THEN 'PART_NEAREST' WHEN f.part_id IS NOT NULL THEN 'PART_WITHOUT_ORGANISATION' ELSE 'MISSING_PART' END END,
           CASE WHEN d.from_near AND d.mode = 'co_ownership' THEN 'CO_OWNERSHIP' END,
           CASE WHEN d.mode = 'zone' THEN 'ZONE_COVERS' END,
           CASE WHEN d.mode = 'zone' AND z.overlap THEN 'ZONE_OVERLAP' END,
           CASE WHEN d.mode = 'zone' AND z.edge_decided THEN 'ZONE_EDGE' END,
           CASE WHEN d.mode = 'snapped' THEN 'ZONE_SNAPPED' END,
           CASE WHEN d.mode IN ('territorial', 'desk') THEN 'ZONE_NONE' END,
           CASE d.mode WHEN 'territorial' THEN 'TERRITORIAL_FALLBACK' WHEN 'desk' THEN 'NO_MATCH' END,
           CASE WHEN d.part_category_id IS NOT NULL THEN 'RECLASSIFY_PROPOSED' END,
           CASE WHEN d.ambiguous THEN CASE WHEN d.from_near THEN 'PART_AMBIGUOUS' ELSE 'AMBIGUOUS' END END,
           s.staff_reason, s.superior_reason], NULL),
         coalesce(CASE WHEN d.from_near THEN f.candidates ELSE z.candidates END, '[]'::jsonb), coalesce(s.staff_facts, '[]'::jsonb)
  FROM located l
  CROSS JOIN LATERAL (
    -- §5.1, §5.2
    SELECT part.part_id, part.distance_m AS part_distance_m, addressee.organisation_id AS part_organisation, addressee.co_ownership_area_id,
           place.place_id, place.organisation_id AS place_organisation, rule.dispatch_rule_id,
           coalesce(addressee.organisation_id, place.organisation_id, rule.organisation_id) AS organisation_id
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (
      SELECT p.part_id, p.geom, p.maintainer_organisation_id, p.owner_organisation_id, p.supervising_organisation_id,
             local_distance_m(p.geom, l.lon, l.lat, l.kx, l.ky) AS distance_m, pc.pattern_minor, pc.pattern_major, pc.pattern_kind
      FROM parts p
      JOIN categories pc ON pc.category_id = p.category_id
      WHERE l.part_code IS NOT NULL AND p.code = l.part_code AND in_force(p.valid, l.at) AND p.state <> 'removed'
      ORDER BY p.district_code COLLATE "C" LIMIT 1
    ) part ON true
    LEFT JOIN LATERAL part_addressee(part.geom, part.maintainer_organisation_id, part.owner_organisation_id, part.supervising_organisation_id,
                                     part.pattern_minor, part.pattern_major, part.pattern_kind, l.at) addressee ON part.part_id IS NOT NULL
    LEFT JOIN LATERAL (
      SELECT pl.place_id, pl.organisation_id
      FROM places pl
      WHERE l.place_id IS NOT NULL AND addressee.organisation_id IS NULL AND pl.place_id = l.place_id LIMIT 1
    ) place ON true
    LEFT JOIN LATERAL (
      SELECT r.dispatch_rule_id, r.organisation_id
      FROM dispatch_rules r
      WHERE addressee.organisation_id IS NULL AND place.organisation_id IS NULL
        AND in_force(r.valid, l.at) AND specificity(r.scope, l.pattern_minor, l.pattern_major, l.pattern_kind) IS NOT NULL
      ORDER BY specificity(r.scope, l.pattern_minor, l.pattern_major, l.pattern_kind) DESC, r.priority DESC, r.code COLLATE "C" LIMIT 1
    ) rule ON true
  ) e
  LEFT JOIN LATERAL (
    -- §5.3
    WITH near AS MATERIALIZED (
      SELECT p.part_id, p.code, p.category_id, c.rank, d.distance_m, addressee.organisation_id, addressee.co_ownership_area_id,
             row_number() OVER (ORDER BY c.rank, d.distance_m, p.code COLLATE "C") AS place_in_order
      FROM parts p
      JOIN part_scopes c ON c.category_id = l.category_id AND c.part_category_id = p.category_id
      JOIN categories pc ON pc.category_id = p.category_id
      CROSS JOIN LATERAL (SELECT local_distance_m(p.geom, l.lon, l.lat, l.kx, l.ky) AS distance_m) d
      CROSS JOIN LATERAL part_addressee(p.geom, p.maintainer_organisation_id, p.owner_organisation_id, p.supervising_organisation_id,
                                        pc.pattern_minor, pc.pattern_major, pc.pattern_kind, l.at) addressee
      WHERE l.dispatch_mode = 'part_owner' AND e.organisation_id IS NULL
        AND p.geom && ST_Expand(l.p, l.part_reach / l.kx, l.part_reach / l.ky)
        AND in_force(p.valid, l.at) AND p.state <> 'removed' AND d.distance_m <= l.part_reach
    )
    SELECT w.part_id, w.category_id, w.rank, w.distance_m, w.organisation_id, w.co_ownership_area_id,
           (SELECT count(DISTINCT q.organisation_id) FROM near q
            WHERE q.rank = w.rank AND q.distance_m <= w.distance_m + greatest(l.accuracy_m, 5) / 2) AS addressees,
           (SELECT jsonb_agg(jsonb_build_object('part', q.code, 'organisation', o.code, 'rank', q.rank, 'distance_m', round(q.distance_m::numeric, 2))
                             ORDER BY q.place_in_order)
            FROM near q LEFT JOIN organisations o ON o.organisation_id = q.organisation_id
            WHERE q.place_in_order <= 8) AS candidates
    FROM near w
    WHERE w.place_in_order = 1
  ) f ON true
  LEFT JOIN LATERAL (
    -- §5.4, §5.5; three orders: by the key at the point, by nearness, and the rank that holds for the whole neighbourhood
    WITH near AS MATERIALIZED (
      SELECT q.*, o.code AS organisation,
             row_number() OVER (ORDER BY q.covers DESC, CASE WHEN NOT q.covers THEN q.distance_m END, q.specificity DESC, q.priority DESC, q.edge DESC,
                                q.area_m2, q.code COLLATE "C", q.set_code COLLATE "C") AS place_in_order,
             row_number() OVER (ORDER BY q.specificity DESC, q.priority DESC, q.area_m2, q.code COLLATE "C", q.set_code COLLATE "C") AS rank
      FROM zones_near(l.p, l.kx, l.ky, l.reach, l.at, l.pattern_minor, l.pattern_major, l.pattern_kind) q
      JOIN organisations o ON o.organisation_id = q.organisation_id
      WHERE e.organisation_id IS NULL AND f.organisation_id IS NULL
    )
    SELECT w.zone_id, w.organisation_id, w.covers, others.nearest_other_m IS NOT NULL AND NOT w.covers AS snapped_ambiguous,
           w.covers AND others.covering > 1 AS overlap, w.covers AND others.edge_decided AS edge_decided, others.candidates,
           CASE
             WHEN NOT w.covers THEN CASE WHEN others.nearest_other_m IS NULL THEN 1
                                     ELSE coalesce(others.nearest_other_m / nullif(w.distance_m + others.nearest_other_m, 0), 0.5) END
             WHEN NOT others.rival THEN 1
             WHEN NOT others.higher_rival
               AND (SELECT local_distance_m(ST_Boundary(zz.geom), l.lon, l.lat, l.kx, l.ky) FROM zones zz WHERE zz.zone_id = w.zone_id) >= l.r THEN 1
             ELSE share_won(others.zone_ids, others.organisation_ids, w.organisation_id, l.lon, l.lat, l.kx, l.ky, l.r)
           END AS confidence
    FROM near w
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE q.covers) AS covering,
             bool_or(q.covers AND q.specificity = w.specificity AND q.priority = w.priority AND q.edge <> w.edge) AS edge_decided,
             min(q.distance_m) FILTER (WHERE q.organisation_id <> w.organisation_id AND q.distance_m <= l.snap) AS nearest_other_m,
             bool_or(q.organisation_id <> w.organisation_id AND q.distance_m <= l.r) AS rival,
             bool_or(q.organisation_id <> w.organisation_id AND q.distance_m <= l.r AND q.rank < w.rank) AS higher_rival,
             array_agg(q.zone_id ORDER BY q.rank) FILTER (WHERE q.distance_m <= l.r) AS zone_ids,
             array_agg(q.organisation_id ORDER BY q.rank) FILTER (WHERE q.distance_m <= l.r) AS organisation_ids,
             jsonb_agg(jsonb_build_object('zone', q.code, 'set', q.set_code, 'name_zh', q.name_zh, 'name_en', q.name_en, 'organisation', q.organisation, 'covers', q.covers, 'specificity', q.specificity,
                                          'priority', q.priority, 'edge', q.edge, 'area_m2', q.area_m2, 'distance_m', round(q.distance_m::numeric, 2))
                       ORDER BY q.place_in_order) FILTER (WHERE q.place_in_order <= 8) AS candidates
      FROM near q
    ) others
    WHERE w.place_in_order = 1 AND (w.covers OR w.distance_m <= l.snap)
  ) z ON true
  LEFT JOIN LATERAL (
    -- §5.6
    SELECT a.organisation_id
    FROM admin_areas a
    WHERE e.organisation_id IS NULL AND f.organisation_id IS NULL AND z.zone_id IS NULL
      AND a.code IN (l.community_code, l.street_code, l.district_code) AND a.level > 1 AND in_force(a.valid, l.at) AND a.organisation_id IS NOT NULL
    ORDER BY a.level DESC LIMIT 1
  ) t ON true
  CROSS JOIN LATERAL (
    -- §5, the first step that yields an organisation
    SELECT CASE
             WHEN e.part_organisation IS NOT NULL THEN CASE WHEN e.co_ownership_area_id IS NULL THEN 'part' ELSE 'co_ownership' END
             WHEN e.place_organisation IS NOT NULL THEN 'place'
             WHEN e.organisation_id IS NOT NULL THEN 'fixed'
             WHEN f.organisation_id IS NOT NULL THEN CASE WHEN f.co_ownership_area_id IS NULL THEN 'part' ELSE 'co_ownership' END
             WHEN z.zone_id IS NOT NULL THEN CASE WHEN z.covers THEN 'zone' ELSE 'snapped' END
             WHEN t.organisation_id IS NOT NULL THEN 'territorial'
             ELSE 'desk'
           END AS mode,
           coalesce(e.organisation_id, f.organisation_id, z.organisation_id, t.organisation_id,
                    (SELECT o.organisation_id FROM organisations o WHERE o.is_duty_desk)) AS organisation_id,
           z.zone_id,
           f.organisation_id IS NOT NULL AS from_near,
           CASE WHEN e.part_organisation IS NOT NULL THEN e.part_id WHEN f.organisation_id IS NOT NULL THEN f.part_id END AS part_id,
           CASE WHEN e.part_organisation IS NOT NULL THEN e.part_distance_m WHEN f.organisation_id IS NOT NULL THEN f.distance_m END AS part_distance_m,
           CASE WHEN f.organisation_id IS NOT NULL AND f.rank = 2 THEN f.category_id END AS part_category_id,
           CASE WHEN e.part_organisation IS NOT NULL THEN e.co_ownership_area_id WHEN f.organisation_id IS NOT NULL THEN f.co_ownership_area_id END
             AS co_ownership_area_id,
           CASE WHEN f.organisation_id IS NOT NULL THEN 1.0 / f.addressees WHEN z.zone_id IS NOT NULL THEN z.confidence ELSE 1 END AS confidence,
           coalesce(CASE WHEN f.organisation_id IS NOT NULL THEN f.addressees > 1 ELSE z.snapped_ambiguous OR round(z.confidence::numeric, 3) < 1 END, false)
             AS ambiguous
  ) d
  LEFT JOIN LATERAL (
    -- §7
    SELECT considered.staff_facts, coalesce(considered.staff_id, stand_in.staff_id) AS handler_id, superior.staff_id AS superior_id,
           CASE WHEN considered.staff_id IS NOT NULL THEN (ARRAY['STAFF_PRIMARY', 'STAFF_BACKUP', 'STAFF_NEARBY'])[considered.role + 1]
                WHEN stand_in.staff_id IS NULL THEN 'STAFF_NONE'
                WHEN stand_in.depth > 0 THEN 'STAFF_PARENT'
                WHEN stand_in.is_lead THEN 'STAFF_LEAD'
                ELSE 'STAFF_SHIFT_LEADER' END AS staff_reason,
           CASE WHEN superior.staff_id IS NULL THEN 'SUPERIOR_NONE'
                WHEN superior.depth = -1 THEN 'SUPERIOR_ZONE_LEADER'
                WHEN superior.depth = 0 THEN 'SUPERIOR_LEAD'
                ELSE 'SUPERIOR_PARENT' END AS superior_reason
    FROM (
      SELECT CASE WHEN d.zone_id IS NOT NULL THEN ARRAY[d.zone_id]
                  ELSE ARRAY(SELECT zz.zone_id FROM zones zz JOIN zone_sets zs ON zs.zone_set_id = zz.zone_set_id AND in_force(zs.valid, l.at)
                             WHERE zz.organisation_id = d.organisation_id AND in_force(zz.valid, l.at) AND ST_DWithin(zz.geom, l.p, 1e-10))
             END AS zone_ids
      OFFSET 0
    ) mine
    CROSS JOIN LATERAL (
      -- who is assigned, asked once for all the organisation's staff: some have hundreds
      SELECT array_agg(zs.staff_id) FILTER (WHERE zs.role = 'primary') AS primaries, array_agg(zs.staff_id) FILTER (WHERE zs.role = 'backup') AS backups
      FROM zone_staff zs
      WHERE zs.zone_id = ANY (mine.zone_ids) AND zs.role IN ('primary', 'backup') AND in_force(zs.valid, l.at)
    ) assigned
    CROSS JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('staff', q.code, 'role', q.role, 'load', q.load, 'max_open', q.max_open, 'distance_m', q.distance_m)
                       ORDER BY q.code COLLATE "C") AS staff_facts,
             (array_agg(q.staff_id ORDER BY q.role, q.load, q.distance_m NULLS LAST, q.code COLLATE "C") FILTER (WHERE q.load < q.max_open))[1] AS staff_id,
             (array_agg(q.role ORDER BY q.role) FILTER (WHERE q.load < q.max_open))[1] AS role
      FROM (
        SELECT st.staff_id, st.code, coalesce(a.role, 2) AS role,
               CASE WHEN l.staff_facts IS NULL THEN load.n ELSE coalesce(fact.load, 0) END AS load,
               coalesce(fact.max_open, st.max_open) AS max_open,
               CASE WHEN l.staff_facts IS NULL THEN seen.distance_m ELSE fact.distance_m END AS distance_m
        FROM staff st
        CROSS JOIN LATERAL (
          SELECT CASE WHEN st.staff_id = ANY (assigned.primaries) THEN 0 WHEN st.staff_id = ANY (assigned.backups) THEN 1 END AS role
        ) a
        LEFT JOIN LATERAL (
          SELECT round(local_distance_m(lp.geom, l.lon, l.lat, l.kx, l.ky)) AS distance_m
          FROM last_positions lp
          WHERE l.staff_facts IS NULL AND lp.district_code = l.district_code AND lp.staff_id = st.staff_id
            AND lp.captured_at > l.at - interval '15 minutes' AND lp.captured_at <= l.at
        ) seen ON true
        LEFT JOIN LATERAL (
          SELECT given.load, given.max_open, given.distance_m
          FROM jsonb_to_recordset(l.staff_facts) AS given (staff text, load int, max_open int, distance_m float8)
          WHERE l.staff_facts IS NOT NULL AND given.staff = st.code
        ) fact ON true
        LEFT JOIN LATERAL (
          -- counted up to max_open only: an officer's backlog must not make dispatch slower
          SELECT count(*)::int AS n
          FROM (SELECT FROM cases oc WHERE l.staff_facts IS NULL AND oc.handler_id = st.staff_id AND oc.stage < 7 LIMIT st.max_open) open_cases
        ) load ON true
        CROSS JOIN LATERAL turn_at(l.district_code, st.staff_id, l.at) turn
        WHERE st.organisation_id = d.organisation_id AND st.active
          AND (a.role IS NOT NULL OR coalesce(seen.distance_m, fact.distance_m) <= 500)
      ) q
    ) considered
    CROSS JOIN LATERAL (
      SELECT ARRAY[o.organisation_id, p1.organisation_id, p2.organisation_id, p3.organisation_id] AS organisations,
             ARRAY[o.lead_staff_id, p1.lead_staff_id, p2.lead_staff_id, p3.lead_staff_id] AS leads
      FROM organisations o
      LEFT JOIN organisations p1 ON p1.organisation_id = o.parent_id
      LEFT JOIN organisations p2 ON p2.organisation_id = p1.parent_id
      LEFT JOIN organisations p3 ON p3.organisation_id = p2.parent_id
      WHERE o.organisation_id = d.organisation_id
    ) chain
    LEFT JOIN LATERAL (
      SELECT x.depth, x.is_lead, x.staff_id
      FROM (
        SELECT c.depth - 1 AS depth, false AS is_lead, st.staff_id, st.code
        FROM unnest(chain.organisations) WITH ORDINALITY AS c (organisation_id, depth)
        JOIN staff st ON st.organisation_id = c.organisation_id AND st.role = 'shift_leader' AND st.active
        CROSS JOIN LATERAL turn_at(l.district_code, st.staff_id, l.at) turn
        UNION ALL
        SELECT c.depth - 1, true, st.staff_id, ''
        FROM unnest(chain.leads) WITH ORDINALITY AS c (lead, depth)
        JOIN staff st ON st.staff_id = c.lead AND st.active
      ) x
      WHERE considered.staff_id IS NULL
      ORDER BY x.depth, x.is_lead, x.code COLLATE "C"
      LIMIT 1
    ) stand_in ON true
    LEFT JOIN LATERAL (
      SELECT x.depth, x.staff_id
      FROM (
        SELECT -1 AS depth, st.staff_id, st.code
        FROM zone_staff zs
        JOIN staff st ON st.staff_id = zs.staff_id AND st.active
        WHERE zs.zone_id = ANY (mine.zone_ids) AND zs.role = 'leader' AND in_force(zs.valid, l.at)
        UNION ALL
        SELECT c.depth - 1, st.staff_id, ''
        FROM unnest(chain.leads) WITH ORDINALITY AS c (lead, depth)
        JOIN staff st ON st.staff_id = c.lead AND st.active
      ) x
      WHERE x.staff_id IS DISTINCT FROM coalesce(considered.staff_id, stand_in.staff_id)
      ORDER BY x.depth, x.code COLLATE "C"
      LIMIT 1
    ) superior ON true
    WHERE d.mode <> 'desk'
  ) s ON true
  WHERE NOT l.out_of_area
  UNION ALL
  SELECT l.n, l.at, 'out_of_area', nb.code, NULL, NULL, NULL, NULL, l.outside_m, NULL, NULL, NULL, NULL, NULL, l.district_code, NULL, NULL, NULL, NULL, NULL, NULL,
         ARRAY['OUT_OF_AREA'], '[]'::jsonb, '[]'::jsonb
  FROM located l
  LEFT JOIN LATERAL (
    SELECT b.code FROM neighbours b
    ORDER BY local_distance_m(b.geom, l.lon, l.lat, l.kx, l.ky), b.code COLLATE "C" LIMIT 1
  ) nb ON true
  WHERE l.out_of_area;
END
$$;
