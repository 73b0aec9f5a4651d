-- name: count
-- One more wrong password, where there were fewer than %(most)s within the window; no row comes back where the door is closed, and nothing is
-- written then. What lies further back is left behind on the way.
INSERT INTO sign_in_failures AS f (key, login_key, failed_at)
VALUES (%(key)s, %(login_key)s, ARRAY[clock_timestamp()])
ON CONFLICT (key) DO UPDATE SET
  failed_at = ARRAY(SELECT t FROM unnest(f.failed_at) AS t WHERE t > clock_timestamp() - make_interval(secs => %(window_s)s) ORDER BY t) || clock_timestamp()
WHERE (SELECT count(*) FROM unnest(f.failed_at) AS t WHERE t > clock_timestamp() - make_interval(secs => %(window_s)s)) < %(most)s
RETURNING failed_at[cardinality(failed_at)] AS counted_at, cardinality(failed_at) AS n;

-- name: wait
-- How long until the oldest of those that keep the door closed lies outside of the window.
SELECT extract(epoch FROM min(t) + make_interval(secs => %(window_s)s) - clock_timestamp())::float8 AS wait_s
FROM sign_in_failures AS f, unnest(f.failed_at) AS t
WHERE f.key = %(key)s AND t > clock_timestamp() - make_interval(secs => %(window_s)s)
HAVING count(*) > 0;

-- name: forget_here
-- A right password: what this address got wrong before it is forgotten.
DELETE FROM sign_in_failures WHERE key = %(key)s;

-- name: forget_attempt
-- One attempt that was counted in advance and turned out to be right.
UPDATE sign_in_failures SET failed_at = array_remove(failed_at, %(counted_at)s::timestamptz) WHERE key = %(key)s;

-- name: open_again
-- Every wrong password for a login, from wherever.
DELETE FROM sign_in_failures WHERE login_key = %(login_key)s;

-- name: prune
-- Rows whose last wrong password lies outside of the window; those left empty too.
DELETE FROM sign_in_failures
WHERE coalesce(failed_at[cardinality(failed_at)], '-infinity') < clock_timestamp() - make_interval(secs => %(window_s)s);
