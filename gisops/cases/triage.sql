-- name: condition
-- A category's filing condition by its number, or its default where none is named.
SELECT filing_condition_id, min_photos
FROM filing_conditions
WHERE category_id = %(category_id)s AND CASE WHEN %(seq)s::int IS NULL THEN is_default ELSE seq = %(seq)s::int END;

-- name: conditions
-- The numbers of a category's filing conditions.
SELECT seq FROM filing_conditions WHERE category_id = %(category_id)s ORDER BY seq;

-- name: place
-- The columns of a case that lies at a point.
SELECT ST_AsEWKT(p.geom) AS geom, unit_at(p.geom) AS unit_id, g.code AS grid_cell_code, g.street_code, g.community_code
FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS geom) p
LEFT JOIN LATERAL cell_at(p.geom, app_now()) AS at_cell ON true
LEFT JOIN grid_cells g ON g.code = at_cell.code AND in_force(g.valid, app_now());
