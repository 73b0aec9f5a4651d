-- A layer's version tells that what anybody may see of it has changed, and nothing else: it stands in addresses that anybody reads, so a load
-- that touched hidden rows or fields alone must leave it where it is. The digest is how that is known (gisops/db/functions/65_versions.sql).
ALTER TABLE layer_versions ADD COLUMN digest text NOT NULL DEFAULT '';
COMMENT ON COLUMN layer_versions.digest IS 'public: Of the public rows and fields, whatever their order; empty before the first load that looked.';
COMMENT ON COLUMN layer_versions.version IS 'public: Goes up with every load that changed them.';
COMMENT ON COLUMN layer_versions.loaded_at IS 'public: When it last went up.';
