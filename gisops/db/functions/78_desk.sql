-- The desk's windows: what is open, the gravest first and of that what runs out first, for whoever looks. Like seen_cases they state the scope themselves, so that the
-- indexes are used; row-level security lies below. docs/decisions/0036.

CREATE OR REPLACE FUNCTION clock_light(deadline timestamptz, due_at timestamptz, due_kind text, paused_at timestamptz, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The light of a clock at a moment: red once its limit is over, yellow from the reminder on (80 % of it), green before; grey while it stands still or
-- has no limit. Where nothing is due of it any more, nobody was reminded.
RETURN CASE
  WHEN paused_at IS NOT NULL OR deadline IS NULL THEN 'grey'
  WHEN deadline <= at THEN 'red'
  WHEN due_kind IS NULL OR due_kind = 'remind' AND due_at > at THEN 'green'
  ELSE 'yellow'
END;

DROP FUNCTION IF EXISTS looker;
CREATE FUNCTION looker(OUT account_id int, OUT everywhere boolean, OUT staff_id int, OUT organisation_id int, OUT units int[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
-- Whom a window of the desk is opened for, with the units he looks into: none for whom the whole city is open to; account_id NULL for nobody.
AS $$
  SELECT v.account_id, v.everywhere, v.staff_id, v.organisation_id,
         CASE WHEN v.everywhere THEN '{}' ELSE ARRAY(SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id) END
  FROM viewer() v
$$;

DROP FUNCTION IF EXISTS open_in_sight;
DROP FUNCTION IF EXISTS open_of_ones_own;
CREATE FUNCTION open_of_ones_own(staff int, organisation int) RETURNS TABLE (district_code text, case_id uuid, state text, unit_id int)
LANGUAGE sql STABLE
-- The open cases that somebody handles, was told of as a superior, or whose organisation holds them: each by its index. This and the next pin no
-- search path, so that they are inlined where they are asked, which is in windows that pin theirs.
AS $$
  SELECT c.district_code, c.case_id, c.state, c.unit_id FROM cases c WHERE c.handler_id = staff AND c.stage < 7
  UNION SELECT c.district_code, c.case_id, c.state, c.unit_id FROM cases c WHERE c.superior_id = staff AND c.stage < 7
  UNION SELECT c.district_code, c.case_id, c.state, c.unit_id FROM cases c WHERE c.organisation_id = organisation AND c.stage < 7
$$;

CREATE FUNCTION open_in_sight(units int[], staff int, organisation int) RETURNS TABLE (district_code text, case_id uuid)
LANGUAGE sql STABLE
-- Those, and the open cases of some units.
AS $$
  SELECT c.district_code, c.case_id FROM cases c WHERE c.unit_id = ANY (units) AND c.stage < 7
  UNION SELECT o.district_code, o.case_id FROM open_of_ones_own(staff, organisation) o
$$;

DROP FUNCTION IF EXISTS seen_work;
CREATE FUNCTION seen_work(
  in_states text[], in_category int DEFAULT NULL, at_organisation int DEFAULT NULL, in_street text DEFAULT NULL, of_severity text DEFAULT NULL,
  late boolean DEFAULT false, mine boolean DEFAULT false, above int DEFAULT NULL, since timestamptz DEFAULT NULL, after uuid DEFAULT NULL, most int DEFAULT 1
) RETURNS TABLE (district_code text, case_id uuid, rank int, urgent_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp
-- The keys of open cases that the viewer may see, by `rank` (the highest priority is -3, none is 0) and then what runs out first before the rest, from
-- behind (above, since, after): in some states, perhaps of a category, an organisation, a street, a severity; `mine`: those the viewer handles himself.
-- `late`: those whose light is yellow or red, all of one rank, so by their deadline alone. A case in dispute has no clock and goes by its own deadline.
AS $$
#variable_conflict use_column
DECLARE
  few CONSTANT int := 32;
  v record;
  steps text[];
  asked text;
  own text := 'false';
  -- $1 states, $2 category, $3 organisation, $4 street, $5 severity, $6 above, $7 since, $8 after, $9 most; of the viewer $10 units, $11 staff,
  -- $12 organisation
  ends CONSTANT text := 'coalesce(k.deadline, ''infinity'')';
  ranked CONSTANT text := CASE WHEN late THEN '0' ELSE '(- k.priority)' END;
  behind CONSTANT text := CASE WHEN late THEN '(' || ends || ', k.case_id) > ($7, $8)' ELSE '(' || ranked || ', ' || ends || ', k.case_id) > ($6, $7, $8)' END;
  by_index CONSTANT text := CASE WHEN late THEN '' ELSE ranked || ', ' END || ends || ', k.case_id';
  -- Found by the clock, in the order of an index of clocks. Each case is looked up behind it by its key (OFFSET 0): the planner takes step and state for
  -- strangers to each other, believes that hardly any case answers, and would rather read all that is open.
  walked CONSTANT text := '(SELECT k.district_code, k.case_id, ' || ranked || ' AS rank, ' || ends || ' AS urgent_at '
    'FROM case_clocks k CROSS JOIN LATERAL (SELECT FROM cases c WHERE c.district_code = k.district_code AND c.case_id = k.case_id AND %s OFFSET 0) AS c '
    'WHERE k.stopped_at IS NULL AND k.step <> ''subtask'' AND %s AND ' || behind || ' ORDER BY ' || by_index || ' LIMIT $9)';
  ahead CONSTANT text := '(SELECT k.district_code, k.case_id, ' || ranked || ' AS rank, ' || ends || ' AS urgent_at FROM case_clocks k '
    'WHERE k.stopped_at IS NULL AND k.step <> ''subtask'' AND %s AND ' || behind || ' ORDER BY ' || by_index || ' LIMIT 20 * $9)';
  -- Found by whose they are, and sorted; the fence keeps the states out of the search, for the same reason.
  gathered CONSTANT text := '(SELECT g.district_code, g.case_id, g.rank, g.urgent_at FROM (SELECT c.district_code, c.case_id, '
    || CASE WHEN late THEN '0' ELSE '- c.priority' END || ' AS rank, '
    'coalesce(k.deadline, CASE WHEN k.case_id IS NULL THEN c.deadline END, ''infinity'') AS urgent_at '
    'FROM (SELECT * FROM cases c WHERE c.stage < 7 AND %s OFFSET 0) c '
    'LEFT JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> ''subtask'' '
    'WHERE %s AND %s) g WHERE (g.rank, g.urgent_at, g.case_id) > ($6, $7, $8) ORDER BY g.rank, g.urgent_at, g.case_id LIMIT $9)';
  -- of the clock that runs; and of one that may not be there
  lit CONSTANT text := CASE WHEN late THEN 'clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()) IN (''red'', ''yellow'')' ELSE 'true' END;
  lit_or_none CONSTANT text := CASE WHEN late
    THEN 'clock_light(coalesce(k.deadline, CASE WHEN k.case_id IS NULL THEN c.deadline END), k.due_at, k.due_kind, k.paused_at, app_now()) IN (''red'', ''yellow'')'
    ELSE 'true' END;
  running text[];
  arms text[] := '{}';
  districts text[];
  keys uuid[];
  ranks int[];
  moments timestamptz[];
BEGIN
  SELECT * INTO v FROM looker();
  IF v.account_id IS NULL THEN
    RETURN;
  END IF;
  above := coalesce(above, -9);
  since := coalesce(since, '-infinity');
  after := coalesce(after, '00000000-0000-0000-0000-000000000000');
  asked := concat_ws(' AND ', 'c.state = ANY ($1)',
    CASE WHEN in_category IS NOT NULL THEN 'c.category_id = $2' END,
    CASE WHEN at_organisation IS NOT NULL THEN 'c.organisation_id = $3' END,
    CASE WHEN in_street IS NOT NULL THEN 'c.street_code = $4' END,
    CASE WHEN of_severity IS NOT NULL THEN 'c.severity = $5' END);
  steps := ARRAY(
    SELECT DISTINCT s.step
    FROM (VALUES ('reported', 'accept'), ('verifying', 'verify'), ('accepted', 'file'), ('filed', 'dispatch'), ('returned', 'dispatch'),
                 ('dispatched', 'ack'), ('simple_open', 'simple'), ('handling', 'handle'), ('handling', 'stop'), ('handling', 'penalise'),
                 ('handling', 'restore'), ('suspended', 'handle'), ('suspended', 'stop'), ('suspended', 'penalise'), ('suspended', 'restore'),
                 ('handled', 'check'), ('checking', 'check'), ('to_close', 'close')) AS s (state, step)
    WHERE s.state = ANY (in_states));
  -- Within a step the index goes by priority: what is late is asked for in each of them, and so comes by its deadline.
  running := ARRAY(
    SELECT format('k.step = %L', s.step) || coalesce(' AND (- k.priority) = ' || p.rank, '') || ' AND ' || lit
    FROM unnest(steps) AS s (step) CROSS JOIN unnest(CASE WHEN late THEN ARRAY[-3, -2, -1, 0] ELSE ARRAY[NULL]::int[] END) AS p (rank));
  IF NOT v.everywhere THEN
    own := concat_ws(' OR ', own,
      CASE WHEN v.staff_id IS NOT NULL THEN 'c.handler_id = $11 OR c.superior_id = $11' END,
      CASE WHEN v.organisation_id IS NOT NULL THEN 'c.organisation_id = $12' END);
  END IF;

  IF mine THEN
    IF v.staff_id IS NULL THEN
      RETURN;
    END IF;
    arms := ARRAY[format(gathered, 'c.handler_id = $11', asked, lit_or_none)];
  ELSIF v.everywhere THEN
    arms := ARRAY(SELECT format(walked, asked, r.one) FROM unnest(running) AS r (one));
    IF 'disputed' = ANY (in_states) THEN
      arms := arms || format(gathered, 'c.state = ''disputed''', asked, lit_or_none);
    END IF;
  ELSIF cardinality(v.units) > few AND cardinality(running) > 0 AND NOT 'disputed' = ANY (in_states) THEN
    -- Of whoever sees much of the city the page is among what comes first: twenty looked at for each that is wanted.
    EXECUTE format(
      'SELECT array_agg(n.district_code), array_agg(n.case_id), array_agg(n.rank), array_agg(n.urgent_at) '
      'FROM (SELECT k.* FROM (SELECT * FROM (%s) AS a ORDER BY rank, urgent_at, case_id LIMIT 20 * $9) k '
      'JOIN cases c ON c.district_code = k.district_code AND c.case_id = k.case_id '
      'WHERE (c.unit_id = ANY ($10) OR %s) AND %s ORDER BY k.rank, k.urgent_at, k.case_id LIMIT $9) n',
      (SELECT string_agg(format(ahead, r.one), ' UNION ALL ') FROM unnest(running) AS r (one)), own, asked)
      INTO districts, keys, ranks, moments
      USING in_states, in_category, at_organisation, in_street, of_severity, above, since, after, most, v.units, v.staff_id, v.organisation_id;
    IF cardinality(keys) >= most THEN
      RETURN QUERY SELECT * FROM unnest(districts, keys, ranks, moments);
      RETURN;
    END IF;
  END IF;
  IF NOT v.everywhere AND NOT mine THEN
    IF cardinality(v.units) > 0 THEN
      arms := arms || format(gathered, 'c.unit_id = ANY ($10)', asked, lit_or_none);
    END IF;
    IF v.staff_id IS NOT NULL THEN
      arms := arms || format(gathered, 'c.handler_id = $11', asked, lit_or_none) || format(gathered, 'c.superior_id = $11', asked, lit_or_none);
    END IF;
    IF v.organisation_id IS NOT NULL THEN
      IF in_states <@ ARRAY['dispatched', 'simple_open', 'handling', 'suspended'] AND NOT late THEN
        -- in these the clock that runs is that of whoever holds the case
        arms := arms || format(walked, 'c.organisation_id = $12 AND ' || asked, 'k.organisation_id = $12');
      ELSE
        arms := arms || format(gathered, 'c.organisation_id = $12', asked, lit_or_none);
      END IF;
    END IF;
  END IF;
  IF cardinality(arms) = 0 THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format('SELECT DISTINCT district_code, case_id, rank::int, urgent_at FROM (%s) AS a ORDER BY rank, urgent_at, case_id LIMIT $9',
                              array_to_string(arms, ' UNION ALL '))
    USING in_states, in_category, at_organisation, in_street, of_severity, above, since, after, most, v.units, v.staff_id, v.organisation_id;
END
$$;

DROP FUNCTION IF EXISTS seen_open_counts;
CREATE FUNCTION seen_open_counts(in_states text[], most int) RETURNS TABLE (state text, count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, public, pg_temp
-- How many open cases the viewer may see in each of some states, counted as far as `most`: more than that is much, whoever looks.
AS $$
#variable_conflict use_column
DECLARE
  v record;
BEGIN
  SELECT * INTO v FROM looker();
  IF v.everywhere THEN
    RETURN QUERY
      SELECT s.state, n.count
      FROM unnest(in_states) AS s (state)
      CROSS JOIN LATERAL (SELECT count(*) AS count FROM (SELECT FROM cases c WHERE c.state = s.state AND c.stage < 7 LIMIT most) AS few) n;
  ELSIF v.account_id IS NOT NULL THEN
    RETURN QUERY
      -- his units are counted in their index alone; beside them, his own elsewhere
      SELECT s.state, least(coalesce(n.count, 0), most)
      FROM unnest(in_states) AS s (state)
      LEFT JOIN (
        SELECT m.state, count(*) AS count
        FROM (SELECT c.state FROM cases c WHERE c.unit_id = ANY (v.units) AND c.stage < 7
              UNION ALL
              SELECT o.state FROM open_of_ones_own(v.staff_id, v.organisation_id) o WHERE o.unit_id IS NULL OR o.unit_id <> ALL (v.units)) m
        GROUP BY m.state
      ) n ON n.state = s.state;
  END IF;
END
$$;

DROP FUNCTION IF EXISTS seen_late;
CREATE FUNCTION seen_late() RETURNS TABLE (district_code text, case_id uuid, clock_organisation_id int, light text, deadline timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, public, pg_temp
-- Of what the viewer may see, all running clocks whose light is yellow or red: what the overdue board counts.
AS $$
#variable_conflict use_column
DECLARE
  v record;
BEGIN
  SELECT * INTO v FROM looker();
  IF v.everywhere THEN
    RETURN QUERY
      SELECT k.district_code, k.case_id, k.organisation_id, clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()), k.deadline
      FROM case_clocks k
      WHERE k.stopped_at IS NULL AND k.step <> 'subtask' AND clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()) IN ('red', 'yellow');
  ELSIF v.account_id IS NOT NULL THEN
    RETURN QUERY
      SELECT k.district_code, k.case_id, k.organisation_id, clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()), k.deadline
      FROM open_in_sight(v.units, v.staff_id, v.organisation_id) m
      JOIN case_clocks k ON k.district_code = m.district_code AND k.case_id = m.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
      WHERE clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()) IN ('red', 'yellow');
  END IF;
END
$$;

GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION seen_work OWNER TO gisops_windows;
ALTER FUNCTION seen_open_counts OWNER TO gisops_windows;
ALTER FUNCTION seen_late OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION looker, open_of_ones_own, open_in_sight, seen_work, seen_open_counts, seen_late FROM PUBLIC;
GRANT EXECUTE ON FUNCTION looker, open_of_ones_own, open_in_sight TO gisops_windows;
GRANT EXECUTE ON FUNCTION seen_work, seen_open_counts, seen_late TO gisops_app, gisops_reader;
