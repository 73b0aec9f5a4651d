-- name: grants
-- What the doors may read of a layer's view: its public columns, or nothing. Everything else is read through the windows below.
REVOKE ALL ON {relation} FROM gisops_app, gisops_reader, gisops_windows;
{granted}

-- name: see
-- The window through which a layer's features are read.
DROP FUNCTION IF EXISTS {see};
CREATE FUNCTION {see}(
  box geometry DEFAULT NULL, wanted text DEFAULT NULL, after text DEFAULT NULL, most int DEFAULT NULL{timed}
) RETURNS TABLE ({columns})
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
-- What the viewer may see, of a box (EPSG:4326: what touches it; EPSG:3857: whose box does), of one key, or of the whole layer; with `most`,
-- so many in the order of their keys from behind `after`, and those that share the last one's key. Each way of asking is a statement of its
-- own, so that each has the plan that suits it, made once for each connection.
AS $$
#variable_conflict use_column
DECLARE
  {known}
BEGIN
  {who}
  IF wanted IS NOT NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} = wanted AND {visible};
  ELSIF box IS NULL AND most IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} > coalesce(after, '') AND {visible};
  ELSIF box IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} > coalesce(after, '') AND {visible}
      ORDER BY t.{key} FETCH FIRST (most) ROWS WITH TIES;
  ELSIF ST_SRID(box) = 4326 AND most IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE {touches} AND t.{key} > coalesce(after, '') AND {visible};
  ELSIF ST_SRID(box) = 4326 THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE {touches} AND t.{key} > coalesce(after, '') AND {visible}
      ORDER BY t.{key} FETCH FIRST (most) ROWS WITH TIES;
  ELSIF most IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.geom_3857 && box AND t.{key} > coalesce(after, '') AND {visible};
  ELSE
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.geom_3857 && box AND t.{key} > coalesce(after, '') AND {visible}
      ORDER BY t.{key} FETCH FIRST (most) ROWS WITH TIES;
  END IF;
END
$$;

-- name: tile
-- The window through which a layer's tiles are cut: no more columns than a tile carries, so that a plan joins no more than it must.
DROP FUNCTION IF EXISTS {tile};
CREATE FUNCTION {tile}(box geometry, most int DEFAULT NULL) RETURNS TABLE ({columns})
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
-- At most `most` of the features whose box (EPSG:3857) touches another, in no order.
AS $$
#variable_conflict use_column
DECLARE
  {known}
BEGIN
  {who}
  RETURN QUERY SELECT {fields} FROM {rows} WHERE t.geom_3857 && box AND {visible} LIMIT most;
END
$$;

-- name: dots
-- The window through which a layer's features are counted: where they are and nothing else.
DROP FUNCTION IF EXISTS {dots};
CREATE FUNCTION {dots}(box geometry DEFAULT NULL) RETURNS SETOF geometry
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
-- The geometries (EPSG:3857) of the features that the viewer may see in a box (EPSG:4326 or 3857), or of all of them.
AS $$
DECLARE
  {known}
BEGIN
  {who}
  IF box IS NULL THEN
    RETURN QUERY SELECT t.geom_3857 FROM {rows} WHERE {visible};
  ELSIF ST_SRID(box) = 4326 THEN
    RETURN QUERY SELECT t.geom_3857 FROM {rows} WHERE {touches} AND {visible};
  ELSE
    RETURN QUERY SELECT t.geom_3857 FROM {rows} WHERE t.geom_3857 && box AND {visible};
  END IF;
END
$$;

-- name: near
-- The window through which the nearest features are found.
DROP FUNCTION IF EXISTS {near};
CREATE FUNCTION {near}(p geometry, most int, box geometry DEFAULT NULL) RETURNS TABLE ({columns})
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
-- What the viewer may see, the nearest to a point first, at most 1,000; in a box of the point's own reference system, where one is given. In
-- EPSG:3857 the order is that on the ground, as the projection keeps shapes; in EPSG:4326 it is that of degrees. The constant limit inside
-- tells the planner that few will be asked for, which it cannot know of `most`.
AS $$
#variable_conflict use_column
DECLARE
  {known}
BEGIN
  {who}
  IF ST_SRID(p) = 4326 AND box IS NULL THEN
    RETURN QUERY SELECT n.* FROM (SELECT {fields} FROM {rows} WHERE {visible} ORDER BY t.geom <-> p LIMIT 1000) AS n LIMIT most;
  ELSIF ST_SRID(p) = 4326 THEN
    RETURN QUERY SELECT n.* FROM (SELECT {fields} FROM {rows} WHERE t.geom && box AND {visible} ORDER BY t.geom <-> p LIMIT 1000) AS n LIMIT most;
  ELSIF box IS NULL THEN
    RETURN QUERY SELECT n.* FROM (SELECT {fields} FROM {rows} WHERE {visible} ORDER BY t.geom_3857 <-> p LIMIT 1000) AS n LIMIT most;
  ELSE
    RETURN QUERY SELECT n.* FROM (SELECT {fields} FROM {rows} WHERE t.geom_3857 && box AND {visible}
      ORDER BY t.geom_3857 <-> p LIMIT 1000) AS n LIMIT most;
  END IF;
END
$$;

-- name: who
-- Who is looking, and which classes that opens in this layer; whoever may not see the layer sees nothing.
SELECT v.account_id, coalesce(v.everywhere, false), v.staff_id, v.organisation_id,
    coalesce(v.role = ANY ({staff}), false), coalesce(v.role = ANY ({personal}), false)
  INTO v_account, v_everywhere, v_staff, v_organisation, v_work, v_personal FROM viewer() AS v;
  IF NOT {open} THEN
    RETURN;
  END IF;

-- name: known
-- What is known of the viewer.
v_account int;
  v_everywhere boolean;
  v_staff int;
  v_organisation int;
  v_work boolean;
  v_personal boolean;

-- name: given_away
-- The function is its window's, which owns nothing else, and is called by the doors alone. To take it, that role may make things in the
-- schema for a moment.
GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION {function} OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION {function} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {function} TO gisops_reader, gisops_app;
