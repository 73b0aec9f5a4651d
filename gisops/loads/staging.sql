-- name: next_load
-- The number of a load, before anything is known of it.
SELECT nextval(pg_get_serial_sequence('loads', 'load_id'))::int AS load_id;

-- name: create_stage
-- Where the rows wait. Unlogged: a file can be read again; what publishing replaces is kept in logged tables.
CREATE UNLOGGED TABLE staging.{stage} (row_no bigint PRIMARY KEY, {columns});

-- name: copy_rows
-- Rows of one batch.
COPY staging.{stage} (row_no, {columns}) FROM STDIN;

-- name: copy_findings
-- What was found in one batch.
COPY load_findings (load_id, seq, row_no, kind, code, words_zh, words_en, was, now) FROM STDIN;

-- name: repeated
-- Rows whose key stands in the file before, with the row where it stood first.
SELECT row_no, first_no, was
FROM (
  SELECT row_no, min(row_no) OVER (PARTITION BY {key}) AS first_no, concat_ws(' / ', {key}) AS was
  FROM staging.{stage}
) s
WHERE row_no <> first_no
ORDER BY row_no;

-- name: leave_out
-- Take rows out of the stage.
DELETE FROM staging.{stage} WHERE row_no = ANY (%(rows)s);

-- name: at_place
-- Rows at one exact coordinate.
SELECT row_no FROM staging.{stage} WHERE geom = ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) ORDER BY row_no;

-- name: unknown_parents
-- Rows that name a superior who is neither in the file nor there already.
SELECT s.row_no, s.{column} AS was
FROM staging.{stage} s
WHERE s.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM staging.{stage} o WHERE o.code = s.{column})
  AND NOT EXISTS (SELECT FROM {table} t WHERE t.code = s.{column})
ORDER BY s.row_no;

-- name: overlapping_turns
-- Turns of one person that overlap one that stands in the file before.
SELECT b.row_no, min(a.row_no) AS first_no, b.on_duty::text AS was
FROM staging.{stage} a
JOIN staging.{stage} b ON b.staff_id = a.staff_id AND b.district_code = a.district_code AND b.row_no > a.row_no AND b.on_duty && a.on_duty
GROUP BY b.row_no, b.on_duty
ORDER BY b.row_no;

-- name: fill_cells
-- The cell each part lies in, where the file names none.
UPDATE staging.{stage} s
SET grid_cell_code = c.code
FROM staging.{stage} o
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(o.geom) AS p OFFSET 0) q
CROSS JOIN LATERAL cell_at(q.p, app_now()) c
WHERE o.row_no = s.row_no AND o.grid_cell_code IS NULL;

-- name: analyze
-- Without statistics the plans of publishing would be guesses.
ANALYZE staging.{stage};
