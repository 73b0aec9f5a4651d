-- name: lock
-- One at a time for one photograph: whoever keeps its files, and whoever removes them.
SELECT pg_advisory_xact_lock(hashtextextended(%(sha256)s, 0));

-- name: record
-- What is known of a photograph whose files are there. Of one that was known before, how long it may lie here unnamed, from now on.
INSERT INTO photos AS p (sha256, mime, bytes, width, height, phash, bands, copies, stored_at, account_id, sender, room_bytes, kept_for, taken_at, exif_geom, exif)
VALUES (%(sha256)s, %(mime)s, %(bytes)s, %(width)s, %(height)s, %(phash)s, %(bands)s, %(copies)s, clock_timestamp(), %(account_id)s, %(sender)s,
        %(room_bytes)s, %(kept_for)s, %(taken_at)s, ST_SetSRID(ST_MakePoint(%(exif_lon)s, %(exif_lat)s), 4326), %(exif)s)
ON CONFLICT (sha256) DO UPDATE SET kept_for = greatest(p.kept_for, excluded.stored_at - p.stored_at + excluded.kept_for);

-- name: of_somebody
-- Somebody who signed in sent it too: it counts for no address any more.
UPDATE photos SET sender = NULL WHERE sha256 = %(sha256)s;

-- name: one_stranger_at_a_time
-- Whoever makes a photograph known without a sign-in waits for whoever else does, and counts what that one brought.
SELECT pg_advisory_xact_lock(hashtextextended('photos of strangers', 0));

-- name: there
-- Which of these photographs are known.
SELECT sha256 FROM photos WHERE sha256 = ANY (%(sha256s)s);

-- name: usable
-- Which of these photographs may be named: those that were used already, and those that were sent in lately. The others may be forgotten
-- at any moment (forget_photos); the seventh of their time between the two, a day or some hours, spares everybody a lock.
SELECT p.sha256, p.phash, p.bands
FROM photos p
WHERE p.sha256 = ANY (%(sha256s)s)
  AND (p.stored_at > clock_timestamp() - p.kept_for * 6 / 7 OR EXISTS (SELECT FROM case_photos c WHERE c.sha256 = p.sha256)
       OR EXISTS (SELECT FROM report_photos r WHERE r.sha256 = p.sha256));

-- name: came_with
-- Photographs that reports came with. From where one was sent in is forgotten by that.
WITH named AS (
  INSERT INTO report_photos (district_code, report_id, n, sha256, added_at)
  SELECT r.district_code, r.report_id, (p.n - 1)::smallint, p.sha256, r.received_at
  FROM jsonb_to_recordset(%(rows)s) AS r (district_code text, report_id uuid, photos jsonb, received_at timestamptz)
  CROSS JOIN LATERAL jsonb_array_elements_text(r.photos) WITH ORDINALITY AS p (sha256, n)
  RETURNING sha256
)
UPDATE photos p SET sender = NULL WHERE p.sha256 IN (SELECT sha256 FROM named);

-- name: unnamed
-- How much was sent without a sign-in and named by nobody yet: from one address, and from all.
SELECT own_bytes, all_bytes FROM unnamed_photos(%(sender)s);

-- name: seen
-- The cases with a photograph that the viewer may see: it came with one of their reports, or with one of their moves.
SELECT DISTINCT c.organisation_id, p.copies
FROM (
  SELECT r.district_code, r.case_id
  FROM report_photos s JOIN reports r USING (district_code, report_id)
  WHERE s.sha256 = %(sha256)s
  UNION ALL
  SELECT s.district_code, s.case_id FROM case_photos s WHERE s.sha256 = %(sha256)s
) AS used
JOIN cases c USING (district_code, case_id)
JOIN photos p ON p.sha256 = %(sha256)s;

-- name: of_report
-- A photograph of a report, for whoever knows the report's key.
SELECT copies, is_own FROM photo_of_report(%(client_uid)s, %(sha256)s);

-- name: unused
-- Photographs whose time is over and that were never used, oldest first; the least time is a day.
SELECT p.sha256
FROM photos p
WHERE p.stored_at < clock_timestamp() - interval '1 day' AND p.stored_at < clock_timestamp() - p.kept_for
  AND NOT EXISTS (SELECT FROM case_photos c WHERE c.sha256 = p.sha256)
  AND NOT EXISTS (SELECT FROM report_photos r WHERE r.sha256 = p.sha256)
ORDER BY p.stored_at
LIMIT %(most)s;

-- name: forget
-- Let go of photographs that were sent in and never used; says which.
SELECT sha256 FROM forget_photos(%(sha256s)s);

-- name: every
-- Every photograph with what its files must be.
SELECT sha256, copies FROM photos ORDER BY sha256;

-- name: unkept
-- Photographs that were used and are not known themselves.
SELECT used.sha256
FROM (SELECT sha256 FROM case_photos UNION SELECT sha256 FROM report_photos) AS used
WHERE NOT EXISTS (SELECT FROM photos p WHERE p.sha256 = used.sha256);
