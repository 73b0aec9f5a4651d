-- name: add
-- One entry of the audit; whose it is the transaction's own setting says, where it has one.
SELECT audit_add(%(act)s, %(subject)s, %(object)s, %(purpose)s, %(place)s, %(rows)s, %(facts)s, %(account_id)s, %(key_id)s, %(district)s) AS entry_id;

-- name: page
-- A page of the audit, newest first, for those who may read it; the reading is written down by the same function.
SELECT * FROM audit_page(%(login)s, %(act)s, %(subject)s, %(from_at)s, %(until_at)s, %(after)s, %(most)s);

-- name: forget
-- Drop what is older than a moment, under seals that stay; per chain how many seals and entries.
SELECT chain, seals, entries FROM audit_forget(%(before)s);
