-- Small pure functions that the rest is written with. All are inlined by the planner: no SET clauses, nothing STRICT.

CREATE OR REPLACE FUNCTION metres_per_degree_lon(lat float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- East-west metres per degree on the WGS-84 ellipsoid. 0.006694379990141316 is e² = f(2 − f).
RETURN pi() / 180 * 6378137.0 * cosd(lat) / sqrt(1 - 0.006694379990141316 * sind(lat) * sind(lat));

CREATE OR REPLACE FUNCTION metres_per_degree_lat(lat float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- North-south metres per degree on the WGS-84 ellipsoid.
RETURN pi() / 180 * 6378137.0 * (1 - 0.006694379990141316) / power(1 - 0.006694379990141316 * sind(lat) * sind(lat), 1.5);

CREATE OR REPLACE FUNCTION local_plane(g geometry, lon float8, lat float8, kx float8, ky float8) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The geometry in metres east and north of (lon, lat). An affine map keeps straight edges straight, so "covers" and "distance 0" agree;
-- geography would bend the edges. docs/decisions/0004.
RETURN ST_Affine(g, kx, 0, 0, ky, -lon * kx, -lat * ky);

CREATE OR REPLACE FUNCTION local_distance_m(g geometry, lon float8, lat float8, kx float8, ky float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Metres from (lon, lat) to the geometry, in the local plane, to the millimetre; 0 inside a polygon. Rounded, because two neighbours that share
-- an edge are equally far from a point beyond it, and the last bits of a float must not choose between them.
RETURN round(ST_Distance(ST_Affine(g, kx, 0, 0, ky, -lon * kx, -lat * ky), ST_SetSRID(ST_MakePoint(0, 0), 4326)) * 1000) / 1000;

CREATE OR REPLACE FUNCTION specificity(scope text[], pattern_minor text, pattern_major text, pattern_kind text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- How closely a scope fits a category: 3 minor class, 2 major class, 1 kind, 0 everything, NULL not at all.
RETURN CASE
  WHEN scope = '{}' THEN 0
  WHEN pattern_minor = ANY (scope) THEN 3
  WHEN pattern_major = ANY (scope) THEN 2
  WHEN pattern_kind = ANY (scope) THEN 1
END;

CREATE OR REPLACE FUNCTION in_force(valid tstzrange, at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Whether a validity contains the moment. IS TRUE changes nothing but this: the planner does not take it for a search condition. Most rows are in
-- force at most moments, yet the planner expects few, and would walk the exclusion constraint's index on (code, valid) instead of the geometry's.
RETURN (valid @> at) IS TRUE;
