"""From drawn lines to a street network: cut where streets meet, connected, with names that go on along a street."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.made.names import Names
from gisops.sample.made.quarters import Quarters
from gisops.sample.made.shapes import GRID_M
from gisops.sample.made.streets import Drawn
from gisops.sample.made.waters import Wet
from gisops.sample.town import ROAD_CLASSES, Roads

Ints = NDArray[np.intp]

_RANK = {name: i for i, name in enumerate(ROAD_CLASSES)}
# A piece that begins or ends nowhere and is shorter is a slip of the pen.
_STUB_M = 6.0


def node(drawn: Drawn, wet: Wet) -> tuple[Any, Ints]:
    """All lines cut where they meet, water and border included: the pieces, and of which drawn line each is part.

    The second is -1 for a piece that is no road: bank, shore, border.
    """
    banks = [wet.outline.boundary, *(shapely.boundary(w) for w in wet.waters.geom[1:])]
    lines = np.array(drawn.lines, dtype=object)
    noded = shapely.union_all(np.concatenate([lines, np.array(banks, dtype=object)]), grid_size=GRID_M)
    pieces = shapely.get_parts(noded)
    pieces = pieces[shapely.length(pieces) > 0]
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    rank = np.array([_RANK[c] for c in drawn.classes])
    parent = np.full(len(pieces), -1, dtype=np.intp)
    # Two lines may run in one for a while: the greater road's name and class hold.
    piece, line = shapely.STRtree(lines).query(middle, predicate="dwithin", distance=3 * GRID_M)
    order = np.lexsort((line, -rank[line]))
    parent[piece[order]] = line[order]
    return pieces, parent


def walls(drawn: Drawn, pieces: Any, parent: Ints) -> Any:
    """The pieces that bound blocks: all but footways."""
    paved = np.append(np.array(drawn.classes, dtype=object) != "footway", True)
    return pieces[paved[parent]]


def ends(pieces: Any) -> tuple[Ints, int]:
    """The nodes each piece runs between, (n, 2), and how many nodes there are."""
    both = np.vstack([shapely.get_coordinates(shapely.get_point(pieces, k)) for k in (0, -1)])
    centimetres = np.round(both * 100).astype(np.int64)
    _, node_of = np.unique(centimetres, axis=0, return_inverse=True)
    node_of = node_of.reshape(2, -1).T
    return node_of, int(node_of.max()) + 1


def largest(node_of: Ints, count: int) -> NDArray[np.bool_]:
    """Which pieces belong to the largest connected part of a network."""
    root = np.arange(count)
    while True:
        # Every piece hands the smaller root of its ends to both; chains are then shortened by half again and again.
        low = np.minimum(root[node_of[:, 0]], root[node_of[:, 1]])
        before = root.copy()
        for k in (0, 1):
            np.minimum.at(root, node_of[:, k], low)
            np.minimum.at(root, before[node_of[:, k]], low)
        root = root[root]
        root = root[root]
        if np.array_equal(root, before):
            break
    own = root[node_of[:, 0]]
    return np.asarray(own == np.bincount(own).argmax())


def roads(drawn: Drawn, pieces: Any, parent: Ints, wet: Wet, quarters: Quarters, rng: np.random.Generator) -> Roads:
    """The roads among the pieces: those that hang together, without stubs, named."""
    keep = parent >= 0
    pieces, parent = pieces[keep], parent[keep]
    for _ in range(2):
        node_of, count = ends(pieces)
        degree = np.bincount(node_of.ravel(), minlength=count)
        stub = (degree[node_of].min(axis=1) == 1) & (shapely.length(pieces) < _STUB_M)
        pieces, parent = pieces[~stub], parent[~stub]
    rank = np.array([_RANK[c] for c in drawn.classes])
    border = shapely.boundary(wet.outline).difference(wet.sea.buffer(1))
    goes_on = shapely.dwithin(pieces, border, 0.05)
    for _ in range(12):
        # A great road that ends before it meets another was drawn too far; at the border it goes on.
        node_of, count = ends(pieces)
        driven = rank[parent] < _RANK["footway"]
        degree = np.bincount(node_of[driven].ravel(), minlength=count)
        loose = (degree[node_of].min(axis=1) == 1) & (rank[parent] <= _RANK["tertiary"]) & ~goes_on
        loose &= shapely.length(pieces) < 700
        if not loose.any():
            break
        pieces, parent, goes_on = pieces[~loose], parent[~loose], goes_on[~loose]
    node_of, count = ends(pieces)
    whole = largest(node_of, count)
    pieces, parent, node_of = pieces[whole], parent[whole], node_of[whole]

    classes = np.array(drawn.classes, dtype=object)[parent]
    widths = np.array(drawn.widths)[parent]
    given = [drawn.names[p] for p in parent]
    stroke = strokes(pieces, node_of, np.array([_RANK[c] for c in classes]), parent)
    length = np.bincount(stroke, weights=shapely.length(pieces))
    zh = np.array([n[0] for n in given], dtype=object)
    en = np.array([n[1] for n in given], dtype=object)
    names = Names(rng)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(pieces, 0.5, normalized=True))
    old, urban = quarters.old(middle), quarters.urban(middle)
    order = np.argsort(stroke, kind="stable")
    for own in np.split(order, np.nonzero(np.diff(stroke[order]))[0] + 1):
        kind = str(classes[own[0]])
        if zh[own[0]] or kind in ("service", "footway") or length[stroke[own[0]]] < 140:
            continue
        across = (
            np.ptp(middle[own], axis=0) if len(own) > 1 else np.ptp(shapely.get_coordinates(pieces[own[0]]), axis=0)
        )
        zh[own], en[own] = names.street(
            kind, bool(old[own].any()), float(length[stroke[own[0]]]), bool(across[0] > across[1])
        )
    # In the old town every other lane is too narrow for both ways.
    narrow = old & (widths < 9) & (classes == "residential")
    oneway = narrow & (rng.random(int(stroke.max()) + 1)[stroke] < 0.45)
    oneway |= (classes == "service") & (urban > 0.5) & (rng.random(int(stroke.max()) + 1)[stroke] < 0.06)
    return Roads(pieces, classes, zh, en, oneway, widths)


def connected(whole: Roads) -> Roads:
    """The roads that hang together."""
    keep = largest(*ends(whole.geom))
    return Roads(*(getattr(whole, f.name)[keep] for f in fields(Roads)))


def strokes(pieces: Any, node_of: Ints, rank: Ints, parent: Ints) -> Ints:
    """Group pieces into streets: what goes straight on across a junction, in about the same class, is one street.

    Pieces of one drawn line stay together where they meet. Returns the street's number of each piece.
    """
    xy = shapely.get_coordinates(pieces)
    count = shapely.get_num_coordinates(pieces)
    last = np.cumsum(count) - 1
    first = last - count + 1
    away = np.stack([xy[first + 1] - xy[first], xy[last - 1] - xy[last]], axis=1)
    heading = np.arctan2(away[..., 1], away[..., 0])
    flat = node_of.ravel()
    order = np.argsort(flat, kind="stable")
    group = np.split(order, np.nonzero(np.diff(flat[order]))[0] + 1)
    root = list(range(len(pieces)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    angles, ranks, parents = heading.ravel().tolist(), rank.tolist(), parent.tolist()
    for at in group:
        if len(at) < 2:
            continue
        found = []
        half = at.tolist()
        for a in range(len(half)):
            for b in range(a + 1, len(half)):
                i, j = half[a] // 2, half[b] // 2
                turn = abs((angles[half[a]] - angles[half[b]] + np.pi) % (2 * np.pi) - np.pi)
                bend = np.pi - turn
                same = parents[i] == parents[j]
                if same or (bend < 0.45 and (ranks[i] == ranks[j])):
                    found.append((bend - (5.0 if same else 0.0), i, j))
        used: set[int] = set()
        for _, i, j in sorted(found):
            if i not in used and j not in used:
                used.update((i, j))
                a, b = find(i), find(j)
                if a != b:
                    root[max(a, b)] = min(a, b)
    roots = np.array([find(i) for i in range(len(pieces))])
    return np.unique(roots, return_inverse=True)[1].ravel()
