-- name: account_by_login
-- The account that wants to sign in, with its password's hash.
SELECT a.account_id, a.login, password_hash_of(a.login) AS password_hash, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id
FROM accounts AS a
LEFT JOIN staff AS s USING (staff_id)
WHERE a.login = %(login)s AND a.active;

-- name: password_hash
-- The hash of an active account's password, as it is now.
SELECT password_hash_of(%(login)s) AS password_hash;

-- name: actor_of_subject
-- The active account of somebody an identity provider vouches for.
SELECT a.account_id, a.login, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id
FROM accounts AS a
LEFT JOIN staff AS s USING (staff_id)
WHERE a.account_id = account_of_subject(%(subject)s) AND a.active;

-- name: open_session
-- A new sign-in, under the hash of its token.
INSERT INTO sessions (token_hash, account_id, created_at, expires_at)
VALUES (%(token_hash)s, %(account_id)s, app_now(), app_now() + make_interval(hours => %(hours)s))
RETURNING expires_at;

-- name: actor_of_session
-- Who holds a token; no row for one that is unknown, expired, revoked, or of an account that was closed.
SELECT a.account_id, a.login, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id, x.expires_at,
  x.device_id IS NOT NULL AS of_device
FROM sessions AS x
JOIN accounts AS a USING (account_id)
LEFT JOIN staff AS s USING (staff_id)
WHERE x.token_hash = %(token_hash)s AND x.revoked_at IS NULL AND x.expires_at > app_now() AND a.active;

-- name: sessions_alive
-- Which of these tokens still hold: people's sign-ins, phones' access tokens, keys of systems.
SELECT x.token_hash
FROM sessions AS x
JOIN accounts AS a USING (account_id)
WHERE x.token_hash = ANY(%(token_hashes)s) AND x.revoked_at IS NULL AND x.expires_at > app_now() AND a.active
UNION ALL
SELECT k.token_hash
FROM api_keys AS k
JOIN accounts AS a USING (account_id)
WHERE k.token_hash = ANY(%(token_hashes)s) AND k.revoked_at IS NULL AND k.expires_at > app_now() AND a.active;

-- name: revoke_session
-- The end of a sign-in.
UPDATE sessions SET revoked_at = app_now() WHERE token_hash = %(token_hash)s AND revoked_at IS NULL;

-- name: prune_sessions
-- Sign-ins that ended more than a day ago. Of a phone's access tokens, of which there are six an hour, those that ended.
DELETE FROM sessions
WHERE least(expires_at, revoked_at) < app_now() - CASE WHEN device_id IS NULL THEN interval '1 day' ELSE interval '0' END;

-- name: card
-- An account's own card: staff number, post, organisation.
SELECT a.login, a.role, s.code AS staff_code, s.post_zh, s.post_en, o.code AS organisation_code,
  o.name_zh AS organisation_name_zh, o.name_en AS organisation_name_en
FROM accounts AS a
LEFT JOIN staff AS s USING (staff_id)
LEFT JOIN organisations AS o ON o.organisation_id = coalesce(a.organisation_id, s.organisation_id)
WHERE a.account_id = %(account_id)s;

-- name: zones
-- The zones in force now to which a member of staff is assigned now, as one GeoJSON text made by the database.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(feature), '[]'::json))::text AS collection
FROM (
  SELECT json_build_object(
    'type', 'Feature',
    'geometry', ST_AsGeoJSON(ST_ForcePolygonCCW(z.geom), 7)::json,
    'properties', json_build_object(
      'code', z.code, 'name_zh', z.name_zh, 'name_en', z.name_en, 'kind', z.kind, 'assignment', a.role,
      'valid_until', least(upper(a.valid), upper(z.valid), upper(zs.valid))
    )
  ) AS feature
  FROM zone_staff AS a
  JOIN zones AS z USING (zone_id)
  JOIN zone_sets AS zs USING (zone_set_id)
  WHERE a.staff_id = %(staff_id)s AND a.valid @> app_now() AND z.valid @> app_now() AND zs.valid @> app_now()
  ORDER BY z.code, a.role
) AS mine;
