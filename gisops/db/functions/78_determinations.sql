-- What a determination may write: the fact by which the same dispute does not come again. The doors' role cannot change parts, rules or
-- agreements; it can have this done, for a case whose dispute is open, from now on or later. docs/decisions/0032.

DROP FUNCTION IF EXISTS determine_fact;
CREATE FUNCTION determine_fact(
  district text, number text, decision text, organisation int, effective_from timestamptz, new_key uuid, area geometry, note text
) RETURNS TABLE (kind text, key text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- decision is part_owner (the case's part gets its next record; ownerless is the same with a fallback), dispatch_rule (the case's category goes to
-- one organisation), co_ownership_area (parts of the like in an area do) or zone (the case's category does within an area). A record that held keeps its past: its validity ends where the next begins.
AS $$
DECLARE
  the_case cases;
  part parts;
  minor text;
  new_code text;
BEGIN
  SELECT c.* INTO the_case FROM cases c WHERE c.district_code = district AND c.case_no = number;
  -- what is written may be read by more than may see the case: it has a code of its own, and only the dispute ties the two (created_key)
  new_code := 'DET-' || upper(right(replace(new_key::text, '-', ''), 12));
  PERFORM FROM disputes d WHERE d.district_code = district AND d.case_id = the_case.case_id AND d.decided_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no open dispute in case %', number;
  END IF;
  IF effective_from < app_now() THEN
    RAISE EXCEPTION 'a determination holds from now on or later, not from %', effective_from;
  END IF;

  -- the record of the part that holds then: the one the case points to may have been followed by another
  SELECT p.* INTO part FROM parts p
  JOIN parts was ON was.district_code = p.district_code AND was.code = p.code
  WHERE was.district_code = district AND was.part_id = the_case.part_id AND in_force(p.valid, determine_fact.effective_from);

  IF decision = 'part_owner' THEN
    IF part.part_id IS NULL THEN
      RAISE EXCEPTION 'the case has no part';
    END IF;
    IF lower(part.valid) = effective_from THEN
      UPDATE parts p SET owner_organisation_id = organisation, maintainer_organisation_id = organisation
      WHERE p.district_code = district AND p.part_id = part.part_id;
    ELSE
      UPDATE parts p SET valid = tstzrange(lower(part.valid), determine_fact.effective_from)
      WHERE p.district_code = district AND p.part_id = part.part_id;
      INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, supervising_organisation_id, owner_organisation_id,
                         maintainer_organisation_id, grid_cell_code, state, position_class, source, geom, valid)
      VALUES (district, new_key, part.code, part.code_scheme, part.category_id, part.name_zh, part.supervising_organisation_id, organisation,
              organisation, part.grid_cell_code, part.state, part.position_class, new_code, part.geom,
              tstzrange(determine_fact.effective_from, upper(part.valid)));
    END IF;
    -- what is kept of the layer by its version is that of before
    UPDATE layer_versions v SET version = v.version + 1, digest = '' WHERE v.layer = 'fixtures';
    RETURN QUERY SELECT 'part', part.code;
  ELSIF decision = 'dispatch_rule' THEN
    SELECT c.pattern_minor INTO minor FROM categories c WHERE c.category_id = the_case.category_id;
    -- of rules for one category the one that was decided last is to win
    INSERT INTO dispatch_rules (code, scope, organisation_id, priority, note, valid)
    SELECT new_code, ARRAY[minor], organisation, least(32767, coalesce(max(r.priority), 49) + 1), determine_fact.note, tstzrange(determine_fact.effective_from, NULL)
    FROM dispatch_rules r
    WHERE r.scope @> ARRAY[minor] AND (upper(r.valid) > determine_fact.effective_from OR upper_inf(r.valid));
    RETURN QUERY SELECT 'dispatch_rule', new_code;
  ELSIF decision = 'co_ownership_area' THEN
    IF part.part_id IS NULL THEN
      RAISE EXCEPTION 'the case has no part';
    END IF;
    SELECT c.pattern_minor INTO minor FROM categories c WHERE c.category_id = part.category_id;
    INSERT INTO co_ownership_areas (code, name_zh, scope, organisation_id, agreement, geom, valid)
    VALUES (new_code, determine_fact.note, ARRAY[minor], organisation, new_code, ST_Multi(area), tstzrange(determine_fact.effective_from, NULL));
    RETURN QUERY SELECT 'co_ownership_area', new_code;
  ELSIF decision = 'zone' THEN
    SELECT c.pattern_minor INTO minor FROM categories c WHERE c.category_id = the_case.category_id;
    -- what was determined has a set of its own, which no publishing of the city's zones replaces
    INSERT INTO zone_sets (code, name_zh, name_en, purpose, status, valid)
    VALUES ('DET', '确权认定', 'Determined', 'determination', 'published', tstzrange('2000-01-01 00:00+00', NULL))
    ON CONFLICT (code) DO NOTHING;
    -- for this place and kind the one that was decided last holds; one that is larger yields to it by itself, and one that does not hold the place
    -- was decided of another and stays
    UPDATE zones z SET valid = tstzrange(lower(z.valid), determine_fact.effective_from)
    FROM zone_sets s
    WHERE s.code = 'DET' AND z.zone_set_id = s.zone_set_id AND z.scope = ARRAY[minor] AND in_force(z.valid, determine_fact.effective_from)
      AND lower(z.valid) < determine_fact.effective_from AND ST_Covers(z.geom, the_case.geom)
      AND z.area_m2 <= round(ST_Area(area::geography));
    INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom, valid)
    SELECT s.zone_set_id, new_code, determine_fact.note, 'Determined', 'special', organisation, ARRAY[minor], 100, ST_Multi(area),
           tstzrange(determine_fact.effective_from, NULL)
    FROM zone_sets s WHERE s.code = 'DET';
    RETURN QUERY SELECT 'zone', new_code;
  ELSE
    RAISE EXCEPTION 'no such decision: %', decision;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION determine_fact FROM PUBLIC;
