-- name: listed
-- Every account and what it has open.
SELECT a.login, a.role, s.code AS staff, o.code AS organisation, a.active, a.everywhere, a.oidc_subject IS NOT NULL AS linked, a.is_sample,
  (SELECT count(*) FROM sessions AS x WHERE x.account_id = a.account_id AND x.device_id IS NULL AND x.revoked_at IS NULL AND x.expires_at > app_now())
    + (SELECT count(*) FROM devices AS d WHERE d.account_id = a.account_id AND d.revoked_at IS NULL AND d.expires_at > app_now()) AS open,
  (SELECT count(*) FROM api_keys AS k WHERE k.account_id = a.account_id AND k.revoked_at IS NULL AND k.expires_at > app_now()) AS keys
FROM accounts AS a
LEFT JOIN staff AS s USING (staff_id)
LEFT JOIN organisations AS o ON o.organisation_id = coalesce(a.organisation_id, s.organisation_id)
ORDER BY a.login;

-- name: account
-- An account's number, held until the transaction ends: what is changed and what is ended belong together.
SELECT account_id FROM accounts WHERE login = %(login)s FOR UPDATE;

-- name: staff_of_code
-- A member of staff by the code people know.
SELECT staff_id AS number FROM staff WHERE code = %(code)s;

-- name: organisation_of_code
-- An organisation by its code.
SELECT organisation_id AS number FROM organisations WHERE code = %(code)s;

-- name: add
-- A new account; no row comes back where the login is taken.
INSERT INTO accounts (login, password_hash, role, staff_id, organisation_id)
VALUES (%(login)s, %(password_hash)s, %(role)s, %(staff_id)s, %(organisation_id)s)
ON CONFLICT (login) DO NOTHING
RETURNING account_id;

-- name: set_password
-- Another password.
UPDATE accounts SET password_hash = %(password_hash)s WHERE account_id = %(account_id)s;

-- name: set_role
-- Another role, and with it other fields to see; the whole city only where the role may have that.
UPDATE accounts SET role = %(role)s, everywhere = everywhere AND %(role)s = ANY(%(everywhere_roles)s), scope_version = scope_version + 1
WHERE account_id = %(account_id)s;

-- name: set_active
-- Closed, or open again.
UPDATE accounts SET active = %(active)s WHERE account_id = %(account_id)s;

-- name: linked_to_another
-- Whom a person of the identity provider is linked to, if it is somebody else.
SELECT login FROM accounts WHERE oidc_subject = %(subject)s AND account_id <> %(account_id)s;

-- name: link
-- Who an account is at the identity provider; null takes it away.
UPDATE accounts SET oidc_subject = %(subject)s WHERE account_id = %(account_id)s;

-- name: end_sessions
-- The end of every sign-in that stands by itself.
UPDATE sessions SET revoked_at = app_now() WHERE account_id = %(account_id)s AND device_id IS NULL AND revoked_at IS NULL AND expires_at > app_now();

-- name: end_devices
-- The end of every phone's sign-in. By its row, on which a refresh waits: no access token comes into being after this.
UPDATE devices SET revoked_at = app_now() WHERE account_id = %(account_id)s AND revoked_at IS NULL AND expires_at > app_now();

-- name: end_access
-- The end of the access tokens that phones were given.
UPDATE sessions SET revoked_at = app_now() WHERE account_id = %(account_id)s AND device_id IS NOT NULL AND revoked_at IS NULL;

-- name: end_keys
-- The end of every key.
UPDATE api_keys SET revoked_at = app_now() WHERE account_id = %(account_id)s AND revoked_at IS NULL AND expires_at > app_now();
