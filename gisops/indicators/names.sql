-- name: kind
-- The kinds: parts and events.
SELECT * FROM (VALUES ('P', '部件', 'Parts'), ('E', '事件', 'Events')) AS k (key, zh, en) WHERE key = ANY (%(keys)s)

-- name: major
-- Major classes, by scheme, kind and number.
SELECT scheme || ':' || kind || major AS key, name_zh AS zh, name_en AS en
FROM category_majors
WHERE scheme || ':' || kind || major = ANY (%(keys)s)

-- name: category
-- Minor classes, by scheme, kind and number.
SELECT pattern_minor AS key, name_zh AS zh, name_en AS en FROM categories WHERE pattern_minor = ANY (%(keys)s)

-- name: zone
-- Responsibility zones, as they are called now.
SELECT DISTINCT ON (code) code AS key, name_zh AS zh, name_en AS en FROM zones WHERE code = ANY (%(keys)s) ORDER BY code, zone_id DESC

-- name: area
-- Districts, streets, communities.
SELECT DISTINCT ON (code) code AS key, name_zh AS zh, name_en AS en FROM admin_areas WHERE code = ANY (%(keys)s) ORDER BY code, lower(valid) DESC

-- name: road
-- Roads by their codes.
SELECT code AS key, name_zh AS zh, name_en AS en FROM roads WHERE code = ANY (%(keys)s)

-- name: organisation
-- Organisations by their codes.
SELECT code AS key, name_zh AS zh, name_en AS en FROM organisations WHERE code = ANY (%(keys)s)

-- name: staff
-- Members of staff, by their keys in the database.
SELECT staff_id::text AS key, code, name AS zh, post_en AS en, organisation_id FROM staff WHERE staff_id::text = ANY (%(keys)s)

-- name: staff_by_code
-- The key of a member of staff.
SELECT staff_id, organisation_id FROM staff WHERE code = %(code)s

-- name: now
-- What the database's clock says.
SELECT app_now() AS now
