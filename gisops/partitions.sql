-- name: ensure
-- The months from one moment to another, of one table or of all; the names of those made now.
SELECT ensure_partitions(%(first_at)s, %(last_at)s, %(table)s) AS name;

-- name: ensure_ahead
-- The present month and some to come, by the worker's role.
SELECT ensure_partitions_ahead(%(months)s) AS name;

-- name: forget_positions
-- Drop the months of tracks that the city no longer keeps; their names.
SELECT forget_positions() AS name;

-- name: months
-- Every part of every parted table: its name, the rows the planner believes it has, its bytes with indexes.
SELECT parent.relname AS of_table, part.relname AS name, greatest(part.reltuples, 0)::bigint AS rows_about, pg_total_relation_size(part.oid) AS bytes
FROM pg_inherits i
JOIN pg_class parent ON parent.oid = i.inhparent AND parent.relkind = 'p' AND parent.relnamespace = 'public'::regnamespace
JOIN pg_class part ON part.oid = i.inhrelid
ORDER BY parent.relname, part.relname;
