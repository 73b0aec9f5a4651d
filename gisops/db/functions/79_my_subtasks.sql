-- The windows onto what an organisation was asked for in cases that it may or may not see: parts of joint cases, and orders to get a case done.

DROP FUNCTION IF EXISTS my_subtasks;
CREATE FUNCTION my_subtasks() RETURNS TABLE (
  case_no text, subtask_no smallint, required boolean, state text, deadline timestamptz, opened_at timestamptz, acknowledged_at timestamptz,
  category text, category_zh text, category_en text, lon float8, lat float8, lead text, lead_zh text, lead_en text, task text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, public, pg_temp
-- The open subtasks of the viewer's organisation, those due first, with what it takes to do them: what, where, who leads, what was asked.
AS $$
  SELECT c.case_no, s.subtask_no, s.required, s.state, s.deadline, s.opened_at, s.acknowledged_at, k.code, k.name_zh, k.name_en, ST_X(c.geom), ST_Y(c.geom),
         o.code, o.name_zh, o.name_en, t.text
  FROM viewer() v
  JOIN case_subtasks s ON s.organisation_id = v.organisation_id AND s.ended_at IS NULL
  JOIN cases c USING (district_code, case_id)
  JOIN categories k USING (category_id)
  JOIN organisations o ON o.organisation_id = c.organisation_id
  LEFT JOIN case_texts t ON t.district_code = s.district_code AND t.case_id = s.case_id AND t.text_id = s.task_text_id
  WHERE v.account_id IS NOT NULL
  ORDER BY s.deadline NULLS LAST, c.case_no, s.subtask_no
$$;

DROP FUNCTION IF EXISTS my_orders;
CREATE FUNCTION my_orders() RETURNS TABLE (
  case_no text, order_no smallint, level smallint, issued_at timestamptz, due_at timestamptz, category text, category_zh text, category_en text,
  lon float8, lat float8, text text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, public, pg_temp
-- The open orders that went to the viewer's organisation, to its head, or to who handled the case then: those due first, with what it takes to answer.
AS $$
  SELECT c.case_no, s.order_no, s.level, s.issued_at, s.due_at, k.code, k.name_zh, k.name_en, ST_X(c.geom), ST_Y(c.geom), t.text
  FROM viewer() v
  JOIN supervision_orders s ON s.state = 'open'
   AND (s.organisation_id = v.organisation_id OR s.handler_id = v.staff_id
        OR s.organisation_id IN (SELECT o.organisation_id FROM organisations o WHERE o.lead_staff_id = v.staff_id))
  JOIN cases c USING (district_code, case_id)
  JOIN categories k USING (category_id)
  LEFT JOIN case_texts t ON t.district_code = s.district_code AND t.case_id = s.case_id AND t.text_id = s.text_id
  WHERE v.account_id IS NOT NULL
  ORDER BY s.due_at NULLS LAST, s.issued_at, c.case_no, s.order_no
$$;

GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION my_subtasks OWNER TO gisops_windows;
ALTER FUNCTION my_orders OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION my_subtasks, my_orders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_subtasks, my_orders TO gisops_reader;
