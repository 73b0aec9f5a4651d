"""How evenly work is shared among zones, and which border cells would even it out. Pure: arrays in, arrays out.

Nothing here decides anything: it computes what a planner proposes and people decide on, and says by how much.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# Cells of one grid, drawn by hand and converted from one system to another, meet within this many metres.
TOUCH_M = 0.5


@dataclass(frozen=True)
class Move:
    """A cell (its place in the arrays) that would go from one zone to another; ``gain`` is the share of its group's
    unevenness at the beginning that this takes away.
    """

    cell: int
    giver: int
    taker: int
    gain: float


def gini(values: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """The Gini coefficient: 0 where all have the same, towards 1 where one has all.

    With ``weights`` (officers of a zone) each value is one weight's: the load per officer, of so many officers.
    """
    x = np.asarray(values, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    total = float((x * w).sum())
    if len(x) == 0 or total <= 0:
        return 0.0
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    share = np.concatenate([[0.0], np.cumsum(x * w) / total])
    # Twice the area between the Lorenz curve and the diagonal; the curve is straight between two zones.
    return float(1.0 - (np.diff(np.concatenate([[0.0], np.cumsum(w) / w.sum()])) * (share[1:] + share[:-1])).sum())


def lorenz(values: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """The Lorenz curve: which share of officers, those with least first, has which share of the work."""
    x = np.asarray(values, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    total = max(float((x * w).sum()), np.finfo(np.float64).tiny)
    return (
        np.concatenate([[0.0], np.cumsum(w) / max(float(w.sum()), 1e-300)]),
        np.concatenate([[0.0], np.cumsum(x * w) / total]),
    )


def neighbours(cells: npt.NDArray[np.object_], least_m: float = 5.0) -> Ints:
    """Pairs of cells that share a border of at least so many metres: an array of shape (pairs, 2), each pair once.

    ``cells`` are polygons in a metric system.
    """
    grown = shapely.buffer(cells, TOUCH_M)
    first, second = shapely.STRtree(cells).query(grown, predicate="intersects")
    once = first < second
    first, second = first[once], second[once]
    shared = shapely.length(shapely.intersection(shapely.boundary(cells[first]), grown[second]))
    # Two that meet at a corner only lie within the tolerance of each other there as well.
    long = shared >= max(least_m, 4 * TOUCH_M)
    return np.stack([first[long], second[long]], axis=1)


def propose(
    load: Floats,
    zone: Ints,
    officers: Floats,
    group: Ints,
    pairs: Ints,
    *,
    most: int = 200,
    least_gain: float = 0.02,
) -> list[Move]:
    """Border cells to give from one zone to its neighbour, the one that evens out most first.

    Each move lowers the sum over zones of officers x (load per officer - mean)²; a zone keeps at least one cell and
    does not fall apart, a cell moves once, and stays within its group (the organisation that keeps both zones).

    Parameters
    ----------
    load
        Work in each cell.
    zone
        The zone of each cell; negative where it has none.
    officers
        How many people each zone has.
    group
        The group of each zone.
    pairs
        Cells that share a border, see `neighbours`.
    most
        At most so many moves.
    least_gain
        Which share of its group's unevenness at the beginning a move must take away.
    """
    now = zone.copy()
    here = np.bincount(zone[zone >= 0], weights=load[zone >= 0], minlength=len(officers))
    able = officers > 0
    of_each = np.maximum(officers, 1.0)
    uneven = np.zeros(len(officers))
    for one in np.unique(group):
        of = able & (group == one)
        mean = here[of].sum() / max(officers[of].sum(), 1.0)
        uneven[group == one] = (officers[of] * (here[of] / of_each[of] - mean) ** 2).sum()
    both = np.concatenate([pairs, pairs[:, ::-1]])
    beside = defaultdict(list)
    for a, b in both:
        beside[int(a)].append(int(b))
    # Who could ever take part: groups stay as they are.
    both = both[(zone[both] >= 0).all(axis=1)]
    both = both[group[zone[both[:, 0]]] == group[zone[both[:, 1]]]]
    stuck = np.zeros(len(load), np.bool_)
    moves: list[Move] = []
    while len(moves) < most:
        cell, other = both[:, 0], both[:, 1]
        giver, taker = now[cell], now[other]
        can = (giver != taker) & ~stuck[cell] & able[giver] & able[taker]
        if not can.any():
            break
        cell, giver, taker = cell[can], giver[can], taker[can]
        work = load[cell]
        less = (here[giver] ** 2 - (here[giver] - work) ** 2) / of_each[giver]
        more = ((here[taker] + work) ** 2 - here[taker] ** 2) / of_each[taker]
        gain = less - more
        gain[gain < least_gain * uneven[giver]] = 0.0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        one, from_zone, to_zone = int(cell[best]), int(giver[best]), int(taker[best])
        # Whether it is moved now or may not be: it is not looked at again.
        stuck[one] = True
        if not _holds_together(one, now, from_zone, beside):
            continue
        now[one] = to_zone
        here[from_zone] -= load[one]
        here[to_zone] += load[one]
        moves.append(Move(one, from_zone, to_zone, float(gain[best] / uneven[from_zone])))
    return moves


def moved(zone: Ints, moves: list[Move]) -> Ints:
    """The zone of each cell after these moves."""
    after = zone.copy()
    for each in moves:
        after[each.cell] = each.taker
    return after


def _holds_together(cell: int, zone: Ints, of: int, beside: dict[int, list[int]]) -> bool:
    """Whether what a cell touches of its own zone hangs together without it."""
    own = [other for other in beside[cell] if zone[other] == of]
    if not own:
        return False  # its only cell, or one that lies apart already: that is for people to look at
    seen, waiting = {own[0]}, [own[0]]
    missing = set(own) - seen
    while waiting and missing:
        for other in beside[waiting.pop()]:
            if other != cell and zone[other] == of and other not in seen:
                seen.add(other)
                missing.discard(other)
                waiting.append(other)
    return not missing
