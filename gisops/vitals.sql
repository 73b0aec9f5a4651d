-- name: open_cases
-- Cases that are not finished, by state, and how many of them are past their deadline. Asked through the partial index of open cases.
SELECT state, count(*)::int AS n, (count(*) FILTER (WHERE deadline < app_now()))::int AS overdue
FROM cases
WHERE stage < 7
GROUP BY state;

-- name: sizes
-- Events without a position, and how large the database is.
SELECT (SELECT count(*)::int FROM outbox WHERE pos IS NULL) AS waiting, pg_database_size(current_database()) AS bytes;
