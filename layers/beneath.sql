-- name: beneath
-- What of a layer lies under a shape (EPSG:4326), or within so many metres of it: the nearest first, then whatever takes most of it. The box finds
-- candidates by index. What touches is 0 m away; of the rest the nearest two places are found in the plane that touches the ellipsoid at the shape's
-- middle, and the line between them is measured on the ellipsoid. Names of ours begin with _, as no field's does.
WITH asked AS MATERIALIZED (
  SELECT s.shape, metres_per_degree_lon(s.lat) AS kx, metres_per_degree_lat(s.lat) AS ky
  FROM (SELECT ST_GeomFromWKB(%(shape)s, 4326) AS shape, %(lat)s::float8 AS lat) AS s
), near AS MATERIALIZED (
  SELECT {columns}, t.geom, {touches} AS _touches, a.shape AS _shape, a.kx AS _kx, a.ky AS _ky
  FROM {rows} AS t, asked AS a
  WHERE {inside}
), measured AS MATERIALIZED (
  SELECT n.*, CASE WHEN n._touches THEN 0 WHEN %(within_m)s::float8 > 0 THEN ST_Length(ST_Scale(
      ST_ShortestLine(ST_Scale(n.geom, n._kx, n._ky), ST_Scale(n._shape, n._kx, n._ky)), 1 / n._kx, 1 / n._ky)::geography) END AS _metres
  FROM near AS n
), held AS (
  SELECT m.* FROM measured AS m WHERE m._metres <= %(within_m)s
), found AS (
  {found}
)
SELECT f.distance_m, f.share, t.{key} AS key,
  json_build_object('type', 'Feature', 'id', t.{key}, 'layer', {layer}, 'distance_m', f.distance_m{overlap},
    'geometry', ST_AsGeoJSON(CASE WHEN ST_Dimension(t.geom) = 2 THEN ST_ForcePolygonCCW(t.geom) ELSE t.geom END, 7)::json,
    'properties', json_build_object({pairs}))::text AS feature
FROM found AS t
CROSS JOIN LATERAL (
  SELECT round(t._metres::numeric, 2)::float8 AS distance_m, {shares}
) AS f
ORDER BY f.distance_m, f.share DESC, t.{key} COLLATE "C"
LIMIT %(limit)s;

-- name: touches_a_point
-- As for locating: rounding leaves no cracks between neighbours.
ST_DWithin(t.geom, a.shape, 1e-10)

-- name: touches_a_shape
-- The shape is the same for every row, so it is prepared once.
ST_Intersects(a.shape, t.geom)

-- name: all_held
-- Everything that is near enough.
SELECT h.* FROM held AS h

-- name: half_open
-- Of areas that meet at the point those on one side of the edge: the side to the north-east, where any is there, else that of the first key. So of a
-- tiling exactly one is found at every point, the one that locating finds.
SELECT h.*
  FROM held AS h
  LEFT JOIN (
    SELECT ST_Translate(first._shape, side.x, side.y) AS p
    FROM (
      SELECT c.geom, c._shape FROM held AS c WHERE ST_Dimension(c.geom) = 2
      ORDER BY ST_DWithin(c.geom, ST_Translate(c._shape, 1e-9, 1e-9), 1e-10) DESC, c.{key} COLLATE "C" LIMIT 1
    ) AS first
    JOIN (VALUES (1, 1e-9, 1e-9), (2, -1e-9, 1e-9), (3, 1e-9, -1e-9), (4, -1e-9, -1e-9)) AS side (turn, x, y)
      ON ST_DWithin(first.geom, ST_Translate(first._shape, side.x, side.y), 1e-10)
    ORDER BY side.turn LIMIT 1
  ) AS beside ON true
  WHERE ST_Dimension(h.geom) < 2 OR beside.p IS NULL OR ST_DWithin(h.geom, beside.p, 1e-10)

-- name: shares_of_a_point
-- Nobody takes a part of a point.
0 AS share

-- name: shares_of_a_shape
-- What a feature has in common with the shape, in metres or square metres on the ellipsoid; as a share of the shape, and of the feature. Shares are
-- taken in the shape's own plane, where edges are straight: so those of a tiling add up to one.
c.length_m, c.area_m2, c.of_asked, c.of_feature, coalesce(c.of_asked, c.of_feature, 0) AS share
  FROM (
    SELECT
      CASE d.least WHEN 1 THEN round(ST_Length(i.common::geography)::numeric, 2)::float8 END AS length_m,
      CASE d.least WHEN 2 THEN round(ST_Area(i.common::geography)::numeric, 2)::float8 END AS area_m2,
      CASE WHEN d.least = d.asked THEN round((s.common / s.asked)::numeric, 6)::float8 END AS of_asked,
      CASE WHEN d.least = d.feature THEN round((s.common / nullif(s.feature, 0))::numeric, 6)::float8 END AS of_feature
    FROM (SELECT ST_Dimension(t._shape) AS asked, ST_Dimension(t.geom) AS feature, least(ST_Dimension(t._shape), ST_Dimension(t.geom)) AS least) AS d
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN d.least = 0 THEN NULL
        WHEN ST_Covers(t._shape, t.geom) THEN t.geom
        ELSE ST_CollectionExtract(ST_Intersection(CASE WHEN ST_IsValid(t.geom) THEN t.geom ELSE ST_MakeValid(t.geom) END, t._shape), d.least + 1)
      END AS common
    ) AS i
    CROSS JOIN LATERAL (
      SELECT CASE d.least WHEN 1 THEN ST_Length(ST_Scale(i.common, t._kx, t._ky)) WHEN 2 THEN ST_Area(i.common) END AS common,
        CASE d.least WHEN 1 THEN ST_Length(ST_Scale(t._shape, t._kx, t._ky)) WHEN 2 THEN ST_Area(t._shape) END AS asked,
        CASE d.least WHEN 1 THEN ST_Length(ST_Scale(t.geom, t._kx, t._ky)) WHEN 2 THEN ST_Area(t.geom) END AS feature
    ) AS s
  ) AS c

-- name: overlap
-- The names under which that is told.
, 'length_m', f.length_m, 'area_m2', f.area_m2, 'share', f.of_asked, 'feature_share', f.of_feature

-- name: hurry
-- What takes longer is cut off, and the others' questions go on.
SET LOCAL statement_timeout = '8s';
