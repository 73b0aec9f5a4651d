-- name: begin
-- A load begins: what is known before the first row.
INSERT INTO loads (load_id, target, file_name, sha256, mapping, crs, state)
VALUES (%(load_id)s, %(target)s, %(file_name)s, %(sha256)s, %(mapping)s, %(crs)s, 'staged');

-- name: staged
-- A file has been read.
UPDATE loads
SET state = %(state)s, rows_read = %(rows_read)s, taken = %(taken)s, mended = %(mended)s, refused = %(refused)s, set_aside = %(set_aside)s,
    audit = %(audit)s
WHERE load_id = %(load_id)s
RETURNING *;

-- name: published
-- A load came into force.
UPDATE loads SET state = 'published', published_at = clock_timestamp(), outcome = %(outcome)s, audit = %(audit)s
WHERE load_id = %(load_id)s
RETURNING *;

-- name: refused
-- A load is not going to be published.
UPDATE loads SET state = 'refused' WHERE load_id = %(load_id)s AND state = 'staged' RETURNING *;

-- name: undone
-- A load was taken back.
UPDATE loads SET state = 'undone', undone_at = clock_timestamp() WHERE load_id = %(load_id)s RETURNING *;

-- name: one
-- One load, held against another who publishes or undoes it.
SELECT * FROM loads WHERE load_id = %(load_id)s FOR UPDATE;

-- name: latest
-- The latest loads.
SELECT * FROM loads ORDER BY load_id DESC LIMIT %(limit)s;

-- name: later
-- Later loads of the same target that are in force: they were checked against this one.
SELECT load_id FROM loads
WHERE target = %(target)s AND state = 'published'
  AND published_at > (SELECT published_at FROM loads WHERE load_id = %(load_id)s)
ORDER BY load_id;

-- name: findings
-- What was found, in order.
SELECT row_no, kind, code, words_zh, words_en, was, now FROM load_findings WHERE load_id = %(load_id)s ORDER BY seq;

-- name: findings_by_code
-- How often each thing was found, with the first rows.
SELECT kind, code, count(*) AS n, min(words_zh) AS words_zh, min(words_en) AS words_en,
       (array_agg(row_no ORDER BY seq))[1:5] AS rows
FROM load_findings
WHERE load_id = %(load_id)s
GROUP BY kind, code
ORDER BY kind, n DESC, code;

-- name: hold
-- One load is published or undone at a time.
SELECT pg_advisory_xact_lock(7461667);
