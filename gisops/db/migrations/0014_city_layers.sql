-- Layers that a city brings itself, each a row here and a table of its own (city_<id>, made with the layer: layers/city_layers.py), and when
-- a layer's content was last looked through, so that one which is older than its cycle shows as such.

CREATE SEQUENCE city_layer_stamps;
CREATE TABLE city_layers (
  layer_id text PRIMARY KEY CHECK (layer_id ~ '^[a-z][a-z0-9_]{1,40}$'),
  description text NOT NULL,
  style text NOT NULL,
  file_columns jsonb NOT NULL DEFAULT '{}',
  scoped boolean NOT NULL DEFAULT false,
  file_name text NOT NULL,
  sha256 text NOT NULL,
  row_count bigint NOT NULL CHECK (row_count >= 0),
  made_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  stamp bigint NOT NULL DEFAULT nextval('city_layer_stamps')
);
ALTER SEQUENCE city_layer_stamps OWNED BY city_layers.stamp;
COMMENT ON TABLE city_layers IS 'reference: The layers a city brought itself; the rows of each lie in the table city_<layer_id>.';
COMMENT ON COLUMN city_layers.layer_id IS 'public: Layer id.';
COMMENT ON COLUMN city_layers.description IS 'work: What it is, as a layer.toml says it.';
COMMENT ON COLUMN city_layers.style IS 'work: How it is drawn, as a style.json says it.';
COMMENT ON COLUMN city_layers.file_columns IS 'work: The column of the file from which each field came.';
COMMENT ON COLUMN city_layers.scoped IS 'work: Whether its rows have a unit, which follows the ground.';
COMMENT ON COLUMN city_layers.file_name IS 'work: The file it was last loaded from.';
COMMENT ON COLUMN city_layers.sha256 IS 'work: Of that file.';
COMMENT ON COLUMN city_layers.row_count IS 'work: How many rows it holds.';
COMMENT ON COLUMN city_layers.made_at IS 'work: When it was first loaded.';
COMMENT ON COLUMN city_layers.changed_at IS 'work: When its description, style or content was last replaced.';
COMMENT ON COLUMN city_layers.stamp IS 'work: Another one with each change, by which servers notice.';

ALTER TABLE layer_versions ADD COLUMN confirmed_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN layer_versions.confirmed_at IS 'work: When it was last loaded, whether or not that changed what anybody may see.';
UPDATE layer_versions SET confirmed_at = loaded_at;
