-- Who is looking, and where: the viewer of a transaction, the unit of a point, and the two functions that keep rows and accounts in step
-- with the ground. docs/decisions/0020.

CREATE OR REPLACE FUNCTION viewer(OUT account_id int, OUT role text, OUT everywhere boolean, OUT staff_id int, OUT organisation_id int)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- For whom this transaction reads: the account that the setting gisops.account names, if it is active; all NULL for nobody. The organisation
-- is told of a department only, whose cases are its own.
AS $$
  SELECT a.account_id, a.role, a.everywhere, a.staff_id,
         CASE WHEN a.role = 'department'
              THEN coalesce(a.organisation_id, (SELECT s.organisation_id FROM public.staff s WHERE s.staff_id = a.staff_id)) END
  FROM (SELECT nullif(current_setting('gisops.account', true), '')::int) AS told (account_id)
  LEFT JOIN public.accounts a ON a.account_id = told.account_id AND a.active
$$;

CREATE OR REPLACE FUNCTION my_units() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 200
SET search_path = pg_catalog, pg_temp
-- The units into which this transaction's viewer may look; none for nobody, and none for whom the whole city is open to.
AS $$
  SELECT u.unit_id
  FROM public.account_units u
  JOIN public.accounts a ON a.account_id = u.account_id AND a.active
  WHERE u.account_id = nullif(current_setting('gisops.account', true), '')::int
$$;

CREATE OR REPLACE FUNCTION viewer_scope() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- What decides which rows this transaction's viewer sees, as one word: another one as soon as that changes, and the same for all who look
-- after the whole city in one role. NULL for nobody.
AS $$
  SELECT CASE WHEN v.everywhere THEN 'city ' || v.role
              ELSE format('%s %s %s %s %s', v.account_id, a.scope_version, v.role, v.staff_id, v.organisation_id) END
  FROM public.viewer() v
  JOIN public.accounts a ON a.account_id = v.account_id
$$;
REVOKE EXECUTE ON FUNCTION viewer, my_units, viewer_scope FROM PUBLIC;

CREATE OR REPLACE FUNCTION unit_holding(p geometry) RETURNS TABLE (unit_id int)
LANGUAGE sql STABLE PARALLEL SAFE
-- The smallest unit that holds a point now: the cell, else the smallest area, else the city; NULL outside all. One row always; it returns a
-- set so that it is inlined where it is asked for many rows, which is three times as fast.
BEGIN ATOMIC
  SELECT coalesce(
    (SELECT u.unit_id FROM cell_at(p, app_now()) c JOIN scope_units u ON u.level = 5 AND u.code = c.code),
    (SELECT u.unit_id
     FROM admin_areas a
     JOIN scope_units u ON u.level = a.level AND u.code = a.code
     WHERE ST_DWithin(a.geom, p, 1e-10) AND in_force(a.valid, app_now())
     ORDER BY a.level DESC, ST_DWithin(a.geom, ST_Translate(p, 1e-9, 1e-9), 1e-10) DESC, a.code COLLATE "C"
     LIMIT 1),
    (SELECT u.unit_id FROM city c JOIN scope_units u ON u.level = 1 AND u.code = c.code WHERE ST_DWithin(c.geom, p, 1e-10)));
END;

CREATE OR REPLACE FUNCTION unit_at(p geometry) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE
-- The same for one point.
RETURN (SELECT h.unit_id FROM unit_holding(p) h);

CREATE OR REPLACE FUNCTION unit_of(level smallint, code text) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE
-- A unit by its level and code.
RETURN (SELECT u.unit_id FROM scope_units u WHERE u.level = unit_of.level AND u.code = unit_of.code);

CREATE OR REPLACE FUNCTION expand_scopes(account int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
-- Spell out what an account (or every one) was granted as rows of account_units: only what differs is written, and only an account whose rows
-- did change gets a new scope_version. Returns how many did. Assignments to zones hold by their dates, so the worker calls it each minute.
AS $$
DECLARE
  unmeasured int[];
  changed int;
BEGIN
  PERFORM pg_advisory_xact_lock(x'73636f706573'::bit(48)::bigint);  -- "scopes": two at once would write the same rows
  -- Zones that somebody looks into as his own, and that were not measured yet. Two outlines that meet share a hair of ground by rounding; a
  -- square metre (1e-10 square degrees) is ground.
  unmeasured := ARRAY(
    SELECT DISTINCT w.zone_id
    FROM account_scopes s
    JOIN accounts a ON a.account_id = s.account_id AND NOT a.everywhere
    JOIN zone_staff w ON w.staff_id = a.staff_id AND in_force(w.valid, app_now())
    WHERE s.kind = 'own_zones' AND (s.account_id = account OR account IS NULL)
    EXCEPT
    SELECT x.zone_id FROM zone_units x);
  IF cardinality(unmeasured) > 0 THEN
    INSERT INTO zone_units (zone_id, unit_id)
    SELECT z.zone_id, u.unit_id
    FROM zones z
    JOIN grid_cells g ON ST_Intersects(z.geom, g.geom) AND in_force(g.valid, app_now())
    JOIN scope_units u ON u.level = 5 AND u.code = g.code
    WHERE z.zone_id = ANY (unmeasured) AND (ST_Covers(z.geom, g.geom) OR ST_Area(ST_Intersection(z.geom, g.geom)) > 1e-10);
  END IF;

  WITH RECURSIVE granted AS (
    SELECT s.account_id, s.kind, s.code, a.staff_id
    FROM account_scopes s
    JOIN accounts a ON a.account_id = s.account_id AND NOT a.everywhere
    WHERE s.account_id = account OR account IS NULL
  ), below AS (
    SELECT g.account_id, u.unit_id
    FROM granted g
    JOIN scope_units u ON u.code = g.code AND (CASE WHEN g.kind = 'cell' THEN u.level = 5 WHEN g.kind = 'area' THEN u.level < 5 END)
    UNION
    SELECT b.account_id, u.unit_id FROM below b JOIN scope_units u ON u.parent_id = b.unit_id
  ), wanted AS MATERIALIZED (
    SELECT b.account_id, b.unit_id FROM below b
    UNION
    SELECT g.account_id, zu.unit_id
    FROM granted g
    JOIN zone_staff w ON w.staff_id = g.staff_id AND in_force(w.valid, app_now())
    JOIN zones z ON z.zone_id = w.zone_id AND in_force(z.valid, app_now())
    JOIN zone_sets t ON t.zone_set_id = z.zone_set_id AND in_force(t.valid, app_now())
    JOIN zone_units zu ON zu.zone_id = z.zone_id
    WHERE g.kind = 'own_zones'
  ), held AS MATERIALIZED (
    SELECT u.account_id, u.unit_id FROM account_units u WHERE u.account_id = account OR account IS NULL
  ), gone AS (
    -- EXCEPT and not a join: it is hashed whatever the statistics say of rows that were written a moment ago
    DELETE FROM account_units u
    USING (SELECT h.account_id, h.unit_id FROM held h EXCEPT SELECT w.account_id, w.unit_id FROM wanted w) d
    WHERE u.account_id = d.account_id AND u.unit_id = d.unit_id
    RETURNING u.account_id
  ), come AS (
    INSERT INTO account_units (account_id, unit_id)
    SELECT w.account_id, w.unit_id FROM wanted w EXCEPT SELECT h.account_id, h.unit_id FROM held h
    RETURNING account_id
  )
  UPDATE accounts a SET scope_version = a.scope_version + 1
  WHERE a.account_id IN (SELECT g.account_id FROM gone g UNION SELECT c.account_id FROM come c);
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END
$$;
REVOKE EXECUTE ON FUNCTION expand_scopes FROM PUBLIC;

DROP FUNCTION IF EXISTS settle_units(geometry);
CREATE OR REPLACE FUNCTION settle_units(around geometry DEFAULT NULL, tables text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
-- Bring the tree, the rows and the scopes up to what the ground is now: areas and cells become units, every row (those around a place, where
-- that is told) gets the unit that holds it, zones the cells they share ground with, every account what follows. With tables, only their rows
-- are new and not the ground. Returns how many rows moved to another unit. For the owner, after something of it was loaded.
AS $$
DECLARE
  moved bigint := 0;
  more bigint;
  one record;
BEGIN
  PERFORM pg_advisory_xact_lock(x'73636f706573'::bit(48)::bigint);  -- as expand_scopes
  INSERT INTO scope_units (level, code)
  SELECT 1, c.code FROM city c
  UNION SELECT a.level, a.code FROM admin_areas a
  UNION SELECT 2, g.district FROM grid_cells g WHERE g.district <> ''
  UNION SELECT 3, g.street_code FROM grid_cells g WHERE g.street_code <> ''
  UNION SELECT 4, g.community_code FROM grid_cells g WHERE g.community_code <> ''
  UNION SELECT 5, g.code FROM grid_cells g
  EXCEPT SELECT u.level, u.code FROM scope_units u
  ORDER BY 1, 2;
  IF FOUND THEN
    ANALYZE scope_units;  -- what follows would otherwise be planned for an empty table
  END IF;

  -- The unit above: of an area the one it names, else what the cells in it say; of whatever has none, the city. Records in force come first.
  WITH named (level, code, above, choice) AS (
    SELECT a.level, a.code, a.parent_code, CASE WHEN in_force(a.valid, app_now()) THEN 1 ELSE 2 END
    FROM admin_areas a
    WHERE a.parent_code IS NOT NULL
    UNION ALL
    SELECT 5, g.code, a.code, a.choice + CASE WHEN in_force(g.valid, app_now()) THEN 0 ELSE 10 END
    FROM grid_cells g
    CROSS JOIN LATERAL (VALUES (g.community_code, 3), (g.street_code, 4), (g.district, 5)) AS a (code, choice)
    UNION ALL
    SELECT DISTINCT 4, g.community_code, a.code, a.choice
    FROM grid_cells g
    CROSS JOIN LATERAL (VALUES (g.street_code, 4), (g.district, 5)) AS a (code, choice)
    UNION ALL
    SELECT DISTINCT 3, g.street_code, g.district, 5 FROM grid_cells g
  ), above AS (
    SELECT DISTINCT ON (u.unit_id) u.unit_id, p.unit_id AS parent_id
    FROM named n
    JOIN scope_units u ON u.level = n.level AND u.code = n.code
    JOIN scope_units p ON p.code = n.above AND p.level < u.level
    ORDER BY u.unit_id, n.choice, p.level DESC, p.code COLLATE "C"
  ), wanted AS (
    SELECT u.unit_id, CASE WHEN u.level > 1 THEN coalesce(a.parent_id, top.unit_id) END AS parent_id,
           u.level < 5 OR EXISTS (SELECT FROM grid_cells g WHERE g.code = u.code AND in_force(g.valid, app_now())) AS live
    FROM scope_units u
    LEFT JOIN above a USING (unit_id)
    LEFT JOIN city c ON true
    LEFT JOIN scope_units top ON top.level = 1 AND top.code = c.code
  )
  UPDATE scope_units u SET parent_id = w.parent_id, live = w.live
  FROM wanted w
  WHERE u.unit_id = w.unit_id AND (u.parent_id IS DISTINCT FROM w.parent_id OR u.live <> w.live);

  FOR one IN
    SELECT t.name, t.point
    FROM (VALUES ('cases', 'r.geom'), ('relief_households', 'r.geom'), ('party_sites', 'r.geom'), ('places', 'r.geom'), ('last_positions', 'r.geom'),
                 ('buildings', 'ST_PointOnSurface(r.geom)')
          UNION ALL
          SELECT 'city_' || l.layer_id, 'ST_PointOnSurface(r.geom)' FROM city_layers l WHERE l.scoped) AS t (name, point)
    WHERE tables IS NULL OR t.name = ANY (tables)
  LOOP
    EXECUTE format(
      'UPDATE %1$I r SET unit_id = unit_at(%2$s) WHERE %3$s r.unit_id IS DISTINCT FROM (SELECT h.unit_id FROM unit_holding(%2$s) h)',
      one.name, one.point, CASE WHEN around IS NOT NULL THEN 'r.geom && $1 AND' END) USING around;
    GET DIAGNOSTICS more = ROW_COUNT;
    moved := moved + more;
  END LOOP;

  -- Where the ground itself changed, zones are measured anew.
  IF tables IS NULL THEN
    DELETE FROM zone_units x USING zones z WHERE z.zone_id = x.zone_id AND (around IS NULL OR z.geom && around);
  END IF;
  PERFORM expand_scopes();
  RETURN moved;
END
$$;
REVOKE EXECUTE ON FUNCTION settle_units FROM PUBLIC;

CREATE OR REPLACE FUNCTION settle_due() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- What comes by its date, for the worker: where cells or areas began or ended since it last looked, what lies around them is settled; where
-- zones or assignments to them did, they are spelled out. Returns how many accounts see something else than before.
AS $$
DECLARE
  span tstzrange;
  ground geometry;
  before bigint;
BEGIN
  SELECT tstzrange(least(s.settled_at, app_now()), app_now(), '(]') INTO span FROM scope_state s FOR UPDATE;
  SELECT ST_SetSRID(ST_Extent(c.geom)::geometry, 4326) INTO ground
  FROM (SELECT g.geom, g.valid FROM grid_cells g UNION ALL SELECT a.geom, a.valid FROM admin_areas a) c
  WHERE span @> lower(c.valid) OR span @> upper(c.valid);
  SELECT sum(a.scope_version) INTO before FROM accounts a;
  IF ground IS NOT NULL THEN
    PERFORM settle_units(ground);
  ELSIF EXISTS (SELECT FROM zone_staff w WHERE span @> lower(w.valid) OR span @> upper(w.valid))
     OR EXISTS (SELECT FROM zones z WHERE span @> lower(z.valid) OR span @> upper(z.valid))
     OR EXISTS (SELECT FROM zone_sets t WHERE span @> lower(t.valid) OR span @> upper(t.valid)) THEN
    PERFORM expand_scopes();
  END IF;
  UPDATE scope_state SET settled_at = app_now() WHERE settled_at < app_now();
  RETURN (SELECT sum(a.scope_version) - before FROM accounts a);
END
$$;
REVOKE EXECUTE ON FUNCTION settle_due FROM PUBLIC;

CREATE OR REPLACE FUNCTION unsettled_rows(most int DEFAULT 2000) RETURNS TABLE (name text, looked_at bigint, wrong bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- How many rows, of some thousand of each table, have another unit than the one that holds them now: for `gisops check`, whose role sees
-- neither all of these tables nor all of their rows.
AS $$
DECLARE
  point text;
BEGIN
  FOR name, point IN
    VALUES ('cases', 'r.geom'), ('relief_households', 'r.geom'), ('party_sites', 'r.geom'), ('places', 'r.geom'), ('last_positions', 'r.geom'),
           ('buildings', 'ST_PointOnSurface(r.geom)')
    UNION ALL
    SELECT 'city_' || l.layer_id, 'ST_PointOnSurface(r.geom)' FROM city_layers l WHERE l.scoped
  LOOP
    -- by the page, from all over the table; twice as many as are wanted, since pages are not equally full
    EXECUTE format(
      'SELECT count(*), count(*) FILTER (WHERE r.unit_id IS DISTINCT FROM (SELECT h.unit_id FROM unit_holding(%2$s) h)) '
      'FROM (SELECT t.geom, t.unit_id FROM %1$I t TABLESAMPLE SYSTEM ((SELECT least(100, 200.0 * $1 / greatest(c.reltuples, 1)) '
      'FROM pg_class c WHERE c.oid = %3$L::regclass)) LIMIT $1) r', name, point, 'public.' || name)
    INTO looked_at, wrong USING most;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION unsettled_rows FROM PUBLIC;
