-- name: keep
-- What somebody wrote about a case beside its moves.
INSERT INTO case_texts (district_code, case_id, text_id, kind, salt, text, at)
VALUES (%(district_code)s, %(case_id)s, %(text_id)s, %(kind)s, decode(%(salt)s, 'hex'), %(text)s, app_now());
