-- name: add
-- Another system that is told, and its way out.
WITH made AS (
  INSERT INTO webhooks (label, url, secret, kinds, organisation_id, created_at)
  VALUES (%(label)s, %(url)s, %(secret)s, %(kinds)s, %(organisation_id)s, app_now())
  RETURNING webhook_id
), a_lane AS (
  INSERT INTO delivery_lanes (lane, active) SELECT 'webhook:' || webhook_id, true FROM made
)
SELECT webhook_id FROM made;

-- name: organisation
-- The organisation of a code.
SELECT organisation_id FROM organisations WHERE code = %(code)s;

-- name: kinds
-- Every kind of notice there is.
SELECT kind, title_zh, title_en FROM notice_texts ORDER BY kind;

-- name: listed
-- Every webhook that is told, without its secret, and how it stands with it.
SELECT w.webhook_id, w.label, w.url, w.kinds, o.code AS organisation, w.created_at, l.failures, l.closed_until,
       (SELECT count(*) FROM deliveries d WHERE d.lane = l.lane AND d.state = 'waiting') AS waiting
FROM webhooks w
JOIN delivery_lanes l ON l.lane = 'webhook:' || w.webhook_id
LEFT JOIN organisations o ON o.organisation_id = w.organisation_id
WHERE w.active
ORDER BY w.webhook_id;

-- name: remove
-- It is told nothing any more.
UPDATE webhooks SET active = false WHERE webhook_id = %(webhook_id)s AND active;

-- name: close
-- Nothing leaves by its way any more.
UPDATE delivery_lanes SET active = false WHERE lane = %(lane)s;

-- name: drop_waiting
-- What waited for it is given up.
UPDATE deliveries d
SET state = 'dead', next_try_at = NULL, lease = NULL, last_error = 'removed'
FROM (SELECT q.district_code, q.delivery_id FROM deliveries q WHERE q.lane = %(lane)s AND q.state = 'waiting') AS left_over
WHERE d.district_code = left_over.district_code AND d.delivery_id = left_over.delivery_id AND d.state = 'waiting';
