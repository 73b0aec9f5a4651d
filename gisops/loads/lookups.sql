-- name: city
-- What a load must know of the city: its box, clock, schemes.
SELECT code, name_zh, name_en, timezone, category_scheme, grid_code_scheme, ST_XMin(geom) AS west, ST_YMin(geom) AS south,
       ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM city;

-- name: organisations
-- Keys of organisations.
SELECT organisation_id AS key, code, name_zh, name_en FROM organisations;

-- name: staff
-- Keys of staff.
SELECT staff_id AS key, code FROM staff;

-- name: shifts
-- Shifts with their times.
SELECT code, starts, ends FROM shifts;

-- name: categories
-- Keys of categories, those of the city before those of the scheme where both have the code.
SELECT category_id AS key, scheme, code, name_zh, enabled
FROM categories
WHERE city_code IN ('', %(city_code)s)
ORDER BY city_code;

-- name: filing_conditions
-- Keys of filing conditions by category and order.
SELECT filing_condition_id AS key, category_id, seq FROM filing_conditions;

-- name: districts
-- Districts in force, for the home of what has no code to tell it.
SELECT code, ST_AsBinary(geom) AS shape FROM admin_areas WHERE level = 2 AND valid @> app_now() ORDER BY code;
