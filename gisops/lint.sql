-- name: tables
-- Tables of ours (an extension's are its own): comment, columns in order with type, comment and default, and what could surprise a writer.
SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
       (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                                            'comment', col_description(c.oid, a.attnum), 'identity', a.attidentity <> '',
                                            'default', pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum)
        FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       ARRAY(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY 1) AS triggers,
       ARRAY(SELECT r.rulename::text FROM pg_rewrite r WHERE r.ev_class = c.oid ORDER BY 1) AS rules,
       ARRAY(SELECT s.relname::text
             FROM pg_depend o
             JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S'
             WHERE o.refobjid = c.oid AND o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass ORDER BY 1) AS sequences,
       ARRAY(SELECT g.rolname::text
             FROM pg_roles g
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'district_code'
             WHERE NOT g.rolsuper AND g.rolname !~ '^pg_' AND g.oid <> c.relowner AND has_column_privilege(g.oid, c.oid, a.attnum, 'UPDATE')
               AND NOT pg_has_role(g.oid, c.relowner, 'USAGE') ORDER BY 1) AS movers,
       -- of a table in parts: whether one of them takes what no other holds; of a part: who could go round its table
       (SELECT p.partdefid <> 0 FROM pg_partitioned_table p WHERE p.partrelid = c.oid) AS has_rest,
       ARRAY(SELECT g.rolname::text
             FROM pg_roles g
             WHERE c.relispartition AND NOT g.rolsuper AND g.rolname !~ '^pg_' AND g.oid <> c.relowner AND NOT pg_has_role(g.oid, c.relowner, 'USAGE')
               AND (has_table_privilege(g.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(g.oid, c.oid, 'SELECT, INSERT, UPDATE'))
             ORDER BY 1) AS goers_round
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY c.relname;

-- name: keys
-- Primary keys, UNIQUE, EXCLUDE, foreign keys, and unique indexes that are no constraint: their columns in order ('' for an expression).
SELECT t.relname AS on_table, k.conname AS name,
       CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'x' THEN 'EXCLUDE' ELSE 'FOREIGN KEY' END AS kind,
       ARRAY(SELECT coalesce(a.attname, '')::text
             FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
             LEFT JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum ORDER BY n.place) AS columns,
       other.relname AS to_table,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.confkey) WITH ORDINALITY AS n (attnum, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.attnum ORDER BY n.place) AS to_columns,
       ARRAY(SELECT o.oprname::text FROM unnest(k.conexclop) WITH ORDINALITY AS n (oid, place) JOIN pg_operator o ON o.oid = n.oid ORDER BY n.place) AS operators
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
LEFT JOIN pg_class other ON other.oid = k.confrelid
WHERE t.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'u', 'x', 'f')
UNION ALL
SELECT t.relname, i.relname, 'UNIQUE',
       ARRAY(SELECT coalesce(a.attname, '')::text
             FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS n (attnum, place)
             LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = n.attnum AND n.attnum <> 0
             WHERE n.place <= x.indnkeyatts ORDER BY n.place),
       NULL, '{}', '{}'
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND x.indisunique AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)
ORDER BY 1, 2;

-- name: indexes
-- GiST indexes, those of exclusion constraints too: the types of their columns in order.
SELECT t.relname AS on_table, i.relname AS name,
       ARRAY(SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = i.oid ORDER BY a.attnum) AS types
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_am m ON m.oid = i.relam AND m.amname = 'gist'
JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace
ORDER BY 1, 2;

-- name: functions
-- Functions of ours with their text, language and rights.
SELECT p.proname AS name, pg_get_functiondef(p.oid) AS text, p.prosecdef AS definer,
       EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE starts_with(c, 'search_path=')) AS pinned
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY 1;
