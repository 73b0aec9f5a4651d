-- name: lay_aside
-- What the sample left to do is not measured.
UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE district_code <> '' AND due_at IS NOT NULL;

-- name: cases
-- So many cases like the one that was reported, each with a clock of a hundred hours.
WITH pattern AS (
  SELECT c.* FROM cases c JOIN intake_keys k ON k.district_code = c.district_code AND k.case_id = c.case_id WHERE k.client_uid = %(client_uid)s
), copies AS (
  INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, organisation_id, handler_id, superior_id, reported_at, unit_id)
  SELECT p.district_code, time_key(), p.case_no || '-' || n, p.category_id, 'handling', 4, p.severity, p.geom, p.organisation_id, p.handler_id, p.superior_id,
         p.reported_at, p.unit_id
  FROM pattern p, generate_series(1, %(many)s) n
  RETURNING district_code, case_id, organisation_id
)
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value, deadline)
SELECT district_code, case_id, 1, 'handle', organisation_id, now(), 'natural_day', 4, now() + interval '4 days' FROM copies;

-- name: wind_up
-- Due at once, once more; who was told is forgotten.
WITH forgotten AS (
  DELETE FROM notices WHERE district_code <> '' AND kind = 'remind'
)
UPDATE case_clocks SET due_at = now() - abs(hashtext(case_id::text) % 10000) * interval '1 ms', due_kind = 'remind'
WHERE district_code <> '' AND step = 'handle' AND stopped_at IS NULL AND unit = 'natural_day' AND value = 4 AND deadline > now() + interval '3 days';

-- name: vacuum
-- Dead rows of the last round are not this round's.
VACUUM ANALYZE case_clocks, notices;

-- name: claim
-- The bare claiming: due rows in order, locked where nobody has them, moved on.
WITH due AS MATERIALIZED (
  SELECT k.district_code, k.case_id, k.clock_no FROM case_clocks k
  WHERE k.due_at <= app_now() AND k.due_kind = 'remind'
  ORDER BY k.due_at LIMIT %(most)s
  FOR UPDATE SKIP LOCKED
)
UPDATE case_clocks k SET due_at = k.deadline, due_kind = 'overdue'
FROM due d
WHERE k.district_code = d.district_code AND k.case_id = d.case_id AND k.clock_no = d.clock_no;
