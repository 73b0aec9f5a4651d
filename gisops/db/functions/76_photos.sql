-- Photographs: what the holder of a report's key may look at, and letting go of those that nobody used.

DROP FUNCTION IF EXISTS photo_of_report;
CREATE FUNCTION photo_of_report(uid uuid, picture text) RETURNS TABLE (copies text[])
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, public, pg_temp
-- A photograph of the report with this key, for whoever knows the key. Only where this report was the first to name it: else whoever learns a
-- photograph's hash could send a report that names it, and look at it by that.
AS $$
  SELECT p.copies
  FROM intake_keys k
  JOIN report_photos s ON s.district_code = k.district_code AND s.report_id = k.report_id AND s.sha256 = picture
  JOIN photos p USING (sha256)
  WHERE k.client_uid = uid
    AND NOT EXISTS (SELECT FROM report_photos o WHERE o.sha256 = picture AND (o.added_at, o.report_id) < (s.added_at, s.report_id))
    AND NOT EXISTS (SELECT FROM case_photos o WHERE o.sha256 = picture AND o.added_at < s.added_at)
  LIMIT 1
$$;
GRANT CREATE ON SCHEMA public TO gisops_windows;
ALTER FUNCTION photo_of_report OWNER TO gisops_windows;
REVOKE CREATE ON SCHEMA public FROM gisops_windows;
REVOKE ALL ON FUNCTION photo_of_report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION photo_of_report TO gisops_app, gisops_reader;

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
