-- name: nearest
-- Who is to go and look at a place: of those who walk the ground and may see it, who is on duty before who is not but looks after the zone, supervisors
-- before officers, the nearest of those whose position is known to within a quarter of an hour, the one who was asked for least, by staff number.
SELECT st.staff_id, turn.ends_at IS NOT NULL AS on_duty
FROM accounts a
JOIN staff st ON st.staff_id = a.staff_id AND st.active
CROSS JOIN (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS p) here
LEFT JOIN LATERAL turn_at(%(district_code)s, st.staff_id, app_now()) turn ON true
LEFT JOIN LATERAL (
  SELECT local_distance_m(lp.geom, %(lon)s, %(lat)s, metres_per_degree_lon(%(lat)s), metres_per_degree_lat(%(lat)s)) AS distance_m
  FROM last_positions lp
  WHERE lp.district_code = %(district_code)s AND lp.staff_id = st.staff_id
    AND lp.captured_at > app_now() - interval '15 minutes' AND lp.captured_at <= app_now()
) seen ON true
CROSS JOIN LATERAL (
  SELECT EXISTS (
    SELECT FROM zone_staff zs
    JOIN zones z ON z.zone_id = zs.zone_id AND in_force(z.valid, app_now()) AND ST_Covers(z.geom, here.p)
    JOIN zone_sets t ON t.zone_set_id = z.zone_set_id AND in_force(t.valid, app_now())
    WHERE zs.staff_id = st.staff_id AND in_force(zs.valid, app_now())) AS here
) zone
CROSS JOIN LATERAL (
  SELECT count(*) AS asked
  FROM case_recipients r
  JOIN cases c USING (district_code, case_id)
  WHERE r.staff_id = st.staff_id AND r.role IN ('verify', 'check') AND c.state IN ('verifying', 'checking')
) load
WHERE a.active AND a.role = ANY (%(roles)s) AND st.staff_id IS DISTINCT FROM %(but)s
  AND (a.everywhere OR EXISTS (SELECT FROM account_units u WHERE u.account_id = a.account_id AND u.unit_id = %(unit_id)s))
  AND (turn.ends_at IS NOT NULL OR zone.here)
ORDER BY turn.ends_at IS NULL, array_position(%(roles)s::text[], a.role), seen.distance_m NULLS LAST, zone.here DESC, load.asked, st.code COLLATE "C"
LIMIT 1;

-- name: ask
-- Somebody was asked to look, by an entry of the history.
INSERT INTO case_recipients (district_code, case_id, seq, staff_id, role, notified_at)
VALUES (%(district_code)s, %(case_id)s, %(seq)s, %(staff_id)s, %(role)s, app_now())
ON CONFLICT DO NOTHING;
