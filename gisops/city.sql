-- name: city
-- The city's profile and its extent.
SELECT code, name_zh, name_en, metric_srid, timezone, category_scheme, auto_file, settings,
       ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM city;

-- name: categories
-- Every category that can be reported, with its default condition and the limit for handling under it.
SELECT c.category_id, c.scheme, c.code, c.name_zh, c.name_en, c.severity, c.public, c.auto_file, c.simple_allowed,
       f.filing_condition_id, l.unit, l.value, d.radius_m AS twin_radius_m, d.hours AS twin_hours
FROM categories c
LEFT JOIN filing_conditions f ON f.category_id = c.category_id AND f.is_default
LEFT JOIN LATERAL (
  SELECT t.unit, t.value
  FROM time_limits t
  WHERE t.filing_condition_id = f.filing_condition_id AND t.season = ''
  ORDER BY array_position(ARRAY['handle', 'stop', 'penalise', 'restore'], t.step), t.area_grade
  LIMIT 1
) l ON true
LEFT JOIN LATERAL (
  SELECT q.radius_m, q.hours
  FROM duplicate_rules q
  WHERE q.scheme IN ('', c.scheme) AND q.kind IN ('', c.kind) AND q.major IN ('', c.major) AND q.minor IN ('', c.minor)
  ORDER BY q.minor DESC, q.major DESC, q.kind DESC, q.scheme DESC
  LIMIT 1
) d ON true
WHERE c.enabled
ORDER BY c.scheme, c.code;

-- name: organisations
-- Codes and names of all organisations.
SELECT code, name_zh, name_en FROM organisations;

-- name: areas
-- Codes and names of the administrative areas in force.
SELECT code, name_zh, name_en FROM admin_areas WHERE valid @> app_now();

-- name: neighbours
-- Codes and names of the areas around the city.
SELECT code, name_zh, name_en FROM neighbours;

-- name: desk
-- The duty desk.
SELECT organisation_id, code FROM organisations WHERE is_duty_desk;

-- name: work_windows
-- The working hours of a working day.
SELECT opens, closes FROM work_windows WHERE calendar = 'city' ORDER BY opens;

-- name: calendar_days
-- The days that are not what their weekday says.
SELECT day, kind FROM calendar_days WHERE calendar = 'city';

-- name: calendars
-- Organisations that have working hours of their own: the calendar of their code.
SELECT o.organisation_id, o.code, array_agg(w.opens ORDER BY w.opens) AS opens, array_agg(w.closes ORDER BY w.opens) AS closes
FROM work_windows w
JOIN organisations o ON o.code = w.calendar
WHERE w.calendar <> 'city'
GROUP BY o.organisation_id, o.code;

-- name: days_of
-- The days of a calendar of its own: the city's, but for those it has set otherwise.
SELECT DISTINCT ON (day) day, kind FROM calendar_days WHERE calendar IN ('city', %(calendar)s) ORDER BY day, calendar = 'city';

-- name: seasons
-- When each season opens and closes.
SELECT season, opens, closes FROM seasons ORDER BY season, opens;

-- name: limits
-- How long each step of handling may take under each filing condition.
SELECT filing_condition_id, step, area_grade, season, unit, value FROM time_limits ORDER BY filing_condition_id, step, area_grade;

-- name: stage_limits
-- How long each step beside handling may take, whatever the case is about.
SELECT step, severity, unit, value FROM stage_limits WHERE (scheme, kind, major, minor) = ('', '', '', '');

-- name: category_stage_limits
-- How long a step may take where the case's category has limits of its own: the rows that are closest to it, whatever the severity.
SELECT q.category_id, q.step, q.severity, q.unit, q.value
FROM (
  SELECT c.category_id, l.step, l.severity, l.unit, l.value,
         rank() OVER (PARTITION BY c.category_id, l.step ORDER BY l.minor DESC, l.major DESC, l.kind DESC, l.scheme DESC) AS nth
  FROM stage_limits l
  JOIN categories c ON l.scheme IN ('', c.scheme) AND l.kind IN ('', c.kind) AND l.major IN ('', c.major) AND l.minor IN ('', c.minor)
  WHERE (l.scheme, l.kind, l.major, l.minor) <> ('', '', '', '')
) q
WHERE q.nth = 1;

-- name: escalations
-- What happens when a share of a limit has run, in order.
SELECT step, percent, due_kind, level, tells FROM escalations ORDER BY step, percent;

-- name: grades
-- The grade of area of each grid cell that has one.
SELECT code, grade FROM grid_cells WHERE grade <> '' AND in_force(valid, app_now());
