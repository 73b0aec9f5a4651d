-- name: patience
-- How long each of the transaction's statements may take from here on, in milliseconds.
SELECT set_config('statement_timeout', %(milliseconds)s, true);
