-- name: city
-- The city's names, time zone and metric system.
SELECT code, name_zh, name_en, timezone, metric_srid FROM city;

-- name: cases
-- Cases reported in a time and box, with codes and names in place of keys. Nobody is named: the handler is a post.
SELECT c.case_no, k.code AS category, k.name_zh AS category_zh, k.name_en AS category_en, c.state, c.stage, c.flow, c.severity,
       o.code AS organisation, o.name_zh AS organisation_zh, z.code AS zone, c.grid_cell_code AS grid_cell, c.street_code AS street,
       c.community_code AS community, s.post_zh AS handler_post_zh, c.ambiguous, c.report_count, c.reported_at, c.filed_at, c.dispatched_at, c.deadline,
       ST_AsBinary(c.geom) AS geom
FROM cases c
JOIN categories k ON k.category_id = c.category_id
JOIN organisations o ON o.organisation_id = c.organisation_id
LEFT JOIN zones z ON z.zone_id = c.zone_id
LEFT JOIN staff s ON s.staff_id = c.handler_id
WHERE (%(since)s::timestamptz IS NULL OR c.reported_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR c.reported_at < %(until)s)
  AND (%(west)s::float8 IS NULL OR ST_Intersects(c.geom, ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)))
ORDER BY c.reported_at, c.case_no;

-- name: zones
-- Zones in force at a moment, by default now, and how many look after each and stand in: numbers, nobody is named.
SELECT z.code, s.code AS zone_set, z.name_zh, z.name_en, z.kind, array_to_string(z.scope, ' ') AS scope, z.priority, z.area_m2,
       o.code AS organisation, o.name_zh AS organisation_zh, w.officers, w.stand_ins, lower(z.valid * s.valid) AS valid_from,
       upper(z.valid * s.valid) AS valid_to, ST_AsBinary(z.geom) AS geom
FROM zones z
JOIN zone_sets s ON s.zone_set_id = z.zone_set_id
JOIN organisations o ON o.organisation_id = z.organisation_id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE a.role = 'primary') AS officers, count(*) FILTER (WHERE a.role = 'backup') AS stand_ins
  FROM zone_staff a
  JOIN staff p ON p.staff_id = a.staff_id AND p.active
  WHERE a.zone_id = z.zone_id AND in_force(a.valid, coalesce(%(at)s, app_now()))
) w
WHERE in_force(z.valid, coalesce(%(at)s, app_now())) AND in_force(s.valid, coalesce(%(at)s, app_now()))
ORDER BY s.code, z.code;

-- name: grid_cells
-- Grid cells in force at a moment, by default now.
SELECT g.code, g.district, g.street_code AS street, g.community_code AS community, ST_AsBinary(g.geom) AS geom
FROM grid_cells g
WHERE in_force(g.valid, coalesce(%(at)s, app_now()))
ORDER BY g.code;

-- name: parts
-- Parts on record at a moment, by default now, and who is asked to mend them.
SELECT p.code, k.code AS category, k.name_zh AS category_zh, k.name_en AS category_en, p.name_zh, p.state, p.grid_cell_code AS grid_cell,
       coalesce(m.code, w.code, v.code) AS organisation, ST_AsBinary(p.geom) AS geom
FROM parts p
JOIN categories k ON k.category_id = p.category_id
LEFT JOIN organisations m ON m.organisation_id = p.maintainer_organisation_id
LEFT JOIN organisations w ON w.organisation_id = p.owner_organisation_id
LEFT JOIN organisations v ON v.organisation_id = p.supervising_organisation_id
WHERE in_force(p.valid, coalesce(%(at)s, app_now())) AND p.state <> 'removed'
ORDER BY p.code;

-- name: layers
-- The layers there are: each is a view of that name.
SELECT substr(relname, 7) AS id FROM pg_class
WHERE relkind = 'v' AND relname LIKE 'layer\_%%' AND relnamespace = 'public'::regnamespace
ORDER BY relname;

-- name: columns
-- A layer's columns, which of them anybody may see, and which the tables below it call personal (the class begins a column's comment);
-- whose row it is (scope_...) is no field. Where the layer has a window (layers/windows.py), it is read through that.
SELECT a.attname AS name, has_column_privilege('gisops_reader', a.attrelid, a.attnum, 'SELECT') AS public,
       EXISTS (SELECT FROM pg_proc f WHERE f.proname = %(window)s AND f.pronamespace = 'public'::regnamespace) AS windowed,
       EXISTS (
         SELECT FROM pg_rewrite r
         JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
         JOIN pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid
         WHERE r.ev_class = a.attrelid AND b.attname = a.attname AND col_description(b.attrelid, b.attnum) LIKE 'personal:%%'
       ) AS personal
FROM pg_attribute a
WHERE a.attrelid = to_regclass(%(view)s) AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname NOT IN ('scope_unit', 'scope_staff', 'scope_superior', 'scope_organisation')
ORDER BY a.attnum;

-- name: account
-- For whom to read: the one who was named, else the first planner there is.
SELECT account_id FROM accounts
WHERE active AND CASE WHEN %(login)s::text IS NULL THEN role = 'planner' ELSE login = %(login)s END
ORDER BY account_id
LIMIT 1;
