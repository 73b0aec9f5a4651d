"""The oracle against answers worked out on paper, so that it is not silently wrong in the database's own way.

Everything lies at the equator, where a degree is 111,319.49 m eastwards and 110,574.28 m northwards; plans in metres.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapely.geometry import MultiPolygon, Point, Polygon

from tests.walk.oracle import (
    AdminArea,
    Category,
    Cell,
    City,
    CoOwnershipArea,
    Input,
    LastPosition,
    Neighbour,
    Organisation,
    Part,
    Place,
    Plane,
    Roster,
    Rule,
    Span,
    Staff,
    World,
    Zone,
    ZoneSet,
    ZoneStaff,
    dispatch,
    geodesic_area_m2,
    specificity,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PER_LON, PER_LAT = 111_319.490793, 110_574.275822


def deg(x: float, y: float) -> tuple[float, float]:
    return x / PER_LON, y / PER_LAT


def box(west: float, south: float, east: float, north: float) -> MultiPolygon:
    return MultiPolygon([Polygon([deg(west, south), deg(east, south), deg(east, north), deg(west, north)])])


def spot(x: float, y: float) -> Point:
    return Point(deg(x, y))


LITTER = Category("S", "E", "01", "01")
COVER = Category("S", "P", "01", "01", True, {"S:P01-01": 1, "S:P01-02": 2})
OTHER_COVER = Category("S", "P", "01", "02", True, {"S:P01-02": 1})


def world(**more: Any) -> World:
    """A city of a square kilometre round the origin: one district, four organisations under a government, a desk."""
    ground: dict[str, Any] = {
        "city": City(box(-500, -500, 500, 500)),
        "admin_areas": [AdminArea(2, "100001", box(-500, -500, 500, 500))],
        "cells": [Cell("100001001001001", "100001", "100001001", "100001001001", box(-500, -500, 500, 500).geoms[0])],
        "categories": [LITTER, COVER, OTHER_COVER],
        "organisations": [
            *(Organisation(code, "GOV") for code in ("A", "B", "C", "D")),
            Organisation("GOV"),
            Organisation("DESK", is_duty_desk=True),
        ],
        "zone_sets": [ZoneSet("set"), ZoneSet("sot")],
    }
    return World(**ground | more)


def at(x: float, y: float, accuracy_m: float = 0, category: Category = LITTER, **more: Any) -> Input:
    lon, lat = deg(x, y)
    return Input(lon, lat, accuracy_m, category.pattern, **{"at": NOON} | more)


def zone(code: str, organisation: str, geom: MultiPolygon, **more: Any) -> Zone:
    return Zone("set", code, organisation, geom, **more)


# ---- §1, §2, §4


@pytest.mark.parametrize(
    ("accuracy", "r", "snap", "reach"),
    [
        (0, 5, 10, 10),
        (5, 5, 10, 10),
        (12, 12, 24, 24),
        (15, 15, 30, 30),
        (60, 60, 30, 60),
        (200, 200, 30, 200),
        (250, 200, 30, 200),
    ],
)
def test_radii(accuracy: float, r: float, snap: float, reach: float) -> None:
    report = at(0, 0, accuracy)
    assert (report.r, report.snap, report.reach) == (r, snap, reach)


def test_metres_of_a_degree_as_tables_print_them() -> None:
    for lat, east, north in ((0, 111_319.5, 110_574.3), (30, 96_486.3, 110_852.4), (60, 55_800.0, 111_412.3)):
        assert Plane(114, lat).metres_per_degree == pytest.approx((east, north), abs=0.1)


def test_circle_has_32_corners_on_the_circle() -> None:
    circle = Plane(0, 0).circle(100)
    assert len(circle.exterior.coords) - 1 == 32
    assert circle.exterior.coords[0] == (100, 0)
    assert circle.area == pytest.approx(16 * 100**2 * math.sin(2 * math.pi / 32))


def test_area_is_whole_metres() -> None:
    assert geodesic_area_m2(box(0, 0, 100, 40)) == 4000
    with_hole = Polygon(box(0, 0, 100, 40).geoms[0].exterior, [box(10, 10, 20, 20).geoms[0].exterior.coords])
    assert geodesic_area_m2(with_hole) == 3900


def test_specificity() -> None:
    assert specificity((), LITTER) == 0
    assert specificity(("S:E",), LITTER) == 1
    assert specificity(("S:E01", "S:E"), LITTER) == 2
    assert specificity(("S:E", "S:E01-01"), LITTER) == 3
    assert specificity(("S:P", "T:E", "S:E01-02", "S:E02"), LITTER) is None


# ---- §3


def test_a_corner_of_four_cells_belongs_to_the_north_eastern() -> None:
    quarters = {"sw": (-500, -500, 0, 0), "se": (0, -500, 500, 0), "nw": (-500, 0, 0, 500), "ne": (0, 0, 500, 500)}
    cells = [Cell(code, "100001", "100001001", "100001001001", box(*q).geoms[0]) for code, q in quarters.items()]
    for x, y, code in (
        (0, 0, "ne"),
        (0, -9, "se"),
        (-9, 0, "nw"),
        (-1, -1, "sw"),
        (500, 500, "ne"),
        (500, 0, "ne"),
        (-500, -500, "sw"),
    ):
        assert dispatch(world(cells=cells), at(x, y)).grid_cell == code, (x, y)


def test_the_edge_of_the_city() -> None:
    here = world(
        neighbours=[
            Neighbour("2", box(560, -500, 900, 500)),
            Neighbour("1", box(560, 0, 900, 500)),
            Neighbour("0", box(600, -500, 900, 500)),
        ]
    )
    gone = dispatch(here, at(525, 10, 12))  # 25 m outside, snap 24
    assert (gone.status, gone.neighbour, gone.organisation, gone.reasons) == (
        "out_of_area",
        "1",
        None,
        ("OUT_OF_AREA",),
    )
    assert gone.distance_m == pytest.approx(25, abs=1e-4)
    kept = dispatch(here, at(525, 10, 15))  # snap 30
    assert (kept.status, kept.mode, kept.grid_cell, kept.district) == ("ok", "desk", None, "100001")
    assert kept.reasons == ("CITY_EDGE_SNAPPED", "ZONE_NONE", "NO_MATCH")


# ---- §5.1, §5.2, §6


def test_explicit_part_place_and_rule_go_first_in_that_order() -> None:
    part = Part("p", "S:P01-01", spot(3, 0), owner="A", supervisor="B")
    place, bare = Place("shop", spot(0, 5), "B"), Place("bare", spot(0, 5))
    rule, stronger = Rule("r2", ("S:E01",), "D", priority=90), Rule("r3", ("S:E01-01",), "C")
    here = world(
        parts=[
            part,
            Part("gone", "S:P01-01", spot(0, 0), "A", state="removed"),
            Part("nobody", "S:P01-01", spot(0, 0)),
        ],
        places=[place, bare],
        rules=[rule, stronger],
    )

    def told(**more: Any) -> tuple[str | None, str | None, tuple[str, ...]]:
        answer = dispatch(here, at(0, 0, **more))
        return answer.mode, answer.organisation, answer.reasons[:-2]

    assert told(part_code="p", place_id=place.place_id) == ("part", "A", ("PART_EXPLICIT",))
    assert told(part_code="gone", place_id=place.place_id) == ("place", "B", ("PART_UNKNOWN", "PLACE_EXPLICIT"))
    assert told(part_code="nobody", place_id=bare.place_id) == (
        "fixed",
        "C",
        ("PART_WITHOUT_ORGANISATION", "PLACE_WITHOUT_ORGANISATION", "RULE_FIXED"),
    )
    assert told() == ("fixed", "C", ("RULE_FIXED",))
    explicit = dispatch(here, at(0, 0, part_code="p"))
    assert explicit.distance_m == pytest.approx(3, abs=1e-4)
    assert (explicit.confidence, explicit.ambiguous) == (1, False)


def test_an_agreement_beats_maintainer_owner_and_supervisor() -> None:
    part = Part("p", "S:P01-01", spot(0, 0), "A", "B", "C")
    large, small = CoOwnershipArea("k1", "C", box(-50, -50, 50, 50)), CoOwnershipArea("k2", "D", box(-20, -20, 20, 20))
    of_a_kind = CoOwnershipArea("k3", "B", box(-90, -90, 90, 90), ("S:P01",))
    elsewhere = CoOwnershipArea("k4", "GOV", box(1, 1, 9, 9), ("S:P01-01",))
    for areas, mode, organisation in (
        ([], "part", "A"),
        ([large], "co_ownership", "C"),
        ([large, small], "co_ownership", "D"),
        ([large, small, of_a_kind], "co_ownership", "B"),
        ([elsewhere], "part", "A"),
    ):
        answer = dispatch(world(parts=[part], co_ownership_areas=areas), at(2, 2, 5, COVER))
        assert (answer.mode, answer.organisation) == (mode, organisation)
        assert answer.reasons[0] == "PART_NEAREST"
        assert ("CO_OWNERSHIP" in answer.reasons) == (mode == "co_ownership")


# ---- §5.3


def test_three_covers_of_two_owners() -> None:
    covers = [
        Part("1", "S:P01-01", spot(2, 0), "A"),
        Part("2", "S:P01-01", spot(-3, 0), "B"),
        Part("3", "S:P01-01", spot(0, 4), "B"),
    ]
    # Window: 2 m + 5 m / 2 = 4.5 m holds all three: two addressees.
    near = dispatch(world(parts=covers), at(0, 0, 5, COVER))
    assert (near.organisation, near.confidence, near.ambiguous) == ("A", 0.5, True)
    assert near.reasons[:2] == ("PART_NEAREST", "PART_AMBIGUOUS")
    # A third owner at 4.6 m is beyond it; at 4.4 m not.
    for y, confidence in ((-4.6, 0.5), (-4.4, 0.333)):
        answer = dispatch(world(parts=[*covers, Part("4", "S:P01-01", spot(0, y), "C")]), at(0, 0, 5, COVER))
        assert answer.confidence == confidence
    # Nobody is not another addressee.
    alone = dispatch(world(parts=[covers[0], Part("2", "S:P01-01", spot(-3, 0))]), at(0, 0, 5, COVER))
    assert (alone.confidence, alone.ambiguous) == (1, False)


def test_the_same_minor_goes_before_the_nearer_of_the_group() -> None:
    right, near = Part("1", "S:P01-01", spot(9, 0), "A"), Part("2", "S:P01-02", spot(1, 0), "B")
    assert dispatch(world(parts=[right, near]), at(0, 0, 5, COVER)).organisation == "A"
    answer = dispatch(world(parts=[near]), at(0, 0, 5, COVER))
    assert (answer.organisation, answer.reclassify) == ("B", "S:P01-02")
    assert answer.reasons[:2] == ("PART_NEAREST", "RECLASSIFY_PROPOSED")
    # N is 10 m at least and 30 m at most.
    for distance, accuracy, found in (
        (9.9, 0, True),
        (10.1, 0, False),
        (19.9, 20, True),
        (29.9, 250, True),
        (30.1, 250, False),
    ):
        answer = dispatch(world(parts=[Part("1", "S:P01-01", spot(distance, 0), "A")]), at(0, 0, accuracy, COVER))
        assert ("PART_NEAREST" in answer.reasons) == found
        assert ("MISSING_PART" in answer.reasons) != found
    assert (
        "PART_WITHOUT_ORGANISATION"
        in dispatch(world(parts=[replace(right, maintainer=None)]), at(8, 0, 5, COVER)).reasons
    )


# ---- §5.4


def test_each_part_of_the_key_in_turn() -> None:
    """Each pair differs in one thing more than in all after it, which speak for the loser."""
    west, east, whole = box(-100, -100, 0, 100), box(0, -100, 90, 100), box(-100, -100, 100, 100)
    pairs = [
        # specificity before priority
        (zone("z", "A", whole, scope=("S:E01",), priority=0), zone("a", "B", whole, scope=("S:E",), priority=100)),
        # priority before edge
        (zone("z", "A", west, priority=20), zone("a", "B", east, priority=10)),
        # edge before area
        (zone("z", "A", whole), zone("a", "B", west)),
        # area before code
        (zone("z", "A", east), zone("a", "B", box(0, -100, 100, 100))),
        # code before set
        (Zone("sot", "a", "A", whole), Zone("set", "b", "B", whole)),
        # set
        (Zone("set", "a", "A", whole), Zone("sot", "a", "B", whole)),
    ]
    for first, second in pairs:
        for zones in ([first, second], [second, first]):
            answer = dispatch(world(zones=zones), at(0, 0))
            assert answer.organisation == "A", zones
            assert answer.reasons[:2] == ("ZONE_COVERS", "ZONE_OVERLAP")


def test_a_shared_edge_is_the_eastern_ones_and_half_of_the_circle() -> None:
    here = world(zones=[zone("a", "A", box(-100, -100, 0, 100)), zone("b", "B", box(0, -100, 100, 100))])
    answer = dispatch(here, at(0, 0, 20))
    assert (answer.organisation, answer.confidence, answer.ambiguous) == ("B", 0.5, True)
    assert answer.reasons[:4] == ("ZONE_COVERS", "ZONE_OVERLAP", "ZONE_EDGE", "AMBIGUOUS")
    same = world(zones=[zone("a", "B", box(-100, -100, 0, 100)), zone("b", "B", box(0, -100, 100, 100))])
    assert (dispatch(same, at(0, 0, 20)).confidence, dispatch(same, at(0, 0, 20)).ambiguous) == (1, False)


def test_four_metres_from_the_line_with_twelve_metres_accuracy() -> None:
    here = world(zones=[zone("a", "A", box(-100, -100, 0, 100)), zone("b", "B", box(0, -100, 100, 100))])
    answer = dispatch(here, at(4, 0, 12))
    # Circular segment: r² acos(d/r) - d sqrt(r² - d²) = 132.0 of 452.4 m² belong to A; the 32-gon differs by a little.
    assert answer.organisation == "B"
    assert answer.confidence == pytest.approx(1 - 132.003 / 452.389, abs=0.002)
    assert answer.ambiguous
    assert not dispatch(here, at(13, 0, 12)).ambiguous
    # The strip that nobody covers takes no part: 12 m from the outer edge all of what is covered is B's.
    assert dispatch(here, at(95, 0, 12)).confidence == 1


def test_a_stronger_zone_within_the_circle_wins_its_share() -> None:
    park = zone("p", "B", box(0, -5, 5, 5), priority=40)  # 50 m²
    street = zone("s", "A", box(-200, -200, 200, 200))
    answer = dispatch(world(zones=[park, street]), at(-2, 0, 20))
    covered = 16 * 400 * math.sin(math.pi / 16)
    assert (answer.organisation, answer.confidence) == ("A", round(1 - 50 / covered, 3))
    weaker = dispatch(world(zones=[replace(park, priority=5), street]), at(-2, 0, 20))
    assert (weaker.confidence, weaker.ambiguous) == (1, False)
    # A sliver of less than 0.05 % of the circle makes nothing ambiguous.
    sliver = dispatch(world(zones=[replace(park, geom=box(0, 0, 0.5, 0.5)), street]), at(-2, 0, 20))
    assert (sliver.confidence, sliver.ambiguous) == (1, False)


# ---- §5.5 to §5.7


def test_a_gap() -> None:
    near, far = (
        zone("a", "A", box(-100, -100, -10, 100), priority=0),
        zone("b", "B", box(20, -100, 100, 100), priority=90),
    )
    answer = dispatch(world(zones=[near, far]), at(0, 0, 20))
    assert (answer.mode, answer.organisation, answer.confidence, answer.ambiguous) == ("snapped", "A", 0.667, True)
    assert answer.reasons[:2] == ("ZONE_SNAPPED", "AMBIGUOUS")
    # Snap is 16 m at 8 m accuracy: the far one is out of it.
    answer = dispatch(world(zones=[near, far]), at(0, 0, 8))
    assert (answer.organisation, answer.confidence, answer.ambiguous) == ("A", 1, False)
    assert dispatch(world(zones=[far]), at(0, 0, 8)).reasons == ("ZONE_NONE", "NO_MATCH")
    # As near as one another: the stronger.
    twin = zone("c", "C", box(-100, -100, -10, 100), priority=50)
    assert dispatch(world(zones=[near, twin]), at(0, 0, 8)).organisation == "C"


def test_equal_distances_are_equal_whatever_the_corners() -> None:
    """Two zones share the slanting border nearest to the point, but not its end points."""

    def slanting(code: str, organisation: str, low: float, high: float, priority: int) -> Zone:
        ring = [deg(low, low * 0.37 - 7), deg(high, high * 0.37 - 7), deg(high, -150), deg(low, -150)]
        return zone(code, organisation, MultiPolygon([Polygon(ring)]), priority=priority)

    for low in (-77.7, -61.3, -45.9, -33.3):
        pair = [slanting("a", "A", low, 88.1, 10), slanting("b", "B", -90.3, 91.7, 20)]
        assert dispatch(world(zones=pair), at(0, 0, 8)).organisation == "B"


def test_territory_then_desk() -> None:
    areas = [
        AdminArea(4, "100001001001", box(-9, -9, 9, 9)),
        AdminArea(3, "100001001", box(-9, -9, 9, 9), "C"),
        AdminArea(2, "100001", box(-9, -9, 9, 9), "D"),
    ]
    answer = dispatch(world(admin_areas=areas), at(0, 0))
    assert (answer.mode, answer.organisation, answer.reasons[:2]) == (
        "territorial",
        "C",
        ("ZONE_NONE", "TERRITORIAL_FALLBACK"),
    )
    desk = dispatch(world(), at(0, 0, 250))
    assert (desk.mode, desk.organisation, desk.ambiguous, desk.confidence) == ("desk", "DESK", True, 1)
    assert desk.reasons == ("ACCURACY_POOR", "ZONE_NONE", "NO_MATCH")


def test_validity_ends_open() -> None:
    old = zone("z", "A", box(-9, -9, 9, 9), valid=Span(None, NOON))
    new = zone("z", "B", box(-9, -9, 9, 9), valid=Span(NOON, None), version=2)
    here = world(zones=[old, new])
    assert dispatch(here, at(0, 0)).organisation == "B"
    assert dispatch(here, at(0, 0, at=NOON - timedelta(microseconds=1))).organisation == "A"
    draft = world(zones=[old, new], zone_sets=[ZoneSet("set", Span(empty=True), "draft")])
    assert dispatch(draft, at(0, 0)).mode == "desk"


# ---- §7


def people(**more: Any) -> World:
    """Organisation A has one zone; its people are x, y and z; the government is led by g."""
    home = zone("home", "A", box(-100, -100, 100, 100))
    everybody = [Staff(code, "A") for code in "xyz"] + [Staff("g", "GOV", "leader")]
    ground: dict[str, Any] = {
        "zones": [home],
        "organisations": [
            Organisation("A", "GOV"),
            Organisation("GOV", lead="g"),
            Organisation("DESK", is_duty_desk=True),
        ],
        "staff": everybody,
        "rosters": [
            Roster("100001", s.code, Span(NOON - timedelta(hours=4), NOON + timedelta(hours=4))) for s in everybody
        ],
        "zone_staff": [],
    }
    return world(**ground | more)


HOME = ("set", "home", 1)


def position(staff: str, x: float, minutes_ago: float = 5) -> LastPosition:
    return LastPosition("100001", staff, NOON - timedelta(minutes=minutes_ago), spot(x, 0))


def handler(here: World) -> tuple[str | None, str]:
    answer = dispatch(here, at(0, 0))
    return answer.handler, answer.reasons[-2]


def test_role_then_load_then_distance_then_code() -> None:
    backups = [ZoneStaff(HOME, code, "backup") for code in "xyz"]
    primary = ZoneStaff(HOME, "z", "primary")
    assert handler(people(zone_staff=[*backups, primary], open_load={"z": 29})) == ("z", "STAFF_PRIMARY")
    assert handler(people(zone_staff=[*backups, primary], open_load={"z": 30})) == ("x", "STAFF_BACKUP")
    assert handler(people(zone_staff=backups, open_load={"x": 2, "y": 1, "z": 1})) == ("y", "STAFF_BACKUP")
    # Nobody's position last; whole metres, so 40.2 m and 40.4 m are equal and the code decides.
    assert handler(people(zone_staff=backups, last_positions=[position("z", 90)])) == ("z", "STAFF_BACKUP")
    assert handler(people(zone_staff=backups, last_positions=[position("y", 40.4), position("z", 40.2)])) == (
        "y",
        "STAFF_BACKUP",
    )
    assert handler(people(zone_staff=backups, last_positions=[position("y", 42.4), position("z", 40.2)])) == (
        "z",
        "STAFF_BACKUP",
    )


def test_only_near() -> None:
    assert handler(people(last_positions=[position("y", 499)])) == ("y", "STAFF_NEARBY")
    for row in (
        position("y", 501),
        position("y", 99, minutes_ago=16),
        position("y", 99, minutes_ago=-1),
        replace(position("y", 9), district="100002"),
    ):
        assert handler(people(last_positions=[row])) == ("g", "STAFF_PARENT")


def test_nobody_in_the_zone() -> None:
    boss, old_boss = Staff("b", "A", "shift_leader"), Staff("a", "A", "shift_leader", active=False)
    shift = [Roster("100001", code, Span(NOON, None)) for code in "ab"]
    led = [Organisation("A", "GOV", "y"), Organisation("GOV", lead="g"), Organisation("DESK", is_duty_desk=True)]
    answer = dispatch(people(staff=[*people().staff, boss, old_boss], rosters=shift, organisations=led), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-2:]) == ("b", "y", ("STAFF_SHIFT_LEADER", "SUPERIOR_LEAD"))
    answer = dispatch(people(organisations=led), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-2:]) == ("y", "g", ("STAFF_LEAD", "SUPERIOR_PARENT"))
    answer = dispatch(people(), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-2:]) == ("g", None, ("STAFF_PARENT", "SUPERIOR_NONE"))
    none = [Organisation("A", "GOV"), Organisation("GOV"), Organisation("DESK", is_duty_desk=True)]
    answer = dispatch(people(organisations=none), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-2:]) == (None, None, ("STAFF_NONE", "SUPERIOR_NONE"))


def test_the_leader_of_the_zone_is_told_but_never_twice() -> None:
    leaders = [ZoneStaff(HOME, code, "leader") for code in "yz"]
    answer = dispatch(people(zone_staff=[*leaders, ZoneStaff(HOME, "y", "primary")]), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-1]) == ("y", "z", "SUPERIOR_ZONE_LEADER")


def test_three_ancestors_are_asked_and_no_fourth() -> None:
    chain = [
        Organisation("A", "1"),
        Organisation("1", "2"),
        Organisation("2", "3"),
        Organisation("3", "4"),
        Organisation("4", lead="g"),
    ]
    desk = Organisation("DESK", is_duty_desk=True)
    answer = dispatch(people(organisations=[*chain, desk]), at(0, 0))
    assert (answer.handler, answer.superior, answer.reasons[-2:]) == (None, None, ("STAFF_NONE", "SUPERIOR_NONE"))
    short = [Organisation("A", "1"), Organisation("1", "2"), Organisation("2", "3"), Organisation("3", lead="g"), desk]
    assert handler(people(organisations=short)) == ("g", "STAFF_PARENT")


def test_the_reasons_stand_in_their_order() -> None:
    parts = [Part("1", "S:P01-02", spot(502, 0), "A"), Part("2", "S:P01-02", spot(503, 0), "B")]
    agreement = CoOwnershipArea("k", "C", box(490, -9, 502.5, 9))
    answer = dispatch(
        world(parts=parts, co_ownership_areas=[agreement]),
        at(501, 0, 250, COVER, part_code="?", place_id=Place("x", spot(0, 0)).place_id),
    )
    assert answer.reasons == (
        *("CITY_EDGE_SNAPPED", "ACCURACY_POOR", "PART_UNKNOWN", "PLACE_UNKNOWN", "PART_NEAREST", "CO_OWNERSHIP"),
        *("RECLASSIFY_PROPOSED", "PART_AMBIGUOUS", "STAFF_NONE", "SUPERIOR_NONE"),
    )
