-- name: answered
-- What was answered to these senders' keys before.
SELECT client_uid, body_hash, answer FROM intake_keys WHERE client_uid = ANY (%(client_uids)s);

-- name: follow
-- What became of a report, for whoever knows its key: nothing personal.
SELECT r.*, app_now() AS now,
       ARRAY(SELECT p.sha256 FROM followed_photos(%(client_uid)s) p WHERE p.shows = 'report' ORDER BY p.n) AS photos,
       ARRAY(SELECT p.sha256 FROM followed_photos(%(client_uid)s) p WHERE p.shows = 'result' ORDER BY p.n) AS result_photos
FROM followed_report(%(client_uid)s) r;
