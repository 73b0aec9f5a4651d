"""Pipes and cable ducts under a city's streets: mains by medium beside the middle line, joined at the junctions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.chance import chance
from gisops.sample.city.laid import Laid
from gisops.sample.city.part_kinds import TELECOMS, has_main, lateral_m
from gisops.sample.city.streets import Floats, Ints, Streets
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import ROAD_CLASSES, Shapes, to_hex

COLUMNS = "code medium diameter_mm depth_m material owner_organisation_id laid_year geom"
CHUNK = 20_000
# Letters of the code; the nominal diameters (for power and telecom the width of the duct), from great street to small;
# depth of cover from and to, metres; materials, the older first; owner.
MEDIA = {
    "storm": ("YS", (1500, 1200, 1000, 800, 600), (1.4, 3.2), ("混凝土", "HDPE"), "DRAINAGE"),
    "sewage": ("WS", (1000, 800, 600, 500, 400), (1.8, 4.2), ("混凝土", "HDPE"), "DRAINAGE"),
    "water": ("JS", (800, 600, 400, 300, 150), (0.8, 1.4), ("灰口铸铁", "球墨铸铁"), "WATERWORKS"),
    "gas": ("RQ", (400, 315, 250, 160, 110), (0.8, 1.3), ("钢", "PE"), "GAS"),
    "power": ("DL", (1000, 800, 600, 400, 300), (0.6, 1.1), ("混凝土排管", "MPP"), "POWER"),
    "telecom": ("TX", (600, 500, 400, 300, 200), (0.5, 0.9), ("水泥管块", "PVC"), ""),
}
_RANK = {"trunk": 0, "motorway": 0, "primary": 1, "secondary": 2, "tertiary": 3}


def pipes_sheet(laid: Laid, streets: Streets, seed: int, this_year: int) -> Sheet:
    """Draw the mains of every medium, one pipe for each road that has it."""
    roads = {medium: np.flatnonzero(has_main(streets, medium)) for medium in MEDIA}
    rows = _rows(laid, streets, roads, chance(seed, "pipes"), this_year)
    return Sheet("pipes", tuple(COLUMNS.split()), rows)


def draw_mains(streets: Streets, medium: str, roads: Ints) -> tuple[Ints, Shapes]:
    """Draw a medium's mains under the given roads: which road each lies under, and its line in survey metres.

    At its ends it is joined to the others of its medium, so the network hangs together.
    """
    lines = _beside(streets.lines[roads], lateral_m(medium, streets.width[roads]))
    drawn = shapely.length(lines) > 1.0
    roads, lines = roads[drawn], lines[drawn]
    joints = _joints(streets, roads, lines)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    firsts = np.searchsorted(line, np.arange(len(lines)))
    lasts = np.append(firsts[1:], len(xy))
    # Before the first vertex and behind the last of each line its joint is put in.
    where = np.concatenate([firsts, lasts])
    whole = np.insert(xy, where, np.concatenate([joints[:, 0], joints[:, 1]]), axis=0)
    index = np.insert(line, where, np.tile(np.arange(len(lines)), 2))
    # Of two at one place, the end of a line was put before the start of the next only if sorted so.
    order = np.lexsort((_rank(len(xy), where, len(lines)), index))
    joined = shapely.linestrings(whole[order], indices=index[order])
    return roads, np.asarray(shapely.remove_repeated_points(joined, 0.05))


def _rank(size: int, where: Ints, count: int) -> Ints:
    """Within a line: first its start joint, then its own vertices, then its end joint."""
    own = np.ones(size, dtype=np.int64)
    joint = np.concatenate([np.zeros(count, dtype=np.int64), np.full(count, 2)])
    return np.insert(own, where, joint)


def _beside(lines: Shapes, left_m: Floats) -> Shapes:
    """Move lines to the left; where a bend is too sharp to do so they stay in the middle."""
    moved = np.asarray(shapely.offset_curve(lines, left_m, quad_segs=2, join_style="mitre", mitre_limit=3.0))
    whole = (shapely.get_type_id(moved) == shapely.GeometryType.LINESTRING) & ~shapely.is_empty(moved)
    found = np.where(whole, moved, lines)
    return np.asarray(shapely.simplify(found, 0.05))


def _joints(streets: Streets, roads: Ints, lines: Shapes) -> Floats:
    """Where the start and the end of each line are led to.

    A main that goes on beyond a junction meets its next piece halfway; one that ends there runs straight on to the
    main of the widest street.
    """
    ends = np.stack([shapely.get_coordinates(shapely.get_point(lines, n)) for n in (0, -1)], axis=1).reshape(-1, 2)
    inner = np.stack([shapely.get_coordinates(shapely.get_point(lines, n)) for n in (1, -2)], axis=1).reshape(-1, 2)
    nodes = streets.nodes[roads].ravel()
    degree = streets.degree[nodes]

    # Ends of one street that is bent a little at the junction lie the farther apart the farther they are from its
    # middle; where only two streets meet they go on whatever the bend.
    points = shapely.points(ends)
    from_middle = np.hypot(*(ends - streets.node_xy[nodes]).T)
    reach = np.where(degree <= 2, from_middle * 2.0, from_middle * 0.35) + 0.5
    mine, other = shapely.STRtree(points).query(points, predicate="dwithin", distance=reach)
    same = (nodes[mine] == nodes[other]) & (mine != other)
    mine, other = mine[same], other[same]
    partners = np.bincount(mine, minlength=len(ends))
    middle = np.zeros_like(ends)
    np.add.at(middle, mine, (ends[mine] + ends[other]) / 2)
    joints = ends.copy()
    goes_on = partners > 0
    joints[goes_on] = middle[goes_on] / partners[goes_on][:, None]

    # The widest street's end at each node, written last, and its direction there.
    widest = np.zeros(len(streets.node_xy), dtype=np.int64)
    order = np.argsort(np.repeat(streets.width[roads], 2), kind="stable")
    widest[nodes[order]] = order
    hub = widest[nodes]
    ahead = inner[hub] - ends[hub]
    size = np.hypot(ahead[:, 0], ahead[:, 1])
    ahead /= np.where(size == 0, 1.0, size)[:, None]
    off = np.einsum("ij,ij->i", ends - ends[hub], ahead)
    # Not farther along than the crossing is wide: two streets at a sharp angle would meet far away.
    width = streets.node_width[nodes]
    # And not behind its end, unless it goes on there.
    foot = ends[hub] + ahead * np.clip(off, np.where(goes_on[hub], -width, 0.0), width)[:, None]
    stops = ~goes_on & (degree > 2)
    joints[stops] = foot[stops]
    return joints.reshape(-1, 2, 2)


def _rows(
    laid: Laid, streets: Streets, roads: dict[str, NDArray[np.int64]], rng: np.random.Generator, this_year: int
) -> Iterator[Row]:
    rank = np.array([_RANK.get(name, 4) for name in ROAD_CLASSES])[streets.kind]
    # The centre was built first: there is the old iron.
    age = (4 + 38 * streets.urban * rng.random(len(streets.lines))).astype(int)
    for medium, (letters, diameters, (shallow, deep), materials, owner) in MEDIA.items():
        under, lines = draw_mains(streets, medium, roads[medium])
        depth = np.round(rng.uniform(shallow, deep, len(under)), 2)
        for start in range(0, len(under), CHUNK):
            some = slice(start, start + CHUNK)
            shapes = shapely.multilinestrings(lines[some], indices=np.arange(len(lines[some])))
            hexes = to_hex(shapes, laid.town.profile.metric_srid)
            for n, (road, geom) in enumerate(zip(under[some], hexes, strict=True), start):
                years = int(age[road])
                yield (
                    f"{letters}-{n + 1:06d}",
                    medium,
                    diameters[int(rank[road])],
                    float(depth[n]),
                    materials[0] if years > 25 else materials[1],
                    laid.organisation_ids[owner or TELECOMS[int(road) % len(TELECOMS)]],
                    this_year - years,
                    geom,
                )
