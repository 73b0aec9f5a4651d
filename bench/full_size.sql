-- name: ground
-- A city of one district and nine streets, three by three, in a square; organisations that own and maintain; a person to sign in as.
WITH box AS (
  INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
  VALUES ('410200', '量测市', 'Bench City', ST_Multi(ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)), 4547, %(scheme)s, 'bench')
), streets AS (
  SELECT s.x * 3 + s.y + 1 AS n, ST_MakeEnvelope(%(west)s + s.x * %(third_x)s, %(south)s + s.y * %(third_y)s,
    %(west)s + (s.x + 1) * %(third_x)s, %(south)s + (s.y + 1) * %(third_y)s, 4326) AS geom
  FROM (SELECT x, y FROM generate_series(0, 2) AS x, generate_series(0, 2) AS y) AS s
), areas AS (
  INSERT INTO admin_areas (level, code, parent_code, name_zh, name_en, geom)
  SELECT 2, '410202', '410200', '量测区', 'Bench District', ST_Multi(ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
  UNION ALL SELECT 3, '41020200' || n, '410202', '量测街道' || n, 'Bench street ' || n, ST_Multi(geom) FROM streets
  UNION ALL SELECT 4, '41020200' || n || '001', '41020200' || n, '量测社区' || n, 'Bench community ' || n, ST_Multi(geom) FROM streets
), organisations AS (
  INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind, is_duty_desk)
  SELECT n, 'O' || n, '量测单位' || n, 'Bench organisation ' || n, 'bureau', n = 1 FROM generate_series(1, 12) AS n
)
INSERT INTO staff (code, name, organisation_id, post_zh, post_en, role) VALUES ('S1', '样例网格员01', 1, '网格员', 'Grid officer', 'officer');

-- name: officer
-- An officer of the street in the middle, with a sign-in of whose token this is the hash.
WITH made AS (
  INSERT INTO accounts (login, password_hash, role) VALUES ('bench-officer', 'x', 'officer') RETURNING account_id
), granted AS (
  INSERT INTO account_scopes (account_id, kind, code) SELECT account_id, 'area', '410202005' FROM made
)
INSERT INTO sessions (token_hash, account_id, expires_at) SELECT %(token_hash)s, account_id, now() + interval '1 day' FROM made RETURNING account_id;

-- name: lighten
-- What is built again from all rows at once when they are there: indexes that are no constraint, and exclusions.
SELECT format('ALTER TABLE %%I DROP CONSTRAINT %%I', c.relname, x.conname) AS off,
  format('ALTER TABLE %%I ADD CONSTRAINT %%I %%s', c.relname, x.conname, pg_get_constraintdef(x.oid)) AS again
FROM pg_constraint AS x JOIN pg_class AS c ON c.oid = x.conrelid
WHERE c.relname = ANY (%(tables)s) AND x.contype = 'x'
UNION ALL
SELECT format('DROP INDEX %%I', i.relname), pg_get_indexdef(i.oid)
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS c ON c.oid = x.indrelid
WHERE c.relname = ANY (%(tables)s) AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.oid);

-- name: units
-- The unit of each cell.
SELECT code, unit_id FROM scope_units WHERE level = 5;

-- name: categories
-- What parts can be.
SELECT category_id, name_zh, major FROM categories WHERE scheme = %(scheme)s AND kind = 'P' AND enabled ORDER BY code;

-- name: for_the_peer
-- The same features for a peer, as it would like them best: a table of each layer with a whole number for its key and all that the layer tells
-- anybody as its columns, joined already; in the order of the geometry, with an index on it.
CREATE SCHEMA peer;
CREATE TABLE peer.fixtures AS
  SELECT row_number() OVER () AS id, code, category, category_zh, category_en, major, name_zh, state, grid_cell, supervisor_zh, owner_zh, maintainer,
    maintainer_zh, position_class, geom
  FROM layer_fixtures ORDER BY geom;
CREATE TABLE peer.buildings AS
  SELECT row_number() OVER () AS id, code, name_zh, use, floors, height_m, geom FROM layer_buildings ORDER BY geom;
CREATE TABLE peer.grid_cells AS
  SELECT row_number() OVER () AS id, code, code_scheme, district, street_code, community_code, geom FROM layer_grid_cells ORDER BY geom;
ALTER TABLE peer.fixtures ADD PRIMARY KEY (id), ALTER COLUMN geom TYPE geometry(Geometry, 4326);
ALTER TABLE peer.buildings ADD PRIMARY KEY (id), ALTER COLUMN geom TYPE geometry(MultiPolygon, 4326);
ALTER TABLE peer.grid_cells ADD PRIMARY KEY (id), ALTER COLUMN geom TYPE geometry(Polygon, 4326);
CREATE INDEX ON peer.fixtures USING gist (geom);
CREATE INDEX ON peer.buildings USING gist (geom);
CREATE INDEX ON peer.grid_cells USING gist (geom);
GRANT USAGE ON SCHEMA peer TO gisops_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA peer TO gisops_owner;

-- name: changed
-- That a layer was loaded.
SELECT layer_changed(%(layer)s);
