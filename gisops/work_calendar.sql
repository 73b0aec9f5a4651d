-- name: days
-- The days of the city's calendar that are not what their weekday says, and today where the city is.
SELECT (app_now() AT TIME ZONE %(timezone)s)::date AS today,
  ARRAY(SELECT jsonb_build_object('day', d.day, 'kind', d.kind, 'note', d.note) FROM calendar_days AS d WHERE d.calendar = 'city' ORDER BY d.day) AS told;
