-- name: beside
-- What belongs to a case beside its story: photographs, what was agreed on, and the conditions it was filed and closed under.
SELECT c.organisation_id, c.filing_condition_id, c.closing_condition_id, coalesce(c.filed_at, c.reported_at) AS filed_at, c.closed_at,
  ARRAY(SELECT jsonb_build_object('seq', p.seq, 'n', p.n, 'sha256', p.sha256, 'phase', p.phase, 'captured_at', p.captured_at, 'accuracy_m', p.accuracy_m)
        FROM case_photos p WHERE p.district_code = c.district_code AND p.case_id = c.case_id ORDER BY p.seq, p.n) AS photos,
  ARRAY(SELECT jsonb_build_object('approval_no', a.approval_no, 'kind', a.kind, 'state', a.state, 'reason_code', a.reason_code, 'until', a.until,
                                  'organisation', o.code, 'requested_at', a.requested_at, 'decided_at', a.decided_at, 'seq', a.seq, 'texts', texts.told)
        FROM approvals a JOIN organisations o USING (organisation_id)
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(CASE t.text_id WHEN a.request_text_id THEN 'request' ELSE 'decision' END, t.text) AS told FROM case_texts t
                            WHERE t.district_code = a.district_code AND t.case_id = a.case_id AND t.text_id IN (a.request_text_id, a.decision_text_id)) texts
        WHERE a.district_code = c.district_code AND a.case_id = c.case_id ORDER BY a.approval_no) AS approvals,
  ARRAY(SELECT jsonb_build_object('subtask_no', s.subtask_no, 'required', s.required, 'state', s.state, 'organisation', o.code, 'organisation_zh', o.name_zh,
                                  'organisation_en', o.name_en, 'deadline', s.deadline, 'opened_at', s.opened_at, 'acknowledged_at', s.acknowledged_at,
                                  'ended_at', s.ended_at, 'reason_code', s.reason_code, 'texts', texts.told)
        FROM case_subtasks s JOIN organisations o USING (organisation_id)
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(CASE t.text_id WHEN s.task_text_id THEN 'task' ELSE 'result' END, t.text) AS told FROM case_texts t
                            WHERE t.district_code = s.district_code AND t.case_id = s.case_id AND t.text_id IN (s.task_text_id, s.result_text_id)) texts
        WHERE s.district_code = c.district_code AND s.case_id = c.case_id ORDER BY s.subtask_no) AS subtasks,
  ARRAY(SELECT jsonb_build_object('dispute_no', d.dispute_no, 'opened_at', d.opened_at, 'interim_organisation', i.code, 'decision', d.decision,
                                  'organisation', o.code, 'effective_from', d.effective_from, 'decided_at', d.decided_at,
                                  'parties', ARRAY(SELECT p.code FROM organisations p WHERE p.organisation_id = ANY (d.parties) ORDER BY p.code))
        FROM disputes d LEFT JOIN organisations o ON o.organisation_id = d.organisation_id LEFT JOIN organisations i ON i.organisation_id = d.interim_organisation_id
        WHERE d.district_code = c.district_code AND d.case_id = c.case_id ORDER BY d.dispute_no) AS disputes,
  ARRAY(SELECT jsonb_build_object('order_no', s.order_no, 'level', s.level, 'state', s.state, 'organisation', o.code, 'issued_at', s.issued_at, 'due_at', s.due_at,
                                  'answered_at', s.answered_at, 'closed_at', s.closed_at, 'texts', texts.told)
        FROM supervision_orders s JOIN organisations o USING (organisation_id)
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(CASE t.text_id WHEN s.text_id THEN 'order' ELSE 'answer' END, t.text) AS told FROM case_texts t
                            WHERE t.district_code = s.district_code AND t.case_id = s.case_id AND t.text_id IN (s.text_id, s.answer_text_id)) texts
        WHERE s.district_code = c.district_code AND s.case_id = c.case_id ORDER BY s.order_no) AS supervision_orders,
  ARRAY(SELECT jsonb_build_object('urging_no', u.urging_no, 'by_reporter', u.by_reporter, 'organisation', o.code, 'at', u.at)
        FROM urgings u JOIN organisations o USING (organisation_id)
        WHERE u.district_code = c.district_code AND u.case_id = c.case_id ORDER BY u.urging_no) AS urgings,
  ARRAY(SELECT jsonb_build_object('state', a.state, 'organisation', o.code, 'lodged_at', a.lodged_at, 'first_at', a.first_at, 'second_at', a.second_at)
        FROM appeals a JOIN organisations o USING (organisation_id)
        WHERE a.district_code = c.district_code AND a.case_id = c.case_id) AS appeals,
  ARRAY(SELECT jsonb_build_object('follow_up_no', f.follow_up_no, 'method', f.method, 'reached', f.reached, 'score', f.score, 'at', f.at)
        FROM follow_ups f WHERE f.district_code = c.district_code AND f.case_id = c.case_id ORDER BY f.follow_up_no) AS follow_ups
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id);
