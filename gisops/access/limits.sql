-- name: take
-- One token from a bucket, refilled by the time that went by. No row comes back where the bucket is empty; then nothing is written either,
-- so a caller who hammers on a closed door costs a read and keeps nobody waiting.
INSERT INTO rate_buckets AS b (key, tokens, filled_at)
VALUES (%(key)s, %(burst)s::real - 1, clock_timestamp())
ON CONFLICT (key) DO UPDATE SET
  tokens = LEAST(%(burst)s::real, b.tokens + GREATEST(0, extract(epoch FROM clock_timestamp() - b.filled_at)) * %(per_second)s::real) - 1,
  filled_at = GREATEST(b.filled_at, clock_timestamp())
WHERE LEAST(%(burst)s::real, b.tokens + GREATEST(0, extract(epoch FROM clock_timestamp() - b.filled_at)) * %(per_second)s::real) >= 1
RETURNING tokens;

-- name: give_back
-- A token taken in advance for something that turned out to be harmless.
UPDATE rate_buckets SET tokens = LEAST(%(burst)s::real, tokens + 1) WHERE key = %(key)s;

-- name: prune
-- Buckets that are full again by now say nothing that an absent row would not say.
DELETE FROM rate_buckets WHERE filled_at < clock_timestamp() - CASE WHEN key LIKE 'day:%%' THEN interval '1 day' ELSE interval '1 hour' END;
