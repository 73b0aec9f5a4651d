-- name: thread
-- What was written about a case that the viewer may see, the newest page first turned round: oldest of the page first.
SELECT m.message_id, m.at, m.role, m.text, m.erased_at, m.account_id, o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
       s.code AS staff_code, s.name AS staff_name, s.post_zh, s.post_en,
       ARRAY(SELECT jsonb_build_object('code', p.code, 'name', p.name, 'post_zh', p.post_zh, 'post_en', p.post_en)
             FROM staff p WHERE p.staff_id = ANY (m.mentions) ORDER BY p.code) AS mentions
FROM (
  SELECT m.* FROM case_messages m
  WHERE m.district_code = %(district_code)s AND m.case_id = %(case_id)s
    AND (%(before)s::uuid IS NULL OR (m.at, m.message_id) < (
      SELECT b.at, b.message_id FROM case_messages b
      WHERE b.district_code = %(district_code)s AND b.case_id = %(case_id)s AND b.message_id = %(before)s))
  ORDER BY m.at DESC, m.message_id DESC
  LIMIT %(most)s
) AS m
LEFT JOIN organisations o ON o.organisation_id = m.organisation_id
LEFT JOIN staff s ON s.staff_id = m.staff_id
ORDER BY m.at, m.message_id;

-- name: whose
-- The key of a case that the viewer may see, and who holds it.
SELECT c.district_code, c.case_id, c.organisation_id, c.version
FROM seen_cases(number => %(case_no)s) AS seen
JOIN cases c USING (district_code, case_id);

-- name: meant
-- Of the members of staff that are meant, those who work on the case: of the organisation that holds it or of the desk, its handler and superior, and
-- whoever wrote about it before. Others would learn from it that there is such a case.
SELECT s.staff_id, s.code
FROM staff s
WHERE s.code = ANY (%(codes)s) AND s.active
  AND (s.organisation_id IN (%(organisation_id)s, %(desk_id)s) OR s.staff_id IN (%(handler_id)s, %(superior_id)s)
       OR EXISTS (SELECT FROM case_messages m WHERE m.district_code = %(district_code)s AND m.case_id = %(case_id)s AND m.staff_id = s.staff_id));

-- name: write
-- A message; the same key again is left alone.
INSERT INTO case_messages (district_code, case_id, message_id, account_id, staff_id, role, organisation_id, text, mentions, at)
VALUES (%(district_code)s, %(case_id)s, %(message_id)s, %(account_id)s, %(staff_id)s, %(role)s, %(organisation_id)s, %(text)s, %(mentions)s, app_now())
ON CONFLICT DO NOTHING;

-- name: written
-- A message that is there already under this key.
SELECT account_id, text, erased_at FROM case_messages
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND message_id = %(message_id)s;

-- name: erase
-- A message without its text; that there was one, and when, stays.
UPDATE case_messages SET text = NULL, erased_at = app_now()
WHERE district_code = %(district_code)s AND case_id = %(case_id)s AND message_id = %(message_id)s AND erased_at IS NULL
  AND (account_id = %(account_id)s OR %(any)s);
