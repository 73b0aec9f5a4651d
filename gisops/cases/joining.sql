-- name: key
-- What is kept secret in this database, and what words to join a case by are sealed with follows from.
SELECT live_key FROM relay_state;

-- name: near
-- Open cases near a point, as anybody may be told of them.
SELECT n.*, app_now() AS now
FROM near_for_strangers(%(lon)s, %(lat)s, %(reach_m)s, %(fuzz_m)s, %(category_id)s, %(from_score)s, %(most)s) n;
