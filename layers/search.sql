-- name: by_key
-- Features of a layer whose key is what was asked or begins with it, in the order of their keys: a range, which the key's index serves.
SELECT t.{key} AS key, {label} AS label, {places}
FROM {rows} AS t, ST_PointOnSurface(t.geom) AS p
WHERE t.{key} >= %(asked)s AND t.{key} < %(beyond)s AND {inside}
ORDER BY t.{key}
LIMIT %(limit)s;

-- name: by_key_seen
-- The same through a layer's window, which takes no range: the key itself, and those that begin with it, which follow it in the order of keys.
SELECT t.{key} AS key, {label} AS label, {places}
FROM (
  SELECT w.* FROM {window}(wanted => %(asked)s) AS w
  UNION ALL
  SELECT w.* FROM {window}(box => {box}, after => %(asked)s, most => %(limit)s) AS w
) AS t, ST_PointOnSurface(t.geom) AS p
WHERE t.{key} >= %(asked)s AND t.{key} < %(beyond)s AND {inside}
ORDER BY t.{key}
LIMIT %(limit)s;

-- name: by_name
-- Features of a layer one of whose names is, begins with or contains what was asked (rank 0, 1, 2), the closest first.
SELECT t.{key} AS key, {label} AS label, {places},
  CASE WHEN lower(%(asked)s) IN ({lowered}) THEN 0 WHEN {begins} THEN 1 ELSE 2 END AS rank
FROM {rows} AS t, ST_PointOnSurface(t.geom) AS p
WHERE ({contains}) AND {inside}
ORDER BY rank, length({label}), t.{key}
LIMIT %(limit)s;
