"""The responsibility zones of the sample district: who answers where, for what; every kind, with overlaps and gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import shapely
import shapely.ops
from shapely.geometry import LineString, Polygon

from gisops.sample.district import plan
from gisops.sample.district.ground import Ground
from gisops.sample.district.people import CHINA, Staff
from gisops.sample.district.shapes import multi, snapped

SCHEME = "GB/T 30428.2-2013"
IN_FORCE = datetime(2025, 1, 1, tzinfo=CHINA)
# On this day one zone changed hands; as of the day before, dispatch must still name the old organisation.
CHANGE = datetime(2026, 3, 1, tzinfo=CHINA)

# Code, names, purpose, published.
SETS = (
    ("TERRITORY-2025", "属地责任区", "Territorial responsibility", "territory", True),
    ("DUTY-2025", "网格责任区", "Patrol and cleaning areas", "duty", True),
    ("SPECIAL-2025", "专项责任区", "Roads, water, parks and sites", "special", True),
    ("DUTY-DRAFT", "网格责任区（草案）", "Patrol areas (draft)", "duty", False),
)
SET_ID = {code: i for i, (code, *_) in enumerate(SETS, 1)}

CLEANING = ("E01-10", "E01-11", "E01-12")
ORDER = ("E01", "E02", "E04")
ROADWORK = ("E01-13", "E05-05", "E05-06", "P02")
PARKING = ("E04-09", "E04-10")
GREEN = ("P04", "E01-17", "E01-18", "E01-20", "E01-21", "E01-22")
WATER = ("E01-25", "E01-26", "P05-06", "P05-07")


@dataclass
class Zone:
    """A zone before it is written; ``assigned`` is (staff, role)."""

    zone_set: str
    code: str
    name_zh: str
    name_en: str
    kind: str
    organisation: str
    scope: tuple[str, ...]
    priority: int
    area: Any
    since: datetime = IN_FORCE
    until: datetime | None = None
    assigned: list[tuple[Staff, str]] = field(default_factory=list)


def patterns(scope: tuple[str, ...]) -> list[str]:
    """Scope patterns of short category codes."""
    return [f"{SCHEME}:{code}" for code in scope]


def draw_zones(ground: Ground, staff: tuple[Staff, ...]) -> tuple[Zone, ...]:
    """All zones, those of the draft and the replaced one included."""
    # Nobody drew a zone over the old railway: between the areas on both sides 30 m are left.
    gap = ground.railway.buffer(plan.RAILWAY_GAP_M / 2, cap_style="flat")
    zones = [*_territories(ground, gap), *_duties(ground, gap), *_sweeps(ground, gap)]
    zones += [*_corridors(ground), *_waters(ground), *_sites(ground), *_specials(ground)]
    zones += _drafts(zones)
    _assign(zones, staff)
    return tuple(zones)


def _territories(ground: Ground, gap: Any) -> list[Zone]:
    zones = []
    for n, ((_, name_zh, name_en, organisation), area) in enumerate(
        zip(plan.STREET_AREAS, ground.streets, strict=True), 1
    ):
        zones.append(
            Zone(
                "TERRITORY-2025",
                f"T{n:02d}",
                f"{name_zh}属地",
                f"{name_en} territory",
                "territory",
                organisation,
                (),
                10,
                area.difference(gap),
            )
        )
    offices = {code: organisation for code, _, _, organisation in plan.STREET_AREAS}
    for n, (community, area) in enumerate(zip(plan.COMMUNITIES, ground.communities, strict=True), 11):
        zones.append(
            Zone(
                "TERRITORY-2025",
                f"T{n:02d}",
                f"{community.name_zh}属地",
                f"{community.name_en} territory",
                "territory",
                community.organisation or offices[community.street],
                (),
                10,
                area.difference(gap),
            )
        )
    return zones


# How many patrollers share each community.
_PATROLS = (2, 1, 3, 2, 3, 3, 2, 3)
_PATROL_ORGANISATIONS = (
    "STREET-1",
    "STREET-1",
    "STREET-1",
    "STREET-2",
    "SQUAD-1",
    "SQUAD-2",
    "SQUAD-2",
    "STREET-3",
)


def _groups(ground: Ground, community: int, count: int) -> list[Any]:
    """The cells of a community in ``count`` neighbouring groups of like size, each as one area."""
    cells = [c.polygon for c in ground.cells if c.community == community]
    west, south, east, north = ground.communities[community].bounds
    upright = north - south > east - west
    cells.sort(key=lambda p: -p.centroid.y if upright else p.centroid.x)
    size = len(cells) / count
    return [shapely.coverage_union_all(cells[round(i * size) : round((i + 1) * size)]) for i in range(count)]


def _duties(ground: Ground, gap: Any) -> list[Zone]:
    zones: list[Zone] = []
    for i, (community, count, organisation) in enumerate(
        zip(plan.COMMUNITIES, _PATROLS, _PATROL_ORGANISATIONS, strict=True)
    ):
        for area in _groups(ground, i, count):
            n = len(zones) + 1
            zones.append(
                Zone(
                    "DUTY-2025",
                    f"D{n:02d}",
                    f"责任网格{n:02d}（{community.name_zh}）",
                    f"Patrol area {n:02d}",
                    "duty",
                    organisation,
                    ORDER,
                    20,
                    area.difference(gap),
                )
            )
    # The first patrol area of the south gate was the squad's until the street took it over.
    moved = next(zone for zone in zones if zone.organisation == "STREET-2")
    before = Zone(**{**vars(moved), "organisation": "SQUAD-1", "until": CHANGE, "assigned": []})
    moved.since = CHANGE
    return [before, *zones]


def _sweeps(ground: Ground, gap: Any) -> list[Zone]:
    """Cleaning: one contractor and, in the works community, the street itself; borders run across patrol areas."""
    zones = []
    pairs = ((0, 1), (2,), (3,), (4,), (5, 6), (7,))
    for n, members in enumerate(pairs, 1):
        area = shapely.coverage_union_all([ground.communities[i] for i in members])
        organisation = "STREET-3" if members == (7,) else "CLEANING"
        zones.append(
            Zone(
                "DUTY-2025",
                f"C{n:02d}",
                f"保洁片区{n:02d}",
                f"Cleaning area {n:02d}",
                "duty",
                organisation,
                CLEANING,
                22,
                area.difference(gap).difference(ground.water),
            )
        )
    return zones


def _corridors(ground: Ground) -> list[Zone]:
    zones = []
    by_class = {"primary": 34, "secondary": 32, "tertiary": 30}
    for n, street in enumerate(plan.STREETS, 1):
        road = ground.road(street.code)
        area = road.line.buffer(road.width_m / 2 + 3, cap_style="flat").intersection(ground.land)
        zones.append(
            Zone(
                "SPECIAL-2025",
                f"R{n:02d}",
                f"{road.name_zh}养护",
                f"{road.name_en} maintenance",
                "corridor",
                "ROADS",
                ROADWORK,
                by_class[road.road_class],
                area,
            )
        )
        if road.road_class != "tertiary":
            wide = road.line.buffer(road.width_m / 2 + 8, cap_style="flat").intersection(ground.land)
            zones.append(
                Zone(
                    "SPECIAL-2025",
                    f"J{n:02d}",
                    f"{road.name_zh}交通秩序",
                    f"{road.name_en} traffic order",
                    "corridor",
                    "TRAFFIC",
                    PARKING,
                    30,
                    wide,
                )
            )
    return zones


def _waters(ground: Ground) -> list[Zone]:
    banks = ground.river.buffer(8).intersection(ground.land)
    middle = ground.road("R001").line
    parts = sorted(shapely.get_parts(shapely.ops.split(banks, _extended(middle))), key=lambda p: p.centroid.y)
    branch = ground.branch.buffer(6).intersection(ground.land)
    return [
        Zone("SPECIAL-2025", "W01", "样例河上段", "Sample River, upper reach", "water", "RIVER", WATER, 25, parts[0]),
        Zone("SPECIAL-2025", "W02", "样例河下段", "Sample River, lower reach", "water", "RIVER", WATER, 25, parts[-1]),
        Zone("SPECIAL-2025", "W03", "样例东涌", "Sample East Creek", "water", "STREET-3", WATER, 25, branch),
    ]


def _extended(line: Any) -> LineString:
    coords = list(line.coords)
    return LineString([(coords[0][0] - 50, coords[0][1]), *coords, (coords[-1][0] + 50, coords[-1][1])])


def _sites(ground: Ground) -> list[Zone]:
    def site(code: str, zh: str, en: str, organisation: str, scope: tuple[str, ...], name: str) -> Zone:
        area = ground.sites[name]
        if name == "riverside_park":
            # The lawn round the bandstand is leased: the park has a hole there.
            area = area.difference(Polygon([(985, 1195), (1030, 1190), (1034, 1235), (988, 1240)]))
        return Zone("SPECIAL-2025", code, zh, en, "site", organisation, scope, 40, area)

    return [
        site("S01", "样例河滨公园", "Sample Riverside Park", "PARKS", GREEN, "riverside_park"),
        site("S02", "样例老城公园", "Sample Old Town Park", "PARKS", GREEN, "town_park"),
        site("S03", "样例海滨绿带", "Sample Seaside Green", "PARKS", GREEN, "seaside_green"),
        site("S04", "样例集贸市场", "Sample Market", "SQUAD-1", ("E04-01", "E04-05", "E04-06", "E01-31"), "market"),
        site("S05", "样例建设工地", "Sample Construction Site", "URBAN", ("E03",), "construction"),
        site("S06", "样例学校周边", "Sample School Surroundings", "STREET-2", ("E04-01", "E04-02", "E04-06"), "school"),
    ]


def _specials(ground: Ground) -> list[Zone]:
    def bridge(code: str, road_code: str, zh: str, en: str) -> Zone:
        road = ground.road(road_code)
        deck = road.line.buffer(road.width_m / 2 + 2, cap_style="flat").intersection(ground.river.buffer(18))
        deck = max(shapely.get_parts(deck), key=lambda p: p.area)
        return Zone(
            "SPECIAL-2025", code, zh, en, "special", "ROADS", ("P02-09", "P02-17", "E01-12", "E01-13"), 42, deck
        )

    return [
        bridge("X01", "R001", "样例大桥", "Sample Bridge"),
        bridge("X02", "R002", "样例河口桥", "Sample Estuary Bridge"),
        bridge("X03", "R003", "样例学府桥", "Sample College Bridge"),
        Zone(
            "SPECIAL-2025",
            "X04",
            "样例站前广场",
            "Sample Station Square",
            "special",
            "STREET-2",
            ORDER,
            45,
            ground.sites["square"],
        ),
        Zone(
            "SPECIAL-2025",
            "X05",
            "样例渔港码头",
            "Sample Fishing Pier",
            "special",
            "STREET-1",
            ("E01", "E04"),
            44,
            ground.sites["pier"].intersection(ground.land),
        ),
    ]


def _drafts(zones: list[Zone]) -> list[Zone]:
    """A draft: two patrol areas joined, two others given to the street. It must never decide anything."""
    port = [z for z in zones if z.zone_set == "DUTY-2025" and z.kind == "duty" and z.organisation == "SQUAD-2"]
    joined = shapely.union_all([port[0].area, port[1].area], grid_size=0.01)
    drafts = [
        Zone("DUTY-DRAFT", "D90", "责任网格90（草案）", "Patrol area 90 (draft)", "duty", "STREET-3", ORDER, 20, joined)
    ]
    for n, zone in enumerate(port[2:4], 91):
        drafts.append(
            Zone(
                "DUTY-DRAFT",
                f"D{n}",
                f"责任网格{n}（草案）",
                f"Patrol area {n} (draft)",
                "duty",
                "STREET-3",
                ORDER,
                20,
                zone.area,
            )
        )
    return drafts


def _assign(zones: list[Zone], staff: tuple[Staff, ...]) -> None:
    """Primary and backups in turn from the zone's organisation, its lead as leader."""
    turns: dict[str, int] = {}
    for zone in zones:
        zone.area = multi(snapped(zone.area))
        people = [s for s in staff if s.organisation == zone.organisation]
        workers = [s for s in people if s.role in ("officer", "handler")]
        if not workers or zone.kind == "territory":
            # A territory is nobody's beat: the shift leader or the lead decides who goes.
            workers = []
        turn = turns[zone.organisation] = turns.get(zone.organisation, -1) + 1
        for n in range(min(len(workers), 3)):
            zone.assigned.append((workers[(turn + n) % len(workers)], "primary" if n == 0 else "backup"))
        if people[0].role == "leader":
            zone.assigned.append((people[0], "leader"))


# Code, scope, organisation, why.
RULES = (
    ("F01", ("E05-02",), "GAS", "燃气泄漏不论地点一律先派燃气公司 Gas leaks go to the gas company wherever they are"),
    ("F02", ("E05-01", "E05-03"), "WATER", "供排水管道破裂 Burst water and drain pipes"),
    ("F03", ("E05-08",), "POWER", "架空线缆脱落先断电 Fallen cables: power is cut first"),
    ("F04", ("P01-50",), "TRAFFIC", "监控设备统一由交警中队维护 All cameras are kept by the traffic squad"),
)
# Code, name, scope (of the parts), organisation, agreement, outline.
COVERS = ("P01-01", "P01-02", "P01-03", "P01-04", "P01-11", "P01-23")
CO_OWNERSHIP = (
    (
        "K01",
        "样例大道井盖共管段",
        COVERS,
        "ROADS",
        "样例协议 2025-01",
        Polygon([(452, 716), (640, 730), (640, 796), (452, 778)]),
    ),
    (
        "K02",
        "样例站前广场设施共管",
        ("P01",),
        "STREET-2",
        "样例协议 2025-02",
        Polygon([(562, 664), (632, 662), (634, 712), (564, 712)]),
    ),
)
