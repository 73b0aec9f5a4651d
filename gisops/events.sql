-- name: waiting
-- Is there anything without a position? One look at a small partial index; asked many times a second.
SELECT EXISTS (SELECT FROM outbox WHERE pos IS NULL) AS waiting;

-- name: lock
-- There is one relay at a time. A statement of its own: the next one must take its snapshot after the lock is held.
SELECT pg_try_advisory_xact_lock(%(lock)s) AS held;

-- name: stamp
-- Give the next dense positions to what is committed and has none, and wake the listeners once for all of it.
WITH fresh AS MATERIALIZED (
  SELECT district_code, event_id, row_number() OVER (ORDER BY event_id) AS n
  FROM (SELECT district_code, event_id FROM outbox WHERE pos IS NULL ORDER BY event_id LIMIT %(most)s) AS next
), given AS (
  UPDATE outbox AS o SET pos = s.last_pos + f.n
  FROM fresh AS f, relay_state AS s
  WHERE o.district_code = f.district_code AND o.event_id = f.event_id
), moved AS (
  UPDATE relay_state SET last_pos = last_pos + (SELECT count(*) FROM fresh), ran_at = clock_timestamp()
  WHERE EXISTS (SELECT FROM fresh)
  RETURNING last_pos
)
SELECT (SELECT count(*) FROM fresh) AS stamped, pg_notify('gisops_events', last_pos::text) FROM moved;

-- name: beat
-- The relay is alive.
UPDATE relay_state SET ran_at = clock_timestamp();

-- name: standing
-- Where the relay stands, which restore of the database this is, and how long ago the relay looked.
SELECT epoch, last_pos, extract(epoch FROM clock_timestamp() - ran_at)::float AS lag_s,
  (SELECT pos FROM outbox WHERE pos IS NOT NULL ORDER BY pos LIMIT 1) AS first_pos
FROM relay_state;

-- name: key
-- What the ids of the live stream are sealed with.
SELECT live_key FROM relay_state;

-- name: scopes_now
-- Which scope each of these accounts has now, by its version; no row for one that was closed.
SELECT account_id, scope_version, role, everywhere, staff_id FROM accounts WHERE account_id = ANY (%(account_ids)s) AND active;

-- name: posts
-- By what words events may be addressed to some accounts: as itself, as its person, as its organisation where it acts for it.
SELECT p.account_id, array_remove(ARRAY['account:' || p.account_id, 'staff:' || p.staff_id, 'organisation:' || p.organisation_id], NULL) AS words
FROM unnest(%(account_ids)s::int[]) AS a (account_id)
CROSS JOIN LATERAL post_of(a.account_id) p;

-- name: read_after
-- What came after a position, in order, as the text that is told. Positions are dense and committed in order, so pos > last loses nothing.
SELECT pos, kind, recipient, ST_X(geom) AS lon, ST_Y(geom) AS lat, case_no, unit_id, handler_id, superior_id, organisation_id,
  was_unit_id, was_handler_id, was_superior_id, was_organisation_id, ST_X(was_geom) AS was_lon, ST_Y(was_geom) AS was_lat,
  (jsonb_strip_nulls(jsonb_build_object('case_no', case_no, 'lon', ST_X(geom), 'lat', ST_Y(geom), 'at', at)) || payload)::text AS data
FROM outbox
WHERE pos > %(pos)s
ORDER BY pos
LIMIT %(limit)s;

-- name: unnumbered
-- Where something happened that the relay has not numbered yet.
SELECT event_id, case_no, ST_X(geom) AS lon, ST_Y(geom) AS lat, ST_X(was_geom) AS was_lon, ST_Y(was_geom) AS was_lat FROM outbox WHERE pos IS NULL AND recipient IS NULL LIMIT %(limit)s;

-- name: read_in_box
-- The same between two positions for somebody who looks at a box: what lies in it, or lay there before, and what lies nowhere, and what is addressed to him.
SELECT pos, kind, recipient, ST_X(geom) AS lon, ST_Y(geom) AS lat, case_no, unit_id, handler_id, superior_id, organisation_id,
  was_unit_id, was_handler_id, was_superior_id, was_organisation_id, ST_X(was_geom) AS was_lon, ST_Y(was_geom) AS was_lat,
  (jsonb_strip_nulls(jsonb_build_object('case_no', case_no, 'lon', ST_X(geom), 'lat', ST_Y(geom), 'at', at)) || payload)::text AS data
FROM outbox
WHERE pos > %(pos)s AND pos <= %(until)s
  AND (geom IS NULL OR geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)
       OR was_geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
  AND (recipient IS NULL OR recipient = ANY (%(addressed)s))
ORDER BY pos
LIMIT %(limit)s;

-- name: prune
-- The oldest events, once they are a week old: whoever was away longer reads the present state anew.
DELETE FROM outbox WHERE (district_code, event_id) IN (
  SELECT district_code, event_id
  FROM (SELECT district_code, event_id, at FROM outbox WHERE pos IS NOT NULL ORDER BY pos LIMIT %(most)s) AS oldest
  WHERE at < app_now() - interval '7 days'
);
