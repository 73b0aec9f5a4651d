"""Party-building sites, flood points and households under relief: points at buildings, low roads and banks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import shapely

from gisops.sample.chance import chance, key
from gisops.sample.city.fronts import Fronts
from gisops.sample.city.laid import Laid
from gisops.sample.city.parts import point_hex
from gisops.sample.city.streets import Floats, Ints, Streets
from gisops.sample.sheet import Row, Sheet

PUBLIC_USES = ("office", "public", "commercial", "school", "market", "residential")


def crossings(laid: Laid, streets: Streets) -> tuple[Ints, Floats]:
    """Where streets cross rivers and canals: which water, and the two points of the street at its banks, on land."""
    waters = laid.town.waters
    wet = np.flatnonzero(np.isin(waters.water_class, ["river", "canal"]))
    drive = np.flatnonzero(~streets.is_a("footway", "service"))
    if not len(wet) or not len(drive):
        return np.empty(0, np.int64), np.empty((0, 2, 2))
    which, at = shapely.STRtree(waters.geom[wet]).query(streets.lines[drive], predicate="intersects")
    spans = shapely.intersection(streets.lines[drive][which], shapely.buffer(waters.geom[wet][at], 3.0, quad_segs=2))
    whole = (shapely.get_type_id(spans) == shapely.GeometryType.LINESTRING) & (shapely.length(spans) > 8)
    ends = np.stack([shapely.get_coordinates(shapely.get_point(spans[whole], n)) for n in (0, -1)], axis=1)
    return wet[at[whole]], ends


def marked(name: str) -> str:
    """A Chinese name that says it is a sample's, over a real town's real names too."""
    return name if name.startswith("样例") else f"样例{name}"


def marked_en(name: str) -> str:
    """The same in English."""
    return name if name.startswith("Sample") else f"Sample {name}"


def community_of(laid: Laid, xy: Floats) -> Ints:
    """The community each point lies in, or the nearest."""
    if not len(xy):
        return np.empty(0, np.int64)
    nearest: Ints = shapely.STRtree(laid.cell_shapes).nearest(shapely.points(xy))
    return laid.cell_community[nearest]


def theme_sheets(
    laid: Laid, streets: Streets, fronts: Fronts, seed: int, until: datetime, share: float
) -> Iterator[Sheet]:
    """Draw the three themes; ``share`` is the size of the town's data by that of a whole city's, 1 for that."""
    yield _party_sites(laid, fronts, chance(seed, "party sites"), round(300 * share))
    yield _flood_points(laid, streets, fronts, chance(seed, "flood points"), round(240 * share))
    yield _households(laid, fronts, seed, until, round(600 * share))


def _party_sites(laid: Laid, fronts: Fronts, rng: np.random.Generator, count: int) -> Sheet:
    """A service centre in each community as far as they go, then branches and activity rooms among the houses."""
    titles = {
        "service_centre": ("党群服务中心", "Party Service Centre"),
        "branch": ("党支部", "Party Branch"),
        "activity_room": ("党员活动室", "Party Members' Activity Room"),
    }
    houses = np.flatnonzero(np.isin(laid.town.buildings.use, PUBLIC_USES) & (fronts.far_m < 60))
    community = community_of(laid, fronts.xy[houses])
    order = rng.permutation(len(houses))
    # The first of each community in a random order is its centre.
    first = np.unique(community[order], return_index=True)[1]
    chosen = np.concatenate([order[np.sort(first)], np.delete(order, first)])[:count]
    centres = min(len(first), count)
    rows: list[Row] = []
    numbers: dict[tuple[str, int], int] = {}
    geoms = point_hex(fronts.xy[houses[chosen]], laid.town.profile.metric_srid)
    for n, (at, geom) in enumerate(zip(chosen, geoms, strict=True)):
        kind = "service_centre" if n < centres else ("branch", "branch", "activity_room")[n % 3]
        where = int(community[at])
        area = laid.communities[where]
        number = numbers[kind, where] = numbers.get((kind, where), 0) + 1
        zh, en = titles[kind]
        name_zh = f"{area.name_zh}{zh}" if kind == "service_centre" else f"{area.name_zh}第{number}{zh}"
        rows.append(
            (
                f"PB{n + 1:04d}",
                marked(name_zh),
                marked_en(f"{area.name_en} {en}" + ("" if kind == "service_centre" else f" {number}")),
                kind,
                laid.organisation_ids[area.organisation],
                int(rng.integers(8, 120)),
                f"样例联系人{n + 1:03d}",
                f"000-2000-{n + 1:04d}",
                geom,
            )
        )
    columns = "code name_zh name_en kind organisation_id members contact_person phone geom"
    return Sheet("party_sites", tuple(columns.split()), rows, len(rows))


def _flood_points(laid: Laid, streets: Streets, fronts: Fronts, rng: np.random.Generator, count: int) -> Sheet:
    """Low stretches of streets, mostly near water; pumps, sluices and gauges at the banks; shelters in open ground."""
    water, banks = crossings(laid, streets)
    order = rng.permutation(len(water))
    pump, sluice, gauge = (order[n::3][: max(1, count // 8)] for n in range(3))
    low = _low_spots(laid, streets, rng, count // 2)
    schools = np.flatnonzero(np.isin(laid.town.buildings.use, ("school", "public", "market")))
    parks = laid.town.greens.geom[np.isin(laid.town.greens.green_class, ("park", "pitch"))]
    open_ground = shapely.get_coordinates(shapely.point_on_surface(parks)).reshape(-1, 2)
    refuge = np.concatenate([fronts.xy[schools], open_ground])
    shelters = refuge[np.sort(rng.permutation(len(refuge))[: max(1, count // 6)])]
    # A pump, a sluice and a gauge stand at a bank beside the bridge, not on it.
    beside = banks + _aside(banks)
    groups = (
        ("waterlogging", "易涝点", "Waterlogging spot", "DRAINAGE", low),
        ("pump", "排涝泵站", "Pumping station", "DRAINAGE", beside[pump, 0]),
        ("sluice", "水闸", "Sluice", "RIVER", beside[sluice, 1]),
        ("gauge", "水尺", "Gauge", "RIVER", beside[gauge, 0]),
        ("shelter", "应急避难场所", "Emergency shelter", "EMERGENCY", shelters),
    )
    rows: list[Row] = []
    for kind, zh, en, organisation, xy in groups:
        dry = xy[shapely.contains_xy(laid.town.land, xy[:, 0], xy[:, 1])] if len(xy) else xy
        risks = rng.choice(["low", "medium", "high"], len(dry), p=[0.45, 0.35, 0.2])
        names = _near_names(laid, streets, dry)
        for number, geom in enumerate(point_hex(dry, laid.town.profile.metric_srid), 1):
            name_zh, name_en = names[number - 1]
            rows.append(
                (
                    f"FP{len(rows) + 1:04d}",
                    marked(f"{name_zh}{zh}{number:02d}"),
                    marked_en(f"{name_en} {en} {number:02d}".strip()),
                    kind,
                    str(risks[number - 1]) if kind == "waterlogging" else "low",
                    laid.organisation_ids[organisation],
                    "三防值班岗",
                    geom,
                )
            )
    columns = "code name_zh name_en kind risk organisation_id duty_post_zh geom"
    return Sheet("flood_points", tuple(columns.split()), rows, len(rows))


def _aside(banks: Floats) -> Floats:
    """From each end of a bridge some steps along the bank, away from the carriageway."""
    way = banks[:, 1] - banks[:, 0]
    size = np.hypot(way[:, 0], way[:, 1])[:, None]
    left = np.column_stack([-way[:, 1], way[:, 0]]) / np.where(size == 0, 1, size)
    back = way / np.where(size == 0, 1, size) * 4.0
    return np.stack([left * 28.0 - back, left * 28.0 + back], axis=1)


def _low_spots(laid: Laid, streets: Streets, rng: np.random.Generator, count: int) -> Floats:
    """Spots on built-up streets: three in four within 350 m of water, where the ground is low."""
    waters = laid.town.waters.geom
    fit = np.flatnonzero((streets.urban > 0.3) & streets.is_a("primary", "secondary", "tertiary", "residential"))
    if not len(fit):
        return np.empty((0, 2))
    spots = streets.at(fit, streets.length[fit] / 2)
    near = np.zeros(len(fit), dtype=bool)
    if len(waters):
        near[shapely.STRtree(waters).query(shapely.points(spots.xy), predicate="dwithin", distance=350.0)[0]] = True
    weight = np.where(near, 3.0, 0.3) * np.where(streets.is_a("residential")[fit], 0.4, 1.0)
    chosen = rng.choice(len(fit), min(count, len(fit)), replace=False, p=weight / weight.sum())
    return spots.only(np.sort(chosen)).beside(1.0)


def _near_names(laid: Laid, streets: Streets, xy: Floats) -> list[tuple[str, str]]:
    """The name of the nearest named street to each point, in Chinese and English."""
    roads = laid.town.roads
    named = np.flatnonzero((roads.name_zh != "") & ~streets.is_a("footway"))
    if not len(named) or not len(xy):
        return [("", "")] * len(xy)
    at = named[shapely.STRtree(streets.lines[named]).nearest(shapely.points(xy))]
    return list(zip(roads.name_zh[at], roads.name_en[at], strict=True))


def _households(laid: Laid, fronts: Fronts, seed: int, until: datetime, count: int) -> Sheet:
    """Households under relief, each in a house where people live, more often in low ones; the register's number."""
    rng = chance(seed, "households")
    houses = laid.town.buildings
    homes = np.flatnonzero(houses.households > 0)
    chosen = np.empty(0, dtype=np.int64)
    if len(homes):
        weight = 1.0 / np.clip(houses.floors[homes], 1, 30)
        chosen = np.sort(rng.choice(homes, min(count, len(homes)), replace=False, p=weight / weight.sum()))
    inside = shapely.get_coordinates(shapely.point_on_surface(houses.geom[chosen])).reshape(-1, 2)
    needs = (
        ("因病", "医疗救助"),
        ("因残", "低保"),
        ("缺劳动力", "公益岗位"),
        ("因学", "教育资助"),
        ("因灾", "临时救助"),
    )
    made_at = until.replace(hour=0, minute=0, second=0, microsecond=0)
    rows: list[Row] = []
    for n, geom in enumerate(point_hex(inside, laid.town.profile.metric_srid), 1):
        cause, measure = needs[int(rng.integers(0, len(needs)))]
        person = (f"样例户主{n:04d}", f"000-3000-{n:04d}", int(rng.integers(1, 6)))
        uid = str(key(seed, "household", n, made_at))
        rows.append((laid.district_code, uid, f"RH{n:05d}", *person, cause, measure, "样例帮扶岗", geom))
    columns = "district_code household_id code householder phone persons cause_zh measure_zh helper_post_zh geom"
    return Sheet("relief_households", tuple(columns.split()), rows, len(rows))
