-- name: spans
-- The spans of time that are counted, each by itself: the whole of what is asked for (''), and its days, weeks or months.
WITH spans AS (
  SELECT * FROM unnest(%(labels)s::text[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS u (span, since, until)
), people AS MATERIALIZED (
  SELECT account_id, staff_id FROM staff_of_accounts()
)

-- name: countable
-- The cases that a span can count, each once: what came before its end, and was not over, and due, before it began; and beside it what was over
-- but due only now by its organisation's own clock, which began to run later than the case's.
(SELECT e.*
 FROM cases e
 WHERE e.reported_at < s.until
   AND (CASE WHEN e.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(e.closed_at, e.deadline, e.reported_at) END) >= s.since
   -- the same of all spans together, by values that the planner knows
   AND e.reported_at < %(until)s
   AND (CASE WHEN e.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(e.closed_at, e.deadline, e.reported_at) END) >= %(since)s
 UNION ALL
 SELECT e.*
 FROM cases e
 WHERE e.reported_at < s.until
   AND (CASE WHEN e.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(e.closed_at, e.deadline, e.reported_at) END) < s.since
   AND (e.district_code, e.case_id) IN (
     SELECT k.district_code, k.case_id
     FROM case_clocks k
     WHERE k.step IN ('handle', 'stop', 'penalise', 'restore') AND k.stopped_at < k.deadline
       AND tstzrange(k.stopped_at, k.deadline, '[]') @> s.since AND k.deadline < s.until
   ))

-- name: gathered
-- What the history h of a case comes to.
SELECT min(h.at) FILTER (WHERE h.to_state IN ('accepted', 'filed')) AS accepted_at,
       min(h.at) FILTER (WHERE h.to_state = 'filed') AS filed_at,
       min(h.at) FILTER (WHERE h.to_state = 'dispatched') AS dispatched_at,
       max(h.at) FILTER (WHERE h.to_state = 'dispatched' AND h.from_state IS DISTINCT FROM 'dispatched' AND h.organisation_id = c.organisation_id) AS given_at,
       max(h.at) FILTER (WHERE h.action = 'finish') AS finished_at,
       max(h.at) FILTER (WHERE h.to_state = 'closed' AND h.from_state <> 'closed') AS closed_at,
       (array_agg(h.to_state ORDER BY h.seq DESC))[1] AS last_state,
       count(*) FILTER (WHERE h.action = 'extend') AS extensions,
       count(*) FILTER (WHERE h.to_state = 'suspended' AND h.from_state <> 'suspended') AS suspensions,
       count(*) FILTER (WHERE h.to_state = 'returned' AND h.payload ->> 'reason_code' IS DISTINCT FROM 'not_acknowledged') AS returns,
       count(*) FILTER (WHERE h.action IN ('fail', 'to_rework', 'reopen') OR h.action = 'send_back' AND h.role = 'dispatcher') AS reworks,
       count(*) FILTER (WHERE h.action = 'reopen') AS reopenings,
       count(*) FILTER (WHERE h.to_state = 'simple_open') AS pushes

-- name: patroller
-- Who patrols the ground that a case lies on.
(SELECT w.staff_id
 FROM zones z
 JOIN zone_sets t ON t.zone_set_id = z.zone_set_id AND in_force(t.valid, c.reported_at)
 JOIN zone_staff w ON w.zone_id = z.zone_id AND w.role = 'primary' AND in_force(w.valid, c.reported_at)
 WHERE z.kind = 'duty' AND ST_Intersects(z.geom, c.geom) AND in_force(z.valid, c.reported_at)
   AND (z.scope = '{}' OR z.scope && ARRAY[g.pattern_kind, g.pattern_major, g.pattern_minor])
 ORDER BY z.priority DESC, z.area_m2, z.code COLLATE "C", w.staff_id
 LIMIT 1)

-- name: dimensions
-- What a case can be counted by, as columns; c is the case, g its category. What nobody asks for is not worked out.
c.district_code, c.case_id, c.case_no,
g.kind, g.pattern_major AS major, g.pattern_minor AS category,
(SELECT z.code FROM zones z WHERE z.zone_id = c.zone_id) AS zone,
c.grid_cell_code AS grid_cell, c.community_code AS community, c.street_code AS street, c.district_code AS district,
-- the named road nearest to it, by metres and not by degrees, within thirty
(SELECT n.code
 FROM (
   SELECT r.code, local_distance_m(r.geom, ST_X(c.geom), ST_Y(c.geom), p.kx, p.ky) AS away_m
   FROM (SELECT metres_per_degree_lon(ST_Y(c.geom)) AS kx, metres_per_degree_lat(ST_Y(c.geom)) AS ky) p
   JOIN roads r ON r.name_zh <> '' AND r.geom && ST_Expand(c.geom, 30 / p.kx, 30 / p.ky)
 ) n
 WHERE n.away_m <= 30
 ORDER BY n.away_m, n.code
 LIMIT 1) AS road,
holder.code AS organisation,
c.handler_id,
(SELECT r.channel FROM reports r WHERE r.district_code = c.district_code AND r.case_id = c.case_id ORDER BY r.received_at, r.report_id LIMIT 1) AS channel,
to_char(c.reported_at AT TIME ZONE %(timezone)s, 'HH24') AS hour

-- name: cases
-- Each case that a span of time can count, with what is true of it as columns. What happened is told as of the end of the span; what corrects
-- the record (void, duplicate, an appeal) as it is known now. A case is charged to whoever holds it now.
, working AS (
  -- how much working time lies before each day, by the city's own calendar
  SELECT d.day, d.works, sum(d.worked_s) OVER (ORDER BY d.day) - d.worked_s AS before_s
  FROM (
    SELECT n.day, n.works, CASE WHEN n.works THEN %(day_s)s::numeric ELSE 0 END AS worked_s
    FROM (
      SELECT e.day::date AS day, coalesce(k.kind <> 'holiday', extract(isodow FROM e.day)::int = ANY (%(weekdays)s::int[])) AS works
      FROM generate_series((SELECT min(since) - interval '10 years' FROM spans), (SELECT max(until) + interval '2 days' FROM spans), interval '1 day') AS e (day)
      LEFT JOIN unnest(%(days)s::date[], %(kinds)s::text[]) AS k (day, kind) ON k.day = e.day::date
    ) n
  ) d
), calendar AS MATERIALIZED (
  -- by the number of the day, so that a case finds its two days at once
  SELECT min(day) AS first, array_agg(before_s::float8 ORDER BY day) AS before_s, array_agg(works ORDER BY day) AS works FROM working
), told AS (
  SELECT s.span, s.since, s.until, {dimensions},
         c.state, c.severity, c.assessed, c.timeout_exempt, c.recurrence_of, c.reported_at, c.deadline, h.*,
         CASE WHEN o.case_id IS NOT NULL THEN o.patroller_id ELSE {patroller} END AS patroller_id,
         CASE WHEN o.case_id IS NOT NULL THEN o.own_due ELSE (
           -- the last one, which may be due before one that it came after: a correction gave it another limit
           SELECT k.deadline
           FROM case_clocks k
           WHERE k.district_code = c.district_code AND k.case_id = c.case_id AND k.organisation_id = c.organisation_id
             AND k.step IN ('handle', 'stop', 'penalise', 'restore') AND k.started_at < s.until
           ORDER BY k.clock_no DESC
           LIMIT 1) END AS own_due,
         o.on_hold_when_due AS on_hold_then, o.on_hold_when_own_due AS on_hold_own_then,
         EXISTS (SELECT FROM case_subtasks t
                 WHERE t.district_code = c.district_code AND t.case_id = c.case_id AND t.state <> 'cancelled' AND t.opened_at < s.until) AS joint,
         EXISTS (SELECT FROM cases a
                 WHERE a.recurrence_of = c.case_id AND a.is_rework AND a.reported_at < s.until
                   AND a.state NOT IN ('voided', 'duplicate', 'not_accepted', 'not_filed')) AS done_again
  FROM spans s
  CROSS JOIN LATERAL {countable} c
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN organisations holder ON holder.organisation_id = c.organisation_id
  -- what was gathered of it already, if nothing came after
  LEFT JOIN case_outcomes o ON o.district_code = c.district_code AND o.case_id = c.case_id AND o.version = c.version AND o.told_until < s.until
                            AND o.counted_until >= %(since)s
  CROSS JOIN LATERAL (
    SELECT o.accepted_at, o.filed_at, o.dispatched_at, o.given_at, o.finished_at, o.closed_at, o.last_state, o.extensions, o.suspensions, o.returns, o.reworks,
           o.reopenings, o.pushes
    WHERE o.case_id IS NOT NULL
    UNION ALL
    SELECT n.*
    FROM (
      {gathered}
      FROM case_history h
      WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND h.at < s.until
    ) n
    WHERE o.case_id IS NULL
  ) h
  OFFSET 0
), known AS (
  SELECT t.*,
         t.state NOT IN ('voided', 'duplicate', 'not_accepted', 'not_filed') AS real,
         -- what enters the assessment: filed, and not of the simple flow alone
         t.state NOT IN ('voided', 'duplicate', 'not_accepted', 'not_filed', 'force_closed') AND t.assessed AND t.filed_at IS NOT NULL AS counts,
         CASE WHEN own.has THEN t.own_due ELSE t.deadline END AS due,
         -- whoever has it is charged from when he got it
         CASE WHEN %(own_clock)s AND t.given_at IS NOT NULL THEN t.given_at ELSE t.dispatched_at END AS begun_at,
         CASE WHEN t.last_state IN ('handled', 'checking', 'to_close', 'closed') THEN t.finished_at END AS done_at,
         CASE WHEN t.last_state IN ('handled', 'checking', 'to_close', 'closed') THEN t.finished_at END AS solved_at,
         CASE WHEN t.last_state = 'closed' THEN t.closed_at END AS over_at,
         t.channel IN ('citizen', 'hotline', 'open311') AS by_public,
         CASE WHEN own.has THEN held.when_own_due ELSE held.when_due END AS on_hold_when_due, held.when_own_due AS on_hold_when_own_due,
         (SELECT w.before_s[(t.finished_at AT TIME ZONE %(timezone)s)::date - w.first + 1]
           + CASE WHEN w.works[(t.finished_at AT TIME ZONE %(timezone)s)::date - w.first + 1] THEN (
               SELECT coalesce(sum(greatest(0, extract(epoch FROM least((t.finished_at AT TIME ZONE %(timezone)s)::time, v.closes) - v.opens))), 0)
               FROM unnest(%(opens)s::time[], %(closes)s::time[]) AS v (opens, closes)) ELSE 0 END
           - (w.before_s[(t.reported_at AT TIME ZONE %(timezone)s)::date - w.first + 1]
           + CASE WHEN w.works[(t.reported_at AT TIME ZONE %(timezone)s)::date - w.first + 1] THEN (
               SELECT coalesce(sum(greatest(0, extract(epoch FROM least((t.reported_at AT TIME ZONE %(timezone)s)::time, v.closes) - v.opens))), 0)
               FROM unnest(%(opens)s::time[], %(closes)s::time[]) AS v (opens, closes)) ELSE 0 END)
          FROM calendar w) AS worked_s
  FROM told t
  CROSS JOIN LATERAL (SELECT %(own_clock)s AND t.own_due IS NOT NULL AS has) own
  CROSS JOIN LATERAL (
    SELECT t.suspensions > 0 AND coalesce(t.on_hold_then, (
             SELECT h.to_state
             FROM case_history h
             WHERE h.district_code = t.district_code AND h.case_id = t.case_id AND h.at < t.until AND h.at <= t.deadline
             ORDER BY h.seq DESC
             LIMIT 1) IS NOT DISTINCT FROM 'suspended') AS when_due,
           t.suspensions > 0 AND coalesce(t.on_hold_own_then, (
             SELECT h.to_state
             FROM case_history h
             WHERE h.district_code = t.district_code AND h.case_id = t.case_id AND h.at < t.until AND h.at <= t.own_due
             ORDER BY h.seq DESC
             LIMIT 1) IS NOT DISTINCT FROM 'suspended') AS when_own_due
  ) held
  OFFSET 0
), facts AS (
  SELECT k.*,
         -- what the span counts, by the moment at which it happened
         k.reported_at >= k.since AS reported,
         k.accepted_at >= k.since AS accepted,
         k.filed_at >= k.since AS filed,
         k.dispatched_at >= k.since AS dispatched,
         k.counts AND k.done_at >= k.since AS handled,
         k.real AND k.solved_at >= k.since AS solved,
         k.counts AND k.over_at >= k.since AS closed,
         k.counts AND NOT k.on_hold_when_due AND (k.due >= k.since AND k.due < k.until OR k.done_at >= k.since) AS should_be_handled,
         k.counts AND NOT k.on_hold_when_due AND (k.due >= k.since AND k.due < k.until OR k.over_at >= k.since) AS should_be_closed,
         k.counts AND NOT k.on_hold_when_own_due AND k.own_due IS NOT NULL AND (k.own_due >= k.since AND k.own_due < k.until OR k.done_at >= k.since)
           AS should_be_answered,
         k.counts AND (k.last_state = 'suspended' OR NOT k.on_hold_when_due AND (k.due >= k.since AND k.due < k.until OR k.done_at >= k.since)) AS in_hand,
         -- what is true of it by the end of the span
         k.filed_at IS NOT NULL AS was_filed,
         k.state = 'voided' AS was_voided,
         k.state <> 'voided' AS not_voided,
         k.state = 'force_closed' AS was_forced,
         k.state = 'duplicate' AS was_duplicate,
         k.done_at IS NOT NULL AS was_handled,
         k.done_at IS NULL AS not_handled,
         k.done_at IS NOT NULL AND (k.timeout_exempt OR k.due IS NULL OR k.done_at <= k.due) AS in_time,
         k.done_at IS NOT NULL AND NOT (k.timeout_exempt OR k.due IS NULL OR k.done_at <= k.due) AS late,
         k.done_at IS NOT NULL AND (k.timeout_exempt OR k.done_at <= k.own_due) AS answered_in_time,
         k.over_at IS NOT NULL AS was_closed,
         k.over_at IS NOT NULL AND (k.timeout_exempt OR k.due IS NULL OR k.over_at <= k.due) AS closed_by_deadline,
         k.timeout_exempt AS was_exempt,
         k.extensions > 0 AS was_extended,
         k.suspensions > 0 AS was_suspended,
         k.last_state = 'suspended' AND k.counts AS on_hold,
         k.returns > 0 AS was_returned,
         k.reworks > 0 OR k.done_again AS was_reworked,
         k.reopenings > 0 AS was_reopened,
         k.recurrence_of IS NOT NULL AS was_recurrence,
         k.joint AS was_joint,
         k.severity IN ('urgent', 'danger') AS was_urgent,
         k.by_public AND k.state <> 'voided' AS was_public,
         k.by_public AND k.state <> 'voided' AND k.patroller_id IS NOT NULL AS was_missed,
         k.pushes > 0 AS was_simple,
         NOT k.assessed AS not_assessed,
         -- how long it took; of what is there
         extract(epoch FROM k.dispatched_at - k.reported_at) AS to_dispatch_s,
         extract(epoch FROM k.done_at - k.begun_at) AS to_handle_s,
         extract(epoch FROM k.over_at - k.reported_at) AS to_close_s,
         CASE WHEN k.done_at IS NOT NULL THEN k.worked_s / %(day_s)s::numeric END AS to_handle_days,
         k.solved_at - coalesce(k.begun_at, k.reported_at) <= interval '2 hours' AS within_2_hours,
         k.solved_at - coalesce(k.begun_at, k.reported_at) <= interval '5 hours' AS within_5_hours,
         k.handler_id AS handler, k.patroller_id AS patroller
  FROM known k
)

-- name: ended_by
-- The move m that ended a clock k.
FROM case_history m
WHERE m.district_code = k.district_code AND m.case_id = k.case_id AND m.at = k.stopped_at AND m.from_state <> m.to_state
  AND m.from_state = ANY (CASE k.step WHEN 'accept' THEN ARRAY['reported'] WHEN 'verify' THEN ARRAY['verifying'] WHEN 'file' THEN ARRAY['accepted']
    WHEN 'dispatch' THEN ARRAY['filed', 'returned'] WHEN 'ack' THEN ARRAY['dispatched'] WHEN 'check' THEN ARRAY['handled', 'checking'] ELSE ARRAY['to_close'] END)
ORDER BY m.seq
LIMIT 1

-- name: clocks
-- Each clock of a stage that ended in a span of time, or ran out in it and still runs; `actor` is who ended it. What was cancelled counts for
-- nothing, and neither does a clock without a limit.
, told AS (
  SELECT s.span, {dimensions}, k.step,
         -- what ended it, where that makes a difference; who did it, where somebody asks
         CASE WHEN k.step = 'check' THEN coalesce((SELECT m.from_state {ended_by}), c.state) END AS during,
         CASE WHEN k.step = 'accept' THEN (SELECT m.action {ended_by}) END AS action,
         (SELECT p.staff_id FROM people p WHERE p.account_id = (SELECT m.account_id {ended_by})) AS actor,
         k.outcome = 'exempt' OR (k.stopped_at < s.until AND k.stopped_at <= k.deadline) AS in_time
  FROM spans s
  JOIN cases c ON c.reported_at < s.until
              AND (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) >= s.since
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN organisations holder ON holder.organisation_id = c.organisation_id
  JOIN case_clocks k ON k.district_code = c.district_code AND k.case_id = c.case_id
  WHERE k.step IN ('accept', 'verify', 'file', 'dispatch', 'ack', 'check', 'close') AND k.deadline IS NOT NULL AND k.started_at < s.until
    AND k.outcome IS DISTINCT FROM 'cancelled' AND c.state NOT IN ('voided', 'duplicate')
    AND (k.stopped_at >= s.since AND k.stopped_at < s.until
         OR (k.stopped_at IS NULL OR k.stopped_at >= s.until) AND k.deadline >= s.since AND k.deadline < s.until)
  OFFSET 0
), facts AS (
  SELECT t.*,
         t.step = 'accept' AS to_accept,
         t.step = 'accept' AND t.action = 'order_verify' AS to_order_verify,
         t.step = 'verify' AS to_verify,
         t.step = 'file' AS to_file,
         t.step = 'dispatch' AS to_dispatch,
         t.step = 'ack' AS to_ack,
         t.step = 'check' AND t.during = 'handled' AS to_order_check,
         t.step = 'check' AND t.during = 'checking' AS to_check,
         t.step = 'close' AS to_close
  FROM told t
)

-- name: moves
-- Each acceptance, filing and dispatch made in a span of time; `actor` is who made it. A dispatch was wrong if its organisation gave the case back
-- (for anything but that it was done already).
, told AS (
  SELECT s.span, {dimensions}, h.action, h.to_state, h.from_state, p.staff_id AS actor,
         (SELECT n.to_state = 'returned' AND coalesce(n.payload ->> 'reason_code', '') NOT IN ('already_done', 'not_acknowledged')
          FROM case_history n
          WHERE n.district_code = h.district_code AND n.case_id = h.case_id AND n.seq > h.seq AND n.at < s.until
            AND (n.to_state IN ('returned', 'dispatched', 'handled') AND n.from_state <> n.to_state)
          ORDER BY n.seq
          LIMIT 1) IS TRUE AS given_back,
         c.state = 'voided' AS voided
  FROM spans s
  JOIN cases c ON c.reported_at < s.until
              AND (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) >= s.since
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN organisations holder ON holder.organisation_id = c.organisation_id
  JOIN case_history h ON h.district_code = c.district_code AND h.case_id = c.case_id
  LEFT JOIN people p ON p.account_id = h.account_id
  WHERE h.at >= s.since AND h.at < s.until AND h.action IN ('accept', 'file', 'dispatch')
  OFFSET 0
), facts AS (
  SELECT t.*,
         t.action = 'accept' AS an_acceptance,
         t.action = 'file' AS a_filing,
         t.action = 'file' AND NOT t.voided AS an_accurate_filing,
         t.action = 'dispatch' AS a_dispatch,
         NOT t.given_back AS right_at_once
  FROM told t
)

-- name: reports
-- Each report received in a span of time. `reporter` is known of the first report of a case only: who sent the others is kept from everybody.
, told AS (
  SELECT s.span, {dimensions}, r.channel AS by_channel, c.state, c.filed_at,
         EXISTS (SELECT FROM reports b
                 WHERE b.district_code = r.district_code AND b.case_id = r.case_id AND (b.received_at, b.report_id) < (r.received_at, r.report_id)) AS joined,
         EXISTS (SELECT FROM case_history h
                 WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND h.at < s.until
                   AND (h.to_state = 'filed' OR h.from_state = 'simple_open' AND h.to_state = 'closed')) AS became_work,
         (SELECT h.account_id FROM case_history h WHERE h.district_code = c.district_code AND h.case_id = c.case_id AND h.seq = 1) AS account_id
  FROM spans s
  JOIN reports r ON r.received_at >= s.since AND r.received_at < s.until
  JOIN cases c ON c.district_code = r.district_code AND c.case_id = r.case_id
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN organisations holder ON holder.organisation_id = c.organisation_id
  OFFSET 0
), facts AS (
  SELECT t.*, true AS received,
         t.became_work AND t.state NOT IN ('voided', 'duplicate', 'not_accepted', 'not_filed') AS valid,
         t.by_channel IN ('citizen', 'hotline', 'open311') AS by_public,
         CASE WHEN NOT t.joined THEN p.staff_id END AS reporter
  FROM told t
  LEFT JOIN people p ON p.account_id = t.account_id
)

-- name: visits
-- Each follow-up visit made in a span of time, with what the reporter said of the case: 4 and 5 of 5 is satisfied.
, told AS (
  SELECT s.span, {dimensions}, v.score
  FROM spans s
  JOIN follow_ups v ON v.at >= s.since AND v.at < s.until
  JOIN cases c ON c.district_code = v.district_code AND c.case_id = v.case_id
  JOIN categories g ON g.category_id = c.category_id
  LEFT JOIN organisations holder ON holder.organisation_id = c.organisation_id
  OFFSET 0
), facts AS (
  SELECT t.*, t.score IS NOT NULL AS visited, t.score >= 4 AS satisfied, t.handler_id AS handler FROM told t
)

-- name: counted
-- What is asked of the facts, by one thing, and of all of them together.
SELECT {key}::text AS key, grouping({key}) = 1 AS is_total, {columns} FROM facts WHERE span = '' AND {kept} GROUP BY GROUPING SETS (({key}), ())

-- name: counted_together
-- The same of all of them only.
SELECT NULL AS key, true AS is_total, {columns} FROM facts WHERE span = '' AND {kept}

-- name: counted_by_span
-- The same by days, weeks or months; the whole is a span of its own.
SELECT span AS key, span = '' AS is_total, {columns} FROM facts WHERE {kept} GROUP BY span

-- name: listed
-- The numbers of the cases behind a number, newest first.
SELECT DISTINCT case_no, case_id FROM facts WHERE span = '' AND {condition} AND {subject} AND (%(before)s::uuid IS NULL OR case_id < %(before)s)
ORDER BY case_id DESC
LIMIT %(most)s
