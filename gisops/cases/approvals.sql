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
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND state = 'requested' AND kind = ANY (%(kinds)s)
RETURNING approval_no, kind, requested_by;

-- name: waiting
-- What was asked for and is answered by some: requests of kinds, and appeals that wait for a review; those that wait longest first.
SELECT c.case_no, q.case_id, q.number, q.kind, q.state, q.reason_code, q.until, q.at, q.step, o.code AS organisation, o.name_zh AS organisation_zh,
       o.name_en AS organisation_en, q.by = %(account_id)s AS own, c.state AS case_state, c.severity, c.version, c.deadline, k.scheme, k.code AS category,
       k.name_zh AS category_zh, k.name_en AS category_en
FROM (
  SELECT a.district_code, a.case_id, a.approval_no AS number, a.kind, a.state, a.reason_code, a.until, a.requested_at AS at, NULL AS step,
         a.organisation_id, a.requested_by AS by
  FROM approvals a
  WHERE a.state = %(state)s AND a.kind = ANY (%(kinds)s)
  UNION ALL
  SELECT p.district_code, p.case_id, p.appeal_no, 'appeal', %(state)s, NULL, NULL, coalesce(p.first_at, p.lodged_at), p.state, p.organisation_id, p.lodged_by
  FROM appeals p
  WHERE p.state = ANY (%(steps)s)
) q
JOIN cases c USING (district_code, case_id)
JOIN organisations o ON o.organisation_id = q.organisation_id
JOIN categories k ON k.category_id = c.category_id
WHERE %(at)s::timestamptz IS NULL OR (q.at, q.case_id, q.number) > (%(at)s, %(case_id)s::uuid, %(number)s::int)
ORDER BY q.at, q.case_id, q.number
LIMIT %(most)s;
