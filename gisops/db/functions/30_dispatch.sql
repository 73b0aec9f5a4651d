-- Dispatch. The contract is docs/reference/dispatch.md; the numbers of its sections stand in the comments here.

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
      AND c.valid @> part_addressee.at
      AND specificity(c.scope, pattern_minor, pattern_major, pattern_kind) IS NOT NULL
    ORDER BY specificity(c.scope, pattern_minor, pattern_major, pattern_kind) DESC, c.area_m2, c.code COLLATE "C"
    LIMIT 1
  ) a ON true;
END;

CREATE OR REPLACE FUNCTION zones_near(
  p geometry, kx float8, ky float8, reach_m float8, at timestamptz,
  pattern_minor text, pattern_major text, pattern_kind text
) RETURNS TABLE (zone_id int, organisation_id int, code text, set_code text, specificity int, priority smallint, area_m2 float8,
                 covers boolean, edge boolean, distance_m float8)
LANGUAGE sql STABLE PARALLEL SAFE
-- §5.4. The zones in force whose scope fits, and which cover p or lie within reach. The box comes first and alone decides the index.
BEGIN ATOMIC
  SELECT c.zone_id, c.organisation_id, c.code, c.set_code, c.specificity, c.priority, c.area_m2, c.covers,
         c.covers AND ST_DWithin(c.geom, ST_Translate(p, 1e-9, 1e-9), 1e-10), d.distance_m
  FROM (
    SELECT z.zone_id, z.organisation_id, z.code, s.code AS set_code, z.priority, z.area_m2, z.geom,
           specificity(z.scope, pattern_minor, pattern_major, pattern_kind) AS specificity,
           ST_DWithin(z.geom, p, 1e-10) AS covers
    FROM zones z
    JOIN zone_sets s ON s.zone_set_id = z.zone_set_id AND s.valid @> zones_near.at
    WHERE z.geom && ST_Expand(p, reach_m / kx, reach_m / ky)
      AND z.valid @> zones_near.at
    OFFSET 0
  ) c
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.covers THEN 0 ELSE local_distance_m(c.geom, ST_X(p), ST_Y(p), kx, ky) END AS distance_m
  ) d
  WHERE c.specificity IS NOT NULL AND d.distance_m <= reach_m;
END;

CREATE OR REPLACE FUNCTION share_won(zone_ids int[], organisation_ids int[], organisation_id int, p geometry, kx float8, ky float8, radius_m float8)
RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
-- §5, ambiguity. zone_ids in order of rank, best first. The share of the covered part of the accuracy circle in which a zone of
-- the organisation is the best one.
BEGIN ATOMIC
  WITH ranked AS MATERIALIZED (
    SELECT k.rank, k.organisation_id, ST_Intersection(local_plane(z.geom, ST_X(p), ST_Y(p), kx, ky), c.circle) AS g
    FROM (SELECT ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), radius_m, 8), 4326) AS circle) c,
         unnest(zone_ids, organisation_ids) WITH ORDINALITY AS k (zone_id, organisation_id, rank)
    JOIN zones z ON z.zone_id = k.zone_id
  ), won AS (
    SELECT ST_Area(coalesce(ST_Difference(r.g, (SELECT ST_Union(h.g) FROM ranked h WHERE h.rank < r.rank)), r.g)) AS area
    FROM ranked r
    WHERE r.organisation_id = share_won.organisation_id
  )
  SELECT (SELECT sum(area) FROM won) / nullif((SELECT ST_Area(ST_Union(g)) FROM ranked), 0);
END;

CREATE OR REPLACE FUNCTION dispatch(
  numbers int[], lons float8[], lats float8[], accuracies_m float8[], category_ids int[],
  part_codes text[], place_ids uuid[], ats timestamptz[], facts jsonb[]
) RETURNS TABLE (
  n int, status text, neighbour_code text, mode text, organisation_id int, zone_id int,
  part_id uuid, part_distance_m float8, part_category_id int, place_id uuid, rule_id int, co_ownership_area_id int,
  grid_cell_code text, district_code text, street_code text, community_code text,
  handler_id int, superior_id int, ambiguous boolean, confidence float8,
  reasons text[], candidates jsonb, staff_facts jsonb
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- plpgsql, for it keeps the plan of this one statement for the life of the connection; planning it costs more than running it. The plan is the
-- generic one from the first call: the number of inputs changes nothing, every join below goes from the inputs through an index.
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH input AS MATERIALIZED (
    -- §1, §2
    SELECT i.*, ST_SetSRID(ST_MakePoint(i.lon, i.lat), 4326) AS p,
           metres_per_degree_lon(i.lat) AS kx, metres_per_degree_lat(i.lat) AS ky,
           least(greatest(i.accuracy_m, 5), 200) AS r,
           least(30, 2 * greatest(i.accuracy_m, 5)) AS snap,
           greatest(least(greatest(i.accuracy_m, 5), 200), least(30, 2 * greatest(i.accuracy_m, 5))) AS reach,
           c.dispatch_mode, c.pattern_minor, c.pattern_major, c.pattern_kind
    FROM unnest(numbers, lons, lats, accuracies_m, category_ids, part_codes, place_ids, ats, facts)
         AS i (n, lon, lat, accuracy_m, category_id, part_code, place_id, at, staff_facts)
    JOIN categories c ON c.category_id = i.category_id
  ),
  celled AS MATERIALIZED (
    -- §3, the common case: a cell covers the point and names everything above it
    SELECT i.n, g.code, g.district, g.street_code, g.community_code
    FROM input i
    LEFT JOIN LATERAL (
      SELECT g.code, g.district, g.street_code, g.community_code
      FROM grid_cells g
      WHERE ST_DWithin(g.geom, i.p, 1e-10) AND g.valid @> i.at
      ORDER BY ST_DWithin(g.geom, ST_Translate(i.p, 1e-9, 1e-9), 1e-10) DESC, g.code COLLATE "C"
      LIMIT 1
    ) g ON true
  ),
  uncelled AS MATERIALIZED (
    -- §3, no cell: how far outside the city, and which areas cover the point
    SELECT i.n, d.distance_m, d.distance_m > i.snap AS out_of_area,
           coalesce(a2.code, near.code) AS district, a3.code AS street_code, a4.code AS community_code
    FROM input i
    JOIN celled c ON c.n = i.n AND c.code IS NULL
    CROSS JOIN LATERAL (
      SELECT CASE WHEN ST_DWithin(city.geom, i.p, 1e-10) THEN 0 ELSE local_distance_m(city.geom, i.lon, i.lat, i.kx, i.ky) END AS distance_m
      FROM city
    ) d
    LEFT JOIN LATERAL (
      SELECT a.code FROM admin_areas a
      WHERE a.level = 2 AND ST_DWithin(a.geom, i.p, 1e-10) AND a.valid @> i.at
      ORDER BY ST_DWithin(a.geom, ST_Translate(i.p, 1e-9, 1e-9), 1e-10) DESC, a.code COLLATE "C" LIMIT 1
    ) a2 ON true
    LEFT JOIN LATERAL (
      SELECT a.code FROM admin_areas a
      WHERE a2.code IS NULL AND a.level = 2 AND a.valid @> i.at
      ORDER BY local_distance_m(a.geom, i.lon, i.lat, i.kx, i.ky), a.code COLLATE "C" LIMIT 1
    ) near ON true
    LEFT JOIN LATERAL (
      SELECT a.code FROM admin_areas a
      WHERE a.level = 3 AND ST_DWithin(a.geom, i.p, 1e-10) AND a.valid @> i.at
      ORDER BY ST_DWithin(a.geom, ST_Translate(i.p, 1e-9, 1e-9), 1e-10) DESC, a.code COLLATE "C" LIMIT 1
    ) a3 ON true
    LEFT JOIN LATERAL (
      SELECT a.code FROM admin_areas a
      WHERE a.level = 4 AND ST_DWithin(a.geom, i.p, 1e-10) AND a.valid @> i.at
      ORDER BY ST_DWithin(a.geom, ST_Translate(i.p, 1e-9, 1e-9), 1e-10) DESC, a.code COLLATE "C" LIMIT 1
    ) a4 ON true
  ),
  located AS MATERIALIZED (
    SELECT i.*, c.code AS grid_cell_code,
           coalesce(c.district, u.district) AS district_code,
           coalesce(c.street_code, u.street_code) AS street_code,
           coalesce(c.community_code, u.community_code) AS community_code,
           coalesce(u.distance_m, 0) AS outside_m
    FROM input i
    JOIN celled c ON c.n = i.n
    LEFT JOIN uncelled u ON u.n = i.n
    WHERE u.out_of_area IS NOT TRUE
  ),
  explicit AS MATERIALIZED (
    -- §5.1, §5.2
    SELECT l.n, part.part_id, part.distance_m, addressee.organisation_id AS part_organisation, addressee.co_ownership_area_id,
           place.place_id, place.organisation_id AS place_organisation, rule.dispatch_rule_id, rule.organisation_id AS rule_organisation
    FROM located l
    LEFT JOIN LATERAL (
      SELECT p.part_id, p.geom, p.maintainer_organisation_id, p.owner_organisation_id, p.supervising_organisation_id,
             local_distance_m(p.geom, l.lon, l.lat, l.kx, l.ky) AS distance_m, pc.pattern_minor, pc.pattern_major, pc.pattern_kind
      FROM parts p
      JOIN categories pc ON pc.category_id = p.category_id
      WHERE p.code = l.part_code AND p.valid @> l.at AND p.state <> 'removed'
      ORDER BY p.district_code COLLATE "C" LIMIT 1
    ) part ON l.part_code IS NOT NULL
    LEFT JOIN LATERAL part_addressee(part.geom, part.maintainer_organisation_id, part.owner_organisation_id, part.supervising_organisation_id,
                                     part.pattern_minor, part.pattern_major, part.pattern_kind, l.at) addressee ON part.part_id IS NOT NULL
    LEFT JOIN LATERAL (
      SELECT pl.place_id, pl.organisation_id FROM places pl WHERE pl.place_id = l.place_id LIMIT 1
    ) place ON l.place_id IS NOT NULL AND addressee.organisation_id IS NULL
    LEFT JOIN LATERAL (
      SELECT r.dispatch_rule_id, r.organisation_id
      FROM dispatch_rules r
      WHERE r.valid @> l.at AND specificity(r.scope, l.pattern_minor, l.pattern_major, l.pattern_kind) IS NOT NULL
      ORDER BY specificity(r.scope, l.pattern_minor, l.pattern_major, l.pattern_kind) DESC, r.priority DESC, r.code COLLATE "C" LIMIT 1
    ) rule ON addressee.organisation_id IS NULL AND place.organisation_id IS NULL
  ),
  parts_near AS MATERIALIZED (
    -- §5.3
    SELECT l.n, c.*, addressee.organisation_id, addressee.co_ownership_area_id,
           row_number() OVER (PARTITION BY l.n ORDER BY c.rank, c.distance_m, c.code COLLATE "C") AS place_in_order
    FROM located l
    JOIN explicit e ON e.n = l.n AND coalesce(e.part_organisation, e.place_organisation, e.rule_organisation) IS NULL
    CROSS JOIN LATERAL (
      SELECT p.part_id, p.code, p.category_id, p.geom, s.rank, d.distance_m,
             p.maintainer_organisation_id, p.owner_organisation_id, p.supervising_organisation_id
      FROM parts p
      JOIN part_scopes s ON s.category_id = l.category_id AND s.part_category_id = p.category_id
      CROSS JOIN LATERAL (SELECT local_distance_m(p.geom, l.lon, l.lat, l.kx, l.ky) AS distance_m) d
      WHERE p.geom && ST_Expand(l.p, least(greatest(l.accuracy_m, 10), 30) / l.kx, least(greatest(l.accuracy_m, 10), 30) / l.ky)
        AND p.valid @> l.at AND p.state <> 'removed'
        AND d.distance_m <= least(greatest(l.accuracy_m, 10), 30)
    ) c
    JOIN categories pc ON pc.category_id = c.category_id
    CROSS JOIN LATERAL part_addressee(c.geom, c.maintainer_organisation_id, c.owner_organisation_id, c.supervising_organisation_id,
                                      pc.pattern_minor, pc.pattern_major, pc.pattern_kind, l.at) addressee
    WHERE l.dispatch_mode = 'part_owner'
  ),
  part_found AS MATERIALIZED (
    SELECT w.n, w.part_id, w.rank, w.category_id, w.distance_m, w.organisation_id, w.co_ownership_area_id, rivals.k
    FROM parts_near w
    JOIN located l ON l.n = w.n
    CROSS JOIN LATERAL (
      SELECT count(DISTINCT q.organisation_id) AS k
      FROM parts_near q
      WHERE q.n = w.n AND q.rank = w.rank AND q.distance_m <= w.distance_m + greatest(l.accuracy_m, 5) / 2
    ) rivals
    WHERE w.place_in_order = 1
  ),
  zones_found AS MATERIALIZED (
    -- §5.4, §5.5; two orders: by the key at the point, and the rank that holds for the whole neighbourhood
    SELECT l.n, z.*,
           row_number() OVER (PARTITION BY l.n ORDER BY z.covers DESC, z.specificity DESC, z.priority DESC, z.edge DESC, z.area_m2,
                              z.code COLLATE "C", z.set_code COLLATE "C") AS place_covering,
           row_number() OVER (PARTITION BY l.n ORDER BY z.distance_m, z.specificity DESC, z.priority DESC, z.area_m2,
                              z.code COLLATE "C", z.set_code COLLATE "C") AS place_nearest,
           row_number() OVER (PARTITION BY l.n ORDER BY z.specificity DESC, z.priority DESC, z.area_m2,
                              z.code COLLATE "C", z.set_code COLLATE "C") AS rank
    FROM located l
    JOIN explicit e ON e.n = l.n
    LEFT JOIN part_found f ON f.n = l.n
    CROSS JOIN LATERAL zones_near(l.p, l.kx, l.ky, l.reach, l.at, l.pattern_minor, l.pattern_major, l.pattern_kind) z
    WHERE coalesce(e.part_organisation, e.place_organisation, e.rule_organisation, f.organisation_id) IS NULL
  ),
  zone_found AS MATERIALIZED (
    SELECT w.n, w.zone_id, w.organisation_id, w.covers,
           CASE WHEN w.covers THEN others.confidence_covering
                ELSE coalesce(others.nearest_other_m / nullif(w.distance_m + others.nearest_other_m, 0), CASE WHEN others.nearest_other_m IS NULL THEN 1 ELSE 0.5 END)
           END AS confidence,
           NOT w.covers AND others.nearest_other_m IS NOT NULL AS snapped_ambiguous,
           w.covers AND others.covering > 1 AS overlap,
           w.covers AND others.edge_decided AS edge_decided
    FROM located l
    JOIN zones_found w ON w.n = l.n
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE q.covers) AS covering,
             coalesce(bool_or(q.covers AND q.specificity = w.specificity AND q.priority = w.priority AND q.edge <> w.edge), false) AS edge_decided,
             min(q.distance_m) FILTER (WHERE q.organisation_id <> w.organisation_id AND q.distance_m <= l.snap) AS nearest_other_m,
             CASE
               WHEN NOT coalesce(bool_or(q.organisation_id <> w.organisation_id AND q.distance_m <= l.r), false) THEN 1
               WHEN NOT coalesce(bool_or(q.organisation_id <> w.organisation_id AND q.distance_m <= l.r AND q.rank < w.rank), false)
                 AND (SELECT ST_Covers(local_plane(z.geom, l.lon, l.lat, l.kx, l.ky), ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), l.r, 8), 4326))
                      FROM zones z WHERE z.zone_id = w.zone_id) THEN 1
               ELSE share_won(array_agg(q.zone_id ORDER BY q.rank) FILTER (WHERE q.distance_m <= l.r),
                              array_agg(q.organisation_id ORDER BY q.rank) FILTER (WHERE q.distance_m <= l.r),
                              w.organisation_id, l.p, l.kx, l.ky, l.r)
             END AS confidence_covering
      FROM zones_found q
      WHERE q.n = w.n
    ) others
    WHERE CASE WHEN w.covers THEN w.place_covering = 1
               ELSE w.place_nearest = 1 AND w.distance_m <= l.snap END
  ),
  decided AS MATERIALIZED (
    -- §5, the first step that yields an organisation
    SELECT l.*, e.part_id AS explicit_part, e.part_organisation, e.place_id AS explicit_place, e.place_organisation,
           d.mode, d.organisation_id, d.zone_id,
           CASE WHEN e.part_organisation IS NOT NULL THEN e.part_id WHEN d.from_near THEN f.part_id END AS part_id,
           CASE WHEN e.part_organisation IS NOT NULL THEN e.distance_m WHEN d.from_near THEN f.distance_m END AS part_distance_m,
           CASE WHEN d.from_near AND f.rank = 2 THEN f.category_id END AS part_category_id,
           CASE WHEN d.mode = 'place' THEN e.place_id END AS place_found,
           CASE WHEN d.mode = 'fixed' THEN e.dispatch_rule_id END AS rule_id,
           CASE WHEN d.mode = 'co_ownership' THEN coalesce(e.co_ownership_area_id, f.co_ownership_area_id) END AS co_ownership_area_id,
           d.from_near, f.n IS NOT NULL AS part_near, f.k AS part_k, z.overlap, z.edge_decided,
           round((CASE WHEN d.from_near THEN 1.0 / f.k WHEN d.zone_id IS NOT NULL THEN z.confidence ELSE 1 END)::numeric, 3)::float8 AS confidence,
           coalesce(z.snapped_ambiguous AND d.mode = 'snapped', false) AS snapped_ambiguous
    FROM located l
    JOIN explicit e ON e.n = l.n
    LEFT JOIN part_found f ON f.n = l.n
    LEFT JOIN zone_found z ON z.n = l.n
    LEFT JOIN LATERAL (
      SELECT a.organisation_id
      FROM admin_areas a
      WHERE a.code IN (l.community_code, l.street_code, l.district_code) AND a.level > 1 AND a.valid @> l.at AND a.organisation_id IS NOT NULL
      ORDER BY a.level DESC LIMIT 1
    ) t ON z.n IS NULL
    CROSS JOIN LATERAL (
      SELECT CASE
               WHEN e.part_organisation IS NOT NULL THEN CASE WHEN e.co_ownership_area_id IS NULL THEN 'part' ELSE 'co_ownership' END
               WHEN e.place_organisation IS NOT NULL THEN 'place'
               WHEN e.rule_organisation IS NOT NULL THEN 'fixed'
               WHEN f.organisation_id IS NOT NULL THEN CASE WHEN f.co_ownership_area_id IS NULL THEN 'part' ELSE 'co_ownership' END
               WHEN z.n IS NOT NULL THEN CASE WHEN z.covers THEN 'zone' ELSE 'snapped' END
               WHEN t.organisation_id IS NOT NULL THEN 'territorial'
               ELSE 'desk'
             END AS mode,
             coalesce(e.part_organisation, e.place_organisation, e.rule_organisation, f.organisation_id, z.organisation_id, t.organisation_id,
                      (SELECT o.organisation_id FROM organisations o WHERE o.is_duty_desk)) AS organisation_id,
             CASE WHEN coalesce(e.part_organisation, e.place_organisation, e.rule_organisation, f.organisation_id) IS NULL THEN z.zone_id END AS zone_id,
             coalesce(e.part_organisation, e.place_organisation, e.rule_organisation) IS NULL AND f.organisation_id IS NOT NULL AS from_near
    ) d
  ),
  staffed AS MATERIALIZED (
    -- §7
    SELECT d.n, considered.staff_facts,
           coalesce(chosen.staff_id, stand_in.staff_id) AS handler_id, superior.staff_id AS superior_id,
           CASE WHEN chosen.staff_id IS NOT NULL THEN (ARRAY['STAFF_PRIMARY', 'STAFF_BACKUP', 'STAFF_NEARBY'])[chosen.role + 1]
                WHEN stand_in.staff_id IS NULL THEN 'STAFF_NONE'
                WHEN stand_in.depth > 0 THEN 'STAFF_PARENT'
                WHEN stand_in.k = 0 THEN 'STAFF_SHIFT_LEADER'
                ELSE 'STAFF_LEAD' END AS staff_reason,
           CASE WHEN superior.staff_id IS NULL THEN 'SUPERIOR_NONE'
                WHEN superior.k = -1 THEN 'SUPERIOR_ZONE_LEADER'
                WHEN superior.k = 0 THEN 'SUPERIOR_LEAD'
                ELSE 'SUPERIOR_PARENT' END AS superior_reason
    FROM decided d
    CROSS JOIN LATERAL (
      SELECT CASE WHEN d.zone_id IS NOT NULL THEN ARRAY[d.zone_id]
                  ELSE ARRAY(SELECT z.zone_id FROM zones z JOIN zone_sets s ON s.zone_set_id = z.zone_set_id AND s.valid @> d.at
                             WHERE z.organisation_id = d.organisation_id AND z.valid @> d.at AND ST_DWithin(z.geom, d.p, 1e-10))
             END AS zone_ids
    ) mine
    CROSS JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('staff', s.code, 'role', s.role, 'load', s.load, 'max_open', s.max_open, 'distance_m', s.distance_m)
                       ORDER BY s.code COLLATE "C") AS staff_facts,
             (array_agg(s.staff_id ORDER BY s.role, s.load, s.distance_m NULLS LAST, s.code COLLATE "C") FILTER (WHERE s.load < s.max_open))[1] AS staff_id
      FROM (
        SELECT s.staff_id, s.code, coalesce(a.role, 2) AS role,
               CASE WHEN d.staff_facts IS NULL THEN load.n ELSE coalesce(fact.load, 0) END AS load,
               coalesce(fact.max_open, s.max_open) AS max_open,
               CASE WHEN d.staff_facts IS NULL THEN seen.distance_m ELSE fact.distance_m END AS distance_m
        FROM staff s
        JOIN rosters r ON r.staff_id = s.staff_id AND r.district_code = d.district_code AND r.on_duty @> d.at
        LEFT JOIN LATERAL (
          SELECT min(CASE zs.role WHEN 'primary' THEN 0 ELSE 1 END) AS role
          FROM zone_staff zs
          WHERE zs.zone_id = ANY (mine.zone_ids) AND zs.staff_id = s.staff_id AND zs.role IN ('primary', 'backup') AND zs.valid @> d.at
        ) a ON true
        LEFT JOIN LATERAL (
          SELECT round(local_distance_m(lp.geom, d.lon, d.lat, d.kx, d.ky)) AS distance_m
          FROM last_positions lp
          WHERE d.staff_facts IS NULL AND lp.district_code = d.district_code AND lp.staff_id = s.staff_id
            AND lp.captured_at > d.at - interval '15 minutes' AND lp.captured_at <= d.at
        ) seen ON true
        LEFT JOIN LATERAL (
          SELECT f.load, f.max_open, f.distance_m
          FROM jsonb_to_recordset(d.staff_facts) AS f (staff text, load int, max_open int, distance_m float8)
          WHERE f.staff = s.code
        ) fact ON true
        LEFT JOIN LATERAL (
          -- counted up to max_open only: an officer's backlog must not make dispatch slower
          SELECT count(*)::int AS n
          FROM (SELECT FROM cases c WHERE c.handler_id = s.staff_id AND c.stage < 7 LIMIT s.max_open) open_cases
        ) load ON d.staff_facts IS NULL
        WHERE s.organisation_id = d.organisation_id AND s.active
          AND (a.role IS NOT NULL OR coalesce(seen.distance_m, fact.distance_m) <= 500)
      ) s
    ) considered
    LEFT JOIN LATERAL (
      SELECT considered.staff_id, (f.value ->> 'role')::int AS role
      FROM staff s, jsonb_array_elements(considered.staff_facts) f
      WHERE s.staff_id = considered.staff_id AND f.value ->> 'staff' = s.code
    ) chosen ON considered.staff_id IS NOT NULL
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
      SELECT x.depth, x.k, x.staff_id
      FROM (
        SELECT c.depth - 1 AS depth, 0 AS k, s.staff_id, s.code
        FROM unnest(chain.organisations) WITH ORDINALITY AS c (organisation_id, depth)
        JOIN staff s ON s.organisation_id = c.organisation_id AND s.role = 'shift_leader' AND s.active
        JOIN rosters r ON r.staff_id = s.staff_id AND r.district_code = d.district_code AND r.on_duty @> d.at
        UNION ALL
        SELECT c.depth - 1, 1, c.lead, ''
        FROM unnest(chain.leads) WITH ORDINALITY AS c (lead, depth)
        WHERE c.lead IS NOT NULL
      ) x
      ORDER BY x.depth, x.k, x.code COLLATE "C"
      LIMIT 1
    ) stand_in ON chosen.staff_id IS NULL
    LEFT JOIN LATERAL (
      SELECT x.k, x.staff_id
      FROM (
        SELECT -1 AS k, s.staff_id, s.code
        FROM zone_staff zs
        JOIN staff s ON s.staff_id = zs.staff_id AND s.active
        WHERE zs.zone_id = ANY (mine.zone_ids) AND zs.role = 'leader' AND zs.valid @> d.at
        UNION ALL
        SELECT c.depth - 1, c.lead, ''
        FROM unnest(chain.leads) WITH ORDINALITY AS c (lead, depth)
        WHERE c.lead IS NOT NULL
      ) x
      WHERE x.staff_id IS DISTINCT FROM coalesce(chosen.staff_id, stand_in.staff_id)
      ORDER BY x.k, x.code COLLATE "C"
      LIMIT 1
    ) superior ON true
    WHERE d.mode <> 'desk'
  )
  SELECT d.n, 'ok', NULL::text, d.mode, d.organisation_id, d.zone_id, d.part_id, d.part_distance_m, d.part_category_id, d.place_found, d.rule_id,
         d.co_ownership_area_id, d.grid_cell_code, d.district_code, d.street_code, d.community_code, s.handler_id, s.superior_id,
         amb.ambiguous, d.confidence,
         array_remove(ARRAY[
           CASE WHEN d.outside_m > 0 THEN 'CITY_EDGE_SNAPPED' END,
           CASE WHEN d.accuracy_m > 200 THEN 'ACCURACY_POOR' END,
           CASE WHEN d.part_code IS NOT NULL THEN CASE WHEN d.part_organisation IS NOT NULL THEN 'PART_EXPLICIT'
                                                       WHEN d.explicit_part IS NOT NULL THEN 'PART_WITHOUT_ORGANISATION' ELSE 'PART_UNKNOWN' END END,
           CASE WHEN d.part_organisation IS NOT NULL AND d.mode = 'co_ownership' THEN 'CO_OWNERSHIP' END,
           CASE WHEN d.place_id IS NOT NULL AND d.part_organisation IS NULL
                THEN CASE WHEN d.place_organisation IS NOT NULL THEN 'PLACE_EXPLICIT'
                          WHEN d.explicit_place IS NOT NULL THEN 'PLACE_WITHOUT_ORGANISATION' ELSE 'PLACE_UNKNOWN' END END,
           CASE WHEN d.mode = 'fixed' THEN 'RULE_FIXED' END,
           CASE WHEN d.dispatch_mode = 'part_owner' AND d.part_organisation IS NULL AND d.place_organisation IS NULL AND d.mode <> 'fixed'
                THEN CASE WHEN d.from_near THEN 'PART_NEAREST' WHEN d.part_near THEN 'PART_WITHOUT_ORGANISATION' ELSE 'MISSING_PART' END END,
           CASE WHEN d.from_near AND d.mode = 'co_ownership' THEN 'CO_OWNERSHIP' END,
           CASE WHEN d.mode = 'zone' THEN 'ZONE_COVERS' END,
           CASE WHEN d.mode = 'zone' AND d.overlap THEN 'ZONE_OVERLAP' END,
           CASE WHEN d.mode = 'zone' AND d.edge_decided THEN 'ZONE_EDGE' END,
           CASE WHEN d.mode = 'snapped' THEN 'ZONE_SNAPPED' END,
           CASE WHEN d.mode IN ('territorial', 'desk') THEN 'ZONE_NONE' END,
           CASE d.mode WHEN 'territorial' THEN 'TERRITORIAL_FALLBACK' WHEN 'desk' THEN 'NO_MATCH' END,
           CASE WHEN d.part_category_id IS NOT NULL THEN 'RECLASSIFY_PROPOSED' END,
           CASE WHEN d.from_near AND d.part_k > 1 THEN 'PART_AMBIGUOUS' WHEN d.zone_id IS NOT NULL AND (d.confidence < 1 OR d.snapped_ambiguous) THEN 'AMBIGUOUS' END,
           s.staff_reason, s.superior_reason], NULL),
         coalesce(z.candidates, pn.candidates, '[]'::jsonb), coalesce(s.staff_facts, '[]'::jsonb)
  FROM decided d
  LEFT JOIN staffed s ON s.n = d.n
  CROSS JOIN LATERAL (
    SELECT d.accuracy_m > 200 OR (d.from_near AND d.part_k > 1) OR (d.zone_id IS NOT NULL AND (d.confidence < 1 OR d.snapped_ambiguous)) AS ambiguous
  ) amb
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('zone', q.code, 'set', q.set_code, 'organisation', o.code, 'covers', q.covers, 'specificity', q.specificity,
                                        'priority', q.priority, 'edge', q.edge, 'area_m2', q.area_m2, 'distance_m', round(q.distance_m::numeric, 2))
                     ORDER BY q.place_covering) AS candidates
    FROM zones_found q
    JOIN organisations o ON o.organisation_id = q.organisation_id
    WHERE q.n = d.n AND q.place_covering <= 8
  ) z ON d.zone_id IS NOT NULL
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('part', q.code, 'organisation', o.code, 'rank', q.rank, 'distance_m', round(q.distance_m::numeric, 2))
                     ORDER BY q.place_in_order) AS candidates
    FROM parts_near q
    LEFT JOIN organisations o ON o.organisation_id = q.organisation_id
    WHERE q.n = d.n AND q.place_in_order <= 8
  ) pn ON d.from_near
  UNION ALL
  SELECT u.n, 'out_of_area', nb.code, NULL, NULL, NULL, NULL, u.distance_m, NULL, NULL, NULL, NULL, NULL, u.district, NULL, NULL, NULL, NULL, NULL, NULL,
         ARRAY['OUT_OF_AREA'], '[]'::jsonb, '[]'::jsonb
  FROM uncelled u
  JOIN input i ON i.n = u.n
  LEFT JOIN LATERAL (
    SELECT b.code FROM neighbours b
    ORDER BY local_distance_m(b.geom, i.lon, i.lat, i.kx, i.ky), b.code COLLATE "C" LIMIT 1
  ) nb ON true
  WHERE u.out_of_area;
END
$$;
