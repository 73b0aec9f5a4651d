-- name: boundary
-- The polygon in which a zone's answer holds: the zone, less the zones that rank higher for the category, within 500 m of the point.
WITH here AS (
  SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p, metres_per_degree_lon(%(lat)s) AS kx, metres_per_degree_lat(%(lat)s) AS ky, c.*
  FROM categories c WHERE c.category_id = %(category_id)s
), circle AS (
  SELECT ST_SetSRID(ST_Affine(ST_Buffer(ST_MakePoint(0, 0), 500, 8), 1 / kx, 0, 0, 1 / ky, %(lon)s, %(lat)s), 4326) AS g FROM here
), near AS MATERIALIZED (
  SELECT n.zone_id, row_number() OVER (ORDER BY n.specificity DESC, n.priority DESC, n.area_m2, n.code COLLATE "C", n.set_code COLLATE "C") AS rank
  FROM here, zones_near(here.p, here.kx, here.ky, 500, %(at)s, here.pattern_minor, here.pattern_major, here.pattern_kind) n
), higher AS (
  SELECT ST_Union(ST_Intersection(z.geom, circle.g)) AS g
  FROM near n JOIN zones z USING (zone_id), circle
  WHERE n.rank < (SELECT rank FROM near WHERE zone_id = %(zone_id)s)
)
SELECT ST_AsGeoJSON(ST_ForcePolygonCCW(ST_Multi(ST_CollectionExtract(
         CASE WHEN higher.g IS NULL THEN ST_Intersection(z.geom, circle.g) ELSE ST_Difference(ST_Intersection(z.geom, circle.g), higher.g) END, 3))), 7) AS boundary
FROM zones z, circle, higher
WHERE z.zone_id = %(zone_id)s;

-- name: looks_into
-- Whether the viewer may look at a point.
SELECT coalesce(v.everywhere, false)
    OR unit_at(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)) IN (SELECT my_units()) AS looks
FROM viewer() v;
