-- name: classed
-- Every column whose comment says personal or secret; parts of partitioned tables are told by the whole.
SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_description AS d
JOIN pg_class AS c ON c.oid = d.objoid AND c.relkind IN ('r', 'p') AND d.classoid = 'pg_class'::regclass
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND a.attgenerated = ''
  AND d.description ~ '^(personal|secret):'
ORDER BY 1;

-- name: elsewhere
-- A row in each table that the world leaves empty, and none of whose rows anybody uses here.
WITH a_device AS (
  INSERT INTO devices (device_id, account_id, jwk, family_hash, rotation_hash, created_at, rotated_at, expires_at)
  VALUES (gen_random_uuid(), 1, '{}', '1', '2', now(), now(), now() + interval '1 day')
), a_session AS (
  INSERT INTO sessions (token_hash, account_id, expires_at) VALUES ('KANARIE-sessions.token_hash-000001', 1, now() + interval '1 day')
), a_key AS (
  INSERT INTO api_keys (token_hash, account_id, label, scopes, created_at, expires_at)
  VALUES ('KANARIE-api_keys.token_hash-000001', 1, '样例 / sample', '{live}', now(), now() + interval '1 day')
), a_failure AS (
  INSERT INTO sign_in_failures (key, login_key, failed_at) VALUES ('1', '1', ARRAY[now()])
), a_bucket AS (
  INSERT INTO rate_buckets (key, tokens, filled_at) VALUES ('1', 1, now())
), an_intake AS (
  INSERT INTO intake_keys (client_uid, body_hash, district_code, case_id, answer, answered_at)
  SELECT gen_random_uuid(), '1', district_code, case_id, '1', now() FROM cases ORDER BY case_id LIMIT 1
), a_load AS (
  INSERT INTO loads (load_id, target, file_name, sha256, state) VALUES (99, 'places', 'sample.csv', 'x', 'undone')
  RETURNING load_id
), a_finding AS (
  INSERT INTO load_findings (load_id, seq, kind, code, words_zh, words_en, was, now) SELECT load_id, 1, 'noted', 'x', '', '', '', '' FROM a_load
), a_photo AS (
  -- places and times of one that is there, whose last digits are known
  INSERT INTO photos (sha256, mime, bytes, width, height, copies, stored_at, account_id, taken_at, exif_geom)
  SELECT repeat('a', 64), 'image/jpeg', 1, 1, 1, ARRAY['a', 'b', 'c'], now(), 1, captured_at AT TIME ZONE 'UTC', geom FROM last_positions LIMIT 1
), a_photo_of_a_case AS (
  INSERT INTO case_photos (district_code, case_id, seq, n, sha256, phase, captured_at, geom, accuracy_m, account_id, added_at)
  SELECT c.district_code, c.case_id, 1, 0, repeat('a', 64), 'after', now(), p.geom, 1, 1, now()
  FROM (SELECT * FROM cases ORDER BY case_id LIMIT 1) c CROSS JOIN (SELECT * FROM last_positions LIMIT 1) p
), a_message AS (
  INSERT INTO case_messages (district_code, case_id, message_id, account_id, role, text, at)
  SELECT district_code, case_id, gen_random_uuid(), 1, 'admin', '1', now() FROM cases ORDER BY case_id LIMIT 1
), a_text AS (
  INSERT INTO case_texts (district_code, case_id, text_id, seq, salt, text, at)
  SELECT district_code, case_id, gen_random_uuid(), 1, '1', '1', now() FROM cases ORDER BY case_id LIMIT 1
), a_webhook AS (
  INSERT INTO webhooks (label, url, secret, kinds, created_at)
  VALUES ('样例 / sample', 'https://gis.example/hook', repeat('s', 32)::bytea, '{progress}', now())
), a_track AS (
  INSERT INTO positions (district_code, staff_id, captured_at, accuracy_m, geom)
  SELECT district_code, staff_id, captured_at, accuracy_m, geom FROM last_positions
)
INSERT INTO audit (district_code, entry_id, at, account_id, role, act, subject, object, hash)
VALUES ('460100', gen_random_uuid(), now(), 1, 'admin', 'reveal', 'places', '1', '');
