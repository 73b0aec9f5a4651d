"""Scenes from a city's day, each on a map drawn in the test and answered by the database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import numpy as np
import psycopg
import pytest
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from gisops.codes import InvalidPartCode, parse_category, parse_part
from gisops.coordinates import from_wgs84, to_wgs84
from tests.sketch import Sketch, sketch
from tests.walk.oracle import (
    AdminArea,
    Category,
    Cell,
    City,
    Input,
    LastPosition,
    Neighbour,
    Organisation,
    Part,
    Roster,
    Rule,
    Span,
    Staff,
    World,
    Zone,
    ZoneSet,
    ZoneStaff,
)
from tests.walk.sql_dispatch import ask, cells_at, said_by_database
from tests.walk.worlds import insert

BEIJING = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=BEIJING)
AT = (120.2, 30.3)
GB, CJ = "GB/T 30428.2-2013", "CJ/T 214-2007"
SHOP_OUTSIDE = Category(GB, "E", "04", "05")
VENDOR = Category(GB, "E", "04", "01")
ROAD_COLLAPSE = Category(CJ, "E", "04", "01")
GREENERY = Category(GB, "E", "01", "09")
PARKING = Category(GB, "E", "05", "05")
SEWER_COVER = Category(GB, "P", "01", "02", True, {f"{GB}:P01-02": 1, f"{GB}:P01-03": 2})
RAIN_COVER = Category(GB, "P", "01", "03", True, {f"{GB}:P01-03": 1, f"{GB}:P01-02": 2})


def multi(shape: Polygon) -> MultiPolygon:
    return MultiPolygon([shape])


def city(outline: Polygon, **more: Any) -> World:
    """A city of one district, one street and one cell, with two street offices, three others, a bureau and a desk."""
    ground: dict[str, Any] = {
        "city": City(multi(outline)),
        "admin_areas": [AdminArea(2, "900101", multi(outline)), AdminArea(3, "900101001", multi(outline))],
        "cells": [Cell("900101001001001", "900101", "900101001", "900101001001", outline)],
        "categories": [SHOP_OUTSIDE, VENDOR, ROAD_COLLAPSE, GREENERY, PARKING, SEWER_COVER, RAIN_COVER],
        "organisations": [
            *(Organisation(code, "bureau") for code in ("west-street", "east-street", "park", "water", "emergency")),
            Organisation("bureau"),
            Organisation("desk", is_duty_desk=True),
        ],
        "zone_sets": [ZoneSet("2026")],
    }
    return World(**ground | more)


def zone(code: str, organisation: str, shape: BaseGeometry, **more: Any) -> Zone:
    return Zone("2026", code, organisation, multi(shape) if isinstance(shape, Polygon) else shape, **more)


@dataclass
class Scene:
    """A city in the database, to be asked."""

    conn: psycopg.Connection[Any]
    world: World
    ids: Any

    def rows(self, *reports: Input) -> list[dict[str, Any]]:
        return ask(self.conn, reports, self.ids.category)

    def report(
        self, where: tuple[float, float], category: Category, accuracy_m: float = 5, at: datetime = NOW, **more: Any
    ) -> dict[str, Any]:
        row = self.rows(Input(*where, accuracy_m, category.pattern, at, **more))[0]
        return said_by_database(row, self.ids, {}) | {"candidates": row["candidates"]}


@pytest.fixture
def scene(database: Any) -> Iterator[Callable[[World], Scene]]:
    with psycopg.connect(database.owner_url) as conn, conn.transaction(force_rollback=True):
        yield lambda world: Scene(conn, world, insert(world, conn))


def test_1_a_shop_blocks_the_pavement(scene: Callable[[World], Scene]) -> None:
    """The phone speaks GCJ-02; officer and superior are found, and the position is not taken for WGS-84."""
    drawn = sketch(
        """
        A . . . . B . . . . C
        . . . . . . . . . . .
        . . o . 1 . . . e . .
        . . . . . . . . . . .
        F . . . . E . . . . D
        """,
        at=AT,
        step_m=100,
    )
    west, east = drawn.polygon("ABEF"), drawn.polygon("BCDE")
    staff = [Staff("W1", "west-street"), Staff("W2", "west-street", "leader"), Staff("E1", "east-street")]
    shift = Span(NOW - timedelta(hours=2), NOW + timedelta(hours=6))
    home = zone("W", "west-street", west)
    made = scene(
        city(
            drawn.polygon("ACDF"),
            cells=[
                Cell("900101001001001", "900101", "900101001", "900101001001", west),
                Cell("900101002001001", "900101", "900101002", "900101002001", east),
            ],
            zones=[home, zone("E", "east-street", east)],
            staff=staff,
            rosters=[Roster("900101", person.code, shift) for person in staff],
            zone_staff=[ZoneStaff(home.key, "W1", "primary"), ZoneStaff(home.key, "W2", "leader")],
            last_positions=[LastPosition("900101", "W1", NOW - timedelta(minutes=3), drawn.point("o"))],
        )
    )
    phone = from_wgs84(*drawn["1"], "GCJ02")
    where = to_wgs84(*phone, "GCJ02")
    assert where == pytest.approx(drawn["1"], abs=1e-9)
    made.report(where, SHOP_OUTSIDE)  # plans are made once
    started = time.perf_counter()
    answer = made.report(where, SHOP_OUTSIDE)
    took_s = time.perf_counter() - started
    assert (answer["grid_cell"], answer["street"]) == ("900101001001001", "900101001")
    assert (answer["mode"], answer["organisation"], answer["zone"]) == ("zone", "west-street", ("2026", "W", 1))
    assert (answer["handler"], answer["superior"]) == ("W1", "W2")
    assert answer["reasons"] == ("ZONE_COVERS", "STAFF_PRIMARY", "SUPERIOR_ZONE_LEADER")
    assert took_s < 0.2
    # Unconverted it would be half a kilometre off, at somebody else's door.
    assert made.report(phone, SHOP_OUTSIDE)["grid_cell"] != "900101001001001"


def test_2_the_corner_of_four_cells(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . . B . . . C
        . . . . . . . . .
        D . . . E . . . F
        . . . . . . . . .
        G . . . H . . . I
        """,
        at=AT,
        step_m=100,
    )
    rings = {"001": "ABED", "002": "BCFE", "003": "DEHG", "004": "EFIH"}
    base = "900101001001"
    made = scene(
        city(
            drawn.polygon("ACIG"),
            cells=[Cell(base + n, "900101", "900101001", base, drawn.polygon(ring)) for n, ring in rings.items()],
        )
    )
    # Half-open: the cell to the north-east holds the corner, asked once or a hundred times.
    assert {made.report(drawn["E"], VENDOR)["grid_cell"] for _ in range(3)} == {base + "002"}
    assert made.report(drawn.moved("E", -1, -1), VENDOR)["grid_cell"] == base + "003"

    edges = [(drawn[a], drawn[b]) for ring in rings.values() for a, b in pairwise(ring + ring[0])]
    rng = np.random.default_rng(2)
    ends = np.array([edges[i] for i in rng.integers(len(edges), size=10_000)])
    points = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * rng.random((10_000, 1))
    counts = Counter(code for _, code in cells_at(made.conn, points[:, 0].tolist(), points[:, 1].tolist(), NOW))
    assert set(counts) == {base + n for n in rings}
    assert sum(counts.values()) == 10_000


def test_3_a_park_in_a_street(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . . . . B
        . P . . Q . .
        . . 1 . . . .
        . S . . R . .
        D . . . . . C
        """,
        at=AT,
        step_m=50,
    )
    made = scene(
        city(
            drawn.polygon("ABCD"),
            zones=[
                zone("street", "west-street", drawn.polygon("ABCD")),
                zone("park", "park", drawn.polygon("PQRS"), kind="site", scope=(f"{GB}:E01",), priority=40),
            ],
        )
    )
    green, parked = made.report(drawn["1"], GREENERY), made.report(drawn["1"], PARKING)
    assert (green["organisation"], green["reasons"][:2]) == ("park", ("ZONE_COVERS", "ZONE_OVERLAP"))
    assert (parked["organisation"], parked["reasons"][0]) == ("west-street", "ZONE_COVERS")
    assert "ZONE_OVERLAP" not in parked["reasons"]


def two_streets(drawn: Sketch) -> list[Zone]:
    return [
        zone("W", "west-street", drawn.polygon("ABEF")),
        zone("E", "east-street", drawn.polygon("BCDE")),
    ]


def test_4_four_metres_from_the_line(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . . B . . . C
        . . . . | 1 . . .
        F . . . E . . . D
        """,
        at=AT,
        step_m=50,
    )
    made = scene(city(drawn.polygon("ACDF"), zones=two_streets(drawn)))
    line = (drawn["B"][0], drawn["1"][1])
    near = made.report((line[0] + (drawn["1"][0] - line[0]) * 4 / 50, line[1]), PARKING, accuracy_m=12)
    assert near["organisation"] == "east-street"
    assert near["ambiguous"]
    assert "AMBIGUOUS" in near["reasons"]
    # 132.0 of the circle's 452.4 square metres lie across the line.
    assert near["confidence"] == pytest.approx(1 - 132.003 / 452.389, abs=0.002)
    # The question to ask needs both.
    assert {(c["zone"], c["organisation"]) for c in near["candidates"]} == {("E", "east-street"), ("W", "west-street")}
    sure = made.report(drawn["1"], PARKING, accuracy_m=12)
    assert (sure["organisation"], sure["ambiguous"], sure["confidence"]) == ("east-street", False, 1)


def test_5_a_gap_and_the_world_outside(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . . . . B     b . . . . . C
        . . . . . . . 1   . . . . . . .
        F . . . . . E     e . . . . . D
        """,
        at=AT,
        step_m=10,
    )

    def country(start_m: float, end_m: float) -> MultiPolygon:
        """Land that begins so far east of the city."""
        corners = [("C", start_m), ("C", end_m), ("D", end_m), ("D", start_m)]
        return multi(Polygon([drawn.moved(sign, metres) for sign, metres in corners]))

    made = scene(
        city(
            drawn.polygon("ACDF"),
            neighbours=[Neighbour("900300", country(310, 800)), Neighbour("900200", country(800, 900))],
            zones=[
                zone("W", "west-street", drawn.polygon("ABEF"), priority=0),
                zone("E", "east-street", drawn.polygon("bCDe"), priority=50),
            ],
        )
    )
    # 10 m from one and 20 m from the other, stronger one: the nearer, but not without a question.
    middle = made.report(drawn["1"], PARKING, accuracy_m=15)
    assert (middle["mode"], middle["organisation"]) == ("snapped", "west-street")
    assert middle["reasons"][:2] == ("ZONE_SNAPPED", "AMBIGUOUS")
    assert (middle["ambiguous"], middle["confidence"]) == (True, pytest.approx(0.667))
    close = made.report(drawn.moved("1", -7), PARKING, accuracy_m=5)  # 3 m; the other is beyond its 10 m
    assert (close["reasons"][0], close["ambiguous"], close["confidence"]) == ("ZONE_SNAPPED", False, 1)

    outside = made.report(drawn.moved("D", 300), PARKING, accuracy_m=250)
    assert (outside["status"], outside["neighbour"]) == ("out_of_area", "900300")
    assert (outside["organisation"], outside["handler"], outside["zone"]) == (None, None, None)
    assert made.report(drawn.moved("D", 29), PARKING, accuracy_m=15)["reasons"][0] == "CITY_EDGE_SNAPPED"
    assert made.report(drawn.moved("D", 31), PARKING, accuracy_m=15)["status"] == "out_of_area"


def cracked(drawn: Sketch) -> World:
    """Two streets with 0.4 mm between them, as surveyed borders leave it."""
    beside = Polygon([drawn.moved("B", 0.0004), drawn["C"], drawn["D"], drawn.moved("E", 0.0004)])
    west = zone("W", "west-street", drawn.polygon("ABEF"), priority=5)
    return city(drawn.polygon("ACDF"), zones=[west, zone("E", "east-street", beside)])


def test_in_a_crack_narrower_than_a_millimetre(scene: Callable[[World], Scene]) -> None:
    """As near to either side as can be told: the stronger one, and a question."""
    drawn = sketch("A . . B . . C\n. . . 1 . . .\nF . . E . . D", at=AT, step_m=50)
    answer = scene(cracked(drawn)).report(drawn.moved("1", 0.0001), PARKING)
    assert (answer["mode"], answer["organisation"]) == ("snapped", "east-street")
    assert (answer["ambiguous"], answer["confidence"]) == (True, 0.5)


def test_beside_a_crack_narrower_than_a_millimetre(scene: Callable[[World], Scene]) -> None:
    """On the border itself, covered by one zone and not by the other: one answer, and no snapping."""
    drawn = sketch("A . . B . . C\n. . . 1 . . .\nF . . E . . D", at=AT, step_m=50)
    answer = scene(cracked(drawn)).report(drawn["1"], PARKING)
    assert (answer["mode"], answer["organisation"]) == ("zone", "west-street")


def test_6_a_broken_cover(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . . . . . . . . . . . . . . . . . . . . B
        . . . . . . . . . . . . . . . . . . . . . . .
        . . . . . 2 . . . . . . . . . . . . . . . . .
        . . . . X . 1 . . . . . . . . . . . . . . Y .
        . . . . . 3 . . . . . . . . . . . . . . . . .
        . . . . . . . . . . . . . . . . . . . . . . .
        D . . . . . . . . . . . . . . . . . . . . . C
        """,
        at=AT,
        step_m=2,
    )

    def cover(sign: str, owner: str, category: Category = SEWER_COVER) -> Part:
        return Part(f"900101010200000{sign}", category.pattern, drawn.point(sign), owner, district="900101")

    covers = [cover("1", "water"), cover("2", "water"), cover("3", "park")]
    everywhere = zone("street", "west-street", drawn.polygon("ABCD"))
    made = scene(city(drawn.polygon("ABCD"), parts=covers, zones=[everywhere]))

    unsure = made.report(drawn["X"], SEWER_COVER, accuracy_m=8)
    assert (unsure["mode"], unsure["ambiguous"], unsure["confidence"]) == ("part", True, 0.5)
    assert unsure["reasons"][:2] == ("PART_NEAREST", "PART_AMBIGUOUS")
    scanned = made.report(drawn["X"], SEWER_COVER, accuracy_m=8, part_code=covers[2].code)
    assert (scanned["organisation"], scanned["ambiguous"], scanned["confidence"]) == ("park", False, 1)
    assert (scanned["part"], scanned["reasons"][0]) == (covers[2].part_id, "PART_EXPLICIT")
    none = made.report(drawn["Y"], SEWER_COVER, accuracy_m=8)
    assert (none["mode"], none["organisation"]) == ("zone", "west-street")
    assert none["reasons"][:2] == ("MISSING_PART", "ZONE_COVERS")
    # Reported as a rain cover: the sewage cover's owner, and the other category proposed.
    other = made.report(drawn["1"], RAIN_COVER, accuracy_m=0)
    assert (other["organisation"], other["reclassify"]) == ("water", SEWER_COVER.pattern)
    assert "RECLASSIFY_PROPOSED" in other["reasons"]


def test_7_a_boundary_moves_on_the_first_of_march(scene: Callable[[World], Scene]) -> None:
    drawn = sketch(
        """
        A . . B . . . b . C
        . . . . . 1 . . . .
        F . . E . . . e . D
        """,
        at=AT,
        step_m=50,
    )
    march = datetime(2026, 3, 1, tzinfo=BEIJING)
    before, after = Span(None, march), Span(march, None)
    old = [replace(z, valid=before) for z in two_streets(drawn)]
    new = [
        zone("W", "west-street", drawn.polygon("AbeF"), valid=after, version=2),
        zone("E", "east-street", drawn.polygon("bCDe"), valid=after, version=2),
    ]
    made = scene(city(drawn.polygon("ACDF"), zones=[*old, *new]))
    then, now = march - timedelta(hours=9), march + timedelta(hours=9)
    assert made.report(drawn["1"], PARKING, at=then)["organisation"] == "east-street"
    assert made.report(drawn["1"], PARKING, at=now)["organisation"] == "west-street"
    # To the microsecond, and as a replay: the case of February keeps its answer however often it is asked.
    assert made.report(drawn["1"], PARKING, at=march)["zone"] == ("2026", "W", 2)
    assert made.report(drawn["1"], PARKING, at=march - timedelta(microseconds=1))["zone"] == ("2026", "E", 1)
    report = Input(*drawn["1"], 5, PARKING.pattern, then)
    assert made.rows(report) == made.rows(report)


def test_18_codes_mean_what_their_scheme_says(scene: Callable[[World], Scene]) -> None:
    text = "3205080101000001"
    six_two, six_three = parse_part(text, GB), parse_part(text, "6+2+3+5")
    assert (six_two.major, six_two.minor) == ("01", "01")
    assert (six_three.major, six_three.minor) == ("01", "010")
    with pytest.raises(InvalidPartCode):
        parse_part(text[:-1], GB)

    here, there = parse_category("E04-01", GB), parse_category(f"{CJ}:E04-01", GB)
    assert (here.scheme, there.scheme) == (GB, CJ)
    drawn = sketch("A . B\n. 1 .\nD . C", at=AT, step_m=100)
    made = scene(
        city(
            drawn.polygon("ABCD"),
            zones=[zone("street", "west-street", drawn.polygon("ABCD"))],
            rules=[Rule("collapse", (f"{CJ}:E04-01",), "emergency")],
        )
    )
    # The same number: an emergency in one scheme, a street vendor in the other.
    assert made.report(drawn["1"], ROAD_COLLAPSE)["organisation"] == "emergency"
    assert made.report(drawn["1"], VENDOR)["organisation"] == "west-street"
