-- The months in which the history of cases and the tracks of officers lie: made ahead, made for the past, dropped when their time is over.

DROP FUNCTION IF EXISTS ensure_partitions(timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION ensure_partitions(first_at timestamptz, last_at timestamptz, only_table text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
-- Make the months from one moment to another, in UTC, for every table (or the one named) that is parted by a moment or by UUIDv7 keys; returns the names of
-- those that were not there. A month is made beside the table and then attached, which readers and writers of other months do not notice;
-- rows of it that meanwhile came to lie in the rest move into it. Who waits for a lock longer than two seconds gives up: months are made
-- long before they are needed, so another day will do.
AS $$
DECLARE
  parent record;
  month timestamp;
  part text;
  low text;
  high text;
BEGIN
  IF first_at IS NULL OR last_at IS NULL OR first_at > last_at OR first_at < '2000-01-01 00:00+00' OR last_at > now() + interval '25 months' THEN
    RAISE EXCEPTION 'months are made from 2000 to two years from now, the earlier moment first, not from % to %', first_at, last_at
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(x'6d6f6e746873'::bit(48)::bigint);  -- "months": the worker and a migration may be at it at once
  FOR parent IN
    SELECT c.relname AS name, a.attname AS key, a.atttypid = 'uuid'::regtype AS by_key, rest.relname AS rest,
           (SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum)
            FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attnum > 0 AND NOT o.attisdropped AND o.attgenerated = '') AS columns
    FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid AND c.relnamespace = 'public'::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
    JOIN pg_class rest ON rest.oid = p.partdefid
    WHERE c.relname = coalesce(only_table, c.relname) AND p.partstrat = 'r' AND p.partnatts = 1 AND a.atttypid IN ('uuid'::regtype, 'timestamptz'::regtype)
    ORDER BY c.relname
  LOOP
    FOR month IN
      SELECT generate_series(date_trunc('month', first_at AT TIME ZONE 'UTC'), last_at AT TIME ZONE 'UTC', interval '1 month')
    LOOP
      part := parent.name || to_char(month, '_YYYY_MM');
      CONTINUE WHEN to_regclass(format('public.%I', part)) IS NOT NULL;
      -- A past that is told later has history and tracks; who looked was written down at the time, or not at all.
      CONTINUE WHEN parent.name = 'audit' AND month < date_trunc('month', now() AT TIME ZONE 'UTC');
      low := to_char(month, 'YYYY-MM-DD 00:00:00+00');
      high := to_char(month + interval '1 month', 'YYYY-MM-DD 00:00:00+00');
      IF parent.by_key THEN
        low := public.first_key(low::timestamptz);
        high := public.first_key(high::timestamptz);
      END IF;
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', part, parent.name);
      EXECUTE format('COMMENT ON TABLE public.%I IS %L', part, format('district: Part of %s: %s.', parent.name, to_char(month, 'YYYY-MM')));
      -- Attaching locks the rest anyway; held already now, nothing comes to lie there between the move and that.
      EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', parent.rest);
      EXECUTE format('WITH moved AS (DELETE FROM public.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING %5$s) INSERT INTO public.%6$I (%5$s) TABLE moved',
                     parent.rest, parent.key, low, high, parent.columns, part);
      EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', parent.name, part, low, high);
      RETURN NEXT part;
    END LOOP;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION ensure_partitions FROM PUBLIC;

CREATE OR REPLACE FUNCTION ensure_partitions_ahead(months int) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The present month and some to come, for the worker, whose role may make no tables by itself.
AS $$
BEGIN
  IF months IS NULL OR months NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'months ahead are 0 to 24, not %', months USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY SELECT public.ensure_partitions(now(), now() + make_interval(months => months));
END
$$;
REVOKE EXECUTE ON FUNCTION ensure_partitions_ahead FROM PUBLIC;

CREATE OR REPLACE FUNCTION forget_positions() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
-- Drop the months of tracks that ended longer ago than the city keeps them (settings.positions_keep_months, six where it does not say), and
-- such rows of the rest; returns the months that are gone. How long is a row of the city, so that no caller can choose.
AS $$
DECLARE
  kept_from timestamp;
  part text;
BEGIN
  SELECT date_trunc('month', public.app_now() AT TIME ZONE 'UTC') - make_interval(months => coalesce((c.settings ->> 'positions_keep_months')::int, 6))
  INTO kept_from
  FROM public.city c;
  IF kept_from IS NULL THEN
    RETURN;
  END IF;
  FOR part IN
    SELECT c.relname
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.positions'::regclass AND c.relname ~ '^positions_[0-9]{4}_[0-9]{2}$'
      AND to_date(right(c.relname, 7), 'YYYY"_"MM') < kept_from::date
    ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE public.%I', part);
    RETURN NEXT part;
  END LOOP;
  DELETE FROM public.positions_rest p WHERE p.captured_at < kept_from AT TIME ZONE 'UTC';
END
$$;
REVOKE EXECUTE ON FUNCTION forget_positions FROM PUBLIC;
