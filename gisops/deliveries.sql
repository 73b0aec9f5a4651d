-- name: set_lane
-- Whether anything is sent by a way out, as the settings of this installation say.
INSERT INTO delivery_lanes AS l (lane, active) VALUES (%(lane)s, %(active)s)
ON CONFLICT (lane) DO UPDATE SET active = excluded.active WHERE l.active IS DISTINCT FROM excluded.active;

-- name: due_lanes
-- The ways out by which something is to be tried now. One that is closed after nobody answered is asked again when its time has come.
SELECT l.lane
FROM delivery_lanes l
WHERE l.active AND (l.closed_until IS NULL OR l.closed_until <= app_now())
  AND EXISTS (SELECT FROM deliveries d WHERE d.lane = l.lane AND d.state = 'waiting' AND d.next_try_at <= app_now());

-- name: claim
-- Take messages of one way out to try them, the longest waiting first, for so many seconds: whoever ends meanwhile loses them to the next. Of a way
-- by which nobody answered the last time, one only.
WITH found AS MATERIALIZED (
  SELECT d.district_code, d.delivery_id
  FROM deliveries d
  WHERE d.lane = %(lane)s AND d.state = 'waiting' AND d.next_try_at <= app_now()
    AND EXISTS (SELECT FROM delivery_lanes l WHERE l.lane = d.lane AND l.active AND (l.closed_until IS NULL OR l.closed_until <= app_now()))
  ORDER BY d.next_try_at
  LIMIT CASE WHEN (SELECT l.failures FROM delivery_lanes l WHERE l.lane = %(lane)s) > 0 THEN 1 ELSE %(most)s END
  FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE deliveries d
  SET lease = %(lease)s, next_try_at = app_now() + make_interval(secs => %(seconds)s)
  FROM found f
  WHERE d.district_code = f.district_code AND d.delivery_id = f.delivery_id
  RETURNING d.district_code, d.delivery_id, d.notice_id, d.refusals, d.expires_at
)
SELECT c.district_code, c.delivery_id, c.refusals, n.kind, n.seq, n.facts, n.created_at, x.title_zh, x.title_en, x.text_zh, x.text_en
FROM claimed c
JOIN notices n ON n.district_code = c.district_code AND n.notice_id = c.notice_id
LEFT JOIN notice_texts x ON x.kind = n.kind
ORDER BY c.delivery_id;

-- name: address
-- The number, address or URL that a claimed delivery goes to, and what it is signed with.
SELECT address, secret FROM delivery_address(%(district_code)s, %(delivery_id)s, %(lease)s);

-- name: hold
-- What is left of a batch is ours for as long again; a slow receiver would use the time up before its last message.
UPDATE deliveries d
SET next_try_at = app_now() + make_interval(secs => %(seconds)s)
FROM unnest(%(districts)s::text[], %(deliveries)s::uuid[]) AS t (district_code, delivery_id)
WHERE d.district_code = t.district_code AND d.delivery_id = t.delivery_id AND d.lease = %(lease)s AND d.state = 'waiting' AND d.next_try_at > app_now();

-- name: delivered
-- They were taken.
UPDATE deliveries d
SET state = 'delivered', delivered_at = app_now(), next_try_at = NULL, lease = NULL, last_error = NULL, attempts = d.attempts + 1
FROM unnest(%(districts)s::text[], %(deliveries)s::uuid[]) AS t (district_code, delivery_id)
WHERE d.district_code = t.district_code AND d.delivery_id = t.delivery_id AND d.lease = %(lease)s AND d.state = 'waiting';

-- name: put_back
-- It was not taken: tried again later, or given up.
UPDATE deliveries
SET state = CASE WHEN %(dead)s OR expires_at <= app_now() THEN 'dead' ELSE 'waiting' END,
    next_try_at = CASE WHEN %(dead)s OR expires_at <= app_now() THEN NULL ELSE app_now() + make_interval(secs => %(seconds)s) END,
    attempts = attempts + %(tried)s, refusals = refusals + %(refused)s, last_error = coalesce(%(error)s, last_error), lease = NULL
WHERE district_code = %(district_code)s AND delivery_id = %(delivery_id)s AND lease = %(lease)s AND state = 'waiting';

-- name: open_lane
-- Somebody answers.
UPDATE delivery_lanes SET failures = 0, closed_until = NULL WHERE lane = %(lane)s AND failures > 0;

-- name: close_lane
-- Nobody answers: left in peace for a while, and longer each time.
UPDATE delivery_lanes SET failures = failures + 1, closed_until = app_now() + make_interval(secs => %(seconds)s) WHERE lane = %(lane)s
RETURNING failures;

-- name: lane
-- How often in a row nobody answered.
SELECT failures FROM delivery_lanes WHERE lane = %(lane)s;

-- name: expire
-- Give up what nobody came to take in its time.
UPDATE deliveries d
SET state = 'dead', next_try_at = NULL, lease = NULL, last_error = coalesce(d.last_error, 'expired')
FROM (SELECT q.district_code, q.delivery_id FROM deliveries q WHERE q.state = 'waiting' AND q.expires_at <= app_now() LIMIT %(most)s) AS old
WHERE d.district_code = old.district_code AND d.delivery_id = old.delivery_id AND d.state = 'waiting';

-- name: forget
-- What was delivered three months ago is forgotten; the notice stays.
DELETE FROM deliveries WHERE (district_code, delivery_id) IN (
  SELECT district_code, delivery_id FROM deliveries WHERE state = 'delivered' AND delivered_at < app_now() - interval '90 days' LIMIT %(most)s);

-- name: page
-- The same for the transaction's viewer, who must be an administrator of the whole city.
SELECT * FROM deliveries_page(%(state)s, %(before)s, %(most)s);

-- name: listed
-- Deliveries in a state, newest first, from behind a key; for the owner.
SELECT d.delivery_id, d.lane, d.state, d.attempts, d.refusals, d.next_try_at, d.last_error, d.created_at, d.expires_at, n.kind, n.facts ->> 'case_no' AS case_no
FROM deliveries d
JOIN notices n ON n.district_code = d.district_code AND n.notice_id = d.notice_id
WHERE d.state = %(state)s AND d.state <> 'delivered' AND (%(before)s::uuid IS NULL OR d.delivery_id < %(before)s)
ORDER BY d.delivery_id DESC
LIMIT %(most)s;

-- name: retry
-- What was given up is tried again, for as long as at first: these, or all of them.
UPDATE deliveries d
SET state = 'waiting', refusals = 0, next_try_at = app_now(), expires_at = app_now() + interval '7 days', lease = NULL
FROM (SELECT q.district_code, q.delivery_id FROM deliveries q WHERE q.state = 'dead' AND (%(keys)s::uuid[] IS NULL OR q.delivery_id = ANY (%(keys)s))) AS dead
WHERE d.district_code = dead.district_code AND d.delivery_id = dead.delivery_id AND d.state = 'dead';

-- name: standing
-- How many wait and since when, how many were given up, and which ways are closed.
SELECT (SELECT count(*) FROM deliveries WHERE state = 'waiting') AS waiting, (SELECT min(created_at) FROM deliveries WHERE state = 'waiting') AS since,
       (SELECT count(*) FROM deliveries WHERE state = 'dead') AS dead,
       ARRAY(SELECT lane FROM delivery_lanes WHERE active AND closed_until > app_now() ORDER BY lane) AS closed;
