-- name: broken
-- What does not hold of cases, one row for each thing: of those named, or of all. ``table`` is the table of moves, ``steps`` which clocks a state may have.
WITH asked AS MATERIALIZED (
  SELECT * FROM cases c WHERE %(case_ids)s::uuid[] IS NULL OR c.case_id = ANY (%(case_ids)s)
), entries AS MATERIALIZED (
  SELECT h.*, row_number() OVER life AS n, lag(h.hash) OVER life AS hash_before, lag(h.to_state) OVER life AS state_before, lag(h.at) OVER life AS at_before,
         lead(h.at) OVER life AS next_at
  FROM case_history h JOIN asked c USING (district_code, case_id)
  WINDOW life AS (PARTITION BY h.district_code, h.case_id ORDER BY h.seq)
), lives AS MATERIALIZED (
  SELECT district_code, case_id, count(*) AS entries, (array_agg(to_state ORDER BY seq DESC))[1] AS last_state, max(at) AS last_at,
         count(*) FILTER (WHERE action = 'return' AND NOT payload ? 'taken_back') AS returned, count(*) FILTER (WHERE action = 'extend') AS extended,
         count(*) FILTER (WHERE action = 'suspend') AS suspended, count(*) FILTER (WHERE action IN ('fail', 'to_rework', 'reopen')) AS reworked,
         count(*) FILTER (WHERE action = 'send_back') AS sent_back,
         -- what clocks must have run in all: the time in states that have one, until the last entry
         coalesce(sum(next_at - at) FILTER (WHERE %(steps)s::jsonb ? to_state), '0') AS lasted
  FROM entries GROUP BY district_code, case_id
), clocks AS MATERIALIZED (
  SELECT k.*, c.state, e.at IS NULL AS waits
  FROM case_clocks k JOIN asked c USING (district_code, case_id)
  LEFT JOIN LATERAL (SELECT h.at FROM entries h WHERE h.district_code = k.district_code AND h.case_id = k.case_id AND h.at = k.started_at LIMIT 1) e ON true
  WHERE k.step <> 'subtask'
), running AS MATERIALIZED (
  SELECT district_code, case_id, count(*) FILTER (WHERE stopped_at IS NULL AND paused_at IS NULL) AS run,
         count(*) FILTER (WHERE stopped_at IS NULL AND paused_at IS NOT NULL) AS paused, min(step) FILTER (WHERE stopped_at IS NULL) AS step,
         bool_or(waits) AS waits, bool_or(stopped_at IS NOT NULL AND due_at IS NOT NULL) AS due_after_end,
         bool_or(stopped_at < started_at AND NOT waits) AS ends_before_it_begins
  FROM clocks GROUP BY district_code, case_id
), told AS (
  -- a clock that still runs counts until the last entry
  SELECT k.district_code, k.case_id, sum(coalesce(k.stopped_at, l.last_at) - k.started_at) AS ran
  FROM clocks k JOIN lives l USING (district_code, case_id)
  GROUP BY k.district_code, k.case_id
)
SELECT c.case_no, p.problem
FROM asked c
LEFT JOIN lives l USING (district_code, case_id)
LEFT JOIN running r USING (district_code, case_id)
LEFT JOIN told t USING (district_code, case_id)
CROSS JOIN LATERAL (VALUES
  (CASE WHEN l.entries IS DISTINCT FROM c.version::bigint THEN format('version %%s with %%s entries', c.version, l.entries) END),
  (CASE WHEN l.last_state IS DISTINCT FROM c.state THEN format('it is %%s, its history ends %%s', c.state, l.last_state) END),
  (CASE WHEN c.stage < 7 AND c.state NOT IN ('suspended', 'disputed') AND (r.run IS DISTINCT FROM 1 OR r.paused IS DISTINCT FROM 0)
        THEN format('%%s with %%s clocks that run and %%s that stand still', c.state, r.run, r.paused) END),
  (CASE WHEN c.state = 'suspended' AND (r.run IS DISTINCT FROM 0 OR r.paused IS DISTINCT FROM 1)
        THEN format('suspended with %%s clocks that run and %%s that stand still', r.run, r.paused) END),
  (CASE WHEN (c.stage = 7 OR c.state = 'disputed') AND coalesce(r.run + r.paused, 0) <> 0 THEN format('%%s and a clock has not stopped', c.state) END),
  (CASE WHEN r.step IS NOT NULL AND NOT %(steps)s::jsonb -> c.state ? r.step THEN format('%%s with the clock %%s', c.state, r.step) END),
  (CASE WHEN r.due_after_end THEN 'something is due by a clock that has stopped' END),
  (CASE WHEN r.ends_before_it_begins THEN 'a clock stopped before it started' END),
  (CASE WHEN NOT r.waits AND t.ran IS DISTINCT FROM l.lasted THEN format('clocks ran %%s, the case lasted %%s', t.ran, l.lasted) END),
  (CASE WHEN c.return_count <> l.returned THEN format('return_count %%s with %%s returns', c.return_count, l.returned) END),
  (CASE WHEN c.extended_count <> l.extended THEN format('extended_count %%s with %%s extensions', c.extended_count, l.extended) END),
  (CASE WHEN c.suspended_count <> l.suspended THEN format('suspended_count %%s with %%s suspensions', c.suspended_count, l.suspended) END),
  (CASE WHEN c.rework_count NOT BETWEEN l.reworked AND l.reworked + l.sent_back THEN format('rework_count %%s with %%s reworks', c.rework_count, l.reworked) END),
  (CASE WHEN (c.closed_at IS NOT NULL) <> (c.stage = 7) THEN format('%%s with closed_at %%s', c.state, c.closed_at) END),
  (CASE WHEN c.report_count <> (SELECT count(*) FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id)
        THEN format('report_count %%s with %%s reports', c.report_count, (SELECT count(*) FROM reports q WHERE q.district_code = c.district_code AND q.case_id = c.case_id)) END)
) p (problem)
WHERE p.problem IS NOT NULL
UNION ALL
SELECT c.case_no, format('entry %%s (%%s): %%s', e.seq, e.action, p.problem)
FROM entries e
JOIN asked c USING (district_code, case_id)
CROSS JOIN LATERAL (VALUES
  (CASE WHEN e.seq <> e.n THEN 'a gap in the history' END),
  (CASE WHEN e.prev_hash IS DISTINCT FROM e.hash_before THEN 'not linked to the one before' END),
  (CASE WHEN e.hash <> history_hash(e.prev_hash, e.district_code, e.case_id, e.seq, e.action, e.from_state, e.to_state, e.at, e.account_id, e.role, e.organisation_id, e.payload)
        THEN 'its hash is not that of its content' END),
  (CASE WHEN e.from_state IS DISTINCT FROM e.state_before THEN 'it does not begin where the one before ended' END),
  (CASE WHEN e.at < e.at_before THEN 'it lies before the one before' END),
  (CASE WHEN NOT EXISTS (SELECT FROM jsonb_to_recordset(%(table)s) AS m (action text, before text[], after text[])
                         WHERE m.action = e.action AND coalesce(e.from_state, '') = ANY (m.before) AND e.to_state = ANY (m.after))
             AND NOT (e.action = ANY (%(notes)s) AND e.from_state = e.to_state)
        THEN format('no such move from %%s to %%s', e.from_state, e.to_state) END),
  (CASE WHEN e.seq > 1 AND e.action <> ALL (%(notes)s) AND NOT EXISTS (SELECT FROM jsonb_to_recordset(%(table)s) AS m (action text, who text[]) WHERE m.action = e.action AND e.role = ANY (m.who))
        THEN format('a move of others than %%s', e.role) END)
) p (problem)
WHERE p.problem IS NOT NULL
ORDER BY 1, 2
LIMIT 50;
