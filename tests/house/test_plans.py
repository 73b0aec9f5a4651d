"""Plans: on tables large enough to matter, dispatch goes through the indexes that were made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.plans import nodes, written_down

# A made-up city on top of the sample's ground: cheap to make, and as large as the rules of thumb of a planner need.
SYNTHETIC = """
INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom)
SELECT s.zone_set_id, 'Y' || n, '样例', 'Sample', 'duty', o.organisation_id, '{}', n % 90,
       ST_Multi(ST_MakeEnvelope(b.x + (n % 34) * b.w / 34, b.y + (n / 34) * b.h / 34,
                                b.x + (n % 34 + 1.6) * b.w / 34, b.y + (n / 34 + 1.6) * b.h / 34, 4326))
FROM generate_series(0, 34 * 34 - 1) AS n, box AS b, a_set AS s, an_organisation AS o;

INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom)
SELECT lpad((900000 + n)::text, 15, '9'), 'sample', '469901', '469901001', '469901001001',
       ST_MakeEnvelope(b.x + (n % 200) * b.w / 200, b.y + (n / 200) * b.h / 100,
                       b.x + (n % 200 + 1) * b.w / 200, b.y + (n / 200 + 1) * b.h / 100, 4326)
FROM generate_series(0, 19999) AS n, box AS b;

INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, maintainer_organisation_id, geom)
SELECT '469901', gen_random_uuid(), 'Y' || n, 'sample', k.category_id, '样例', o.organisation_id,
       ST_SetSRID(ST_MakePoint(b.x + (n % 141) * b.w / 141, b.y + (n / 141) * b.h / 142), 4326)
FROM generate_series(0, 19999) AS n, box AS b, an_organisation AS o,
     (SELECT category_id FROM categories JOIN city ON scheme = category_scheme WHERE categories.code = 'P01-02') AS k;

INSERT INTO rosters (district_code, staff_id, on_duty, shift_code)
SELECT '469901', s.staff_id, tstzrange(t, t + interval '2 hours'), f.code
FROM staff AS s, (SELECT code FROM shifts LIMIT 1) AS f, generate_series(0, 839) AS n,
     LATERAL (SELECT now() - interval '60 days' - n * interval '3 hours' AS t) AS turn;
"""
GIVEN = """
CREATE TEMP TABLE box AS SELECT ST_XMin(geom) AS x, ST_YMin(geom) AS y, ST_XMax(geom) - ST_XMin(geom) AS w,
  ST_YMax(geom) - ST_YMin(geom) AS h FROM city;
CREATE TEMP TABLE a_set AS SELECT zone_set_id FROM zone_sets WHERE status = 'published' ORDER BY 1 LIMIT 1;
CREATE TEMP TABLE an_organisation AS
  SELECT organisation_id FROM organisations WHERE NOT is_duty_desk ORDER BY 1 LIMIT 1;
"""
LARGE = ("zones", "grid_cells", "parts", "rosters")

DISPATCH = """
SELECT d.*
FROM (
  SELECT array_agg(n) AS n,
         array_agg(x + w * (n % 37 + 0.5) / 37) AS lon, array_agg(y + h * (n % 31 + 0.5) / 31) AS lat,
         array_agg(12::float8) AS accuracy_m, array_agg(k.category_id) AS category_id, array_agg(NULL::text) AS nothing
  FROM box, generate_series(1, {count}) AS n, categories AS k
  JOIN city ON k.scheme = city.category_scheme
  WHERE k.code = {category}
) AS i,
LATERAL dispatch(n, lon, lat, accuracy_m, category_id, nothing, nothing::uuid[], nothing::timestamptz[],
                 nothing::jsonb[]) AS d
"""
ZONE_STEP = """
SELECT z.* FROM (SELECT ST_SetSRID(ST_MakePoint(x + w * (n % 37 + 0.5) / 37, y + h * (n % 31 + 0.5) / 31), 4326) AS p
                 FROM box, generate_series(1, 1000) AS n) AS i,
  LATERAL zones_near(i.p, 104000, 110000, 30, now(), 'a:E04-05', 'a:E04', 'a:E') AS z
"""


@pytest.fixture(scope="module")
def large(fresh_database: Callable[..., Any]) -> Any:
    made = fresh_database("sample_template")
    with psycopg.connect(made.owner_url) as conn:
        conn.execute(GIVEN.encode())
        for statement in SYNTHETIC.strip().split(";\n"):
            conn.execute(statement.encode())
        for table in LARGE:
            conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    return made


@pytest.fixture
def watched(large: Any) -> Iterator[tuple[psycopg.Connection[Any], list[dict[str, Any]]]]:
    """A connection that writes down the plan of every statement, those inside functions too; rolled back."""
    with psycopg.connect(large.admin_url) as conn:
        plans = written_down(conn)
        conn.execute(GIVEN.encode())
        yield conn, plans
        conn.rollback()


def ways(plans: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Indexes that were walked, and large tables that were read from end to end."""
    ran = [node for node in nodes(plans) if node.get("Actual Loops", 1) > 0]
    walked = {node["Index Name"] for node in ran if "Index Name" in node}
    whole = {node["Relation Name"] for node in ran if node["Node Type"] == "Seq Scan"} & set(LARGE)
    return walked, whole


def wrong(plans: list[dict[str, Any]], *wanted: str) -> list[str]:
    walked, whole = ways(plans)
    found = [f"{index} is not used" for index in wanted if index not in walked]
    found += [f"{table} is read from end to end" for table in sorted(whole)]
    # Every row of the zones has the one set and is in force: this index answers nothing about where.
    return found + [f"{index} is walked" for index in sorted(walked) if index.endswith("_excl")]


def test_the_tables_are_large(large: Any) -> None:
    with psycopg.connect(large.owner_url) as conn:
        counted = [conn.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in LARGE]  # type: ignore[index]
    assert all(there >= least for there, least in zip(counted, (1_100, 20_000, 20_000, 50_000), strict=True)), counted


@pytest.mark.parametrize("count", [1, 1000])
@pytest.mark.parametrize(
    ("category", "more"), [("E04-05", ()), ("P01-02", ("parts_geom",))], ids=["by zone", "by part"]
)
def test_dispatch_finds_everything_by_where_it_is(watched: Any, count: int, category: str, more: tuple[str]) -> None:
    conn, plans = watched
    asked = sql.SQL(DISPATCH).format(count=sql.Literal(count), category=sql.Literal(category))
    rows = conn.execute(asked).fetchall()
    assert len(rows) == count
    assert len(plans) >= 2, "the statement inside the function was not seen"
    # one point of the grid, and the part it has, may need no zone and no officer
    wanted = ("zones_geom", "rosters_latest") if count > 1 or not more else ()
    assert wrong(plans, "grid_cells_geom", *wanted, *more) == []


def test_the_zone_step_finds_zones_by_where_they_are(watched: Any) -> None:
    conn, plans = watched
    assert conn.execute(ZONE_STEP.encode()).fetchall()
    assert wrong(plans, "zones_geom") == []


@pytest.mark.parametrize("index", ["zones_geom", "grid_cells_geom", "parts_geom", "rosters_latest"])
def test_a_plan_without_its_index_would_be_noticed(watched: Any, index: str) -> None:
    conn, plans = watched
    conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
    plans.clear()
    conn.execute(sql.SQL(DISPATCH).format(count=sql.Literal(20), category=sql.Literal("P01-02")))
    assert f"{index} is not used" in wrong(plans, index)


# ---- layers: a screenful of a large city ---------------------------------------------------------------------------

SCREEN = "ST_MakeEnvelope({west}, {south}, {west} + 0.001, {south} + 0.001, 4326)"
READS = {"features": f"geom && {SCREEN}", "tiles": f"geom_3857 && ST_Transform({SCREEN}, 3857)"}
LAYERS = {"zones": "zones", "grid_cells": "grid_cells", "fixtures": "parts"}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_read_by_where_it_is_looked_at(watched: Any, layer: str, read: str) -> None:
    conn, plans = watched
    corner = conn.execute("SELECT x + w / 2, y + h / 2 FROM box").fetchone()
    assert corner is not None
    # written out, as the box is a constant for the planner in the real statements too
    condition = sql.SQL(READS[read]).format(west=sql.Literal(corner[0]), south=sql.Literal(corner[1]))
    plans.clear()
    view = sql.Identifier(f"layer_{layer}")
    conn.execute(sql.SQL("SELECT * FROM {} WHERE {} LIMIT 1001").format(view, condition))
    index = f"{LAYERS[layer]}_{'geom' if read == 'features' else 'geom_3857'}"
    assert wrong(plans, index) == []
