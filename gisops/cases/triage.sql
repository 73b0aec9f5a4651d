-- name: condition
-- A category's filing condition by its number, or its default where none is named.
SELECT filing_condition_id, min_photos
FROM filing_conditions
WHERE category_id = %(category_id)s AND CASE WHEN %(seq)s::int IS NULL THEN is_default ELSE seq = %(seq)s::int END;

-- name: conditions
-- The numbers of a category's filing conditions.
SELECT seq FROM filing_conditions WHERE category_id = %(category_id)s ORDER BY seq;
