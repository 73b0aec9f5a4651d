"""Zones along and around things: road corridors, bridges, river reaches, parks, markets, schools, building sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from gisops.sample.city.laid import Area, Zone
from gisops.sample.city.mesh import GRID_M, Ints
from gisops.sample.city.people import contractors
from gisops.sample.city.zones import CLEANING, ORDER
from gisops.sample.town import Shapes, Town

ROADWORK = ("E01-13", "E05-05", "E05-06", "P02")
PARKING = ("E04-09", "E04-10")
GREEN = ("P04", "E01-17", "E01-18", "E01-20", "E01-21", "E01-22")
WATER = ("E01-25", "E01-26", "P05-06", "P05-07")
VENDORS = ("E04-01", "E04-05", "E04-06", "E01-31")
GATES = ("E04-01", "E04-02", "E04-06")
BUILDING = ("E03",)
DECK = ("P02-09", "P02-17", "E01-12", "E01-13")

_MAIN = {"motorway": 36, "trunk": 35, "primary": 34, "secondary": 32, "tertiary": 30}
# At most so many of a kind, the largest first: a real city's source names thousands.
_MOST = {"tertiary": 150, "park": 60, "water": 60, "market": 40, "school": 60, "station": 20, "bridge": 40}
_KINDS = {
    "market": ("market", "marketplace"),
    "school": ("school", "college", "kindergarten", "university"),
    "station": ("station", "bus_station", "terminal", "railway_station"),
}
_NAMES = {
    "market": ("M", "市场", "Market"),
    "school": ("E", "学校周边", "School Surroundings"),
    "station": ("V", "站区", "Station"),
}


@dataclass(frozen=True)
class _Site:
    """A zone of the special set before it knows its code."""

    letter: str
    name_zh: str
    name_en: str
    kind: str
    organisation: str
    scope: tuple[str, ...]
    priority: int
    area: Any


def of_things(
    town: Town,
    cells: Shapes,
    cell_community: Ints,
    community_street: Ints,
    streets: Sequence[Area],
    since: datetime,
    rng: np.random.Generator,
) -> list[Zone]:
    """All zones of the special set that follow roads, water, parks and buildings; inside the city's outline."""
    homes = shapely.STRtree([s.shape for s in streets])
    found = [
        *_corridors(town, len(streets)),
        *_bridges(town),
        *_waters(town, streets),
        *_parks(town, len(streets)),
        *_busy_spots(town, streets, homes),
        *_chosen_cells(cells, cell_community, community_street, streets, rng),
    ]
    areas = np.array([site.area for site in found], dtype=object)
    areas = shapely.set_precision(areas, GRID_M)
    shapely.prepare(town.outline)
    beyond = ~shapely.covers(town.outline, areas)
    areas[beyond] = shapely.intersection(areas[beyond], town.outline, grid_size=GRID_M)
    zones: list[Zone] = []
    counts: dict[str, int] = {}
    for site, area in zip(found, areas, strict=True):
        if float(area.area) < 50:
            continue
        n = counts[site.letter] = counts.get(site.letter, 0) + 1
        names = f"{site.name_zh}", f"{site.name_en}"
        zones.append(
            Zone(
                "SPECIAL",
                f"{site.letter}{n:03d}",
                *names,
                site.kind,
                site.organisation,
                site.scope,
                site.priority,
                area,
                since,
            )
        )
    return zones


def _zh(name: str) -> str:
    """A real name is not a sample's: what is made up about it says so."""
    return name if name.startswith("样例") else f"样例·{name}"


def _en(name: str) -> str:
    return name if name.startswith("Sample") else f"Sample {name}"


def _streets_by_name(town: Town) -> list[tuple[str, str, str, Any, float]]:
    """Named main roads, the longest first: names, class, their line, their width."""
    members: dict[str, list[int]] = {}
    for n, (name, cls) in enumerate(zip(town.roads.name_zh, town.roads.road_class, strict=True)):
        if name and cls in _MAIN:
            members.setdefault(name, []).append(n)
    found = []
    for name, at in members.items():
        cls = max((town.roads.road_class[n] for n in at), key=_MAIN.__getitem__)
        line = shapely.simplify(shapely.line_merge(shapely.multilinestrings(list(town.roads.geom[at]))), 0.4)
        en = town.roads.name_en[at[0]] or name
        found.append((name, en, cls, line, float(town.roads.width_m[at].max())))
    found.sort(key=lambda road: (-round(float(road[3].length), 2), road[0]))
    return found


def _corridors(town: Town, streets: int) -> list[_Site]:
    """Upkeep of every named main road, and order in traffic on the larger ones, both as wide as the road and more."""
    firms = next(n for code, *_, n in contractors(streets) if code == "ROADCARE")
    upkeep, traffic = [], []
    smaller = 0
    for zh, en, cls, line, width in _streets_by_name(town):
        if line.length < 120:
            continue
        smaller += cls == "tertiary"
        if cls == "tertiary" and smaller > _MOST["tertiary"]:
            continue
        owner = f"ROADCARE-{smaller % firms + 1}" if cls == "tertiary" else "ROADS"
        area = shapely.buffer(line, width / 2 + 3, quad_segs=2, cap_style="flat")
        names = f"{_zh(zh)}养护", f"{_en(en)} maintenance"
        upkeep.append(_Site("R", *names, "corridor", owner, ROADWORK, _MAIN[cls], area))
        if cls != "tertiary":
            wide = shapely.buffer(line, width / 2 + 8, quad_segs=2, cap_style="flat")
            names = f"{_zh(zh)}交通秩序", f"{_en(en)} traffic order"
            traffic.append(_Site("J", *names, "corridor", "TRAFFIC", PARKING, 30, wide))
    return upkeep + traffic


def _bridges(town: Town) -> list[_Site]:
    rivers = town.waters.geom[np.isin(town.waters.water_class, ("river", "canal"))]
    if not len(rivers):
        return []
    under = shapely.union_all(shapely.buffer(shapely.simplify(rivers, 1.0), 18, quad_segs=2))
    found = []
    for zh, en, cls, line, width in _streets_by_name(town):
        if cls not in ("trunk", "primary", "secondary", "tertiary") or not line.intersects(under):
            continue
        deck = shapely.buffer(line, width / 2 + 2, quad_segs=2, cap_style="flat").intersection(under)
        for n, part in enumerate((p for p in shapely.get_parts(deck) if p.area > 400), 1):
            names = f"{_zh(zh)}{n}号桥", f"{_en(en)} Bridge {n}"
            found.append(_Site("X", *names, "special", "ROADS", DECK, 42, part))
    return found[: _MOST["bridge"]]


def _waters(town: Town, streets: Sequence[Area]) -> list[_Site]:
    """River reaches, street by street, lakes and ponds, each with a strip of its bank. The sea is nobody's."""
    inland = np.flatnonzero(town.waters.water_class != "sea")
    order = inland[np.argsort(-shapely.area(town.waters.geom[inland]), kind="stable")][: _MOST["water"]]
    found = []
    for n in order.tolist():
        cls, zh = town.waters.water_class[n], town.waters.name_zh[n]
        if not zh:
            continue
        banks = shapely.buffer(shapely.simplify(town.waters.geom[n], 0.5), 8 if cls == "river" else 6, quad_segs=2)
        en = town.waters.name_en[n] or zh
        if cls in ("lake", "pond"):
            found.append(_Site("W", f"{_zh(zh)}水域", f"{_en(en)} water", "water", "RIVER", WATER, 25, banks))
            continue
        for street in streets:
            reach = shapely.intersection(banks, street.shape)
            if reach.area > 1500:
                owner = "RIVER" if cls == "river" else street.organisation
                names = f"{_zh(zh)}（{street.name_zh}段）", f"{_en(en)}, reach of {street.name_en}"
                found.append(_Site("W", *names, "water", owner, WATER, 25, reach))
    return found


def _parks(town: Town, streets: int) -> list[_Site]:
    firms = next(n for code, *_, n in contractors(streets) if code == "GREEN")
    size = np.asarray(shapely.area(town.greens.geom), dtype=np.float64)
    found = []
    parks = np.flatnonzero((town.greens.green_class == "park") & (size > 1500)).tolist()
    for n, at in enumerate(sorted(parks, key=lambda i: (-round(float(size[i]), 2), i))[: _MOST["park"]]):
        area = town.greens.geom[at]
        if n == 0:
            # The lawn round the bandstand is leased: the largest park has a hole there.
            middle = shapely.point_on_surface(area)
            area = area.difference(middle.buffer(min(22.0, 0.3 * float(size[at]) ** 0.5), quad_segs=3))
        zh = town.greens.name_zh[at] or f"样例公园{n + 1:02d}"
        owner = "PARKS" if n < 5 else f"GREEN-{n % firms + 1}"
        found.append(_Site("S", _zh(zh), f"Sample Park {n + 1:02d}", "site", owner, GREEN, 40, area))
    beaches = np.flatnonzero(town.greens.green_class == "beach").tolist()
    for n, at in enumerate(beaches[:10], 1):
        names = f"样例沙滩{n:02d}", f"Sample Beach {n:02d}"
        found.append(_Site("B", *names, "site", "SANITATION", CLEANING, 41, town.greens.geom[at]))
    return found


def _busy_spots(town: Town, streets: Sequence[Area], homes: shapely.STRtree) -> list[_Site]:
    """Round markets, schools and stations: what stands there and some steps about it."""
    found = []
    for what, kinds in _KINDS.items():
        houses = town.buildings.geom[np.isin(town.buildings.use, kinds)]
        points = town.spots.geom[np.isin(town.spots.kind, kinds)]
        areas = np.concatenate(
            [shapely.buffer(houses, 20, join_style="mitre"), shapely.buffer(points, 45, quad_segs=2)]
        )
        if not len(areas):
            continue
        # Houses of one school or market stand together: they are one site.
        together = shapely.get_parts(shapely.union_all(areas, grid_size=GRID_M))
        together = together[np.argsort(-shapely.area(together), kind="stable")][: _MOST[what]]
        at, home = homes.query(shapely.point_on_surface(together), predicate="intersects")
        letter, zh, en = _NAMES[what]
        for n, (site, street) in enumerate(zip(at.tolist(), home.tolist(), strict=True), 1):
            owner = streets[street].organisation
            if what == "market":
                owner = owner.replace("STREET", "SQUAD")
            scope = {"market": VENDORS, "school": GATES, "station": ORDER}[what]
            names = f"样例{zh}{n:02d}", f"Sample {en} {n:02d}"
            kind = "special" if what == "station" else "site"
            found.append(_Site(letter, *names, kind, owner, scope, 40, together[site]))
    return found


def _chosen_cells(
    cells: Shapes, cell_community: Ints, community_street: Ints, streets: Sequence[Area], rng: np.random.Generator
) -> list[_Site]:
    """Building sites and squares: some cells of their own, small ones, where the city is dense."""
    area = shapely.area(cells)
    small = np.flatnonzero(area < np.percentile(area, 60))
    count = max(2, len(cells) // 1000)
    chosen = rng.choice(small, min(count, len(small)), replace=False)
    found = []
    for n, at in enumerate(chosen.tolist(), 1):
        street = streets[community_street[cell_community[at]]]
        if n % 3:
            names = f"样例建设工地{n:02d}", f"Sample Construction Site {n:02d}"
            found.append(_Site("G", *names, "site", "URBAN", BUILDING, 40, cells[at]))
        else:
            names = f"样例广场{n:02d}", f"Sample Square {n:02d}"
            found.append(_Site("Q", *names, "special", street.organisation, ORDER, 45, cells[at]))
    return found
