"""The 2,000 parts of the sample district: covers, lamps, trees, bins along its streets, with owners who overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, Point, box
from shapely.ops import substring

from gisops.sample.district import plan
from gisops.sample.district.ground import Ground, Road
from gisops.sample.district.zones import CHANGE, IN_FORCE
from gisops.sample.part_kind import Kind

PARTS = 2000


_KINDS = (
    Kind("P01-01", "上水井盖", "URBAN", "WATER", "WATER"),
    Kind("P01-02", "污水井盖", "URBAN", "WATER", "WATER"),
    Kind("P01-03", "雨水井盖", "URBAN", "URBAN", "ROADS"),
    Kind("P01-04", "雨水箅子", "URBAN", "URBAN", "ROADS"),
    Kind("P01-06", "路灯井盖", "URBAN", "URBAN", "POWER"),
    Kind("P01-11", "燃气井盖", "URBAN", "GAS", "GAS"),
    Kind("P01-14", "园林井盖", "PARKS", "PARKS", "PARKS"),
    # Nobody owns these: reports of them fall through to the zone.
    Kind("P01-23", "不明井盖", None, None, None),
    Kind("P01-24", "消火栓", "GOV", "WATER", "WATER"),
    Kind("P01-27", "通讯交接箱", "GOV", "TELECOM-A", "TELECOM-A"),
    Kind("P01-30", "电力立杆", "GOV", "POWER", "POWER"),
    Kind("P01-31", "通信立杆", "GOV", "TELECOM-B", "TELECOM-B"),
    Kind("P01-37", "路灯", "URBAN", "URBAN", "POWER"),
    Kind("P01-39", "景观灯", "PARKS", "PARKS", None),
    Kind("P01-46", "户外健身设施", "GOV", "STREET-2", None, "B"),
    Kind("P01-49", "燃气调压站（箱）", "URBAN", "GAS", "GAS"),
    Kind("P01-50", "监控电子眼", "GOV", "TRAFFIC", "TELECOM-A"),
    Kind("P02-01", "停车场", "TRAFFIC", "URBAN", "URBAN", "C"),
    Kind("P02-04", "公交站亭", "TRAFFIC", "GOV", "ROADS", "B"),
    Kind("P02-09", "跨河桥", "URBAN", "URBAN", "ROADS", "C"),
    Kind("P02-12", "路名牌", "GOV", "URBAN", "ROADS"),
    Kind("P02-17", "交通护栏", "TRAFFIC", "TRAFFIC", "ROADS", "B"),
    Kind("P02-25", "非机动车停放点", "TRAFFIC", "STREET-1", None, "C"),
    Kind("P03-01", "公共厕所", "URBAN", "URBAN", "CLEANING", "B"),
    Kind("P03-05", "垃圾箱", "URBAN", "URBAN", "CLEANING", "B"),
    Kind("P03-08", "宣传栏", "GOV", "STREET-3", "STREET-3", "B"),
    Kind("P04-01", "古树名木", "PARKS", "PARKS", "PARKS"),
    Kind("P04-02", "行道树", "PARKS", "PARKS", "PARKS"),
    Kind("P04-07", "街头座椅", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P04-08", "绿地护栏", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P05-07", "水域护栏", "RIVER", "RIVER", "RIVER", "B"),
)
KINDS = {kind.category: kind for kind in _KINDS}


@dataclass(frozen=True)
class Part:
    """A part, or one period of it: a change of owner closes a record and opens the next under the same code."""

    code: str
    kind: Kind
    shape: Any
    state: str = "intact"
    since: datetime = IN_FORCE
    until: datetime | None = None

    @property
    def point(self) -> Any:
        """Where it is counted."""
        return self.shape if self.shape.geom_type == "Point" else self.shape.representative_point()


Placed = tuple[str | Kind, Any]


def draw_parts(ground: Ground, rng: np.random.Generator) -> tuple[Part, ...]:
    """All parts. What is rare is placed first; street trees fill up to the number."""
    drive = [road for road in ground.roads if road.road_class != "footway"]
    placed: list[Placed] = [*_clusters(ground), *_extended(ground), *_in_parks(ground, rng), *_signs(ground, drive)]
    placed += [*_covers(drive, rng), *_along_streets(drive, rng)]
    land = ground.land.buffer(-1)
    shapely.prepare(land)
    placed = [(kind, shape) for kind, shape in placed if land.covers(shape)]
    trees = [
        (kind, shape) for kind, shape in _trees(drive, rng) if land.covers(shape) and not ground.water.covers(shape)
    ]
    missing = PARTS - len(placed)
    if not 0 < missing <= len(trees):
        raise ValueError(f"{len(placed)} parts and {len(trees)} trees do not make {PARTS}")
    chosen = sorted(rng.permutation(len(trees))[:missing])
    return _coded([*placed, *(trees[i] for i in chosen)], rng)


def _coded(placed: list[Placed], rng: np.random.Generator) -> tuple[Part, ...]:
    """Give codes (serial within a minor) and conditions, and let three covers change hands."""
    serial: Counter[str] = Counter()
    found = []
    for kind, shape in placed:
        kind = KINDS[kind] if isinstance(kind, str) else kind
        serial[kind.category] += 1
        code = f"{plan.DISTRICT_CODE}{kind.category[1:3]}{kind.category[4:6]}{serial[kind.category]:06d}"
        chance = rng.random()
        state = "damaged" if chance < 0.02 else "lost" if chance < 0.025 else "removed" if chance < 0.032 else "intact"
        found.append(Part(code, kind, shapely.set_precision(shape, 0.01), state))
    changed = [p for p in found if p.kind.category == "P01-27"][:3]
    for part in changed:
        other = part.kind._replace(owner="TELECOM-B", maintainer="TELECOM-B")
        found[found.index(part)] = replace(
            part, until=CHANGE, kind=part.kind._replace(owner="TELECOM-A", maintainer="TELECOM-A")
        )
        found.append(replace(part, since=CHANGE, kind=other))
    return tuple(found)


def _beside(road: Road, every_m: float, offset_m: float, start_m: float = 9.0) -> Iterator[tuple[float, Any, float]]:
    """Points along a road's line, ``offset_m`` to its left (right: negative): distance, point, bearing in radians."""
    for line in shapely.get_parts(road.line):
        at = start_m
        while at < line.length - 6:
            here, ahead = line.interpolate(at), line.interpolate(at + 1)
            bearing = float(np.arctan2(ahead.y - here.y, ahead.x - here.x))
            yield at, Point(here.x - np.sin(bearing) * offset_m, here.y + np.cos(bearing) * offset_m), bearing
            at += every_m


def _clusters(ground: Ground) -> Iterator[Placed]:
    """Three covers within 10 m, of two owners: the broken one cannot be told from the position alone."""
    sewage, rain, water = KINDS["P01-02"], KINDS["P01-03"], KINDS["P01-01"]
    same = (sewage, sewage._replace(owner="ROADS", maintainer="ROADS"), sewage)
    mixed = (water, rain, KINDS["P01-23"])
    spots = (
        (same, "R001", 560),
        (mixed, "R001", 300),
        (same, "R003", 470),
        (mixed, "R006", 820),
        (same, "R002", 1330),
        (mixed, "R005", 240),
        (same, "R004", 980),
        (mixed, "R003", 1530),
    )
    for kinds, code, along in spots:
        road = ground.road(code)
        spot = road.line.interpolate(along)
        for kind, (dx, dy) in zip(kinds, ((-3.0, 1.5), (1.2, -2.0), (4.4, 2.2)), strict=True):
            yield kind, Point(spot.x + dx, spot.y + dy)
    for kind, (x, y) in zip((water, KINDS["P01-11"], sewage), ((590, 690), (594, 687), (597, 693)), strict=True):
        yield kind, Point(x, y)


def _extended(ground: Ground) -> Iterator[Placed]:
    """Parts that are lines or areas: rails, car parks, bicycle parking, bridges."""
    avenue = ground.road("R001").line
    for start in range(120, 1900, 240):
        yield "P02-17", substring(avenue, start, start + 130)
    banks = ground.river.buffer(2).boundary.intersection(ground.sites["riverside_park"].buffer(12))
    for line in shapely.get_parts(shapely.line_merge(banks)):
        for start in range(0, int(line.length) - 40, 110):
            yield "P05-07", substring(line, start, start + 95)
    for name in ("town_park", "seaside_green"):
        for area in shapely.get_parts(ground.sites[name]):
            ring = LineString(area.exterior.coords)
            for start in range(0, int(ring.length) - 60, 160):
                yield "P04-08", substring(ring, start, start + 90)
    for x, y, width, depth in ((1716, 612, 40, 22), (712, 462, 30, 18), (480, 536, 46, 16), (1412, 1172, 40, 14)):
        yield "P02-01", box(x, y, x + width, y + depth)
    for x, y in ((572, 668), (612, 668), (470, 444), (840, 440), (1110, 1392), (540, 1378)):
        yield "P02-25", box(x, y, x + 14, y + 4)
    for code in ("R001", "R002", "R003"):
        road = ground.road(code)
        crossing = road.line.intersection(ground.river)
        yield (
            "P02-09",
            max(shapely.get_parts(crossing), key=lambda p: p.length).buffer(road.width_m / 2, cap_style="flat"),
        )


def _in_parks(ground: Ground, rng: np.random.Generator) -> Iterator[Placed]:
    """Benches, lamps and bins along park paths, a few old trees, one toilet in each park."""
    for road in ground.roads:
        if road.road_class == "footway":
            yield from (("P04-07", p) for _, p, _ in _beside(road, 46, 2.6))
            yield from (("P01-39", p) for _, p, _ in _beside(road, 46, -2.4, 30))
            yield from (("P03-05", p) for _, p, _ in _beside(road, 95, -3, 22))
            yield from (("P01-14", p) for _, p, _ in _beside(road, 120, 6, 30))
    for name in plan.PARK_MARKERS:
        area = ground.sites[name].buffer(-12).difference(ground.water)
        west, south, east, north = area.bounds
        kinds = ["P04-01"] * 5 + ["P03-01"] + ["P01-46"] * 4
        while kinds:
            point = Point(rng.uniform(west, east), rng.uniform(south, north))
            if area.contains(point):
                yield kinds.pop(), point


def _signs(ground: Ground, drive: list[Road]) -> Iterator[Placed]:
    """Name signs and cameras where named streets meet, bus stops on the wide ones."""
    named = [road for road in drive if road.name_zh]
    for i, one in enumerate(named):
        for other in named[i + 1 :]:
            for meeting in shapely.get_parts(one.line.intersection(other.line)):
                if meeting.geom_type == "Point":
                    dx, dy = one.width_m / 2 + 2.5, other.width_m / 2 + 2.5
                    yield "P02-12", Point(meeting.x + dy, meeting.y + dx)
                    yield "P02-12", Point(meeting.x - dy, meeting.y - dx)
                    yield "P01-50", Point(meeting.x + dy + 2, meeting.y - dx)
    for road in drive:
        if road.road_class in ("primary", "secondary"):
            for n, (_, point, _) in enumerate(_beside(road, 190, road.width_m / 2 + 2, 130)):
                yield ("P02-04" if n % 2 else "P03-08"), point


_CARRIAGEWAY = ("P01-01", "P01-02", "P01-03", "P01-02", "P01-11", "P01-03", "P01-06", "P01-01")


def _covers(drive: list[Road], rng: np.random.Generator) -> Iterator[Placed]:
    """Covers in the carriageway, gullies at the kerb; some whose owner nobody knows."""
    n = 0
    for road in drive:
        spacing = 52 if road.width_m > 12 else 84
        for _, point, _ in _beside(road, spacing, road.width_m * 0.22, float(rng.uniform(8, 22))):
            n += 1
            yield ("P01-23" if n % 29 == 0 else _CARRIAGEWAY[n % len(_CARRIAGEWAY)]), point
        if road.width_m > 12:
            yield from (("P01-04", point) for _, point, _ in _beside(road, 105, -road.width_m / 2 + 0.4, 18))


def _along_streets(drive: list[Road], rng: np.random.Generator) -> Iterator[Placed]:
    """Lamps, bins, hydrants, poles, cabinets on the pavement."""
    cabinet, pole = KINDS["P01-27"], KINDS["P01-31"]
    for n, road in enumerate(drive):
        kerb = road.width_m / 2 + 1.2
        wide = road.width_m > 12
        for i, (_, point, _) in enumerate(_beside(road, 48 if wide else 96, kerb, 12)):
            yield "P01-37", point
            if wide and i % 2:
                yield "P03-05", Point(point.x + 1.5, point.y + 1.5)
        if wide:
            yield from (("P01-37", point) for _, point, _ in _beside(road, 96, -kerb, 36))
        yield from (("P01-24", point) for _, point, _ in _beside(road, 330, -kerb - 0.6, 40))
        for i, (_, point, _) in enumerate(_beside(road, 300, -kerb - 2, 65 + n % 5 * 11)):
            telecom = "TELECOM-A" if (i + n) % 2 else "TELECOM-B"
            yield cabinet._replace(owner=telecom, maintainer=telecom), point
            if not wide:
                yield pole._replace(owner=telecom, maintainer=telecom), Point(point.x + 6, point.y + 1)
        if road.road_class == "residential" and rng.random() < 0.6:
            yield from (("P01-30", point) for _, point, _ in _beside(road, 90, -kerb - 1, 33))
            yield from (("P01-49", point) for _, point, _ in list(_beside(road, 400, kerb + 3, 88))[:1])


def _trees(drive: list[Road], rng: np.random.Generator) -> Iterator[Placed]:
    """A tree every dozen metres on both sides, not quite in line."""
    for road in drive:
        every = 14 if road.width_m > 12 else 24
        for side in (1, -1):
            for _, point, _ in _beside(road, every, side * (road.width_m / 2 + 2.2), 7):
                yield "P04-02", Point(point.x + rng.normal(0, 0.4), point.y + rng.normal(0, 0.4))
