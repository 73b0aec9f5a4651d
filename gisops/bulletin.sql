-- name: publish
-- Keep the bulletin of a month as its next version; nothing where somebody else has kept that version meanwhile.
INSERT INTO bulletins (period, version, published_at, facts, html, sha256)
VALUES (%(period)s, %(version)s, app_now(), %(facts)s, %(html)s, sha256(convert_to(%(html)s, 'UTF8')))
ON CONFLICT DO NOTHING
RETURNING period, version, published_at, encode(sha256, 'hex') AS sha256

-- name: listed
-- Every bulletin there is, newest first, without its text.
SELECT period, version, published_at, encode(sha256, 'hex') AS sha256 FROM bulletins ORDER BY period DESC, version DESC

-- name: read
-- A bulletin: the version that is asked for, else the last.
SELECT period, version, published_at, encode(sha256, 'hex') AS sha256, facts, html
FROM bulletins
WHERE period = %(period)s AND (%(version)s::int IS NULL OR version = %(version)s)
ORDER BY version DESC
LIMIT 1

-- name: versions
-- How many versions of a month there are.
SELECT coalesce(max(version), 0)::int AS n FROM bulletins WHERE period = %(period)s

-- name: had_cases
-- Whether the city had any case by the end of a month.
SELECT EXISTS (SELECT FROM cases WHERE reported_at < %(until)s) AS so

-- name: one_tense
-- All that is read in this transaction is of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: alone
-- One worker makes a bulletin; the others pass.
SELECT pg_try_advisory_xact_lock(x'62756c6c6574'::bit(48)::bigint) AS so

-- name: streets
-- Outlines of the streets as they are at the end of a month, as paths in Web Mercator kilometres (y downward), and the box of all of them.
SELECT a.code, ST_AsSVG(s.geom, 0, 3) AS path, ST_X(p.at) AS x, -ST_Y(p.at) AS y,
       min(ST_XMin(s.geom)) OVER () AS west, max(ST_XMax(s.geom)) OVER () AS east,
       min(ST_YMin(s.geom)) OVER () AS south, max(ST_YMax(s.geom)) OVER () AS north
FROM admin_areas a
CROSS JOIN LATERAL (SELECT ST_Scale(ST_SimplifyPreserveTopology(a.geom_3857, 30), 0.001, 0.001) AS geom) s
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(s.geom) AS at) p
WHERE a.level = 3 AND in_force(a.valid, %(at)s)
ORDER BY a.code
