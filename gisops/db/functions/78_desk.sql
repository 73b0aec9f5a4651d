-- The desk's windows: what is open, in the order in which it runs out, for whoever looks. Like seen_cases they state the scope themselves, so that the
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

DROP FUNCTION IF EXISTS seen_work;
CREATE FUNCTION seen_work(
  in_states text[], in_category int DEFAULT NULL, at_organisation int DEFAULT NULL, in_street text DEFAULT NULL, of_severity text DEFAULT NULL,
  late boolean DEFAULT false, mine boolean DEFAULT false, since timestamptz DEFAULT NULL, after uuid DEFAULT NULL, most int DEFAULT 1
) RETURNS TABLE (district_code text, case_id uuid, urgent_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp
-- The keys of open cases that the viewer may see, what runs out first before the rest, from behind (since, after): in some states, perhaps of a category,
-- an organisation, a street, a severity; `late`: those whose light is yellow or red; `mine`: those the viewer handles himself. A case in dispute has no
-- clock and goes by its own deadline.
AS $$
#variable_conflict use_column
DECLARE
  few CONSTANT int := 32;
  v record;
  units int[] := '{}';
  steps text[];
  asked text;
  own text := 'false';
  -- $1 states, $2 category, $3 organisation, $4 street, $5 severity, $6 since, $7 after, $8 most, $9 units; of the viewer $10 staff, $11 organisation
  -- found by the clock, in its order
  walked CONSTANT text := '(SELECT k.district_code, k.case_id, coalesce(k.deadline, ''infinity'') AS urgent_at '
    'FROM case_clocks k JOIN cases c ON c.district_code = k.district_code AND c.case_id = k.case_id '
    'WHERE k.stopped_at IS NULL AND k.step <> ''subtask'' AND %s AND (coalesce(k.deadline, ''infinity''), k.case_id) > ($6, $7) AND %s AND %s '
    'ORDER BY coalesce(k.deadline, ''infinity''), k.case_id LIMIT $8)';
  next CONSTANT text := '(SELECT k.district_code, k.case_id, coalesce(k.deadline, ''infinity'') AS urgent_at, k.deadline, k.due_at, k.due_kind, k.paused_at '
    'FROM case_clocks k WHERE k.stopped_at IS NULL AND k.step <> ''subtask'' AND k.step = %L AND (coalesce(k.deadline, ''infinity''), k.case_id) > ($6, $7) '
    'ORDER BY coalesce(k.deadline, ''infinity''), k.case_id LIMIT 20 * $8)';
  -- found by whose they are, and sorted
  gathered CONSTANT text := '(SELECT g.district_code, g.case_id, g.urgent_at '
    'FROM (SELECT c.district_code, c.case_id, coalesce(k.deadline, CASE WHEN k.case_id IS NULL THEN c.deadline END, ''infinity'') AS urgent_at '
    'FROM (SELECT * FROM cases c WHERE c.stage < 7 AND %s OFFSET 0) c '
    'LEFT JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> ''subtask'' '
    'WHERE %s) g WHERE (g.urgent_at, g.case_id) > ($6, $7) ORDER BY g.urgent_at, g.case_id LIMIT $8)';
  arms text[] := '{}';
  districts text[];
  keys uuid[];
  moments timestamptz[];
  step text;
BEGIN
  SELECT * INTO v FROM viewer();
  IF v.account_id IS NULL THEN
    RETURN;
  END IF;
  since := coalesce(since, '-infinity');
  after := coalesce(after, '00000000-0000-0000-0000-000000000000');
  asked := concat_ws(' AND ', 'c.state = ANY ($1)',
    CASE WHEN in_category IS NOT NULL THEN 'c.category_id = $2' END,
    CASE WHEN at_organisation IS NOT NULL THEN 'c.organisation_id = $3' END,
    CASE WHEN in_street IS NOT NULL THEN 'c.street_code = $4' END,
    CASE WHEN of_severity IS NOT NULL THEN 'c.severity = $5' END,
    CASE WHEN late THEN 'clock_light(coalesce(k.deadline, CASE WHEN k.case_id IS NULL THEN c.deadline END), k.due_at, k.due_kind, k.paused_at, app_now()) '
                        'IN (''red'', ''yellow'')' END);
  steps := ARRAY(
    SELECT DISTINCT s.step
    FROM (VALUES ('reported', 'accept'), ('verifying', 'verify'), ('accepted', 'file'), ('filed', 'dispatch'), ('returned', 'dispatch'),
                 ('dispatched', 'ack'), ('simple_open', 'simple'), ('handling', 'handle'), ('handling', 'stop'), ('handling', 'penalise'),
                 ('handling', 'restore'), ('suspended', 'handle'), ('suspended', 'stop'), ('suspended', 'penalise'), ('suspended', 'restore'),
                 ('handled', 'check'), ('checking', 'check'), ('to_close', 'close')) AS s (state, step)
    WHERE s.state = ANY (in_states));

  IF NOT v.everywhere THEN
    units := ARRAY(SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id);
    own := concat_ws(' OR ', own,
      CASE WHEN v.staff_id IS NOT NULL THEN 'c.handler_id = $10 OR c.superior_id = $10' END,
      CASE WHEN v.organisation_id IS NOT NULL THEN 'c.organisation_id = $11' END);
  END IF;

  IF mine THEN
    IF v.staff_id IS NULL THEN
      RETURN;
    END IF;
    arms := ARRAY[format(gathered, 'c.handler_id = $10', asked)];
  ELSIF v.everywhere THEN
    FOREACH step IN ARRAY steps LOOP
      arms := arms || format(walked, format('k.step = %L', step), 'true', asked);
    END LOOP;
    IF 'disputed' = ANY (in_states) THEN
      arms := arms || format(gathered, 'c.state = ''disputed''', asked);
    END IF;
  ELSIF cardinality(units) > few AND NOT 'disputed' = ANY (in_states) THEN
    -- Of whoever sees much of the city the page is among what runs out first: twenty looked at for each that is wanted.
    FOREACH step IN ARRAY steps LOOP
      arms := arms || format(next, step);
    END LOOP;
    EXECUTE format(
      'SELECT array_agg(n.district_code), array_agg(n.case_id), array_agg(n.urgent_at) FROM (SELECT k.district_code, k.case_id, k.urgent_at '
      'FROM (SELECT * FROM (%s) AS a ORDER BY urgent_at, case_id LIMIT 20 * $8) k JOIN cases c ON c.district_code = k.district_code AND c.case_id = k.case_id '
      'WHERE (c.unit_id = ANY ($9) OR %s) AND %s ORDER BY k.urgent_at, k.case_id LIMIT $8) n', array_to_string(arms, ' UNION ALL '), own, asked)
      INTO districts, keys, moments
      USING in_states, in_category, at_organisation, in_street, of_severity, since, after, most, units, v.staff_id, v.organisation_id;
    IF cardinality(keys) >= most THEN
      RETURN QUERY SELECT * FROM unnest(districts, keys, moments);
      RETURN;
    END IF;
  END IF;
  IF NOT v.everywhere AND NOT mine THEN
    arms := '{}';
    IF cardinality(units) > 0 THEN
      arms := arms || format(gathered, 'c.unit_id = ANY ($9)', asked);
    END IF;
    IF v.staff_id IS NOT NULL THEN
      arms := arms || format(gathered, 'c.handler_id = $10', asked) || format(gathered, 'c.superior_id = $10', asked);
    END IF;
    IF v.organisation_id IS NOT NULL THEN
      IF in_states <@ ARRAY['dispatched', 'simple_open', 'handling', 'suspended'] THEN
        -- in these the clock that runs is that of whoever holds the case
        arms := arms || format(walked, 'k.organisation_id = $11', 'c.organisation_id = $11', asked);
      ELSE
        arms := arms || format(gathered, 'c.organisation_id = $11', asked);
      END IF;
    END IF;
  END IF;
  IF cardinality(arms) = 0 THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format('SELECT DISTINCT district_code, case_id, urgent_at FROM (%s) AS a ORDER BY urgent_at, case_id LIMIT $8',
                              array_to_string(arms, ' UNION ALL '))
    USING in_states, in_category, at_organisation, in_street, of_severity, since, after, most, units, v.staff_id, v.organisation_id;
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
  units int[];
BEGIN
  SELECT * INTO v FROM viewer();
  IF v.account_id IS NULL THEN
    RETURN;
  END IF;
  IF v.everywhere THEN
    RETURN QUERY
      SELECT s.state, n.count
      FROM unnest(in_states) AS s (state)
      CROSS JOIN LATERAL (SELECT count(*) AS count FROM (SELECT FROM cases c WHERE c.state = s.state AND c.stage < 7 LIMIT most) AS few) n;
    RETURN;
  END IF;
  units := ARRAY(SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id);
  RETURN QUERY
    SELECT s.state, least(count(m.case_id), most)
    FROM unnest(in_states) AS s (state)
    LEFT JOIN (
      SELECT c.case_id, c.state FROM cases c WHERE c.unit_id = ANY (units) AND c.stage < 7
      UNION SELECT c.case_id, c.state FROM cases c WHERE c.handler_id = v.staff_id AND c.stage < 7
      UNION SELECT c.case_id, c.state FROM cases c WHERE c.superior_id = v.staff_id AND c.stage < 7
      UNION SELECT c.case_id, c.state FROM cases c WHERE c.organisation_id = v.organisation_id AND c.stage < 7
    ) m ON m.state = s.state
    GROUP BY s.state;
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
  units int[];
BEGIN
  SELECT * INTO v FROM viewer();
  IF v.account_id IS NULL THEN
    RETURN;
  END IF;
  IF v.everywhere THEN
    RETURN QUERY
      SELECT k.district_code, k.case_id, k.organisation_id, clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()), k.deadline
      FROM case_clocks k
      WHERE k.stopped_at IS NULL AND k.step <> 'subtask' AND clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()) IN ('red', 'yellow');
    RETURN;
  END IF;
  units := ARRAY(SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id);
  RETURN QUERY
    SELECT k.district_code, k.case_id, k.organisation_id, clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()), k.deadline
    FROM (
      SELECT c.district_code, c.case_id FROM cases c WHERE c.unit_id = ANY (units) AND c.stage < 7
      UNION SELECT c.district_code, c.case_id FROM cases c WHERE c.handler_id = v.staff_id AND c.stage < 7
      UNION SELECT c.district_code, c.case_id FROM cases c WHERE c.superior_id = v.staff_id AND c.stage < 7
      UNION SELECT c.district_code, c.case_id FROM cases c WHERE c.organisation_id = v.organisation_id AND c.stage < 7
    ) m
    JOIN case_clocks k ON k.district_code = m.district_code AND k.case_id = m.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask'
    WHERE clock_light(k.deadline, k.due_at, k.due_kind, k.paused_at, app_now()) IN ('red', 'yellow');
END
$$;

GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION seen_work OWNER TO gisops_windows;
ALTER FUNCTION seen_open_counts OWNER TO gisops_windows;
ALTER FUNCTION seen_late OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION seen_work, seen_open_counts, seen_late FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen_work, seen_open_counts, seen_late TO gisops_app, gisops_reader;
