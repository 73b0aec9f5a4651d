-- name: reveal
-- The window through which a masked value is shown in full: only with a purpose, and only after it was written down.
DROP FUNCTION IF EXISTS {reveal};
CREATE FUNCTION {reveal}(wanted text, shown text[], purpose text, note text DEFAULT NULL, key_id int DEFAULT NULL) RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- The full values of some fields of one feature, whose masked form the viewer may see anyway; no row where there is none to show. The entry of
-- the audit is written here and nowhere else, so nobody gets the one without the other. Whatever is personal of the feature, shown now or
-- not, and whatever looks like a telephone number or an identity card, is masked in the note.
AS $$
DECLARE
  {known}
  whole jsonb;
  masked jsonb;
  personal jsonb;
  said text := note;
  field text;
BEGIN
  {who}
  IF NOT v_personal THEN
    RETURN;
  END IF;
  IF purpose IS NULL OR purpose <> ALL ({purposes}) THEN
    RAISE EXCEPTION 'not a purpose for which this is shown' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT jsonb_strip_nulls(jsonb_build_object({whole})), jsonb_build_object({masked}), jsonb_build_object({unmasked})
  INTO whole, masked, personal
  FROM {rows}
  WHERE t.{key} = wanted AND {visible}
  LIMIT 1;
  personal := personal || whole;
  SELECT jsonb_object_agg(w.key, w.value) INTO whole FROM jsonb_each(whole) AS w WHERE w.key = ANY (shown) AND w.value <> '""';
  IF whole IS NULL THEN
    RETURN;
  END IF;
  -- Longer values first: a name may be part of what else is said of its bearer. One letter is no name.
  FOR field IN SELECT p.key FROM jsonb_each_text(personal) AS p WHERE length(p.value) > 1 ORDER BY length(p.value) DESC, p.key LOOP
    said := replace(said, personal ->> field, coalesce(masked ->> field, '****'));
  END LOOP;
  said := regexp_replace(said, '(?<!\d)(1\d\d)\d{{4}}(\d{{4}})(?!\d)', '\1****\2', 'g');
  said := regexp_replace(said, '(?<!\d)\d{{17}}[\dXx](?!\d)', '****', 'g');
  PERFORM audit_add('reveal', {layer}, wanted, purpose, rows => 1, key => key_id,
                    facts => jsonb_strip_nulls(jsonb_build_object('fields', (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(whole) AS k), 'note', said)));
  RETURN NEXT whole;
END
$$;
