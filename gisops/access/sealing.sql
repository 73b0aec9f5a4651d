-- name: seal
-- Number and seal what is committed and not sealed yet; how many entries.
SELECT audit_seal(%(most)s) AS sealed;

-- name: heads
-- The last seal of each chain, and which life of the database this is (a restore begins another).
SELECT DISTINCT ON (s.district_code) s.district_code, s.seal_no, s.last_pos, s.digest, s.sealed_at, r.epoch
FROM audit_seals s, relay_state r
ORDER BY s.district_code, s.seal_no DESC;

-- name: counts
-- How much there is to check, and since when entries wait for a seal.
SELECT count(*) AS entries, count(*) FILTER (WHERE pos IS NULL) AS waiting, min(at) FILTER (WHERE pos IS NULL) AS waiting_since,
       (SELECT count(*) FROM audit_seals) AS seals, (SELECT epoch FROM relay_state) AS epoch
FROM audit;

-- name: altered
-- Entries whose hash is not that of what they say.
SELECT a.district_code AS chain, a.seal_no, a.pos, a.entry_id
FROM audit a
WHERE a.hash <> audit_hash(a.district_code, a.entry_id, a.at, a.account_id, a.key_id, a.role, a.act, a.subject, a.object, a.purpose, a.place, a.rows, a.facts)
ORDER BY 1, 3
LIMIT %(most)s;

-- name: broken_seals
-- Seals that do not follow the one before, or that are not what their digest says; a seal whose entries were dropped before their time, or after a
-- seal that still has its own.
SELECT s.district_code AS chain, s.seal_no, s.first_pos, s.last_pos,
       CASE WHEN s.seal_no <> s.no_before + 1 THEN 'seal missing'
            WHEN s.prev_digest <> s.digest_before OR s.first_pos <> s.pos_before + 1 THEN 'seal not linked'
            WHEN s.forgotten_at IS NOT NULL AND (s.forgotten_at < s.sealed_at + interval '6 months' OR s.forgotten_before IS FALSE) THEN 'forgotten too soon'
            ELSE 'seal altered' END AS problem
FROM (
  SELECT c.*, coalesce(lag(c.seal_no) OVER w, 0) AS no_before, coalesce(lag(c.last_pos) OVER w, 0) AS pos_before,
         coalesce(lag(c.digest) OVER w, ''::bytea) AS digest_before, lag(c.forgotten_at) OVER w IS NOT NULL OR lag(c.seal_no) OVER w IS NULL AS forgotten_before
  FROM audit_seals c
  WINDOW w AS (PARTITION BY c.district_code ORDER BY c.seal_no)
) s
WHERE s.seal_no <> s.no_before + 1 OR s.prev_digest <> s.digest_before OR s.first_pos <> s.pos_before + 1 OR s.rows <> s.last_pos - s.first_pos + 1
   OR s.digest <> audit_digest(s.prev_digest, s.district_code, s.seal_no, s.first_pos, s.last_pos, s.rows, s.body, s.sealed_at)
   OR (s.forgotten_at IS NOT NULL AND (s.forgotten_at < s.sealed_at + interval '6 months' OR s.forgotten_before IS FALSE))
ORDER BY 1, 2
LIMIT %(most)s;

-- name: broken_bodies
-- Seals under which other entries lie than were sealed, and entries under a seal that is not there. Sorted once, by chain and number.
SELECT coalesce(e.district_code, s.district_code) AS chain, coalesce(e.seal_no, s.seal_no) AS seal_no, s.first_pos, s.last_pos,
       s.seal_no IS NOT NULL AS sealed
FROM (
  SELECT o.district_code, o.seal_no, count(*) AS rows, min(o.pos) AS first_pos, max(o.pos) AS last_pos, sha256(string_agg(o.hash, ''::bytea)) AS body
  FROM (SELECT a.district_code, a.seal_no, a.pos, a.hash FROM audit a WHERE a.pos IS NOT NULL ORDER BY a.district_code, a.seal_no, a.pos OFFSET 0) o
  GROUP BY o.district_code, o.seal_no
) e
FULL JOIN audit_seals s ON s.district_code = e.district_code AND s.seal_no = e.seal_no
WHERE CASE WHEN s.seal_no IS NULL THEN true
           WHEN s.forgotten_at IS NOT NULL THEN e.seal_no IS NOT NULL
           ELSE e.seal_no IS NULL OR (e.rows, e.first_pos, e.last_pos, e.body) IS DISTINCT FROM (s.rows, s.first_pos, s.last_pos, s.body) END
ORDER BY 1, 2
LIMIT %(most)s;

-- name: broken_within
-- Within one seal: which numbers are missing, given twice or beyond its own, and which entries do not stand in the order they were made in.
WITH counted AS MATERIALIZED (
  SELECT a.pos, a.entry_id, count(*) OVER (PARTITION BY a.pos) AS times
  FROM audit a
  WHERE a.district_code = %(chain)s AND a.seal_no = %(seal_no)s
), held AS MATERIALIZED (
  -- what was slipped in is told as that, and says nothing of its neighbours' order
  SELECT c.*, CASE WHEN c.times = 1 THEN lag(c.entry_id) OVER (PARTITION BY c.times = 1 ORDER BY c.pos) END AS before FROM counted c
)
SELECT m.pos, NULL::uuid AS entry_id, 'missing' AS problem
FROM generate_series(%(first_pos)s::bigint, %(last_pos)s::bigint) AS m (pos)
WHERE NOT EXISTS (SELECT FROM held h WHERE h.pos = m.pos)
UNION ALL
SELECT h.pos, h.entry_id, 'inserted' FROM held h WHERE h.times > 1 OR h.pos < %(first_pos)s::bigint OR h.pos > %(last_pos)s::bigint
UNION ALL
SELECT h.pos, h.entry_id, 'reordered' FROM held h WHERE h.before > h.entry_id
ORDER BY 1
LIMIT %(most)s;

-- name: seals_at
-- What the database says of the seals whose digests were written down outside of it.
SELECT w.n, s.digest
FROM unnest(%(chains)s::text[], %(seal_nos)s::int[]) WITH ORDINALITY AS w (chain, seal_no, n)
LEFT JOIN audit_seals s ON s.district_code = w.chain AND s.seal_no = w.seal_no
ORDER BY w.n;
