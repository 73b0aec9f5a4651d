-- Photographs: what the holder of a report's key may look at, and letting go of those that nobody used.

DROP FUNCTION IF EXISTS followed_photos;
CREATE FUNCTION followed_photos(uid uuid) RETURNS TABLE (sha256 text, shows text, n int)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, public, pg_temp
-- The photographs that whoever knows a report's key may look at. `report`: those of this report, where it was the first to name them: else whoever learns
-- a photograph's hash could send a report that names it, and look at it by that. `result`: what shows that its case is done, once that is over, of public
-- categories, unless the city's settings say otherwise; not to a report that was counted alone.
AS $$
  SELECT s.sha256, 'report', s.n::int
  FROM intake_keys k
  JOIN report_photos s ON s.district_code = k.district_code AND s.report_id = k.report_id
  WHERE k.client_uid = uid
    AND NOT EXISTS (SELECT FROM report_photos o WHERE o.sha256 = s.sha256 AND (o.added_at, o.report_id) < (s.added_at, s.report_id))
    AND NOT EXISTS (SELECT FROM case_photos o WHERE o.sha256 = s.sha256 AND o.added_at < s.added_at)
  UNION ALL
  SELECT p.sha256, 'result', p.n::int
  FROM intake_keys k
  JOIN reports r ON r.district_code = k.district_code AND r.report_id = k.report_id
  JOIN cases c ON c.district_code = r.district_code AND c.case_id = r.case_id
  JOIN categories g ON g.category_id = c.category_id AND g.public
  JOIN case_photos p ON p.district_code = c.district_code AND p.case_id = c.case_id AND p.phase = 'after'
  WHERE k.client_uid = uid AND c.state IN ('closed', 'force_closed')
    AND p.seq = (SELECT max(q.seq) FROM case_photos q WHERE q.district_code = c.district_code AND q.case_id = c.case_id AND q.phase = 'after')
    AND (SELECT coalesce((t.settings ->> 'result_photos')::boolean, true) FROM city t)
$$;

DROP FUNCTION IF EXISTS photo_of_report;
CREATE FUNCTION photo_of_report(uid uuid, picture text) RETURNS TABLE (copies text[], is_own boolean)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, public, pg_temp
-- The copies of one of them, for whoever knows the key; and whether it is the report's own, which it stays.
AS $$
  SELECT p.copies, o.is_own
  FROM photos p
  CROSS JOIN LATERAL (SELECT bool_or(f.shows = 'report') AS is_own FROM followed_photos(uid) f WHERE f.sha256 = picture) o
  WHERE p.sha256 = picture AND o.is_own IS NOT NULL
$$;
GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION followed_photos OWNER TO gisops_windows;
ALTER FUNCTION photo_of_report OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION followed_photos, photo_of_report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION followed_photos, photo_of_report TO gisops_app, gisops_reader;

DROP FUNCTION IF EXISTS forget_photos;
CREATE FUNCTION forget_photos(pictures text[]) RETURNS TABLE (sha256 text)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Let go of those whose time is over, a day at least, and that were never used. Evidence cannot be: whoever asks does not choose that.
AS $$
  DELETE FROM photos p
  WHERE p.sha256 = ANY (pictures) AND p.stored_at < clock_timestamp() - greatest(p.kept_for, interval '1 day')
    AND NOT EXISTS (SELECT FROM case_photos c WHERE c.sha256 = p.sha256)
    AND NOT EXISTS (SELECT FROM report_photos r WHERE r.sha256 = p.sha256)
  RETURNING p.sha256
$$;
REVOKE ALL ON FUNCTION forget_photos FROM PUBLIC;

DROP FUNCTION IF EXISTS unnamed_photos;
CREATE FUNCTION unnamed_photos(who text) RETURNS TABLE (own_bytes bigint, all_bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, public, pg_temp
-- How much lies here that was sent without a sign-in and is not named by a report yet, copies included: from one address, and from all. Sums alone: who
-- sent what is nobody's to read. As each counts a least, there are no more rows to sum than the sum of all over that (32,000 of 2 GB).
AS $$
  SELECT coalesce(sum(p.room_bytes) FILTER (WHERE p.sender = who), 0), coalesce(sum(p.room_bytes), 0) FROM photos p WHERE p.sender IS NOT NULL
$$;
REVOKE ALL ON FUNCTION unnamed_photos FROM PUBLIC;
