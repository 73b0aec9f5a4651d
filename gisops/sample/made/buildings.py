"""Houses of the made-up city: rows along the streets and behind them, each kind of block in its own fabric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.made.blocks import Blocks
from gisops.sample.made.fabrics import FABRICS, FRONTS, Fabric
from gisops.sample.made.names import Names
from gisops.sample.made.quarters import Quarters
from gisops.sample.made.rows import Houses, Rule, first_come, joined, placed, together, units_along, units_inside
from gisops.sample.made.shapes import noise, without
from gisops.sample.town import Buildings, Roads

# From the kerb to where a house may stand, metres.
VERGE_M = {
    "motorway": 26.0, "trunk": 14.0, "primary": 8.0, "secondary": 6.0, "tertiary": 4.5, "residential": 2.6,
    "service": 1.8,
    "footway": 1.5,
}  # fmt: skip
_BUSY = ("primary", "secondary", "tertiary")

# Footprints on the square -1..1, counter-clockwise.
_SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "box": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "plus": ((-0.45, -1), (0.45, -1), (0.45, -0.45), (1, -0.45), (1, 0.5), (0.45, 0.5), (0.45, 1), (-0.45, 1),
        (-0.45, 0.5), (-1, 0.5), (-1, -0.45), (-0.45, -0.45)),
    "aitch": ((-1, -1), (-0.3, -1), (-0.3, -0.5), (0.3, -0.5), (0.3, -1), (1, -1), (1, 1), (0.3, 1),
        (0.3, 0.6), (-0.3, 0.6), (-0.3, 1), (-1, 1)),
    "butterfly": ((-1, -0.7), (-0.25, -1), (0.25, -1), (1, -0.7), (1, 0.5), (0.35, 0.3), (0.3, 1), (-0.3, 1),
        (-0.35, 0.3), (-1, 0.5)),
    "ell": ((-1, -1), (1, -1), (1, 0), (-0.1, 0), (-0.1, 1), (-1, 1)),
    "you": ((-1, -1), (1, -1), (1, 1), (0.4, 1), (0.4, -0.2), (-0.4, -0.2), (-0.4, 1), (-1, 1)),
    "stairs": ((-1, -1), (1, -1), (1, 0.72), (0.68, 0.72), (0.68, 1), (0.32, 1), (0.32, 0.72), (-0.32, 0.72),
        (-0.32, 1), (-0.68, 1), (-0.68, 0.72), (-1, 0.72)),
}  # fmt: skip
_FORMS = {"box": ("box",), "slab": ("box", "stairs", "stairs"), "tower": ("plus", "aitch", "butterfly", "box"),
          "court": ("box", "ell", "you", "box"), "yard": ("box", "ell")}  # fmt: skip


@dataclass(frozen=True)
class Plots:
    """Where houses may stand in each block: the block without its streets and what they keep clear."""

    block: NDArray[np.intp]
    rooms: Any


def plots(blocks: Blocks, roads: Roads, taken: Any) -> Plots:
    """The plots of all blocks that are built on at all; ``taken`` are shapes that must stay free (pitches)."""
    built = np.nonzero(np.isin(blocks.fabric, list(FABRICS)))[0]
    clear = np.array([VERGE_M[c] for c in roads.road_class]) + roads.width_m / 2
    narrow = (roads.road_class == "residential") & (roads.width_m < 9)
    clear[narrow] -= 1.7
    surfaces = np.concatenate([shapely.buffer(roads.geom, clear, quad_segs=2), taken])
    shapes = blocks.shapes[built]
    room = without(shapes, surfaces)
    # A bank or shore has no kerb.
    room = shapely.intersection(room, shapely.buffer(shapes, -3.0, quad_segs=1))
    parts, of = shapely.get_parts(room, return_index=True)
    fine = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 90)
    return Plots(built[of[fine]], shapely.simplify(parts[fine], 0.25))


def draw_buildings(
    blocks: Blocks, ground: Plots, roads: Roads, quarters: Quarters, rng: np.random.Generator
) -> Buildings:
    """Fabric by fabric: houses along the streets first, then rows behind them."""
    fabric_of = blocks.fabric[ground.block]
    streets = np.isin(roads.road_class, [*_BUSY, "residential"])
    tree, classes = shapely.STRtree(roads.geom[streets]), roads.road_class[streets]

    def busy(middles: Any, share: float) -> NDArray[np.bool_]:
        points = shapely.points(middles)
        mine, near = tree.query_nearest(points, max_distance=45, all_matches=False)
        kind = np.full(len(points), "", dtype=object)
        kind[mine] = classes[near]
        return np.asarray(np.isin(kind, _BUSY) | ((kind == "residential") & (rng.random(len(points)) < share)))

    sets: list[Houses] = []
    shapes: list[Any] = []
    uses: list[Any] = []
    sources: list[Fabric] = []
    for name, fabric in FABRICS.items():
        own = np.nonzero(fabric_of == name)[0]
        if not len(own):
            continue
        rooms = ground.rooms[own]
        shapely.prepare(rooms)
        front = FRONTS.get(name)
        before = None
        if front is not None:
            rule = _rule(front, len(own), rng)
            share = 1.0 if name == "old" else 0.55 if name == "urban_village" else 0.25
            units, side = units_along(rooms, lambda at, _, share=share: busy(at, share), rule, rng)
            grown = shapely.buffer(rooms, 0.6, quad_segs=2)
            shapely.prepare(grown)
            fits = shapely.contains_properly(grown[units.plot], units.boxes())
            before = joined(units, side, fits, rule, rng)
            before = before.pick(rng.random(len(before.plot)) < front.fill)
            before = before.pick(first_come(before.boxes(), 0.3 if name in ("old", "urban_village") else 3.0))
            _keep(before, front, own, sets, shapes, uses, sources, rng)
        rule = _rule(fabric, len(own), rng)
        units, row = units_inside(rooms, rule, rng)
        boxes = units.boxes()
        fits = shapely.contains(rooms[units.plot], boxes)
        if before is not None and len(before.plot):
            gap = 1.0 if name in ("old", "urban_village") else 7.0
            near = shapely.STRtree(before.boxes()).query(boxes, predicate="dwithin", distance=gap)[0]
            fits[near] = False
        houses = joined(units, row, fits, rule, rng)
        houses = houses.pick(rng.random(len(houses.plot)) < fabric.fill)
        _keep(houses, fabric, own, sets, shapes, uses, sources, rng)
    houses = together(sets)
    return _told(houses, np.concatenate(shapes), np.concatenate(uses), sources, sets, blocks, ground, quarters, rng)


def _rule(fabric: Fabric, count: int, rng: np.random.Generator) -> Rule:
    return Rule(
        rng.uniform(*fabric.unit_m, count), rng.uniform(*fabric.depth_m, count), fabric.run, fabric.gap_m, fabric.row_m
    )


def _keep(
    houses: Houses,
    fabric: Fabric,
    own: Any,
    sets: list[Houses],
    shapes: list[Any],
    uses: list[Any],
    sources: list[Fabric],
    rng: np.random.Generator,
) -> None:
    """Give houses their footprints; a compound has one form, or nearly."""
    forms = _FORMS[fabric.shape]
    chosen = rng.integers(0, len(forms), len(own))[houses.plot]
    if fabric.shape in ("court", "yard"):
        chosen = rng.integers(0, len(forms), len(houses.plot))
    # What is small or narrow is a plain house.
    chosen = np.where(houses.half.min(axis=1) < 4.2, 0 if forms[0] == "box" else len(forms) - 1, chosen)
    drawn = np.empty(len(houses.plot), dtype=object)
    for k, form in enumerate(forms):
        mine = chosen == k
        if mine.any():
            corners = np.array(_SHAPES[form], dtype=float)
            mirrored = np.where(rng.random(mine.sum()) < 0.5, -1.0, 1.0)
            local = np.repeat(corners[None], mine.sum(), axis=0)
            if form not in ("stairs", "butterfly"):
                local[..., 0] *= mirrored[:, None]
            drawn[mine] = shapely.polygons(placed(houses.pick(mine), local))
    sets.append(Houses(houses.centre, houses.turn, houses.half, own[houses.plot]))
    shapes.append(drawn)
    uses.append(np.full(len(drawn), fabric.use, dtype=object))
    sources.append(fabric)


def _told(
    houses: Houses,
    shapes: Any,
    uses: Any,
    sources: list[Fabric],
    sets: list[Houses],
    blocks: Blocks,
    ground: Plots,
    quarters: Quarters,
    rng: np.random.Generator,
) -> Buildings:
    """Heights, households and names. The skyline rises to the centre; a compound's houses are about equally high."""
    count = len(shapes)
    numbers = np.array([(*f.floors, f.floor_m) for f in sources])
    low, high, floor_m = np.repeat(numbers, [len(s.plot) for s in sets], axis=0).T
    plot_luck = rng.random(len(ground.block))[houses.plot]
    urban = quarters.urban(houses.centre)
    sky = np.clip(
        0.62 * urban**1.5
        + 0.2 * noise(rng, 800)(houses.centre)
        + 0.42 * (plot_luck - 0.4)
        + rng.normal(0, 0.07, count),
        0,
        1,
    )
    floors = np.clip(np.round(low + (high - low) * sky), low, high).astype(np.int64)
    footprint = shapely.area(shapes)
    uses = uses.copy()
    # On the ground floor of a busy street there are shops; above some of them are offices and hotels.
    shops = uses == "commercial"
    uses[shops & (floors > 4) & (rng.random(count) < 0.4)] = "office"
    uses[(uses == "office") & (rng.random(count) < 0.12)] = "hotel"
    homes = uses == "residential"
    households = np.where(homes, np.maximum(footprint * floors / 160, 1), 0).astype(np.int64)
    names = _names(houses.plot, shapes, uses, blocks.fabric[ground.block[houses.plot]], rng)
    height = np.round(floors * floor_m + rng.choice([0.0, 0.6, 1.2], count), 1)
    return Buildings(shapes, uses, names, floors, height, households)


_COMPOUND = ("小区", "花园", "苑", "家园", "新村", "公寓")


def _names(plot: Any, shapes: Any, uses: Any, fabric: Any, rng: np.random.Generator) -> Any:
    """Compounds, towers, schools, hospitals and markets have names; a house in a lane has none."""
    stems = Names(rng)
    found = np.full(len(plot), "", dtype=object)
    order = np.lexsort((np.arange(len(plot)), plot))
    counted = {"school": 0, "hospital": 0, "campus": 0}
    for own in np.split(order, np.nonzero(np.diff(plot[order]))[0] + 1):
        kind = str(fabric[own[0]])
        if kind in ("old", "village", "urban_village"):
            continue
        own = own[uses[own] != "commercial"]
        if kind in counted:
            counted[kind] += 1
            numbered = {"school": "小学" if counted[kind] % 3 else "中学", "hospital": "医院", "campus": "学院"}[kind]
            title = f"样例第{counted[kind]}{numbered}"
        else:
            what = {"centre": "大厦", "market": "农贸市场", "shed": "工业园", "harbour": "港区仓库"}.get(kind)
            title = f"样例{stems.stem()[0]}{what or _COMPOUND[int(rng.integers(len(_COMPOUND)))]}"
        ending = "栋" if kind in ("shed", "harbour", "market") else "号楼"
        for n, i in enumerate(own.tolist(), 1):
            found[i] = f"{title}{n}{ending}" if len(own) > 1 else title
    return found
