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
  {few}
  IF wanted IS NOT NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} = wanted AND {visible};
  ELSIF box IS NULL AND most IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} > coalesce(after, '') AND {visible};
  ELSIF box IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.{key} > coalesce(after, '') AND {visible}
      ORDER BY t.{key} FETCH FIRST (most) ROWS WITH TIES;
  ELSIF ST_SRID(box) = 4326 AND most IS NULL THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.geom && box AND ST_Intersects(t.geom, box) AND t.{key} > coalesce(after, '') AND {visible};
  ELSIF ST_SRID(box) = 4326 THEN
    RETURN QUERY SELECT {fields} FROM {rows} WHERE t.geom && box AND ST_Intersects(t.geom, box) AND t.{key} > coalesce(after, '') AND {visible}
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
  {few}
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
  {few}
  IF box IS NULL THEN
    RETURN QUERY SELECT t.geom_3857 FROM {rows} WHERE {visible};
  ELSIF ST_SRID(box) = 4326 THEN
    RETURN QUERY SELECT t.geom_3857 FROM {rows} WHERE t.geom && box AND ST_Intersects(t.geom, box) AND {visible};
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
  {few}
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

-- name: squares
-- The window through which others than those a personal layer is for learn how many there are, roughly where.
DROP FUNCTION IF EXISTS {squares};
CREATE FUNCTION {squares}(zoom int, west_x int, north_y int, east_x int, south_y int) RETURNS TABLE (x int, y int, count int)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Squares of the tile grid (zoom 14 to 17) with the number of features whose box has its middle there; for staff of the whole city. A square of
-- zoom 14 is told if it holds five. Of its four quarters those with fewer are not told, and where there are such, of the others the smallest
-- neither, until what is left out holds five together; so on below, and nothing is told of a square that is not told. So whatever is told at
-- one zoom, less what is told of its parts at another, is again five or more, or nothing. What is asked only chooses whole squares.
AS $$
DECLARE
  side constant float8 := 2 * 20037508.342789244 / (1 << zoom);
  up constant int := zoom - 14;
BEGIN
  IF NOT EXISTS (SELECT FROM viewer() AS v WHERE v.everywhere AND v.role = ANY ({staff})) OR zoom NOT BETWEEN 14 AND 17 THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH placed AS (
    SELECT
      floor(((ST_XMin(t.geom_3857) + ST_XMax(t.geom_3857)) / 2 + 20037508.342789244) / side)::int AS column_x,
      floor((20037508.342789244 - (ST_YMin(t.geom_3857) + ST_YMax(t.geom_3857)) / 2) / side)::int AS row_y
    FROM {relation} AS t
    -- All of each square of zoom 14 that is touched: whether a part of it is told depends on the others.
    WHERE t.geom_3857 && ST_MakeEnvelope(
      (west_x >> up << up) * side - 20037508.342789244, 20037508.342789244 - ((south_y >> up) + 1 << up) * side,
      ((east_x >> up) + 1 << up) * side - 20037508.342789244, 20037508.342789244 - (north_y >> up << up) * side, 3857)
  ), fine AS (
    SELECT p.column_x, p.row_y, count(*)::int AS held FROM placed AS p GROUP BY 1, 2
  ), levels AS (
    SELECT zoom - z.level AS up, f.column_x >> (zoom - z.level) AS column_x, f.row_y >> (zoom - z.level) AS row_y, sum(f.held) AS held
    FROM fine AS f CROSS JOIN generate_series(14, zoom) AS z (level)
    GROUP BY 1, 2, 3
  ), quarters AS (
    SELECT l.*, min(l.held) OVER four AS least, sum(l.held) OVER (four ORDER BY l.held, l.column_x, l.row_y) - l.held AS smaller
    FROM levels AS l
    WINDOW four AS (PARTITION BY l.up, l.column_x >> 1, l.row_y >> 1)
  ), untold AS (
    SELECT q.up, q.column_x, q.row_y
    FROM quarters AS q
    WHERE q.held < 5 OR (q.up < zoom - 14 AND q.least < 5 AND q.smaller < 5)
  )
  SELECT f.column_x, f.row_y, f.held
  FROM fine AS f
  WHERE f.column_x BETWEEN west_x AND east_x AND f.row_y BETWEEN north_y AND south_y
    AND NOT EXISTS (SELECT FROM untold AS n WHERE n.column_x = f.column_x >> n.up AND n.row_y = f.row_y >> n.up);
END
$$;

-- name: digest
-- What anybody may see of a layer, as one number.
DROP FUNCTION IF EXISTS {digest};
CREATE FUNCTION {digest}() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
-- The sum of a hash of each row, so that their order is nothing to it; for rows that come into force by date with the city's date, as then
-- the same content may have had another between two loads. For layer_changed() alone.
AS $$
  SELECT {digested}
$$;
REVOKE ALL ON FUNCTION {digest} FROM PUBLIC;

-- name: who
-- Who is looking, and which classes that opens in this layer; whoever may not see the layer sees nothing.
SELECT CASE WHEN v.everywhere THEN NULL ELSE v.account_id END, coalesce(v.everywhere, false), v.staff_id, v.organisation_id,
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
  v_units int[];

-- name: few
-- Whoever looks into few places and asks for more than a screenful gets his rows by what makes them his, not by looking through everybody's.
IF NOT v_everywhere AND ({wide}) THEN
    v_units := ARRAY(SELECT u.unit_id FROM account_units AS u WHERE u.account_id = v_account LIMIT 33);
    IF cardinality(v_units) <= 32 AND v_organisation IS NULL THEN
      RETURN QUERY {asked};
      RETURN;
    END IF;
    {of_a_department}
  END IF;

-- name: of_a_department
-- The same of a department, whose own are few as well; where they are many they are soon found among all.
IF cardinality(v_units) <= 32 AND v_organisation IS NOT NULL
        AND (SELECT count(*) FROM (SELECT FROM {relation} AS r WHERE r.scope_organisation = v_organisation LIMIT 5000) AS o) < 5000 THEN
      RETURN QUERY {asked};
      RETURN;
    END IF;

-- name: few_see
-- His rows as features.
SELECT {fields} FROM {his}
      WHERE (box IS NULL OR CASE ST_SRID(box) WHEN 4326 THEN t.geom && box AND ST_Intersects(t.geom, box) ELSE t.geom_3857 && box END)
        AND t.{key} > coalesce(after, '') AND {timely}
      ORDER BY t.{key} FETCH FIRST (coalesce(most, 2147483647)) ROWS WITH TIES;

-- name: few_tile
-- His rows as a tile carries them.
SELECT {fields} FROM {his} WHERE t.geom_3857 && box LIMIT most;

-- name: few_dots
-- Where his rows are.
SELECT t.geom_3857 FROM {his}
      WHERE box IS NULL OR CASE ST_SRID(box) WHEN 4326 THEN t.geom && box AND ST_Intersects(t.geom, box) ELSE t.geom_3857 && box END;

-- name: few_near
-- The nearest of his rows.
SELECT n.* FROM (SELECT {fields} FROM {his} WHERE CASE ST_SRID(p) WHEN 4326 THEN t.geom && box ELSE t.geom_3857 && box END
        ORDER BY CASE ST_SRID(p) WHEN 4326 THEN t.geom <-> p ELSE t.geom_3857 <-> p END LIMIT 1000) AS n LIMIT most;

-- name: given_away
-- The function is its window's, which owns nothing else, and is called by the doors alone. To take it, that role may make things in the
-- schema for a moment.
GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION {function} OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION {function} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {function} TO gisops_reader, gisops_app;
