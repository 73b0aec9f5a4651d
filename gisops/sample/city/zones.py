"""Responsibility zones that are made of whole grid cells: territories, patrols, cleaning, lighting and drainage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gisops.sample.city.laid import Area, Laid, Person, Zone
from gisops.sample.city.mesh import Bools, Ints, in_water, joined
from gisops.sample.city.people import contractors
from gisops.sample.city.regions import Ground, ground_of, grouped
from gisops.sample.city.rosters import ROTAS
from gisops.sample.town import Shapes, Town

SCHEME = "GB/T 30428.2-2013"
# Code, names, purpose, published.
SETS = (
    ("TERRITORY", "属地责任区", "Territorial responsibility", "territory", True),
    ("DUTY", "网格责任区", "Patrol and cleaning areas", "duty", True),
    ("SPECIAL", "专项责任区", "Roads, water, parks and sites", "special", True),
    ("DUTY-DRAFT", "网格责任区（草案）", "Patrol areas (draft)", "duty", False),
)

ORDER = ("E01", "E02", "E04")
CLEANING = ("E01-10", "E01-11", "E01-12")
LIGHTS = ("P01-06", "P01-37", "P01-38", "P01-39")
DRAINS = ("E05-03", "E05-06", "P01-02", "P01-03", "P01-04")

# One in so many cells is left to nobody: neither territory nor patrol nor cleaning reaches it.
_FORGOTTEN = 4000
_CHANGED_DAYS_AGO = 120


def patterns(scope: Iterable[str]) -> list[str]:
    """Scope patterns of short category codes."""
    return [f"{SCHEME}:{code}" for code in scope]


def in_force(until: datetime, zone: ZoneInfo) -> datetime:
    """Since when the city's zones hold: the first day of the year before the last, well before any past case."""
    return datetime(until.astimezone(zone).year - 2, 1, 1, tzinfo=zone).astimezone(UTC)


def changed(until: datetime, zone: ZoneInfo) -> datetime:
    """The midnight, some months ago, at which one zone changed hands."""
    day = until.astimezone(zone).date() - timedelta(days=_CHANGED_DAYS_AGO)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def of_cells(
    town: Town,
    cells: Shapes,
    cell_community: Ints,
    communities: Sequence[Area],
    community_street: Ints,
    streets: Sequence[Area],
    until: datetime,
    rng: np.random.Generator,
) -> list[Zone]:
    """All zones that are unions of cells; territories first. Neighbours share their corners exactly."""
    zone = ZoneInfo(town.profile.timezone)
    since = in_force(until, zone)
    wet = in_water(town, cells)
    forgotten = _forgotten(wet, len(communities), cell_community, rng)
    found = _territories(cells, cell_community, communities, community_street, streets, forgotten, since)
    ground = ground_of(town, cells, np.where(wet, 0.3, 1.0))
    patrols, patrol = _patrols(
        ground, cells, cell_community, communities, community_street, streets, forgotten, since, rng
    )
    found += _handed_over(patrols, streets, changed(until, zone))
    found += _sweeps(ground, cells, ~wet & ~forgotten, len(streets), since, rng)
    found += _sectors(ground, cells, cell_community, community_street, streets, since, rng)
    found += _drafts(patrols, cells, patrol, since)
    return found


def _forgotten(wet: Bools, communities: int, cell_community: Ints, rng: np.random.Generator) -> Bools:
    """A few dry cells, each in a community of its own."""
    found = np.zeros(len(wet), dtype=bool)
    count = min(communities // 2, max(1, len(wet) // _FORGOTTEN))
    for community in rng.choice(communities, count, replace=False):
        dry = np.flatnonzero((cell_community == community) & ~wet)
        if len(dry) > 20:
            found[rng.choice(dry)] = True
    return found


def _territories(
    cells: Shapes,
    cell_community: Ints,
    communities: Sequence[Area],
    community_street: Ints,
    streets: Sequence[Area],
    forgotten: Bools,
    since: datetime,
) -> list[Zone]:
    kept = ~forgotten
    by_community = joined(cells[kept], cell_community[kept])
    by_street = joined(by_community, community_street)
    found = []
    for letter, areas, shapes in (("T", streets, by_street), ("U", communities, by_community)):
        for n, (area, shape) in enumerate(zip(areas, shapes, strict=True), 1):
            names = f"{area.name_zh}属地", f"{area.name_en} territory"
            code = f"{letter}{n:03d}"
            found.append(Zone("TERRITORY", code, *names, "territory", area.organisation, (), 10, shape, since))
    return found


def _patrols(
    ground: Ground,
    cells: Shapes,
    cell_community: Ints,
    communities: Sequence[Area],
    community_street: Ints,
    streets: Sequence[Area],
    forgotten: Bools,
    since: datetime,
    rng: np.random.Generator,
) -> tuple[list[Zone], Ints]:
    """Groups of 15 to 40 cells inside a community; also the group of each cell.

    A community walks most of its groups itself. A few, in the city, are the street's enforcement squad's; in the
    towns the town's own officers'.
    """
    size = float(np.clip(len(cells) / 750, 15, 40))
    label = np.zeros(len(cells), dtype=np.int64)
    owners: list[int] = []
    for community in range(len(communities)):
        members = np.flatnonzero(cell_community == community)
        count = max(1, round(len(members) / size))
        own = grouped(ground.part(members), count, rng, rounds=4)
        label[members] = own + len(owners)
        owners += [community] * (int(own.max()) + 1)
    kept = ~forgotten
    shapes = joined(cells[kept], label[kept])
    found = []
    chances = rng.random(len(owners))
    for n, (community, shape) in enumerate(zip(owners, shapes, strict=True), 1):
        area, street = communities[community], streets[community_street[community]]
        organisation = area.organisation
        if chances[n - 1] < 0.15:
            organisation = street.organisation if street.rural else street.organisation.replace("STREET", "SQUAD")
        names = f"责任网格{n:04d}（{area.name_zh}）", f"Patrol area {n:04d} ({area.name_en})"
        found.append(Zone("DUTY", f"D{n:04d}", *names, "duty", organisation, ORDER, 20, shape, since))
    return found, label


def _handed_over(patrols: list[Zone], streets: Sequence[Area], day: datetime) -> list[Zone]:
    """One patrol was the squad's until a day some months ago, when the community took it over."""
    moved = next(z for z in patrols if z.organisation.startswith("COMMUNITY"))
    squad = streets[0].organisation.replace("STREET", "SQUAD")
    before = replace(moved, organisation=squad, until=day, assigned=[])
    moved.since = day
    return [before, *patrols]


def _sweeps(
    ground: Ground, cells: Shapes, dry: Bools, streets: int, since: datetime, rng: np.random.Generator
) -> list[Zone]:
    """Cleaning areas of contractors; they heed neither patrols nor communities."""
    members = np.flatnonzero(dry)
    count = max(2, len(members) // 450)
    label = grouped(ground.part(members), count, rng, rounds=4)
    shapes = joined(cells[members], label)
    firms = next(n for code, *_, n in contractors(streets) if code == "CLEAN")
    middles = np.array([ground.points[members[label == i]].mean(axis=0) for i in range(len(shapes))])
    # Each firm has its side of the city.
    rank = np.argsort(np.argsort(middles[:, 0]))
    found = []
    for n, shape in enumerate(shapes, 1):
        firm = f"CLEAN-{int(rank[n - 1]) * firms // len(shapes) + 1}"
        names = f"保洁片区{n:03d}", f"Cleaning area {n:03d}"
        found.append(Zone("DUTY", f"C{n:03d}", *names, "duty", firm, CLEANING, 22, shape, since))
    return found


def _sectors(
    ground: Ground,
    cells: Shapes,
    cell_community: Ints,
    community_street: Ints,
    streets: Sequence[Area],
    since: datetime,
    rng: np.random.Generator,
) -> list[Zone]:
    """Street lighting by street, drainage by areas of its own."""
    found = []
    for n, area in enumerate(streets, 1):
        names = f"{area.name_zh}路灯片区", f"{area.name_en} lighting sector"
        found.append(Zone("SPECIAL", f"L{n:02d}", *names, "special", "LIGHTING", LIGHTS, 24, area.shape, since))
    label = grouped(ground, max(2, len(streets)), rng, rounds=4)
    for n, shape in enumerate(joined(cells, label), 1):
        names = f"排水分区{n:02d}", f"Drainage sector {n:02d}"
        found.append(Zone("SPECIAL", f"P{n:02d}", *names, "special", "DRAINAGE", DRAINS, 24, shape, since))
    return found


def _drafts(patrols: list[Zone], cells: Shapes, patrol: Ints, since: datetime) -> list[Zone]:
    """A draft: patrols of the last community joined two by two. It must never decide anything."""
    last = [n for n, zone in enumerate(patrols) if zone.organisation == patrols[-1].organisation]
    found = []
    for n, (a, b) in enumerate(zip(last[::2], [*last[1::2], last[-1]], strict=False), 1):
        members = (patrol == a) | (patrol == b)
        (shape,) = joined(cells[members], np.zeros(int(members.sum()), dtype=np.int64))
        names = f"责任网格草案{n:02d}", f"Patrol area draft {n:02d}"
        owner = patrols[a].organisation
        found.append(Zone("DUTY-DRAFT", f"N{n:02d}", *names, "duty", owner, ORDER, 20, shape, since))
    return found


def assign(zones: Sequence[Zone], staff: Sequence[Person]) -> None:
    """Primary in turn, up to four who keep watch as backups, the organisation's lead as leader.

    A territory is nobody's beat: the shift leader or the lead decides who goes.
    """
    workers: dict[str, list[Person]] = {}
    leads: dict[str, Person] = {}
    for person in staff:
        if person.role in ("officer", "handler"):
            workers.setdefault(person.organisation, []).append(person)
        elif person.role == "leader":
            leads.setdefault(person.organisation, person)
    turns: dict[str, int] = {}
    for zone in zones:
        people = workers.get(zone.organisation, [])
        if people and zone.kind != "territory":
            turn = turns[zone.organisation] = turns.get(zone.organisation, -1) + 1
            first = people[turn % len(people)]
            watch = [p for p in people if p.standing and p is not first]
            zone.assigned.append((first.staff_id, "primary"))
            zone.assigned += [(p.staff_id, "backup") for p in watch[: len(ROTAS["full"])]]
        if lead := leads.get(zone.organisation):
            zone.assigned.append((lead.staff_id, "leader"))


# Code, scope, organisation, why.
RULES = (
    ("F01", ("E05-02",), "GAS", "燃气泄漏不论地点一律先派燃气公司 Gas leaks go to the gas company wherever they are"),
    ("F02", ("E05-01",), "WATERWORKS", "供水管道破裂 Burst water mains"),
    ("F03", ("E05-08",), "POWER", "架空线缆脱落先断电 Fallen cables: power is cut first"),
    ("F04", ("P01-50",), "TRAFFIC", "监控设备统一由交警大队维护 All cameras are kept by the traffic police"),
    ("F05", ("E04-03",), "CIVIL", "流浪乞讨人员由民政救助 Civil affairs helps those who live on the street"),
    ("F06", ("P05-03", "P05-04"), "EMERGENCY", "加油加气站险情 Danger at fuel and gas stations"),
    ("F07", ("E01-01", "E01-02"), "HOUSING", "私搭乱建与违规装修 Illegal structures and refitting"),
)
COVERS = ("P01-01", "P01-02", "P01-03", "P01-04", "P01-11", "P01-23")
TELECOM = ("P01-07", "P01-08", "P01-09", "P01-27", "P01-31")


def agreements(laid: Laid) -> list[tuple[str, str, tuple[str, ...], str, str, Any]]:
    """Areas in which owners have agreed who keeps all parts of a kind: code, name, scope, organisation, text, shape.

    The three telecom companies share out some communities; on one main road the road bureau keeps all covers.
    """
    found: list[tuple[str, str, tuple[str, ...], str, str, Any]] = []
    step = max(2, len(laid.communities) // 9)
    for n, area in enumerate(laid.communities[::step], 1):
        firm = f"TELECOM-{'ABC'[n % 3]}"
        name = f"{area.name_zh}通信设施共管"
        found.append((f"K{n:02d}", name, TELECOM, firm, f"样例共管协议{n:02d}", area.shape))
    roads = [z for z in laid.zones if z.kind == "corridor" and z.organisation == "ROADS"]
    if roads:
        longest = max(roads, key=lambda z: float(z.area.area))
        name = longest.name_zh.replace("养护", "井盖共管段")
        found.append(("K90", name, COVERS, "ROADS", "样例共管协议90", longest.area))
    return found
