-- What the doors may ask and not read.

CREATE OR REPLACE FUNCTION password_hash_of(login text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The hash of one account's password, for whoever knows the login: the doors check passwords, and cannot list all hashes for somebody to guess at.
RETURN (SELECT a.password_hash FROM public.accounts a WHERE a.login = password_hash_of.login AND a.active);
REVOKE EXECUTE ON FUNCTION password_hash_of FROM PUBLIC;
