-- What the doors may ask and not read.

CREATE OR REPLACE FUNCTION password_hash_of(login text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The hash of one account's password, for whoever knows the login: the doors check passwords, and cannot list all hashes for somebody to guess at.
RETURN (SELECT a.password_hash FROM public.accounts a WHERE a.login = password_hash_of.login AND a.active);
REVOKE EXECUTE ON FUNCTION password_hash_of FROM PUBLIC;

CREATE OR REPLACE FUNCTION account_of_subject(subject text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The account of somebody an identity provider vouches for (issuer, space, subject): the doors cannot list who is who there.
RETURN (SELECT a.account_id FROM public.accounts a WHERE a.oidc_subject = account_of_subject.subject AND a.active);
REVOKE EXECUTE ON FUNCTION account_of_subject FROM PUBLIC;
