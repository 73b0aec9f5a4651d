-- name: open_of_kind
-- The request of a kind that waits for an answer.
SELECT approval_no FROM approvals WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND kind = %(kind)s AND state = 'requested';

-- name: request
-- Ask for something.
INSERT INTO approvals (district_code, case_id, approval_no, kind, reason_code, until, details, organisation_id, requested_by, requested_at, request_text_id)
SELECT %(district_code)s, %(case_id)s,
       (SELECT coalesce(max(a.approval_no), 0) + 1 FROM approvals a WHERE a.district_code = %(district_code)s AND a.case_id = %(case_id)s),
       %(kind)s, %(reason_code)s, %(until)s, %(details)s, %(organisation_id)s, %(account_id)s, app_now(), %(text_id)s
RETURNING approval_no;

-- name: one
-- One request, held until the transaction ends.
SELECT approval_no, kind, state, reason_code, until, details, organisation_id, requested_by, requested_at
FROM approvals WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND approval_no = %(approval_no)s
FOR UPDATE;

-- name: decide
-- Answer a request.
UPDATE approvals
SET state = %(state)s, decided_by = %(account_id)s, decided_at = app_now(), decision_text_id = %(text_id)s, seq = %(seq)s
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND approval_no = %(approval_no)s AND state = 'requested';

-- name: lapse
-- What was asked for in a case that is over, or is another's now, needs no answer any more.
UPDATE approvals SET state = 'withdrawn', decided_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state = 'requested' AND kind = ANY (%(kinds)s);
