"""Cameras with what they see, sensors with a last reading, vehicles on their way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pyproj
import shapely

from gisops.sample.chance import chance, key
from gisops.sample.city.fronts import Fronts
from gisops.sample.city.laid import Laid
from gisops.sample.city.part_kinds import has_main, lateral_m
from gisops.sample.city.parts import point_hex
from gisops.sample.city.streets import Floats, Ints, Streets
from gisops.sample.city.themes import crossings, marked, marked_en
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import Shapes, to_degrees, to_hex

_EARTH = pyproj.Geod(ellps="WGS84")
# Rays of a camera's view; of one that turns, all round.
_RAYS, _ROUND = 13, 37


def device_sheets(
    laid: Laid, streets: Streets, fronts: Fronts, seed: int, until: datetime, share: float
) -> Iterator[Sheet]:
    """Draw cameras, sensors and vehicles; ``share`` as in ``themes.theme_sheets``."""
    yield _cameras(laid, streets, chance(seed, "cameras"), round(600 * share))
    yield _sensors(laid, streets, fronts, seed, until, round(300 * share))
    yield _vehicles(laid, streets, seed, until, round(200 * share))


def _headings(laid: Laid, xy: Floats, ahead: Floats) -> Floats:
    """Directions in the survey grid as degrees clockwise from true north."""
    srid = laid.town.profile.metric_srid
    here, there = (shapely.get_coordinates(to_degrees(shapely.points(at), srid)) for at in (xy, xy + ahead * 100))
    turned, _, _ = _EARTH.inv(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    found: Floats = np.round(np.asarray(turned) % 360, 1) % 360
    return found


# ---- cameras -------------------------------------------------------------------------------------------------------


def view_sectors(xy: Floats, ahead: Floats, view_deg: Floats, range_m: Floats) -> Shapes:
    """Draw what cameras see: a sector from each point, ``view_deg`` wide around ``ahead``; a disc where it is 360."""
    middle = np.arctan2(ahead[:, 1], ahead[:, 0])
    found = np.empty(len(xy), dtype=object)
    for every, rays in ((False, _RAYS), (True, _ROUND)):
        which = np.flatnonzero((view_deg >= 360) == every)
        if not len(which):
            continue
        half = np.radians(view_deg[which] / 2)
        angle = middle[which, None] + half[:, None] * np.linspace(-1, 1, rays)[None, :]
        arc = xy[which, None, :] + np.stack([np.cos(angle), np.sin(angle)], axis=2) * range_m[which, None, None]
        ring = arc[:, :-1] if every else np.concatenate([xy[which, None, :], arc], axis=1)
        found[which] = shapely.polygons(ring)
    return found


def _cameras(laid: Laid, streets: Streets, rng: np.random.Generator, count: int) -> Sheet:
    """One or more at the corners of great junctions, each looking along a street; some that turn."""
    great = streets.is_a("trunk", "primary", "secondary", "tertiary", "residential")
    weight_of = np.where(streets.is_a("residential"), 0.25, 1.0) * (0.1 + streets.urban)
    # Each end of a road at a junction is a corner with a view along that road.
    road = np.tile(np.flatnonzero(great & (streets.length > streets.room.sum(axis=1) + 5)), 2)
    side = np.repeat([0, 1], len(road) // 2)
    node = streets.nodes[road, side]
    fit = (streets.degree[node] >= 3) & (streets.node_width[node] > 12)
    road, side, node = road[fit], side[fit], node[fit]
    weight = weight_of[road] * (streets.node_width[node] / 20.0)
    chosen = np.empty(0, dtype=np.int64)
    if len(road):
        chosen = np.sort(rng.choice(len(road), min(count, len(road)), replace=False, p=weight / weight.sum()))
    road, side, node = road[chosen], side[chosen], node[chosen]
    room = streets.room[road, side] - 2.0
    spots = streets.at(road, np.where(side == 0, room, streets.length[road] - room))
    sign = np.where(side == 0, 1.0, -1.0)
    xy = spots.beside(sign * (streets.width[road] / 2 + 1.6))
    ahead = spots.ahead * sign[:, None]
    dry = shapely.contains_xy(laid.town.land, xy[:, 0], xy[:, 1])
    road, node, xy, ahead = road[dry], node[dry], xy[dry], ahead[dry]
    turns = rng.random(len(road)) < 0.12
    view = np.where(turns, 360.0, rng.choice([50.0, 60.0, 75.0, 90.0], len(road)))
    reach = np.where(turns, rng.integers(60, 90, len(road)), rng.integers(60, 140, len(road))).astype(np.float64)
    # Looked at slightly inward, over its own street.
    inward = np.column_stack([ahead[:, 1], -ahead[:, 0]]) * 0.12
    srid = laid.town.profile.metric_srid
    sectors = to_hex(view_sectors(xy, ahead + inward, view, reach), srid)
    points = point_hex(xy, srid)
    heading = _headings(laid, xy, (ahead + inward) / np.hypot(1, 0.12))
    called = _junction_names(laid, streets, np.unique(node))
    rows: list[Row] = []
    numbers: dict[int, int] = {}
    for n in range(len(road)):
        number = numbers[int(node[n])] = numbers.get(int(node[n]), 0) + 1
        name_zh, name_en = called[int(node[n])]
        rows.append(
            (
                f"CAM{n + 1:05d}",
                f"{name_zh}{number}",
                f"{name_en} {number}",
                laid.organisation_ids["TRAFFIC" if n % 3 else "URBAN"],
                None if turns[n] else float(heading[n]),
                float(view[n]),
                float(reach[n]),
                sectors[n],
                points[n],
            )
        )
    columns = "code name_zh name_en organisation_id heading_deg view_deg range_m sector geom"
    return Sheet("cameras", tuple(columns.split()), rows, len(rows))


def _junction_names(laid: Laid, streets: Streets, nodes: Ints) -> dict[int, tuple[str, str]]:
    """What junctions are called: by the two widest of the named streets that meet there."""
    roads = laid.town.roads
    wanted = np.isin(streets.nodes, nodes).any(axis=1) & (roads.name_zh != "") & ~streets.is_a("footway")
    meeting: dict[int, dict[str, str]] = {int(node): {} for node in nodes}
    for road in sorted(np.flatnonzero(wanted), key=lambda road: -streets.width[road]):
        for node in streets.nodes[road]:
            if int(node) in meeting:
                meeting[int(node)].setdefault(str(roads.name_zh[road]), str(roads.name_en[road]))
    found = {}
    for node, names in meeting.items():
        pair = list(names.items())[:2]
        zh = "与".join([marked(pair[0][0]), *(zh.removeprefix("样例") for zh, _ in pair[1:])]) if pair else "样例"
        en = marked_en(" and ".join(en for _, en in pair) or "nameless")
        found[node] = (f"{zh}路口", f"{en} junction")
    return found


# ---- sensors -------------------------------------------------------------------------------------------------------


def _sensors(laid: Laid, streets: Streets, fronts: Fronts, seed: int, until: datetime, count: int) -> Sheet:
    """Water levels at bridges, rain on roofs, air and noise at great streets, covers and lamps that report."""
    rng = chance(seed, "sensors")
    great = np.where(streets.is_a("primary", "secondary") & (streets.urban > 0.2), 700.0, np.inf)
    small = np.where(streets.is_a("tertiary", "residential") & (streets.urban > 0.4), 400.0, np.inf)
    drains = np.where(has_main(streets, "storm") & (streets.urban > 0.3), 300.0, np.inf)
    by_air, by_noise, by_lamp, by_cover = (
        streets.row(spacing, first) for spacing, first in ((great, 0.2), (great, 0.7), (small, 0.5), (drains, 0.4))
    )
    _, banks = crossings(laid, streets)
    roofs = np.flatnonzero(np.isin(laid.town.buildings.use, ("school", "office", "public", "commercial")))
    kerb = streets.width / 2
    levels = banks[:, 0] if len(banks) else np.empty((0, 2))
    on_roof = shapely.get_coordinates(shapely.point_on_surface(laid.town.buildings.geom[roofs])).reshape(-1, 2)
    over_drains = by_cover.beside(lateral_m("storm", streets.width[by_cover.road]))
    # Kind, name, English, unit, whose, where it may stand, share, values from and to.
    groups = (
        ("water_level", "水位计", "Water level", "m", "RIVER", levels, 0.16, (0.4, 3.2)),
        ("rain", "雨量计", "Rain", "mm/h", "EMERGENCY", on_roof, 0.12, (0, 6)),
        ("air", "空气站", "PM2.5", "µg/m³", "SANITATION", by_air.beside(kerb[by_air.road] + 3), 0.14, (9, 62)),
        ("noise", "噪声仪", "Noise", "dB(A)", "URBAN", by_noise.beside(-kerb[by_noise.road] - 3), 0.16, (46, 74)),
        ("manhole", "井盖传感器", "Cover", "°", "DRAINAGE", over_drains, 0.24, (0, 4)),
        ("lamp", "单灯控制器", "Lamp", "W", "LIGHTING", by_lamp.beside(kerb[by_lamp.road] + 0.7), 0.18, (0, 150)),
    )
    rows: list[Row] = []
    made_at = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for kind, zh, en, unit, organisation, xy, share, (low, high) in groups:
        dry = xy[shapely.contains_xy(laid.town.land, xy[:, 0], xy[:, 1])] if len(xy) else xy
        chosen = np.sort(rng.permutation(len(dry))[: round(count * share)])
        values = np.round(rng.uniform(low, high, len(chosen)) * (0.1 if kind == "rain" else 1.0), 1)
        minutes = rng.integers(1, 15, len(chosen))
        silent = rng.random(len(chosen)) < 0.04
        for n, geom in enumerate(point_hex(dry[chosen], laid.town.profile.metric_srid)):
            name = (f"样例{zh}{n + 1:03d}", f"Sample {en.lower()} sensor {n + 1:03d}")
            uid = str(key(seed, "sensor", len(rows), made_at))
            reading = (None, None) if silent[n] else (float(values[n]), until - timedelta(minutes=int(minutes[n])))
            what = (f"SN{len(rows) + 1:05d}", kind, *name, unit, laid.organisation_ids[organisation])
            rows.append((laid.district_code, uid, *what, *reading, geom))
    columns = "district_code sensor_id code kind name_zh name_en unit organisation_id last_value last_at geom"
    return Sheet("sensors", tuple(columns.split()), rows, len(rows))


# ---- vehicles ------------------------------------------------------------------------------------------------------

# Kind, name, share, whose (one of them each), usual speeds in km/h.
_FLEET = (
    ("sweeper", "清扫车", 0.22, ("SANITATION",), (4, 14)),
    ("sprinkler", "洒水车", 0.14, ("SANITATION",), (10, 25)),
    ("garbage", "垃圾清运车", 0.18, ("SANITATION",), (0, 40)),
    ("muck", "渣土车", 0.18, ("@contractor",), (10, 55)),
    ("patrol", "巡查车", 0.16, ("URBAN", "TRAFFIC"), (8, 40)),
    ("repair", "抢修车", 0.12, ("ROADS", "DRAINAGE", "LIGHTING", "POWER", "GAS", "WATERWORKS"), (0, 45)),
)


def _vehicles(laid: Laid, streets: Streets, seed: int, until: datetime, count: int) -> Sheet:
    """Vehicles on the streets, keeping right; a few that were not heard of yet."""
    rng = chance(seed, "vehicles")
    drive = streets.is_a("trunk", "primary", "secondary", "tertiary", "residential")
    lanes = streets.row(np.where(drive & (streets.urban > 0.1), 60.0, np.inf), 0.35)
    lanes = lanes.only(np.sort(rng.permutation(len(lanes.road))[:count]))
    forward = rng.random(len(lanes.road)) < 0.5
    sign = np.where(forward, 1.0, -1.0)
    xy = lanes.beside(-sign * streets.width[lanes.road] * 0.22)
    headings = _headings(laid, xy, lanes.ahead * sign[:, None]) if len(xy) else np.empty(0)
    contractors = [o.code for o in laid.organisations if o.kind == "contractor"] or ["SANITATION"]
    kinds = np.repeat(np.arange(len(_FLEET)), [round(count * share) + 1 for _, _, share, *_ in _FLEET])
    kinds = rng.permutation(kinds)[: len(xy)]
    silent = rng.random(len(xy)) < 0.06
    made_at = until.replace(hour=0, minute=0, second=0, microsecond=0)
    rows: list[Row] = []
    for n, geom in enumerate(point_hex(xy, laid.town.profile.metric_srid)):
        kind, name, _, owners, (slow, fast) = _FLEET[int(kinds[n])]
        who = contractors if owners[0] == "@contractor" else owners
        seen = until - timedelta(seconds=int(rng.integers(2, 400)))
        speed = round(float(rng.uniform(slow, fast)), 1)
        where = (None, None, None, None) if silent[n] else (seen, float(headings[n]), speed, geom)
        rows.append(
            (
                laid.district_code,
                str(key(seed, "vehicle", n, made_at)),
                f"VH{n + 1:04d}",
                f"样A{n + 1:05d}",
                kind,
                f"样例{name}{n + 1:03d}",
                laid.organisation_ids[who[n % len(who)]],
                *where,
            )
        )
    columns = "district_code vehicle_id code plate kind name_zh organisation_id captured_at heading_deg speed_kmh geom"
    return Sheet("vehicles", tuple(columns.split()), rows, len(rows))
