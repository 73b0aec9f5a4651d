-- name: gather
-- Gather what cases that are over came to, where it was not gathered of the version they are at: so many at most, from a moment on. Says how many, and up
-- to which moment it got.
WITH over AS (
  SELECT c.*, (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) AS counted_until
  FROM cases c
  LEFT JOIN case_outcomes n ON n.district_code = c.district_code AND n.case_id = c.case_id
  WHERE (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) >= %(since)s
    AND (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) < 'infinity'
    AND n.version IS DISTINCT FROM c.version
  ORDER BY counted_until
  LIMIT %(most)s
), gathered AS (
  INSERT INTO case_outcomes (district_code, case_id, version, told_until, counted_until, accepted_at, filed_at, dispatched_at, given_at, finished_at, closed_at, last_state,
    extensions, suspensions, returns, reworks, reopenings, pushes, on_hold_when_due, on_hold_when_own_due, own_due, patroller_id)
  SELECT c.district_code, c.case_id, c.version, greatest(h.last_at, k.last_at), c.counted_until, h.accepted_at, h.filed_at, h.dispatched_at, h.given_at, h.finished_at, h.closed_at,
         h.last_state, h.extensions, h.suspensions, h.returns, h.reworks, h.reopenings, h.pushes, coalesce(h.state_when_due = 'suspended', false),
         coalesce(h.state_when_own_due = 'suspended', false), k.own_due,
         {patroller}
  FROM over c
  JOIN categories g ON g.category_id = c.category_id
  CROSS JOIN LATERAL (
    SELECT max(k.started_at) AS last_at,
           (array_agg(k.deadline ORDER BY k.clock_no DESC) FILTER (WHERE k.organisation_id = c.organisation_id))[1] AS own_due
    FROM case_clocks k
    WHERE k.district_code = c.district_code AND k.case_id = c.case_id AND k.step IN ('handle', 'stop', 'penalise', 'restore')
  ) k
  CROSS JOIN LATERAL (
    {gathered},
           max(h.at) AS last_at,
           (array_agg(h.to_state ORDER BY h.seq DESC) FILTER (WHERE h.at <= c.deadline))[1] AS state_when_due,
           (array_agg(h.to_state ORDER BY h.seq DESC) FILTER (WHERE h.at <= k.own_due))[1] AS state_when_own_due
    FROM case_history h
    WHERE h.district_code = c.district_code AND h.case_id = c.case_id
  ) h
  WHERE h.last_at IS NOT NULL
  ON CONFLICT (district_code, case_id) DO UPDATE SET
    version = EXCLUDED.version, told_until = EXCLUDED.told_until, counted_until = EXCLUDED.counted_until, accepted_at = EXCLUDED.accepted_at, filed_at = EXCLUDED.filed_at,
    dispatched_at = EXCLUDED.dispatched_at, given_at = EXCLUDED.given_at, finished_at = EXCLUDED.finished_at, closed_at = EXCLUDED.closed_at, last_state = EXCLUDED.last_state,
    extensions = EXCLUDED.extensions, suspensions = EXCLUDED.suspensions, returns = EXCLUDED.returns, reworks = EXCLUDED.reworks,
    reopenings = EXCLUDED.reopenings, pushes = EXCLUDED.pushes, on_hold_when_due = EXCLUDED.on_hold_when_due,
    on_hold_when_own_due = EXCLUDED.on_hold_when_own_due, own_due = EXCLUDED.own_due,
    patroller_id = EXCLUDED.patroller_id
  -- another worker may have seen a later version
  WHERE case_outcomes.version < EXCLUDED.version
)
SELECT count(*) AS n, max(counted_until) AS upto FROM over

-- name: now
-- What the database's clock says.
SELECT app_now() AS now
