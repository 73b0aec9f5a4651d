"""Ponds in parks and fields, and the footways of parks."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from gisops.sample.made.blocks import Blocks
from gisops.sample.made.names import Names
from gisops.sample.made.network import connected, ends
from gisops.sample.made.shapes import GRID_M, blob, polygons, rounded, snapped
from gisops.sample.made.streets import WIDTHS
from gisops.sample.town import Roads, Waters


def dig(blocks: Blocks, waters: Waters, rng: np.random.Generator) -> tuple[Blocks, Waters]:
    """Dig ponds into parks and fields. A pond is a block of its own, and a hole in the one it lies in."""
    names = Names(np.random.default_rng(rng.integers(2**31)))
    shapes, urban, fabric = list(blocks.shapes), list(blocks.urban), list(blocks.fabric)
    ponds: list[Any] = []
    titles: list[tuple[str, str]] = []
    for i in np.nonzero(np.isin(blocks.fabric, ["park", "field"]))[0]:
        park = blocks.fabric[i] == "park"
        block = blocks.shapes[i]
        if len(block.interiors) or rng.random() > (0.55 if park and block.area > 25_000 else 0.0 if park else 0.6):
            continue
        room = block.buffer(-38 if park else -45)
        for _ in range(1 if park else int(rng.integers(1, 4))):
            spots = polygons(room, 2_000)
            if not len(spots):
                break
            west, south, east, north = spots[0].bounds
            spot = np.array([rng.uniform(west, east), rng.uniform(south, north)])
            if park:
                spot = np.array(spots[0].representative_point().coords[0])
            size = np.sqrt(block.area) * rng.uniform(0.13, 0.2) if park else rng.uniform(14, 48)
            found = polygons(snapped(rounded(blob(spot, size, rng, 0.35).intersection(room), 4)), 250)
            if len(found) != 1 or len(found[0].interiors):
                continue
            pond = found[0]
            room = room.difference(pond.buffer(40))
            shapes[i] = shapely.Polygon(shapes[i].exterior, [*shapes[i].interiors, pond.exterior])
            shapes.append(pond)
            urban.append(0.0)
            fabric.append("water")
            ponds.append(pond)
            zh, en = names.stem() if park or pond.area > 2_500 else ("", "")
            titles.append((f"样例{zh}塘", f"Sample {en} Pond") if zh else ("", ""))
    dug = Blocks(np.array(shapes, dtype=object), np.array(urban), np.array(fabric, dtype=object))
    if not ponds:
        return dug, waters
    return dug, Waters(
        np.concatenate([waters.geom, np.array(ponds, dtype=object)]),
        np.concatenate([waters.water_class, np.full(len(ponds), "pond", dtype=object)]),
        np.concatenate([waters.name_zh, np.array([t[0] for t in titles], dtype=object)]),
        np.concatenate([waters.name_en, np.array([t[1] for t in titles], dtype=object)]),
    )


def paths(blocks: Blocks, roads: Roads, rng: np.random.Generator) -> Roads:
    """The roads, and in every park a round walk with ways to the crossings round it."""
    node_of, count = ends(roads.geom)
    places = np.empty((count, 2))
    for k in (0, 1):
        places[node_of[:, k]] = shapely.get_coordinates(shapely.get_point(roads.geom, -k))
    crossings = np.nonzero(np.bincount(node_of.ravel(), minlength=count) >= 3)[0]
    tree = shapely.STRtree(shapely.points(places[crossings]))
    own = np.nonzero(blocks.fabric == "park")[0]
    park, at = tree.query(blocks.shapes[own], predicate="dwithin", distance=GRID_M)
    # Where a promenade runs already there is no round walk to cross it.
    within = shapely.buffer(blocks.shapes[own], -1.0, quad_segs=1)
    walked = set(shapely.STRtree(roads.geom).query(within, predicate="intersects")[0].tolist())
    lines: list[Any] = []
    for n, i in enumerate(own):
        if n in walked:
            continue
        gates = places[crossings[at[park == n]]]
        block = blocks.shapes[i]
        if len(gates) < 2 or block.area < 9_000:
            continue
        ponds = shapely.union_all([shapely.Polygon(r) for r in block.interiors])
        inner = block.buffer(-0.16 * np.sqrt(block.area)) if ponds.is_empty else ponds.buffer(11)
        if inner.is_empty:
            continue
        walk = max(polygons(inner, 0), key=lambda p: float(p.area))
        soft = 9.0 if len(block.interiors) else min(0.12 * np.sqrt(walk.area), 40.0)
        loops = polygons(rounded(shapely.Polygon(walk.exterior), soft), 900)
        if not len(loops):
            continue
        drawn = [loops[0].exterior]
        for gate in gates[rng.permutation(len(gates))][:6]:
            way = shapely.get_coordinates(shapely.shortest_line(shapely.Point(gate), drawn[0]))
            over = (way[1] - way[0]) / max(float(np.hypot(*(way[1] - way[0]))), 1e-6) * 0.05
            bend = np.array([-(way[1] - way[0])[1], (way[1] - way[0])[0]]) * rng.uniform(-0.12, 0.12)
            line = shapely.LineString([way[0], (way[0] + way[1]) / 2 + bend, way[1] + over])
            if block.buffer(0.02).contains(line):
                drawn.append(line)
        if len(drawn) > 1:
            pieces = shapely.get_parts(shapely.union_all(np.array(drawn, dtype=object), grid_size=GRID_M))
            lines += [p for p in pieces if p.length > 0.2]
    if not lines:
        return roads
    extra = np.array(lines, dtype=object)
    blank = np.full(len(extra), "", dtype=object)
    together = Roads(
        np.concatenate([roads.geom, extra]),
        np.concatenate([roads.road_class, np.full(len(extra), "footway", dtype=object)]),
        np.concatenate([roads.name_zh, blank]),
        np.concatenate([roads.name_en, blank]),
        np.concatenate([roads.oneway, np.zeros(len(extra), dtype=bool)]),
        np.concatenate([roads.width_m, np.full(len(extra), WIDTHS["footway"])]),
    )
    # A walk whose ways were all refused hangs on nothing.
    return connected(together)
