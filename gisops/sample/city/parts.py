"""The parts of a city: what stands along its streets, in rows, with owners; from thousands to hundreds of thousands.

All positions are arrays of numbers; only what is neither point nor row is a shape of its own. The centre is
surveyed first: where fewer parts are asked for than the streets have room for, the outskirts go without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.chance import chance, key
from gisops.sample.city.laid import Laid
from gisops.sample.city.part_kinds import (
    COMMUNITY,
    COVER_SPACING,
    COVERS,
    FIXTURES,
    KINDS,
    RULES,
    STREET,
    TELECOM,
    TELECOMS,
    has_main,
    lateral_m,
    spacing_of,
)
from gisops.sample.city.part_shapes import draw_extended, middle_of
from gisops.sample.city.streets import Floats, Ints, Streets
from gisops.sample.part_kind import CODE_SCHEME
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import Shapes, Town, to_degrees, to_hex

Bools = NDArray[np.bool_]
CHUNK = 50_000
COLUMNS = (
    "district_code part_id code code_scheme category_id name_zh supervising_organisation_id owner_organisation_id "
    "maintainer_organisation_id grid_cell_code state position_class source geom valid"
)
_CATEGORIES = tuple(KINDS)
_TREE = _CATEGORIES.index("P04-02")
_UNKNOWN = _CATEGORIES.index("P01-23")
# How early a class of street is surveyed.
_WEIGHT = {"trunk": 0.8, "primary": 1.0, "secondary": 1.0, "tertiary": 0.85, "residential": 0.65, "service": 0.3,
           "footway": 0.7, "motorway": 0.3}  # fmt: skip
# A part nearer to its cell's border than this could be counted to the neighbour after rounding.
_FROM_BORDER_M = 0.05


@dataclass(frozen=True)
class Placed:
    """Parts as arrays: category (an index of ``KINDS``), where, at which road, whether the town's own data has it.

    ``shape`` is None for a point; ``cell`` is an index of the cells, -1 before it is known.
    """

    category: Ints
    xy: Floats
    road: Ints
    given: Bools
    shape: Shapes
    cell: Ints

    def only(self, which: Bools | Ints) -> Placed:
        """Some of them."""
        return Placed(*(array[which] for array in vars(self).values()))


def parts_sheet(laid: Laid, streets: Streets, seed: int, until: datetime, count: int) -> Sheet:
    """Draw ``count`` parts, fewer where the town has no room; some have an earlier record under the same code."""
    placed = place(laid, streets, chance(seed, "parts"), count)
    rng = chance(seed, "part records")
    changed = rng.random(len(placed.category)) < 0.02
    rows = _rows(laid, placed, changed, rng, seed, until)
    return Sheet("parts", tuple(COLUMNS.split()), rows, len(placed.category) + int(changed.sum()))


def place(laid: Laid, streets: Streets, rng: np.random.Generator, count: int) -> Placed:
    """Find a place for each part, in the order of their codes: by category, then cell by cell."""
    town = laid.town
    extended = draw_extended(town, streets, rng, count // 60)
    fixed = _joined(
        [_given(town, rng, count), _shapes(extended), _junctions(streets, rng, count), _in_parks(town, rng, count)]
    )
    fixed = _in_cells(laid, _clear(town, streets, fixed))
    fixed = fixed.only(np.sort(rng.permutation(len(fixed.category))[:count]))
    missing = count - len(fixed.category)
    asked, rows = missing * 1.1, fixed.only(np.zeros(len(fixed.category), dtype=bool))
    for _ in range(3):
        rows = _in_cells(laid, _clear(town, streets, _along(streets, rng, asked)))
        rows = rows.only(~_beside_given(rows, fixed))
        if len(rows.category) >= missing or asked > 1.5 * _room(streets):
            break
        asked *= 1.05 * missing / max(len(rows.category), 1)
    surplus = len(rows.category) - missing
    if surplus > 0:
        # A tree that is not there is missed least.
        order = np.lexsort((rng.random(len(rows.category)), rows.category != _TREE))
        rows = rows.only(np.sort(order[surplus:]))
    placed = _joined([fixed, rows])
    return placed.only(np.lexsort((placed.xy[:, 1], placed.xy[:, 0], placed.cell, placed.category)))


def _points(category: str | Ints, xy: Floats, road: Ints | None = None, given: bool = False) -> Placed:
    size = len(xy)
    kind = np.full(size, _CATEGORIES.index(category)) if isinstance(category, str) else category
    none = np.full(size, -1)
    return Placed(kind, xy, none if road is None else road, np.full(size, given), np.full(size, None), none)


def _joined(some: list[Placed]) -> Placed:
    return Placed(*(np.concatenate(arrays) for arrays in zip(*(vars(one).values() for one in some), strict=True)))


def _shapes(extended: list[tuple[str, shapely.Geometry]]) -> Placed:
    shapes = np.array([*(shape for _, shape in extended), None], dtype=object)[:-1]
    category = np.array([_CATEGORIES.index(name) for name, _ in extended], dtype=np.int64)
    placed = _points(category, middle_of(shapes) if len(shapes) else np.empty((0, 2)))
    return Placed(category, placed.xy, placed.road, placed.given, shapes, placed.cell)


def _given(town: Town, rng: np.random.Generator, count: int) -> Placed:
    """What the town's own data knows; at most two thirds of all, so that there is some of everything."""
    known = np.array([str(kind) in FIXTURES for kind in town.fixtures.kind], dtype=bool)
    geom, kinds = town.fixtures.geom[known], town.fixtures.kind[known]
    chosen = np.sort(rng.permutation(len(geom))[: count * 2 // 3])
    category = np.array([_CATEGORIES.index(FIXTURES[str(kind)]) for kind in kinds[chosen]], dtype=np.int64)
    return _points(category, shapely.get_coordinates(geom[chosen]).reshape(-1, 2), given=True)


def _junctions(streets: Streets, rng: np.random.Generator, count: int) -> Placed:
    """Name signs at corners; bollards, cameras and covers of signal cables where great streets meet."""
    great = streets.is_a("trunk", "primary", "secondary", "tertiary")
    found = []
    for side in (0, 1):
        node = streets.nodes[:, side]
        meets = streets.degree[node] >= 3
        named = meets & (great | (streets.node_width[node] > 14)) & ~streets.is_a("footway", "service", "motorway")
        crossing = meets & great & (streets.node_width[node] > 18) & (streets.urban > 0.3)
        for category, where, left in (("P02-12", named, 1.2), ("P02-20", crossing, 0.6), ("P01-50", crossing, 1.6)):
            road = np.flatnonzero(where & (streets.length > streets.room.sum(axis=1) + 2))
            road = road[streets.urban[road] * 0.8 + 0.2 > rng.random(len(road))]
            room = streets.room[road, side] - 1.5
            spots = streets.at(road, room if side == 0 else streets.length[road] - room)
            sign = 1.0 if side == 0 else -1.0
            found.append(_points(category, spots.beside(sign * (streets.width[road] / 2 + left)), road))
            if category == "P02-20":
                found.append(_points(category, spots.beside(-sign * (streets.width[road] / 2 + left)), road))
                found.append(_points("P01-13", spots.beside(-sign * (streets.width[road] / 2 + 1.8)), road))
    whole = _joined(found)
    return whole.only(np.sort(rng.permutation(len(whole.category))[: count // 12]))


def _in_parks(town: Town, rng: np.random.Generator, count: int) -> Placed:
    """Old trees, benches, lamps, a toilet, things to exercise on, in every park of some size."""
    parks = town.greens.geom[(town.greens.green_class == "park") & (shapely.area(town.greens.geom) > 2500)]
    parks = parks[np.argsort(-shapely.area(parks), kind="stable")][: max(2, count // 300)]
    inner = shapely.buffer(parks, -6)
    once = ("P03-01", "P04-06", "P04-10", "P04-05", "P01-25", "P01-44")
    kinds = (*once, *("P04-01", "P01-46") * 2, *("P04-07", "P01-39") * 4)
    found = [_points("P04-01", np.empty((0, 2)))]
    for category in kinds:
        # A point of a park, drawn within its box; what falls outside is left out.
        west, south, east, north = shapely.bounds(inner).reshape(-1, 4).T
        x, y = rng.uniform(size=(2, len(inner)))
        xy = np.column_stack([west + (east - west) * x, south + (north - south) * y])
        inside = shapely.contains_xy(inner, xy[:, 0], xy[:, 1])
        found.append(_points(category, xy[inside]))
    return _joined(found)


def _along(streets: Streets, rng: np.random.Generator, wanted: float) -> Placed:
    """The rows along the streets, about ``wanted`` in all: covers above the mains, and what stands on the pavement."""
    stretch = _stretch(streets, wanted)
    found = []
    for rule in RULES:
        spacing = spacing_of(streets, rule.spacing, rule.needs) * stretch
        for side in rule.sides:
            spots = streets.row(spacing, rule.first)
            road = spots.road
            xy = spots.beside(side * (streets.width[road] / 2 + rule.from_kerb_m))
            if rule.jitter_m:
                xy = xy + rng.normal(0, rule.jitter_m, xy.shape).clip(-0.5, 0.5)
            found.append(_points(rule.category, xy, road))
    for n, (medium, category) in enumerate(COVERS.items()):
        spacing = np.where(has_main(streets, medium), spacing_of(streets, COVER_SPACING, 0.0), np.inf) * stretch
        spots = streets.row(spacing, 0.3 + 0.07 * n)
        covers = _points(category, spots.beside(lateral_m(medium, streets.width[spots.road])), spots.road)
        covers.category[rng.random(len(covers.category)) < 0.02] = _UNKNOWN
        found.append(covers)
    return _joined(found)


def _counted(streets: Streets, stretch: Floats) -> float:
    rows = sum(
        len(rule.sides) * streets.counts(spacing_of(streets, rule.spacing, rule.needs) * stretch, rule.first).sum()
        for rule in RULES
    )
    cover = spacing_of(streets, COVER_SPACING, 0.0) * stretch
    return float(rows + sum(streets.counts(np.where(has_main(streets, m), cover, np.inf)).sum() for m in COVERS))


def _room(streets: Streets) -> float:
    """How many parts the streets have room for at the distances that are usual."""
    return _counted(streets, np.ones(len(streets.lines)))


def _stretch(streets: Streets, wanted: float) -> Floats:
    """By how much each road's spacing is stretched: not in the centre, so much in the outskirts that nothing fits.

    Where more is wanted than there is room for at usual distances, everything stands closer, up to twice as close.
    """
    weight = np.zeros(len(streets.lines))
    for name, value in _WEIGHT.items():
        weight[streets.is_a(name)] = value
    early = weight * (0.12 + 0.88 * streets.urban)
    lowest, highest = -4.0, 3.0
    for _ in range(22):
        middle = (lowest + highest) / 2
        found = np.maximum(2.0**middle / early, 1.0) ** 3
        lowest, highest = (lowest, middle) if _counted(streets, found) < wanted else (middle, highest)
    stretch = np.maximum(2.0**lowest / early, 1.0) ** 3
    closer = np.clip(wanted / max(_counted(streets, stretch), 1.0), 1.0, 2.0)
    return np.asarray(stretch / closer)


def _clear(town: Town, streets: Streets, placed: Placed) -> Placed:
    """Leave out what would stand in water, in a house or in the way of traffic."""
    keep = placed.given | shapely.is_geometry(placed.shape)
    shapely.prepare(town.land)
    keep |= shapely.contains_xy(town.land, placed.xy[:, 0], placed.xy[:, 1])
    placed = placed.only(keep)
    keep = np.ones(len(placed.category), dtype=bool)
    # Covers, gullies and rails belong on the carriageway.
    flat = np.isin(placed.category, [_CATEGORIES.index(c) for c in (*COVERS.values(), "P01-23", "P01-04")])
    flat |= placed.given | shapely.is_geometry(placed.shape)
    for obstacles, exempt in ((town.buildings.geom, placed.given), (streets.carriageways, flat)):
        tree = shapely.STRtree(obstacles)
        asked = np.flatnonzero(~exempt & keep & ~shapely.is_geometry(placed.shape))
        for some in np.array_split(asked, max(1, len(asked) // CHUNK)):
            hit = tree.query(shapely.points(placed.xy[some]), predicate="intersects")[0]
            keep[some[hit]] = False
    return placed.only(keep)


def _in_cells(laid: Laid, placed: Placed) -> Placed:
    """Find each part's cell; leave out points on a border, and what lies in no cell."""
    tree = shapely.STRtree(laid.cell_shapes)
    rings = shapely.boundary(laid.cell_shapes)
    cell = np.full(len(placed.category), -1)
    for some in np.array_split(np.arange(len(cell)), max(1, len(cell) // CHUNK)):
        points = shapely.points(placed.xy[some])
        which, found = tree.query(points, predicate="intersects")
        inside = shapely.is_geometry(placed.shape[some[which]])
        inside |= shapely.distance(points[which], rings[found]) > _FROM_BORDER_M
        cell[some[which[inside]]] = found[inside]
    return Placed(placed.category, placed.xy, placed.road, placed.given, placed.shape, cell).only(cell >= 0)


def _beside_given(rows: Placed, fixed: Placed) -> Bools:
    """Which parts stand near one of their kind that the town's own data has: theirs is the better place."""
    near = np.zeros(len(rows.category), dtype=bool)
    for category in np.unique(fixed.category[fixed.given]):
        known = shapely.STRtree(shapely.points(fixed.xy[fixed.given & (fixed.category == category)]))
        asked = np.flatnonzero(rows.category == category)
        hit = known.query(shapely.points(rows.xy[asked]), predicate="dwithin", distance=20.0)[0]
        near[asked[hit]] = True
    return near


# ---- rows ----------------------------------------------------------------------------------------------------------


def _rows(
    laid: Laid, placed: Placed, changed: Bools, rng: np.random.Generator, seed: int, until: datetime
) -> Iterator[Row]:
    """The rows, some thousands at a time."""
    size = len(placed.category)
    first = np.searchsorted(placed.category, np.arange(len(_CATEGORIES)))
    serial = np.arange(size) - first[placed.category] + 1
    condition = rng.random(size)
    surveyed = until.replace(hour=0, minute=0, second=0, microsecond=0)
    # A street is surveyed in one go, years ago; what changed did so within the last year.
    age_days = 500 + (placed.cell * 7919 % 3100)
    change_days = rng.integers(12, 330, size)
    telecom = (placed.road * 31 + placed.cell // 400) % len(TELECOMS)
    owners = _Owners(laid)
    source = "样例" if laid.town.profile.made_up else "样例（沿真实道路生成）"
    for start in range(0, size, CHUNK):
        some = slice(start, min(start + CHUNK, size))
        shapes = placed.shape[some]
        points = point_hex(placed.xy[some], laid.town.profile.metric_srid)
        drawn = np.flatnonzero(shapely.is_geometry(shapes))
        for at, text in zip(drawn, to_hex(shapes[drawn], laid.town.profile.metric_srid), strict=True):
            points[at] = text
        for n, geom in enumerate(points, start):
            kind = KINDS[_CATEGORIES[placed.category[n]]]
            cell = int(placed.cell[n])
            who = [
                owners.find(asked, cell, int(telecom[n])) for asked in (kind.supervising, kind.owner, kind.maintainer)
            ]
            code = f"{laid.district_code}{kind.category[1:3]}{kind.category[4:6]}{serial[n]:06d}"
            what = (code, CODE_SCHEME, kind.category, kind.name_zh)
            end = (kind.position_class, "OpenStreetMap" if placed.given[n] else source, geom)
            since = surveyed - timedelta(days=int(age_days[n]))
            if changed[n]:
                turned = surveyed - timedelta(days=int(change_days[n]))
                before = owners.before(kind.maintainer, int(telecom[n]), who)
                uid = str(key(seed, "part before", n, since))
                named = (laid.district_code, uid, *what, who[0], *before, laid.cell_codes[cell], "intact", *end)
                yield (*named, _valid(since, turned))
                since = turned
            uid = str(key(seed, "part", n, since))
            yield (
                *(laid.district_code, uid, *what, *who),
                *(laid.cell_codes[cell], _state(condition[n]), *end, _valid(since, None)),
            )


def _valid(since: datetime, to: datetime | None) -> str:
    """A half-open range as text: quicker to write than an object, some hundreds of thousands of times."""
    return f'["{since.isoformat()}",' + (f'"{to.isoformat()}")' if to else ")")


def _state(chance: float) -> str:
    for state, share in (("damaged", 0.02), ("lost", 0.026), ("removed", 0.032), ("abandoned", 0.036)):
        if chance < share:
            return state
    return "intact"


class _Owners:
    """Who stands behind an organisation's code at a place."""

    def __init__(self, laid: Laid) -> None:
        self.ids = laid.organisation_ids
        self.community = [self.ids[area.organisation] for area in laid.communities]
        self.street = [self.ids[laid.streets[int(at)].organisation] for at in laid.community_street]
        self.of_cell = [int(at) for at in laid.cell_community]

    def find(self, asked: str | None, cell: int, telecom: int) -> int | None:
        if asked is None:
            return None
        if asked == TELECOM:
            return self.ids[TELECOMS[telecom]]
        if asked == STREET:
            return self.street[self.of_cell[cell]]
        if asked == COMMUNITY:
            return self.community[self.of_cell[cell]]
        return self.ids[asked]

    def before(self, maintainer: str | None, telecom: int, who: list[int | None]) -> tuple[int | None, int | None]:
        """Owner and maintainer before it changed hands: another telecom's, or kept by the urban management."""
        if maintainer == TELECOM:
            other = self.ids[TELECOMS[(telecom + 1) % len(TELECOMS)]]
            return other, other
        return who[1], self.ids["URBAN"]


_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")])


def point_hex(xy: Floats, srid: int) -> list[str]:
    """Points in survey metres -> EWKB in hexadecimal, SRID 4326; several times faster than by way of objects."""
    degrees = shapely.get_coordinates(to_degrees(shapely.multipoints(xy), srid)) if len(xy) else xy
    packed = np.zeros(len(xy), dtype=_POINT)
    packed["order"], packed["kind"], packed["srid"] = 1, 0x20000001, 4326
    packed["x"], packed["y"] = degrees[:, 0], degrees[:, 1]
    text = packed.tobytes().hex().upper()
    width = 2 * _POINT.itemsize
    return [text[at : at + width] for at in range(0, len(text), width)]
