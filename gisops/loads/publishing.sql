-- name: keep_changed
-- Rows as they are before they are changed, for undoing.
CREATE TABLE staging.{undo} AS
SELECT {old} FROM {table} t JOIN staging.{stage} s ON {match}
WHERE {different};

-- name: change
-- Rows that stand there already and say something else.
UPDATE {table} t SET {assignments} FROM staging.{stage} s
WHERE {match} AND {different};

-- name: make_added
-- Where the keys of new rows are kept, for undoing.
CREATE TABLE staging.{added} AS SELECT {primary} FROM {table} WITH NO DATA;

-- name: add
-- Rows that are new, in the order of the file.
WITH fresh AS (
  INSERT INTO {table} ({columns})
  SELECT {values} FROM staging.{stage} s
  WHERE NOT EXISTS (SELECT FROM {table} t WHERE {match})
  RETURNING {primary}
)
INSERT INTO staging.{added} SELECT {primary} FROM fresh;

-- name: name_parents
-- Rows that name another of their own kind as the one above.
UPDATE {table} t SET {column} = p.{key} FROM staging.{stage} s JOIN {table} p ON p.code = s.{column}
WHERE {match} AND t.{column} IS DISTINCT FROM p.{key};

-- name: keep_leads
-- Organisations before they are given another lead.
CREATE TABLE staging.{undo} AS
SELECT o.* FROM organisations o
WHERE o.organisation_id IN (SELECT s.organisation_id FROM staging.{stage} s WHERE s.leads);

-- name: name_leads
-- Who leads an organisation: of several, the one with the lowest code.
UPDATE organisations o SET lead_staff_id = f.staff_id
FROM (
  SELECT DISTINCT ON (w.organisation_id) w.organisation_id, w.staff_id
  FROM staging.{stage} s
  JOIN staff w ON w.code = s.code
  WHERE s.leads
  ORDER BY w.organisation_id, w.code COLLATE "C"
) f
WHERE o.organisation_id = f.organisation_id;

-- name: keep_closed
-- Records in force that are about to end: those the file says something else about, and, where the file is the whole, those it leaves out.
CREATE TABLE staging.{undo} AS
SELECT {old} FROM {table} t
WHERE t.valid @> {moment} AND (
  EXISTS (SELECT FROM staging.{stage} s WHERE {match} AND {different})
  OR {whole} AND NOT EXISTS (SELECT FROM staging.{stage} s WHERE {match}) AND EXISTS (SELECT FROM staging.{stage} s WHERE {same_kind})
);

-- name: close
-- Their validity ends at the moment the new records begin.
UPDATE {table} t SET valid = tstzrange(lower(t.valid), {moment}) FROM staging.{undo} u WHERE {same_row};

-- name: add_first
-- Records of what was not in force.
WITH fresh AS (
  INSERT INTO {table} ({columns}, valid)
  SELECT {values}, tstzrange({moment}, NULL) FROM staging.{stage} s
  WHERE NOT EXISTS (SELECT FROM {table} t WHERE {match} AND t.valid @> {moment}) AND NOT EXISTS (SELECT FROM staging.{undo} u WHERE {match_old})
  RETURNING {primary}
)
INSERT INTO staging.{added} SELECT {primary} FROM fresh;

-- name: add_next
-- Records that follow another; what the file does not say is taken over from it.
WITH fresh AS (
  INSERT INTO {table} ({columns}, {kept} valid)
  SELECT {values}, {old_kept} tstzrange({moment}, NULL) FROM staging.{stage} s JOIN staging.{undo} u ON {match_old}
  RETURNING {primary}
)
INSERT INTO staging.{added} SELECT {primary} FROM fresh;

-- name: set_in_force
-- The published set of a purpose at a moment or after it.
SELECT zone_set_id, code, lower(valid) AS since FROM zone_sets
WHERE purpose = %(purpose)s AND status <> 'draft' AND valid && tstzrange(%(moment)s, NULL)
ORDER BY lower(valid) DESC;

-- name: new_set
-- A set of zones, as a draft.
INSERT INTO zone_sets (code, name_zh, name_en, purpose) VALUES (%(code)s, %(name_zh)s, %(name_en)s, %(purpose)s)
ON CONFLICT (code) DO NOTHING
RETURNING zone_set_id;

-- name: add_zones
-- The zones of a set.
INSERT INTO zones (zone_set_id, {columns}) SELECT {zone_set_id}, {values} FROM staging.{stage} s ORDER BY s.row_no;

-- name: add_zone_staff
-- Who looks after them.
INSERT INTO zone_staff (zone_id, staff_id, role)
SELECT DISTINCT z.zone_id, w.staff_id, {role}
FROM staging.{stage} s
JOIN zones z ON z.zone_set_id = {zone_set_id} AND z.code = s.code
CROSS JOIN LATERAL unnest(s.{column}) AS w (staff_id);

-- name: close_set
-- The set before ends at the moment the next begins.
UPDATE zone_sets SET status = 'closed', valid = tstzrange(lower(valid), %(moment)s) WHERE zone_set_id = %(zone_set_id)s;

-- name: publish_set
-- The draft comes into force.
UPDATE zone_sets SET status = 'published', valid = tstzrange(%(moment)s, NULL) WHERE zone_set_id = %(zone_set_id)s;

-- name: reopen_set
-- The set before goes on as if it had not been closed.
UPDATE zone_sets SET status = 'published', valid = tstzrange(lower(valid), NULL) WHERE zone_set_id = %(zone_set_id)s;

-- name: remove_zones
-- The zones of a set that nobody was dispatched by; their staff goes with them.
DELETE FROM zones WHERE zone_set_id = %(zone_set_id)s;

-- name: remove_set
-- A set without zones.
DELETE FROM zone_sets WHERE zone_set_id = %(zone_set_id)s;

-- name: decided_since
-- Whether anything was dispatched on what has been in force since a moment.
SELECT count(*) AS n FROM dispatch_decisions WHERE at >= %(moment)s;

-- name: remove_added
-- Rows that a load had added.
DELETE FROM {table} t USING staging.{added} a WHERE {same_row};

-- name: put_back
-- Rows as they were before a load.
UPDATE {table} t SET {assignments} FROM staging.{undo} u WHERE {same_row};

-- name: drop
-- A table of the staging schema that is no longer needed.
DROP TABLE IF EXISTS staging.{name};

-- name: new_version
-- A layer's content changed by loading.
SELECT layer_changed(%(layer)s);

-- name: now
-- The city's present.
SELECT app_now() AS at;

-- name: count_stage
-- Rows that wait.
SELECT count(*) AS n FROM staging.{stage};
