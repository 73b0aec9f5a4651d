-- What notices say. A kind that is new with a release gets its words here; what a city has worded its own way stays as it is.
INSERT INTO notice_texts (kind, title_zh, title_en, text_zh, text_en, sms, mail) VALUES
  ('assigned', '新案件', 'A case for you', '案件{case_no}（{category_zh}）请您处理，截止{deadline}。', 'Case {case_no} ({category_en}) is yours, due {deadline}.', true, false),
  ('beside', '知会', 'For your information', '案件{case_no}（{category_zh}）已派给您的下属或单位。', 'Case {case_no} ({category_en}) was sent to your people.', false, false),
  ('task', '新任务', 'A task for you', '案件{case_no}（{category_zh}）有一项任务：{action_zh}。', 'Case {case_no} ({category_en}) has a task for you: {action_en}.', true, false),
  ('moved', '案件进展', 'A case moved on', '案件{case_no}（{category_zh}）：{action_zh}，现为{state_zh}。', 'Case {case_no} ({category_en}): {action_en}; now {state_en}.', false, false),
  ('progress', '您反映的问题有进展', 'Your report moved on', '您反映的问题（案件{case_no}）：{action_zh}，现为{state_zh}。', 'Your report (case {case_no}): {action_en}; now {state_en}.', false, false),
  ('remind', '即将超时', 'Time is running out', '案件{case_no}（{category_zh}）已用时限的{percent}%，截止{deadline}。', 'Case {case_no} ({category_en}) has used {percent}% of its time, due {deadline}.', true, false),
  ('overdue', '已超时', 'Overdue', '案件{case_no}（{category_zh}）已超时，截止时间为{deadline}。', 'Case {case_no} ({category_en}) is overdue since {deadline}.', true, true),
  ('escalate', '超时升级', 'Escalated', '案件{case_no}（{category_zh}）已用时限的{percent}%，升级至第{level}级。', 'Case {case_no} ({category_en}) has used {percent}% of its time: escalated to level {level}.', true, true),
  ('promote', '简易案件转立案', 'Promoted to the standard flow', '简易案件{case_no}（{category_zh}）超时未结，已转一般流程立案。', 'Simple case {case_no} ({category_en}) ran over its time and was filed.', true, false),
  ('timer_failed', '计时任务受阻', 'A timer could not do its work', '案件{case_no}的计时任务（{due_kind}）未能执行：{error}。', 'The timer of case {case_no} ({due_kind}) could not do its work: {error}.', false, true),
  ('auto_rule_off', '自动立案规则已停用', 'A rule for filing went off', '自动立案规则{rule}已自行停用：近{decided}件中{overturned}件被推翻（{percent}%）。', 'The rule {rule} switched itself off: of {decided} decided cases {overturned} were overturned ({percent}%).', false, true),
  ('mention', '有人提到您', 'You were mentioned', '案件{case_no}（{category_zh}）的留言中提到了您。', 'You were mentioned in the thread of case {case_no} ({category_en}).', false, false),
  ('message', '案件留言', 'A message on a case', '案件{case_no}（{category_zh}）有新留言。', 'There is a new message on case {case_no} ({category_en}).', false, false),
  ('order', '督办', 'Supervision order', '案件{case_no}（{category_zh}）已被督办。', 'Case {case_no} ({category_en}) is under a supervision order.', true, true),
  ('urge', '催办', 'Urged', '案件{case_no}（{category_zh}）被催办，请尽快处理。', 'Case {case_no} ({category_en}) is urged: please act soon.', true, false),
  ('approval', '待审批', 'An approval is asked for', '案件{case_no}（{category_zh}）有一项申请待审批。', 'Case {case_no} ({category_en}) waits for your approval.', false, false),
  ('decided', '审批结果', 'An approval was decided', '案件{case_no}（{category_zh}）的申请已有审批结果。', 'What was asked for on case {case_no} ({category_en}) was decided.', false, false),
  ('joined', '并案', 'Joined', '您反映的问题已并入案件{case_no}。', 'Your report was joined with case {case_no}.', false, false),
  ('pressing', '多人反映', 'Reported by many', '案件{case_no}（{category_zh}）已有{reports}条上报，优先级上调。', 'Case {case_no} ({category_en}) now has {reports} reports and is more pressing.', false, false),
  ('recurrence', '问题复发', 'The same again', '案件{case_no}（{category_zh}）是已结案问题的复发。', 'Case {case_no} ({category_en}) is a closed one come again.', false, false)
ON CONFLICT (kind) DO NOTHING;
