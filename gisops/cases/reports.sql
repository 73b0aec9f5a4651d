-- name: answered
-- What was answered to these senders' keys before.
SELECT client_uid, body_hash, answer FROM intake_keys WHERE client_uid = ANY (%(client_uids)s);

-- name: follow
-- What became of a report, for whoever knows its key: nothing personal.
SELECT * FROM followed_report(%(client_uid)s);
