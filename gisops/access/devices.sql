-- name: open
-- A phone's sign-in, under the hashes of its refresh token's two parts.
INSERT INTO devices (device_id, account_id, jwk, family_hash, rotation_hash, created_at, rotated_at, expires_at)
VALUES (%(device_id)s, %(account_id)s, %(jwk)s, %(family_hash)s, %(rotation_hash)s, app_now(), app_now(), app_now() + make_interval(days => %(days)s))
RETURNING expires_at;

-- name: open_access
-- A short access token of a phone.
INSERT INTO sessions (token_hash, account_id, device_id, created_at, expires_at)
VALUES (%(token_hash)s, %(account_id)s, %(device_id)s, app_now(), app_now() + make_interval(mins => %(minutes)s))
RETURNING expires_at;

-- name: lock
-- The phone whose refresh token this is, and whose it is; held until the transaction ends, so that a token is used once.
SELECT d.device_id, d.jwk, d.rotation_hash, a.account_id, a.login, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id
FROM devices AS d
JOIN accounts AS a USING (account_id)
LEFT JOIN staff AS s USING (staff_id)
WHERE d.family_hash = %(family_hash)s AND d.revoked_at IS NULL AND d.expires_at > app_now() AND a.active
FOR UPDATE OF d;

-- name: remember_proof
-- A proof is taken once: no row comes back for one that was shown before.
INSERT INTO proofs_seen (proof_hash, expires_at) VALUES (%(proof_hash)s, to_timestamp(%(expires_s)s)) ON CONFLICT DO NOTHING RETURNING proof_hash;

-- name: rotate
-- The next refresh token of a phone; the one before it holds no longer.
UPDATE devices SET rotation_hash = %(rotation_hash)s, rotated_at = app_now(), expires_at = app_now() + make_interval(days => %(days)s)
WHERE device_id = %(device_id)s
RETURNING expires_at;

-- name: end
-- The end of a phone's sign-in.
UPDATE devices SET revoked_at = app_now() WHERE device_id = %(device_id)s AND revoked_at IS NULL;

-- name: end_access
-- The end of the access tokens that a phone was given.
UPDATE sessions SET revoked_at = app_now() WHERE device_id = %(device_id)s AND revoked_at IS NULL;

-- name: of_token
-- The phone that an access token was given to.
SELECT device_id FROM sessions WHERE token_hash = %(token_hash)s;

-- name: prune_proofs
-- Proofs that are refused for their age by now; by the real clock, as that is what they were made by.
DELETE FROM proofs_seen WHERE expires_at < clock_timestamp();

-- name: prune
-- Phones whose sign-in ended more than a day ago; their access tokens go with them.
DELETE FROM devices WHERE least(expires_at, revoked_at) < app_now() - interval '1 day';
