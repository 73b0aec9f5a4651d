-- The windows onto cases: which of them a viewer may see, and what the holder of a report's key may know. They state the scope themselves, so
-- that the indexes are used; row-level security below hides what somebody forgets.

DROP FUNCTION IF EXISTS seen_cases;
CREATE FUNCTION seen_cases(
  number text DEFAULT NULL, in_state text DEFAULT NULL, in_category int DEFAULT NULL, at_organisation text DEFAULT NULL, with_handler int DEFAULT NULL,
  box geometry DEFAULT NULL, before uuid DEFAULT NULL, most int DEFAULT 1, since uuid DEFAULT NULL
) RETURNS TABLE (district_code text, case_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp
-- The keys of the cases that the viewer may see, newest first: one by its number, a person's open ones, or so many by state, category,
-- organisation and box (EPSG:4326) from behind `before`, as far back as `since`. Each way of asking is planned for itself, with what is asked for in the plan.
AS $$
#variable_conflict use_column
DECLARE
  -- Whoever looks into more units than these finds a page among the newest cases; whoever looks into fewer is asked for by each of them.
  few CONSTANT int := 32;
  v record;
  organisation int;
  units int[] := '{}';
  asked text;
  mine text := 'true';
  own text := 'false';
  arm CONSTANT text := '(SELECT c.district_code, c.case_id FROM cases c WHERE %s AND %s ORDER BY c.case_id DESC LIMIT $8)';
  -- The fence keeps the order out of the search: what the box holds is found by its index, and sorted.
  boxed CONSTANT text := '(SELECT b.district_code, b.case_id FROM (SELECT c.district_code, c.case_id FROM cases c WHERE %s AND %s OFFSET 0) b '
                         'ORDER BY b.case_id DESC LIMIT $8)';
  arms text[] := '{}';
  districts text[];
  keys uuid[];
BEGIN
  SELECT * INTO v FROM viewer();
  IF v.account_id IS NULL THEN
    RETURN;
  END IF;
  IF at_organisation IS NOT NULL THEN
    SELECT o.organisation_id INTO organisation FROM organisations o WHERE o.code = at_organisation;
    IF NOT FOUND THEN
      RETURN;
    END IF;
  END IF;

  -- $1 number, $2 state, $3 category, $4 organisation, $5 handler, $6 box, $7 before, $8 most; of the viewer $9 units, $10 account, $11 staff,
  -- $12 organisation; $13 since
  asked := concat_ws(' AND ', 'true',
    CASE WHEN number IS NOT NULL THEN 'c.case_no = $1' END,
    CASE WHEN in_state IS NOT NULL THEN 'c.state = $2' END,
    CASE WHEN in_category IS NOT NULL THEN 'c.category_id = $3' END,
    CASE WHEN organisation IS NOT NULL THEN 'c.organisation_id = $4' END,
    CASE WHEN with_handler IS NOT NULL THEN 'c.handler_id = $5 AND c.stage < 7' END,
    CASE WHEN box IS NOT NULL THEN 'c.geom && $6 AND ST_Intersects(c.geom, $6)' END,
    CASE WHEN before IS NOT NULL THEN 'c.case_id < $7' END,
    CASE WHEN since IS NOT NULL THEN 'c.case_id >= $13' END);
  IF NOT v.everywhere THEN
    own := concat_ws(' OR ', own,
      CASE WHEN v.staff_id IS NOT NULL THEN 'c.handler_id = $11 OR c.superior_id = $11' END,
      CASE WHEN v.organisation_id IS NOT NULL THEN 'c.organisation_id = $12' END);
    mine := 'c.unit_id IN (SELECT u.unit_id FROM account_units u WHERE u.account_id = $10)';
  END IF;

  IF number IS NOT NULL OR with_handler IS NOT NULL THEN
    -- One case, or the few that somebody has open: found by that, and then asked whether they are in scope.
    arms := ARRAY[format(boxed, format('(%s OR %s)', mine, own), asked)];
  ELSIF v.everywhere AND box IS NULL THEN
    arms := ARRAY[format(arm, mine, asked)];
  ELSE
    IF NOT v.everywhere THEN
      units := ARRAY(SELECT u.unit_id FROM account_units u WHERE u.account_id = v.account_id);
    END IF;
    IF v.everywhere OR cardinality(units) > few THEN
      -- The newest cases, twenty for each that is wanted: much of the city and a large box have their page among them.
      EXECUTE format(
        'SELECT array_agg(n.district_code), array_agg(n.case_id) FROM (SELECT c.district_code, c.case_id '
        'FROM (SELECT * FROM cases r WHERE ($7 IS NULL OR r.case_id < $7) AND ($13 IS NULL OR r.case_id >= $13) ORDER BY r.case_id DESC LIMIT 20 * $8) c '
        'WHERE (%s OR %s) AND %s ORDER BY c.case_id DESC LIMIT $8) n', CASE WHEN v.everywhere THEN mine ELSE 'c.unit_id = ANY ($9)' END, own, asked)
        INTO districts, keys
        USING number, in_state, in_category, organisation, with_handler, box, before, most, units, v.account_id, v.staff_id, v.organisation_id, since;
      IF cardinality(keys) >= most THEN
        RETURN QUERY SELECT * FROM unnest(districts, keys);
        RETURN;
      END IF;
    END IF;
    -- Else what the box holds, or the newest of each unit; and what is somebody's own, which has an index each.
    IF box IS NOT NULL THEN
      arms := ARRAY[format(boxed, mine, asked)];
    ELSIF cardinality(units) > 0 THEN
      arms := ARRAY[format('(SELECT n.district_code, n.case_id FROM unnest($9) AS u (unit_id) CROSS JOIN LATERAL %s n)',
                           format(arm, 'c.unit_id = u.unit_id', asked))];
    END IF;
    IF NOT v.everywhere AND v.staff_id IS NOT NULL THEN
      arms := arms || format(arm, 'c.handler_id = $11', asked) || format(arm, 'c.superior_id = $11', asked);
    END IF;
    IF NOT v.everywhere AND v.organisation_id IS NOT NULL THEN
      arms := arms || format(arm, 'c.organisation_id = $12', asked);
    END IF;
    IF cardinality(arms) = 0 THEN
      RETURN;
    END IF;
  END IF;
  RETURN QUERY EXECUTE format('SELECT DISTINCT ON (case_id) district_code, case_id FROM (%s) AS a ORDER BY case_id DESC LIMIT $8',
                              array_to_string(arms, ' UNION ALL '))
    USING number, in_state, in_category, organisation, with_handler, box, before, most, units, v.account_id, v.staff_id, v.organisation_id, since;
END
$$;

DROP FUNCTION IF EXISTS followed_report;
CREATE FUNCTION followed_report(uid uuid) RETURNS TABLE (
  received_at timestamptz, case_no text, state text, stage smallint, deadline timestamptz, organisation_code text, organisation_zh text, organisation_en text,
  post_zh text, post_en text, code text, scheme text, category_zh text, category_en text, closed_at timestamptz, counted_only boolean, was_first boolean,
  score smallint, history jsonb[], is_others boolean)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, public, pg_temp
-- What became of a report, for whoever knows its key, whoever that is: nothing personal. It may have moved to another case since: where it is now
-- says its own row, and for a report of before its case, whose only one it was. `is_others`: the case is that of whoever reported it first, and this
-- report came to it without a sign-in. To join is not to watch: of it is told how far it is, and whatever its sender was told when he reported. Of a
-- category that is not public, neither which it is now nor what happened.
AS $$
  SELECT k.answered_at, CASE WHEN w.is_others THEN k.answer::jsonb #>> '{case,case_no}' ELSE c.case_no END, c.state, c.stage,
         CASE WHEN NOT w.is_others THEN c.deadline END, CASE WHEN NOT w.is_others THEN o.code END, o.name_zh, o.name_en,
         CASE WHEN NOT w.is_others THEN s.post_zh END, CASE WHEN NOT w.is_others THEN s.post_en END,
         t.code, t.scheme, t.name_zh, t.name_en, c.closed_at, w.counted_only, w.was_first,
         (SELECT f.score FROM follow_ups f WHERE f.district_code = c.district_code AND f.case_id = c.case_id AND f.method = 'reporter' AND f.report_id = coalesce(r.report_id, k.case_id)),
         ARRAY(SELECT jsonb_build_object('at', h.at, 'action', h.action, 'state', h.to_state)
               FROM case_history h
               WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND g.public AND NOT w.is_others ORDER BY h.seq),
         w.is_others
  FROM intake_keys k
  LEFT JOIN reports r ON r.district_code = k.district_code AND r.report_id = k.report_id
  JOIN cases f ON f.district_code = k.district_code AND f.case_id = coalesce(r.case_id, k.case_id)
  JOIN cases c ON c.district_code = f.district_code AND c.case_id = CASE WHEN r.case_id IS NULL THEN coalesce(f.duplicate_of, f.case_id) ELSE f.case_id END
  JOIN organisations o ON o.organisation_id = c.organisation_id
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN staff s ON s.staff_id = c.handler_id
  CROSS JOIN LATERAL (
    SELECT k.report_id IS NOT NULL AND r.report_id IS NULL AS counted_only,
           NOT EXISTS (SELECT FROM reports q WHERE q.district_code = r.district_code AND q.case_id = r.case_id AND q.report_id < r.report_id) AS was_first
    OFFSET 0
  ) f1
  CROSS JOIN LATERAL (
    SELECT f1.counted_only, f1.was_first, f1.counted_only OR NOT f1.was_first AND r.account_id IS NULL AS is_others OFFSET 0
  ) w
  CROSS JOIN LATERAL (
    SELECT a.* FROM jsonb_to_record(CASE WHEN g.public THEN to_jsonb(g) ELSE k.answer::jsonb #> '{case,category}' END)
      AS a (code text, scheme text, name_zh text, name_en text)
  ) t
  WHERE k.client_uid = uid
$$;

GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION seen_cases OWNER TO gisops_windows;
ALTER FUNCTION followed_report OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION seen_cases, followed_report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen_cases, followed_report TO gisops_app, gisops_reader;
