-- name: one
-- The appeal against a case's last closing, held until the transaction ends.
SELECT appeal_no, state, clock_no, lodged_by, first_by, second_by FROM appeals
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND lodged_at >= %(since)s
ORDER BY appeal_no DESC LIMIT 1
FOR UPDATE;

-- name: lodge
-- A department objects; once each time that the case was closed.
INSERT INTO appeals (district_code, case_id, appeal_no, organisation_id, lodged_by, lodged_at, clock_no)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(a.appeal_no), 0) + 1 FROM appeals a WHERE a.district_code = %(district_code)s AND a.case_id = %(case_id)s),
       %(organisation_id)s, %(account_id)s, app_now(), %(clock_no)s;

-- name: review_first
-- The dispatcher's review.
UPDATE appeals SET state = %(state)s, first_by = %(account_id)s, first_at = app_now(), clock_no = %(clock_no)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND appeal_no = %(appeal_no)s AND state = 'lodged';

-- name: review_second
-- The acceptor's review.
UPDATE appeals SET state = %(state)s, second_by = %(account_id)s, second_at = app_now(), seq = %(seq)s, clock_no = %(clock_no)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND appeal_no = %(appeal_no)s AND state = 'seconded';

-- name: lapse
-- The case was opened again: what waited for a review does so no more.
UPDATE appeals SET state = 'lapsed'
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state IN ('lodged', 'seconded')
RETURNING appeal_no, clock_no, lodged_by;
