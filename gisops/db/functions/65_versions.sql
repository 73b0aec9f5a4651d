-- When a layer's content gets another name.

CREATE OR REPLACE FUNCTION layer_changed(layer text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
-- For whoever loaded rows of a layer, as the owner, in the same transaction: raises the layer's version where its public content is another
-- than at the last call, and says whether it did. That it was loaded is kept in any case (confirmed_at): without, a layer grows stale. The
-- digest is computed by the layer's own function, which its folder's fields are made into (layers/windows.py); a layer without one is taken
-- for changed.
AS $$
DECLARE
  now_digest text := '';
  moved int;
BEGIN
  IF to_regprocedure(format('%I()', 'digest_' || layer)) IS NOT NULL THEN
    EXECUTE format('SELECT %I()', 'digest_' || layer) INTO now_digest;
  END IF;
  INSERT INTO layer_versions AS v (layer, digest, loaded_at) VALUES (layer_changed.layer, now_digest, now())
  ON CONFLICT ON CONSTRAINT layer_versions_pkey DO UPDATE SET version = v.version + 1, digest = excluded.digest, loaded_at = excluded.loaded_at
  WHERE v.digest <> excluded.digest OR excluded.digest = '';
  GET DIAGNOSTICS moved = ROW_COUNT;
  UPDATE layer_versions AS v SET confirmed_at = now() WHERE v.layer = layer_changed.layer;
  RETURN moved > 0;
END
$$;
REVOKE EXECUTE ON FUNCTION layer_changed FROM PUBLIC;
