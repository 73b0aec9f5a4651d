-- name: month
-- The bare aggregate beside an indicator of a month: the same rows, what stands in the case alone.
SELECT o.code, count(*) FILTER (WHERE c.handled_at <= c.deadline) AS in_time, count(*) AS due
FROM cases c
JOIN organisations o USING (organisation_id)
WHERE c.reported_at < %(until)s
  AND (CASE WHEN c.stage < 7 THEN 'infinity'::timestamptz ELSE greatest(c.closed_at, c.deadline, c.reported_at) END) >= %(since)s
  AND c.assessed AND c.filed_at IS NOT NULL
  AND (c.deadline >= %(since)s AND c.deadline < %(until)s OR c.handled_at >= %(since)s AND c.handled_at < %(until)s)
GROUP BY o.code

-- name: year
-- The bare aggregate beside a duration of a year with its median and ninth decile.
SELECT o.code, count(*), avg(extract(epoch FROM c.handled_at - c.dispatched_at)) AS mean,
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM c.handled_at - c.dispatched_at)::float8) AS parts
FROM cases c
JOIN organisations o USING (organisation_id)
WHERE c.reported_at < %(until)s AND c.assessed AND c.filed_at IS NOT NULL AND c.handled_at >= %(since)s AND c.handled_at < %(until)s
GROUP BY o.code

-- name: last
-- The end of what was told.
SELECT max(reported_at) AS at, count(*) AS cases, (SELECT count(*) FROM case_history) AS entries FROM cases

-- name: forget
-- As if nothing had been gathered.
DELETE FROM case_outcomes WHERE district_code IS NOT NULL
