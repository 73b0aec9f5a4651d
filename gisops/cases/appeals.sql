-- name: one
-- The appeal of a case, held until the transaction ends.
SELECT state, lodged_by, first_by, second_by FROM appeals WHERE district_code = %(district_code)s AND case_id = %(case_id)s FOR UPDATE;

-- name: lodge
-- A department objects; once in the life of a case.
INSERT INTO appeals (district_code, case_id, organisation_id, lodged_by, lodged_at) VALUES (%(district_code)s, %(case_id)s, %(organisation_id)s, %(account_id)s, app_now());

-- name: review_first
-- The dispatcher's review.
UPDATE appeals SET state = %(state)s, first_by = %(account_id)s, first_at = app_now() WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state = 'lodged';

-- name: review_second
-- The acceptor's review.
UPDATE appeals SET state = %(state)s, second_by = %(account_id)s, second_at = app_now(), seq = %(seq)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state = 'seconded';
