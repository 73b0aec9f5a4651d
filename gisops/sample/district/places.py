"""What is found at points of the sample district: shops, units, party sites, flood points, households in relief."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.ops
from shapely.geometry import Point

from gisops.sample.district import plan
from gisops.sample.district.buildings import Building
from gisops.sample.district.ground import Ground

PLACES, PARTY_SITES, FLOOD_POINTS, HOUSEHOLDS = 120, 12, 20, 30


@dataclass(frozen=True)
class Spot:
    """A named point; ``extra`` holds what only its table has."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    organisation: str | None
    point: Any
    extra: tuple[Any, ...] = ()


# Kind of place, Chinese, from which number on.
_PLACE_KINDS = (
    ("shop", "样例便利店"),
    ("shop", "样例小吃店"),
    ("unit", "样例单位"),
    ("compound", "样例小区"),
    ("shop", "样例五金店"),
    ("key_trade", "样例加工点"),
)


def draw_places(ground: Ground, buildings: tuple[Building, ...], rng: np.random.Generator) -> tuple[Spot, ...]:
    """Shops and units at the street front of houses, with whom to call; some have an organisation set."""
    fronts = []
    surface = ground.road_surface
    for building in buildings:
        near, door = shapely.ops.nearest_points(surface, building.polygon)
        if near.distance(door) < 28:
            fronts.append(door)
    chosen = sorted(rng.permutation(len(fronts))[:PLACES])
    found = []
    for n, i in enumerate(chosen, 1):
        kind, title = _PLACE_KINDS[n % len(_PLACE_KINDS)]
        street = min((r for r in ground.roads if r.name_zh), key=lambda road: road.line.distance(fronts[i]))
        organisation = "SQUAD-1" if kind == "key_trade" and n % 2 else None
        extra = (f"{street.name_zh}{n}号", f"样例负责人{n:03d}", f"000-0100-{n:04d}")
        found.append(Spot(f"PL{n:04d}", kind, f"{title}{n:03d}", "", organisation, fronts[i], extra))
    return tuple(found)


def draw_party_sites(ground: Ground, rng: np.random.Generator) -> tuple[Spot, ...]:
    """One centre and a dozen branches and rooms, in houses' yards: extra is members, contact, telephone."""
    titles = {
        "service_centre": ("党群服务中心", "Service centre"),
        "branch": ("党支部", "Branch"),
        "activity_room": ("活动室", "Activity room"),
    }
    found = []
    for n in range(1, PARTY_SITES + 1):
        kind = "service_centre" if n <= 3 else "branch" if n <= 8 else "activity_room"
        community = (n * 3) % len(plan.COMMUNITIES)
        street = int(plan.COMMUNITIES[community].street)
        zh, en = titles[kind]
        point = _dry_point(ground, ground.communities[community], rng)
        extra = (int(rng.integers(12, 90)), f"样例联系人{n:02d}", f"000-0200-{n:04d}")
        found.append(
            Spot(f"PB{n:03d}", kind, f"样例{zh}{n:02d}", f"Sample {en} {n:02d}", f"STREET-{street}", point, extra)
        )
    return tuple(found)


def draw_flood_points(ground: Ground, rng: np.random.Generator) -> tuple[Spot, ...]:
    """Low stretches of road, pumps and sluices at the water, shelters: extra is risk, post on duty."""
    low = [
        ground.road(code).line.interpolate(at)
        for code, at in (
            ("R001", 240),
            ("R001", 820),
            ("R001", 1280),
            ("R003", 300),
            ("R003", 820),
            ("R004", 620),
            ("R005", 430),
            ("R006", 880),
            ("R002", 640),
            ("R002", 1500),
        )
    ]
    bank = shapely.line_merge(ground.river.boundary)
    at_water = [
        max(shapely.get_parts(bank), key=lambda p: p.length).interpolate(at) for at in (180, 520, 900, 1750, 2200)
    ]
    shelters = [ground.sites[name].centroid for name in ("school", "square", "depot")]
    gauges = [ground.river.representative_point(), ground.branch.representative_point()]
    kinds = (
        ("waterlogging", "积水点", "Flooding spot", "ROADS", low),
        ("pump", "排涝泵", "Pump", "WATER", at_water[:3]),
        ("sluice", "水闸", "Sluice", "RIVER", at_water[3:]),
        ("shelter", "避难场所", "Shelter", "GOV", shelters),
        ("gauge", "水位计", "Gauge", "RIVER", gauges),
    )
    found: list[Spot] = []
    for kind, zh, en, organisation, points in kinds:
        for point in points:
            n = len(found) + 1
            risk = ("low", "medium", "high")[int(rng.integers(0, 3))] if kind == "waterlogging" else "low"
            found.append(
                Spot(
                    f"FP{n:03d}",
                    kind,
                    f"样例{zh}{n:02d}",
                    f"Sample {en} {n:02d}",
                    organisation,
                    point,
                    (risk, "三防值班岗"),
                )
            )
    return tuple(found)


def draw_households(buildings: tuple[Building, ...], rng: np.random.Generator) -> tuple[Spot, ...]:
    """Households under relief, each in a house: extra is telephone, persons, cause, measure, helper's post."""
    homes = [b for b in buildings if b.households]
    causes = ("因病", "因残", "缺劳动力", "因学")
    measures = ("医疗救助", "低保", "公益岗位", "教育资助")
    found = []
    for n, i in enumerate(sorted(rng.permutation(len(homes))[:HOUSEHOLDS]), 1):
        pick = int(rng.integers(0, len(causes)))
        extra = (f"000-0300-{n:04d}", int(rng.integers(1, 6)), causes[pick], measures[pick], "样例帮扶岗")
        found.append(
            Spot(
                f"RH{n:04d}", "household", f"样例户主{n:02d}", "", None, homes[i].polygon.representative_point(), extra
            )
        )
    return tuple(found)


def _dry_point(ground: Ground, area: Any, rng: np.random.Generator) -> Any:
    """A point inside an area, on land and off the roads."""
    room = area.difference(ground.water.buffer(10)).difference(ground.road_surface.buffer(4))
    west, south, east, north = room.bounds
    while True:
        point = Point(rng.uniform(west, east), rng.uniform(south, north))
        if room.contains(point):
            return point
