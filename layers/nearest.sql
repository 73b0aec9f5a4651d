-- name: nearest
-- The features of a layer nearest to a point. By index in Web Mercator, which keeps the order of what is near (degrees do not), some more than are
-- wanted; then by true metres. The box bounds how far the index is walked.
SELECT m.distance_m, t.{key} AS key,
  json_build_object('type', 'Feature', 'id', t.{key}, 'layer', {layer}, 'distance_m', m.distance_m,
    'geometry', ST_AsGeoJSON(CASE WHEN ST_Dimension(t.geom) = 2 THEN ST_ForcePolygonCCW(t.geom) ELSE t.geom END, 7)::json,
    'properties', json_build_object({pairs}))::text AS feature
FROM (
  SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS here,
    ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), 3857) AS here_3857,
    %(reach)s::float8 AS reach
) AS i
CROSS JOIN LATERAL (
  {candidates}
) AS t
CROSS JOIN LATERAL (SELECT round(ST_Distance(t.geom::geography, i.here::geography)::numeric, 2)::float8 AS distance_m) AS m
WHERE m.distance_m <= %(within_m)s
ORDER BY m.distance_m, t.{key}
LIMIT %(limit)s;

-- name: candidates_open
-- Nearest first, of what anybody may see.
SELECT {columns}, o.geom FROM {relation} AS o
WHERE o.geom_3857 && ST_Expand(i.here_3857, i.reach)
ORDER BY o.geom_3857 <-> i.here_3857
LIMIT %(candidates)s;

-- name: candidates_seen
-- Nearest first, of what this viewer may see.
SELECT {columns}, o.geom FROM {window}(i.here_3857, %(candidates)s, ST_Expand(i.here_3857, i.reach)) AS o;
