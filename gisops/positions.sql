-- name: clock
-- The moment against which a sender's own clock is held.
SELECT app_now() AS now;

-- name: keep
-- Where a member of staff was. All of it goes to the track, what is there already is left alone; only the newest, and only if it is newer
-- than the one kept, is where he was last. The home district is that of the last position there is, else of the roster, else of the nearest
-- district, and never changes (the tables may be spread by it).
WITH sent AS MATERIALIZED (
  SELECT captured_at, accuracy_m, ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS geom
  FROM jsonb_to_recordset(%(rows)s) AS r (lon float8, lat float8, accuracy_m real, captured_at timestamptz)
), newest AS MATERIALIZED (
  SELECT * FROM sent ORDER BY captured_at DESC LIMIT 1
), home AS MATERIALIZED (
  SELECT coalesce(
    (SELECT l.district_code FROM last_positions AS l WHERE l.staff_id = %(staff_id)s ORDER BY l.captured_at DESC LIMIT 1),
    (SELECT r.district_code FROM rosters AS r WHERE r.staff_id = %(staff_id)s ORDER BY upper(r.on_duty) DESC LIMIT 1),
    (SELECT d.code FROM admin_areas AS d WHERE d.level = 2 AND d.valid @> app_now() ORDER BY d.geom <-> newest.geom, d.code LIMIT 1)
  ) AS district_code
  FROM newest
), last AS (
  INSERT INTO last_positions AS p (district_code, staff_id, captured_at, accuracy_m, geom, unit_id)
  SELECT home.district_code, %(staff_id)s, newest.captured_at, newest.accuracy_m, newest.geom, unit_at(newest.geom)
  FROM newest, home
  ON CONFLICT (district_code, staff_id) DO UPDATE SET
    captured_at = excluded.captured_at, accuracy_m = excluded.accuracy_m, geom = excluded.geom, unit_id = excluded.unit_id
  WHERE p.captured_at < excluded.captured_at
)
INSERT INTO positions (district_code, staff_id, captured_at, accuracy_m, geom)
SELECT home.district_code, %(staff_id)s, sent.captured_at, sent.accuracy_m, sent.geom
FROM sent, home
ON CONFLICT DO NOTHING;
