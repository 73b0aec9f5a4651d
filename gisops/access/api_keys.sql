-- name: holder
-- Who a key acts as; no row for one that is unknown, expired, revoked, or of an account that was closed.
SELECT a.account_id, a.login, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id, k.key_id, k.scopes, k.expires_at,
  coalesce(k.last_used_at < app_now() - interval '1 minute', true) AS stale
FROM api_keys AS k
JOIN accounts AS a USING (account_id)
LEFT JOIN staff AS s USING (staff_id)
WHERE k.token_hash = %(token_hash)s AND k.revoked_at IS NULL AND k.expires_at > app_now() AND a.active;

-- name: touch
-- When a key was last used, to the minute.
UPDATE api_keys SET last_used_at = app_now()
WHERE token_hash = %(token_hash)s AND coalesce(last_used_at < app_now() - interval '1 minute', true);

-- name: add
-- A key for an active account.
INSERT INTO api_keys (token_hash, account_id, label, scopes, created_at, expires_at)
SELECT %(token_hash)s, a.account_id, %(label)s, %(scopes)s, app_now(), app_now() + make_interval(days => %(days)s)
FROM accounts AS a
WHERE a.login = %(login)s AND a.active
RETURNING key_id, expires_at;

-- name: listed
-- The keys there are, newest last; never their hashes.
SELECT k.key_id, a.login, k.label, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys AS k
JOIN accounts AS a USING (account_id)
WHERE %(login)s::text IS NULL OR a.login = %(login)s
ORDER BY k.key_id;

-- name: revoke
-- The end of a key.
UPDATE api_keys SET revoked_at = app_now() WHERE key_id = %(key_id)s AND revoked_at IS NULL;
