"""Two readings of one page must agree: the database's dispatch and the oracle, case by case, reasons included."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.walk.drawing import draw_case
from tests.walk.oracle import Input, World, dispatch
from tests.walk.sql_dispatch import ask, cells_at, differences, said_by_database, said_by_oracle
from tests.walk.worlds import AFTER, CHANGE, MOMENTS, SIZE, STEP_M, Builder, Ids, draw_world, insert

CASES = int(os.environ.get("GISOPS_ORACLE_CASES", "1000"))
SHOWN = 3

# What a run must have met to be worth anything.
REASONS = {
    *(
        "OUT_OF_AREA",
        "CITY_EDGE_SNAPPED",
        "ACCURACY_POOR",
        "PART_EXPLICIT",
        "PART_UNKNOWN",
        "PART_WITHOUT_ORGANISATION",
        "PLACE_EXPLICIT",
    ),
    *("PLACE_UNKNOWN", "PLACE_WITHOUT_ORGANISATION", "RULE_FIXED", "MISSING_PART", "PART_NEAREST", "CO_OWNERSHIP"),
    *(
        "RECLASSIFY_PROPOSED",
        "PART_AMBIGUOUS",
        "ZONE_COVERS",
        "ZONE_OVERLAP",
        "ZONE_EDGE",
        "ZONE_SNAPPED",
        "ZONE_NONE",
        "AMBIGUOUS",
    ),
    *(
        "TERRITORIAL_FALLBACK",
        "NO_MATCH",
        "STAFF_PRIMARY",
        "STAFF_BACKUP",
        "STAFF_NEARBY",
        "STAFF_SHIFT_LEADER",
        "STAFF_LEAD",
    ),
    *("STAFF_PARENT", "STAFF_NONE", "SUPERIOR_ZONE_LEADER", "SUPERIOR_LEAD", "SUPERIOR_PARENT", "SUPERIOR_NONE"),
}


def populate(url: str, seed: int) -> tuple[World, Builder, Ids]:
    world, builder = draw_world(seed)
    with psycopg.connect(url) as conn:
        ids = insert(world, conn)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ANALYZE")
    return world, builder, ids


def compare(url: str, world: World, ids: Ids, cases: list[Input]) -> Counter[str]:
    """Every field of every case, or a failure that shows the first few differences; how often each reason was met."""
    places = {p.place_id: p.code for p in world.places}
    with psycopg.connect(url) as conn:
        rows = ask(conn, cases, ids.category)
    reasons: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    shown: list[str] = []
    for case, row in zip(cases, rows, strict=True):
        answer = dispatch(world, case)
        reasons.update(answer.reasons)
        unequal = differences(said_by_oracle(answer), said_by_database(row, ids, places))
        wrong.update(unequal.keys())
        if unequal and len(shown) < SHOWN:
            told = "\n".join(
                f"  {name}: oracle {mine!r}, database {yours!r}" for name, (mine, yours) in unequal.items()
            )
            shown.append(f"{case}\n{told}\n  reasons {answer.reasons}\n{draw_case(world, case)}")
    assert not shown, f"of {len(cases)} cases, fields that differ: {dict(wrong)}\n" + "\n\n".join(shown)
    return reasons


@pytest.fixture(scope="module")
def walk(database: Any) -> tuple[str, World, Builder, Ids]:
    return (database.owner_url, *populate(database.owner_url, seed=1))


def test_database_agrees_with_oracle(walk: tuple[str, World, Builder, Ids]) -> None:
    url, world, builder, ids = walk
    met = compare(url, world, ids, builder.cases(world, CASES))
    assert not REASONS - set(met), "the cases met every reason"


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_database_agrees_with_oracle_long(fresh_database: Callable[..., Any], seed: int) -> None:
    made = fresh_database()
    world, builder, ids = populate(made.owner_url, seed)
    compare(made.owner_url, world, ids, builder.cases(world, 10_000))


def test_recorded_staff_facts_give_the_same_answer(walk: tuple[str, World, Builder, Ids], database: Any) -> None:
    _, world, builder, ids = walk
    cases = builder.cases(world, 300)
    with psycopg.connect(database.owner_url) as conn:
        then = ask(conn, cases, ids.category)
        facts = [Jsonb(row["staff_facts"]) for row in then]
        # Everybody goes elsewhere and all cases are closed; what was recorded still decides.
        conn.execute("UPDATE last_positions SET captured_at = captured_at + interval '2 days'")
        conn.execute("UPDATE cases SET stage = 7, state = 'closed'")
        live = ask(conn, cases, ids.category)
        again = ask(conn, cases, ids.category, facts)
        conn.rollback()
    assert again == then
    assert [r["handler_id"] for r in live] != [r["handler_id"] for r in then], "the change made a difference"


def _points(builder: Builder, count: int) -> np.ndarray:
    """Every vertex, every edge's midpoint and one spot more on each; then random ones in and around the city."""
    edges = np.array(builder.edges)
    along = builder.rng.random((len(edges), 1))
    spots = builder.rng.uniform(-(SIZE / 2 + 1) * STEP_M, (SIZE / 2 + 1) * STEP_M, (count, 2))
    special = np.concatenate([builder.corners, edges.mean(axis=1), edges[:, 0] + (edges[:, 1] - edges[:, 0]) * along])
    return np.concatenate([special, builder.degrees(spots)])[: max(count, len(special))]


def _check_cells(url: str, world: World, builder: Builder, count: int) -> None:
    """One row a point; the oracle's cell; and a cell for every point that any cell covers."""
    from tests.walk.oracle import Plane, grid_cell

    points = _points(builder, count)
    for moment in (MOMENTS[0], CHANGE):
        with psycopg.connect(url) as conn:
            rows = cells_at(conn, points[:, 0].tolist(), points[:, 1].tolist(), moment)
        assert len(rows) == len(points), "one answer for each point"
        assert {n for n, _ in rows} == set(range(len(points))), "none left out, none twice"
        of = dict(rows)
        for n, (lon, lat) in enumerate(points):
            cell = grid_cell(world, Plane(float(lon), float(lat)), moment)
            assert of[n] == (cell.code if cell else None), (lon, lat, moment)
    on_the_lattice = 3 * len(builder.edges)
    assert all(of[n] is not None for n in range(len(builder.corners) + on_the_lattice - len(builder.edges)))
    renewed = {c.code for c in world.cells if c.valid == AFTER}
    assert renewed & set(of.values()), "a moment after the change meets a renewed cell"


def test_every_point_has_exactly_one_cell(walk: tuple[str, World, Builder, Ids]) -> None:
    url, world, builder, _ = walk
    _check_cells(url, world, builder, 10_000)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_every_point_has_exactly_one_cell_long(walk: tuple[str, World, Builder, Ids]) -> None:
    url, world, builder, _ = walk
    _check_cells(url, world, builder, 100_000)


def test_a_tiling_counts_every_point_once(walk: tuple[str, World, Builder, Ids]) -> None:
    """On shared corners and edges: the cells' counts add up to the points, and none is left out."""
    url, _, builder, _ = walk
    points = _points(builder, 10_000)
    on_lattice = points[: len(builder.corners) + 2 * len(builder.edges)]
    with psycopg.connect(url) as conn:
        counts = Counter(
            code for _, code in cells_at(conn, on_lattice[:, 0].tolist(), on_lattice[:, 1].tolist(), CHANGE)
        )
    assert None not in counts
    assert sum(counts.values()) == len(on_lattice)
