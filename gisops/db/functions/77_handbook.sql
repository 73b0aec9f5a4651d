-- The handbook's entries follow the conditions and limits that cases are filed by, whichever way those were changed: by a file of the handbook's own,
-- by one of the tables, by a release. What an entry said while it held, it says for ever.

DROP FUNCTION IF EXISTS turn_handbook;
CREATE FUNCTION turn_handbook(sent jsonb, by text) RETURNS SETOF int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
-- Bring the entries up to filing_conditions and time_limits as they are now, and to what is `sent` for some of them: an array of objects with
-- filing_condition_id, the entry's own texts (a text that is missing or null stays) and `ends`. An entry that would say something else ends now and the
-- next begins; the first of a condition always held. What the city wrote is left alone where `by` is 'shipped'. Returns the keys of what was
-- written. For the owner.
AS $$
  WITH told AS (
    SELECT * FROM jsonb_to_recordset(coalesce(sent, '[]')) AS t (
      filing_condition_id int, handling_zh text, handling_en text, supervising_zh text, responsible_zh text, legal_zh text, collection_zh text,
      collection_en text, ends boolean)
  ), wanted AS (
    SELECT f.filing_condition_id, f.text_zh, f.text_en, f.evidence_zh, f.min_photos, f.closing_zh, f.closing_en,
      coalesce((SELECT jsonb_agg(jsonb_build_object('step', l.step, 'area_grade', l.area_grade, 'unit', l.unit, 'value', l.value, 'season', l.season)
                                 ORDER BY array_position(ARRAY['handle', 'stop', 'penalise', 'restore'], l.step), l.area_grade)
                FROM time_limits l WHERE l.filing_condition_id = f.filing_condition_id), '[]') AS limits,
      coalesce(s.handling_zh, h.handling_zh, '') AS handling_zh, coalesce(s.handling_en, h.handling_en, '') AS handling_en,
      coalesce(s.supervising_zh, h.supervising_zh, '') AS supervising_zh, coalesce(s.responsible_zh, h.responsible_zh, '') AS responsible_zh,
      coalesce(s.legal_zh, h.legal_zh, '') AS legal_zh,
      coalesce(s.collection_zh, h.collection_zh, '') AS collection_zh, coalesce(s.collection_en, h.collection_en, '') AS collection_en,
      f.certainty, h.handbook_entry_id AS held_id, lower(h.valid) AS held_from, coalesce(t.ends, false) AS ends,
      h.handbook_entry_id IS NULL AND EXISTS (SELECT FROM handbook_entries e WHERE e.filing_condition_id = f.filing_condition_id) AS is_over
    FROM filing_conditions f
    LEFT JOIN handbook_entries h ON h.filing_condition_id = f.filing_condition_id AND upper_inf(h.valid)
    LEFT JOIN told t ON t.filing_condition_id = f.filing_condition_id
    -- what ships is no news to an entry that the city wrote
    LEFT JOIN told s ON s.filing_condition_id = f.filing_condition_id AND NOT (by = 'shipped' AND h.source IS NOT DISTINCT FROM 'city')
    -- a condition that is over stays so until somebody names it
    WHERE h.handbook_entry_id IS NOT NULL OR s.filing_condition_id IS NOT NULL
       OR NOT EXISTS (SELECT FROM handbook_entries e WHERE e.filing_condition_id = f.filing_condition_id)
  ), turned AS (
    SELECT w.* FROM wanted w
    LEFT JOIN handbook_entries h ON h.handbook_entry_id = w.held_id
    WHERE CASE
      WHEN w.ends OR h.handbook_entry_id IS NULL THEN w.ends = (h.handbook_entry_id IS NOT NULL)
      ELSE (h.text_zh, h.text_en, h.evidence_zh, h.min_photos, h.closing_zh, h.closing_en, h.limits, h.handling_zh,
            h.handling_en, h.supervising_zh, h.responsible_zh, h.legal_zh, h.collection_zh, h.collection_en, h.certainty)
        IS DISTINCT FROM
           (w.text_zh, w.text_en, w.evidence_zh, w.min_photos, w.closing_zh, w.closing_en, w.limits, w.handling_zh,
            w.handling_en, w.supervising_zh, w.responsible_zh, w.legal_zh, w.collection_zh, w.collection_en, w.certainty)
      END
  ), dropped AS (
    -- nothing was filed by what begins at this very moment
    DELETE FROM handbook_entries h USING turned w WHERE h.handbook_entry_id = w.held_id AND w.held_from >= app_now()
    RETURNING h.handbook_entry_id
  ), ended AS (
    UPDATE handbook_entries h SET valid = tstzrange(w.held_from, app_now())
    FROM turned w WHERE h.handbook_entry_id = w.held_id AND w.held_from < app_now()
    RETURNING h.handbook_entry_id
  ), begun AS (
    INSERT INTO handbook_entries (filing_condition_id, text_zh, text_en, evidence_zh, min_photos, closing_zh, closing_en, limits, handling_zh, handling_en,
      supervising_zh, responsible_zh, legal_zh, collection_zh, collection_en, certainty, source, valid)
    SELECT w.filing_condition_id, w.text_zh, w.text_en, w.evidence_zh, w.min_photos, w.closing_zh, w.closing_en, w.limits, w.handling_zh, w.handling_en,
      w.supervising_zh, w.responsible_zh, w.legal_zh, w.collection_zh, w.collection_en, w.certainty, by,
      tstzrange(CASE WHEN w.held_id IS NULL AND NOT w.is_over THEN timestamptz '2000-01-01 00:00+00' ELSE app_now() END, NULL)
    FROM turned w
    -- what it takes the place of ends first
    LEFT JOIN (SELECT handbook_entry_id FROM ended UNION ALL SELECT handbook_entry_id FROM dropped) o ON o.handbook_entry_id = w.held_id
    WHERE NOT w.ends AND (w.held_id IS NULL OR o.handbook_entry_id IS NOT NULL)
    RETURNING handbook_entry_id
  )
  SELECT handbook_entry_id FROM begun
  UNION ALL
  SELECT w.held_id FROM turned w WHERE w.ends
$$;
REVOKE ALL ON FUNCTION turn_handbook FROM PUBLIC;
