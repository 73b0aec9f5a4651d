-- Telling people: one function writes notices with what has to leave the house, two let somebody read his own, one looks a number up.

CREATE OR REPLACE FUNCTION time_key() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
-- A UUIDv7 of this moment: milliseconds, version and chance. Of one expression, so that it is inlined.
RETURN (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(gen_random_uuid()::text, 16))::uuid;

CREATE OR REPLACE FUNCTION time_key(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The first key of a moment: every UUIDv7 of before is less, every one of it or later is not.
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

DROP FUNCTION IF EXISTS tell;
CREATE FUNCTION tell(sent jsonb) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Write notices: each of [{district_code, case_id, seq, kind, cause, facts, staff_id | account_id | organisation_id | part, but_staff_id}], the same once
-- only, however often it is told; returns how many are new. `part` is read off the case as it is now: handler (where there is none, whoever acts for
-- its organisation), superior, or reporters: every account that sent a report of it; whoever has none follows it by his report's key, which says
-- every move, and gave nothing else to be reached by. They learn what happened and where it stands, whatever else the facts say. What the case is
-- called and what it is about is added to the facts. Webhooks that listen to a kind get one notice of each. What is sent by SMS or e-mail gets a
-- delivery where such a way out is open. Whoever looks at the live stream is told there that there is something, once for all that is told here.
AS $$
  WITH asked AS MATERIALIZED (
    SELECT r.district_code, r.case_id, r.seq, r.kind, coalesce(r.cause, '') AS why, r.part,
           coalesce(r.staff_id, CASE r.part WHEN 'handler' THEN c.handler_id WHEN 'superior' THEN nullif(c.superior_id, c.handler_id) END) AS staff_id,
           r.account_id, coalesce(r.organisation_id, CASE WHEN r.part = 'handler' AND c.handler_id IS NULL THEN c.organisation_id END) AS organisation_id,
           r.but_staff_id, c.organisation_id AS holder_id, coalesce(r.facts, '{}') AS facts,
           jsonb_build_object('case_no', c.case_no, 'category', k.code, 'category_zh', k.name_zh, 'category_en', k.name_en) AS about, c.deadline
    FROM jsonb_to_recordset(sent) AS r (
      district_code text, case_id uuid, seq int, kind text, cause text, facts jsonb, staff_id int, account_id int, organisation_id int, part text,
      but_staff_id int)
    JOIN cases c ON c.district_code = r.district_code AND c.case_id = r.case_id
    JOIN categories k ON k.category_id = c.category_id
  ), wanted AS (
    SELECT a.district_code, a.case_id, a.seq, a.kind, a.why, a.staff_id, a.account_id, a.organisation_id, NULL::uuid AS report_id, NULL::int AS reporter_id,
           NULL::int AS webhook_id, jsonb_strip_nulls(jsonb_build_object('deadline', a.deadline)) || a.facts || a.about AS facts,
           CASE WHEN a.staff_id IS NOT NULL THEN 'staff:' || a.staff_id WHEN a.account_id IS NOT NULL THEN 'account:' || a.account_id
                ELSE 'organisation:' || a.organisation_id END AS recipient
    FROM asked a
    WHERE a.part IS DISTINCT FROM 'reporters' AND a.staff_id IS DISTINCT FROM coalesce(a.but_staff_id, 0)
      AND num_nonnulls(a.staff_id, a.account_id, a.organisation_id) = 1
    UNION ALL
    (SELECT DISTINCT ON (a.district_code, a.case_id, a.seq, a.kind, a.why, r.account_id)
            a.district_code, a.case_id, a.seq, a.kind, a.why, NULL::int, NULL::int, NULL::int, r.report_id, r.account_id, NULL::int,
            jsonb_strip_nulls(jsonb_build_object('action', a.facts -> 'action', 'state', a.facts -> 'state', 'stage', a.facts -> 'stage')) || a.about,
            'reporter:' || r.account_id
     FROM asked a
     JOIN reports r ON r.district_code = a.district_code AND r.case_id = a.case_id AND r.account_id IS NOT NULL
     WHERE a.part = 'reporters'
     ORDER BY a.district_code, a.case_id, a.seq, a.kind, a.why, r.account_id, r.report_id)
    UNION ALL
    SELECT DISTINCT ON (a.district_code, a.case_id, a.seq, a.kind, a.why, w.webhook_id)
           a.district_code, a.case_id, a.seq, a.kind, a.why, NULL::int, NULL::int, NULL::int, NULL::uuid, NULL::int, w.webhook_id,
           jsonb_strip_nulls(jsonb_build_object('deadline', a.deadline)) || a.facts || a.about, 'webhook:' || w.webhook_id
    FROM asked a
    JOIN webhooks w ON w.active AND a.kind = ANY (w.kinds) AND (w.organisation_id IS NULL OR w.organisation_id = a.holder_id)
  ), told AS (
    INSERT INTO notices (district_code, notice_id, case_id, seq, kind, cause, recipient, staff_id, account_id, organisation_id, report_id, reporter_id,
                         webhook_id, facts, created_at)
    SELECT district_code, time_key(), case_id, seq, kind, why, recipient, staff_id, account_id, organisation_id, report_id, reporter_id, webhook_id, facts,
           app_now()
    FROM wanted
    ON CONFLICT (district_code, case_id, seq, kind, recipient, cause) DO NOTHING
    RETURNING district_code, notice_id, kind, staff_id, account_id, organisation_id, reporter_id, webhook_id
  ), an_event AS (
    INSERT INTO outbox (district_code, event_id, kind, recipient, payload, at)
    SELECT district_code, time_key(), 'notice', recipient, jsonb_build_object('kinds', jsonb_agg(DISTINCT kind), 'count', count(*)), app_now()
    FROM (
      SELECT district_code, kind, CASE WHEN staff_id IS NOT NULL THEN 'staff:' || staff_id WHEN organisation_id IS NOT NULL THEN 'organisation:' || organisation_id
                                       ELSE 'account:' || coalesce(account_id, reporter_id) END AS recipient
      FROM told WHERE webhook_id IS NULL
    ) AS news
    GROUP BY district_code, recipient
  ), a_delivery AS (
    INSERT INTO deliveries (district_code, delivery_id, notice_id, lane, next_try_at, created_at, expires_at)
    SELECT t.district_code, time_key(), t.notice_id, l.lane, app_now(), app_now(), app_now() + interval '7 days'
    FROM told t
    LEFT JOIN notice_texts x ON x.kind = t.kind
    LEFT JOIN staff s ON s.staff_id = t.staff_id
    JOIN delivery_lanes l ON l.active
     AND ((l.lane = 'sms' AND x.sms AND s.phone IS NOT NULL) OR (l.lane = 'mail' AND x.mail AND s.mail IS NOT NULL) OR l.lane = 'webhook:' || t.webhook_id)
  )
  SELECT count(*)::int FROM told
$$;
REVOKE EXECUTE ON FUNCTION tell FROM PUBLIC;

DROP FUNCTION IF EXISTS post_of;
CREATE FUNCTION post_of(account int) RETURNS TABLE (account_id int, staff_id int, organisation_id int)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
-- As whom an account is told: itself, its person, and its organisation: by a department, which has what its organisation has, and by who has the whole
-- city. Another of the same organisation has an area, and what it is told of is not asked for again when it is read.
AS $$
  SELECT a.account_id, a.staff_id,
         CASE WHEN a.role = 'department' OR (a.everywhere AND a.role <> 'planner') THEN coalesce(a.organisation_id, s.organisation_id) END
  FROM public.accounts a
  LEFT JOIN public.staff s ON s.staff_id = a.staff_id
  WHERE a.account_id = account AND a.active
$$;
REVOKE EXECUTE ON FUNCTION post_of FROM PUBLIC;

DROP FUNCTION IF EXISTS my_notices;
CREATE FUNCTION my_notices(before uuid DEFAULT NULL, most int DEFAULT 100) RETURNS TABLE (
  notice_id uuid, district_code text, case_id uuid, seq int, kind text, facts jsonb, created_at timestamptz, read_at timestamptz, told_as text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp
-- The notices of this transaction's viewer, newest first, so many from behind `before`: his own, those of his organisation where he acts for it,
-- and of what he reported. Each of these is a walk along its own index.
AS $$
  SELECT n.notice_id, n.district_code, n.case_id, n.seq, n.kind, n.facts, n.created_at, n.read_at, n.told_as
  FROM post_of(nullif(current_setting('gisops.account', true), '')::int) p
  CROSS JOIN LATERAL (
    (SELECT o.*, 'staff' AS told_as FROM notices o
     WHERE o.staff_id = p.staff_id AND (before IS NULL OR o.notice_id < before) ORDER BY o.notice_id DESC LIMIT most)
    UNION ALL
    (SELECT o.*, 'account' FROM notices o
     WHERE o.account_id = p.account_id AND (before IS NULL OR o.notice_id < before) ORDER BY o.notice_id DESC LIMIT most)
    UNION ALL
    (SELECT o.*, 'organisation' FROM notices o
     WHERE o.organisation_id = p.organisation_id AND (before IS NULL OR o.notice_id < before) ORDER BY o.notice_id DESC LIMIT most)
    UNION ALL
    (SELECT o.*, 'reporter' FROM notices o
     WHERE o.reporter_id = p.account_id AND (before IS NULL OR o.notice_id < before) ORDER BY o.notice_id DESC LIMIT most)
  ) n
  ORDER BY n.notice_id DESC
  LIMIT most
$$;

REVOKE EXECUTE ON FUNCTION my_notices FROM PUBLIC;

DROP FUNCTION IF EXISTS read_notices;
CREATE FUNCTION read_notices(account int, keys uuid[], until uuid) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- An account has read these of its notices, or all up to one of them; those of others stay as they are. Returns how many were unread.
AS $$
  WITH mine AS (
    SELECT n.district_code, n.notice_id
    FROM post_of(account) p
    JOIN notices n ON n.staff_id = p.staff_id OR n.account_id = p.account_id OR n.organisation_id = p.organisation_id OR n.reporter_id = p.account_id
    WHERE n.read_at IS NULL AND (n.notice_id = ANY (keys) OR n.notice_id <= until)
  ), marked AS (
    UPDATE notices n SET read_at = app_now()
    FROM mine m
    WHERE n.district_code = m.district_code AND n.notice_id = m.notice_id AND n.read_at IS NULL
    RETURNING 1
  )
  SELECT count(*)::int FROM marked
$$;
REVOKE EXECUTE ON FUNCTION read_notices FROM PUBLIC;

DROP FUNCTION IF EXISTS forget_notices;
CREATE FUNCTION forget_notices(days int, most int) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Forget notices that were read so many days ago, a month at least, and those of four times as long ago that nobody read; what has still to leave the
-- house, or was given up and may be asked for again, stays with its delivery. Keys are of their time, so the second is a walk along each district's own.
AS $$
  WITH kept AS (
    SELECT greatest(days, 30) * interval '1 day' AS long
  ), old AS (
    (SELECT n.district_code, n.notice_id FROM kept k CROSS JOIN LATERAL (
       SELECT n.district_code, n.notice_id FROM notices n
       WHERE n.read_at < app_now() - k.long AND NOT EXISTS (SELECT FROM deliveries d WHERE d.district_code = n.district_code AND d.notice_id = n.notice_id)
       ORDER BY n.read_at LIMIT most) n)
    UNION
    (SELECT n.district_code, n.notice_id FROM kept k CROSS JOIN (SELECT DISTINCT b.district_code FROM number_blocks b) g CROSS JOIN LATERAL (
       SELECT n.district_code, n.notice_id FROM notices n
       WHERE n.district_code = g.district_code AND n.notice_id < time_key(app_now() - 4 * k.long) AND n.created_at < app_now() - 4 * k.long
         AND NOT EXISTS (SELECT FROM deliveries d WHERE d.district_code = n.district_code AND d.notice_id = n.notice_id)
       ORDER BY n.notice_id LIMIT most) n)
  ), gone AS (
    DELETE FROM notices n USING old o WHERE n.district_code = o.district_code AND n.notice_id = o.notice_id
    RETURNING 1
  )
  SELECT count(*)::int FROM gone
$$;
REVOKE EXECUTE ON FUNCTION forget_notices FROM PUBLIC;

DROP FUNCTION IF EXISTS delivery_address;
CREATE FUNCTION delivery_address(district text, delivery uuid, held_by uuid) RETURNS TABLE (address text, secret bytea)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, public, pg_temp
-- Where one delivery goes, number, address or URL, and what it is signed with, for whoever is trying it this moment and for as long as his lease runs:
-- the doors can list neither telephone numbers nor the secrets of other systems.
AS $$
  SELECT CASE d.lane WHEN 'sms' THEN s.phone WHEN 'mail' THEN s.mail ELSE w.url END, w.secret
  FROM deliveries d
  JOIN notices n ON n.district_code = d.district_code AND n.notice_id = d.notice_id
  LEFT JOIN staff s ON s.staff_id = n.staff_id AND s.active
  LEFT JOIN webhooks w ON w.webhook_id = n.webhook_id AND w.active AND d.lane = 'webhook:' || w.webhook_id
  WHERE d.district_code = district AND d.delivery_id = delivery AND d.lease = held_by AND d.state = 'waiting' AND d.next_try_at > app_now()
$$;
REVOKE EXECUTE ON FUNCTION delivery_address FROM PUBLIC;

DROP FUNCTION IF EXISTS deliveries_page;
CREATE FUNCTION deliveries_page(in_state text, before uuid, most int) RETURNS TABLE (
  delivery_id uuid, lane text, state text, attempts int, refusals smallint, next_try_at timestamptz, last_error text, created_at timestamptz,
  expires_at timestamptz, kind text, case_no text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp
-- What was given up, or waits, newest first, so many from behind `before`: for an administrator of the whole city, and nobody else.
AS $$
#variable_conflict use_column
BEGIN
  IF NOT EXISTS (SELECT FROM viewer() v WHERE v.role = 'admin' AND v.everywhere) THEN
    RAISE EXCEPTION 'deliveries are for administrators of the whole city' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY
    SELECT d.delivery_id, d.lane, d.state, d.attempts, d.refusals, d.next_try_at, d.last_error, d.created_at, d.expires_at, n.kind, n.facts ->> 'case_no'
    FROM deliveries d
    JOIN notices n ON n.district_code = d.district_code AND n.notice_id = d.notice_id
    WHERE d.state = in_state AND d.state <> 'delivered' AND (before IS NULL OR d.delivery_id < before)
    ORDER BY d.delivery_id DESC
    LIMIT most;
END
$$;
REVOKE EXECUTE ON FUNCTION deliveries_page FROM PUBLIC;
