-- name: tell
-- Write notices, each once however often it is told, with what has to leave the house.
SELECT tell(%(rows)s) AS told;

-- name: mine
-- The notices of the transaction's viewer, newest first, with the words of their kind and what the case is called.
SELECT n.notice_id, n.kind, n.facts, n.created_at, n.read_at, n.told_as, x.title_zh, x.title_en, x.text_zh, x.text_en
FROM my_notices(%(before)s, %(most)s) AS n
LEFT JOIN notice_texts x ON x.kind = n.kind
ORDER BY n.notice_id DESC;

-- name: unread
-- How many of the viewer's newest notices he has not read.
SELECT count(*) AS unread FROM my_notices(NULL, %(most)s) AS n WHERE n.read_at IS NULL;

-- name: read
-- An account has read these, or all up to one.
SELECT read_notices(%(account_id)s, %(keys)s::uuid[], %(until)s) AS marked;

-- name: forget
-- Forget what was read long ago, and what nobody read longer ago still.
SELECT forget_notices(%(days)s, %(most)s) AS forgotten;
