"""What grows in the made-up city: parks, river banks, beaches, woods, fields, playing fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely import affinity

from gisops.sample.made import plan
from gisops.sample.made.blocks import Blocks
from gisops.sample.made.faces import Cutter, Junctions, Wish, rings
from gisops.sample.made.names import Names
from gisops.sample.made.quarters import Quarters
from gisops.sample.made.rows import main_turn
from gisops.sample.made.shapes import blob, polygons, rounded, snapped, without
from gisops.sample.made.waters import Wet
from gisops.sample.town import Greens, Roads

# A running track with its field, and two courts side by side: length and width, metres.
_TRACK, _COURTS = (104.0, 62.0), (42.0, 30.0)


def pitches(blocks: Blocks) -> Any:
    """A track or courts at one end of every school's ground; houses keep off them."""
    own = np.nonzero(np.isin(blocks.fabric, ["school", "campus"]))[0]
    found: list[Any] = []
    if not len(own):
        return np.empty(0, dtype=object)
    turns = main_turn(blocks.shapes[own])
    for ground, turn in zip(blocks.shapes[own], turns, strict=True):
        room = ground.buffer(-22)
        flat = affinity.rotate(room, -turn, origin=(0, 0), use_radians=True)
        if flat.is_empty:
            continue
        west, south, east, north = flat.bounds
        for length, width in (_TRACK, _TRACK[::-1], _COURTS, _COURTS[::-1]):
            spots = [
                (west, south),
                (east - length, south),
                (west, north - width),
                (east - length, north - width),
                (west + (east - west - length) / 2, south),
                (west + 12, south + 12),
                (east - length - 12, north - width - 12),
            ]
            fields = [shapely.box(x, y, x + length, y + width) for x, y in spots]
            fits = [f for f in fields if flat.buffer(0.5).contains(f)]
            if fits:
                oval = fits[0].buffer(-min(length, width) * 0.32).buffer(min(length, width) * 0.32, quad_segs=6)
                shape = oval if (length, width) in (_TRACK, _TRACK[::-1]) else fits[0]
                found.append(affinity.rotate(shape, turn, origin=(0, 0), use_radians=True))
                break
    return snapped(np.array(found, dtype=object))


def draw_greens(
    blocks: Blocks, fields: Any, roads: Roads, wet: Wet, quarters: Quarters, rng: np.random.Generator
) -> Greens:
    """Everything green. Parks and fields stop at the kerb; woods lie over whatever is not built."""
    names = Names(np.random.default_rng(rng.integers(2**31)))
    shapes: list[Any] = []
    kinds: list[str] = []
    titles: list[str] = []

    def add(areas: Any, kind: str, named: str = "") -> None:
        for area in areas:
            shapes.append(area)
            kinds.append(kind)
            titles.append(f"样例{names.stem()[0]}{named}" if named and area.area > 8_000 else "")

    kerbs = shapely.buffer(roads.geom, roads.width_m / 2 + 1.0, quad_segs=2)

    def open_ground(kind: Any) -> Any:
        return polygons(without(blocks.shapes[kind], kerbs), 60)

    for area in open_ground(blocks.fabric == "park"):
        add([area], "park", "公园" if area.area > 25_000 else "游园")
    shore = open_ground(blocks.fabric == "shore")
    inner = shapely.point_on_surface(shore)
    by_sea = shapely.dwithin(inner, wet.sea, 150)
    sandy = shapely.union_all(
        [shapely.Point(quarters.scale.metres(c)).buffer(r * 1000 * quarters.scale.plan) for c, r in plan.BEACHES]
    )
    beach = wet.sea.buffer(48).intersection(sandy).difference(wet.sea).intersection(wet.outline)
    marsh = quarters.urban(shapely.get_coordinates(inner)) < 0.22
    add(polygons(shapely.difference(shore[~marsh], beach.buffer(2)), 60), "park")
    add(polygons(shapely.difference(shore[marsh & by_sea], beach.buffer(2)), 60), "grass")
    add(shore[marsh & ~by_sea], "wetland")
    add(polygons(beach.difference(wet.inland), 200), "beach", "海滩")
    add(open_ground(np.isin(blocks.fabric, ["vacant", "verge"])), "grass")
    add(fields, "pitch")

    woods = []
    for centre, radius in plan.HILLS:
        for _ in range(3):
            spot = quarters.scale.metres(centre) + rng.normal(0, radius * 450 * quarters.scale.plan, 2)
            woods.append(blob(spot, radius * 620 * quarters.scale.plan, rng, 0.35))
    land = open_ground(blocks.fabric == "field")
    wood = rounded(shapely.union_all(woods), 12)
    parcels, centres = _parcels(land, rng)
    # Woods have their own edge; here and there a field inside was cleared, and a lot outside left to the trees.
    lone = rng.random(len(parcels)) < 0.05
    cleared = shapely.contains(_ready(wood), centres) & (rng.random(len(parcels)) < 0.05)
    wood = wood.difference(shapely.union_all(shapely.buffer(parcels[cleared], 3)))
    add(polygons(shapely.intersection(land, wood), 200), "forest")
    outside = shapely.difference(parcels, _ready(wood))
    add(polygons(outside[lone], 200), "forest")
    tilled = polygons(shapely.buffer(outside[~lone], -1.2, quad_segs=1, join_style="mitre"), 200)
    graves = rng.random(len(tilled)) < 4 / max(len(tilled), 4)
    add(tilled[~graves], "farmland")
    add(tilled[graves], "cemetery", "陵园")
    whole = np.array(shapes, dtype=object)
    fine = ~shapely.is_empty(whole)
    parts, of = shapely.get_parts(snapped(whole[fine]), return_index=True)
    big = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 20)
    return Greens(
        parts[big],
        np.array(kinds, dtype=object)[fine][of[big]],
        np.array(titles, dtype=object)[fine][of[big]],
    )


def _ready(area: Any) -> Any:
    shapely.prepare(area)
    return area


def _parcels(land: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Open land cut into fields and lots of wood, and a point in each."""
    cutter = Cutter(rng, lambda _: Wish(26_000, 0.25), Junctions())
    cutter.run(rings(land))
    drawn = shapely.make_valid(np.array([shapely.Polygon(r) for r in cutter.leaves], dtype=object))
    parts = polygons(drawn, 300)
    # A cut may lie outside a bent rim by a little, and fields have ponds and villages in them.
    tree = shapely.STRtree(land)
    one, other = tree.query(parts, predicate="intersects")
    inside = polygons(shapely.intersection(parts[one], land[other]), 300)
    return inside, shapely.point_on_surface(inside)
