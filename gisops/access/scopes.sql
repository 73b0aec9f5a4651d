-- name: look_as
-- From here to the end of its transaction a connection reads for somebody: in the readers' role, under the account's number ('' for nobody).
SELECT set_config('role', 'gisops_reader', true), set_config('gisops.account', %(account)s, true);

-- name: viewer_scope
-- What decides which rows the transaction's viewer sees, as one word; null for nobody.
SELECT viewer_scope() AS word;

-- name: account
-- What decides what an account sees, but for its units; no row for one that is unknown or closed.
SELECT a.account_id, a.role, a.everywhere, a.staff_id, a.scope_version,
       CASE WHEN a.role = 'department' THEN coalesce(a.organisation_id, s.organisation_id) END AS organisation_id
FROM accounts AS a
LEFT JOIN staff AS s USING (staff_id)
WHERE a.account_id = %(account_id)s AND a.active;

-- name: units
-- The units an account looks into.
SELECT unit_id FROM account_units WHERE account_id = %(account_id)s;

-- name: by_login
-- An account as the one who grants sees it; it is held until the grant is done.
SELECT account_id, role, staff_id, everywhere FROM accounts WHERE login = %(login)s FOR UPDATE;

-- name: is_unit
-- Whether there is such an area or cell.
SELECT EXISTS (
  SELECT FROM scope_units WHERE code = %(code)s AND CASE WHEN %(kind)s = 'cell' THEN level = 5 ELSE level < 5 END
) AS there;

-- name: grant
-- One more thing an account may look into.
INSERT INTO account_scopes (account_id, kind, code) VALUES (%(account_id)s, %(kind)s, %(code)s)
ON CONFLICT DO NOTHING;

-- name: revoke
-- One thing less.
DELETE FROM account_scopes WHERE account_id = %(account_id)s AND kind = %(kind)s AND code = %(code)s;

-- name: granted
-- What an account was granted.
SELECT kind, code, granted_at FROM account_scopes WHERE account_id = %(account_id)s ORDER BY kind, code;

-- name: set_everywhere
-- The whole city, or no longer; a new version, as what it sees changes.
UPDATE accounts SET everywhere = %(everywhere)s, scope_version = scope_version + 1
WHERE account_id = %(account_id)s AND everywhere <> %(everywhere)s;

-- name: expand
-- Spell out what was granted as rows.
SELECT expand_scopes(%(account_id)s) AS changed;

-- name: settle
-- Bring units, rows and scopes up to what the ground is now.
SELECT settle_units(ST_GeomFromEWKB(%(around)s), %(tables)s::text[]) AS moved;

-- name: settle_due
-- The same for what comes by its date.
SELECT settle_due() AS changed;

-- name: changed_ground
-- Where cells or areas began or ended at a moment: the box, if that moment is not to come.
SELECT ST_AsEWKB(ST_SetSRID(ST_Extent(c.geom)::geometry, 4326)) AS around
FROM (SELECT geom, valid FROM grid_cells UNION ALL SELECT geom, valid FROM admin_areas) AS c
WHERE %(moment)s IN (lower(c.valid), upper(c.valid)) AND %(moment)s <= app_now();

-- name: can_tell_unsettled
-- Whether this database has the function for it (one that waits for its migration has not).
SELECT to_regprocedure('unsettled_rows(int)') IS NOT NULL AS there;

-- name: unsettled
-- Tables with rows, among some thousand of each, that have another unit than the one that holds them now.
SELECT name, looked_at, wrong FROM unsettled_rows() WHERE wrong > 0;
