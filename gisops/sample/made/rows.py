"""Placing houses: rows of units laid over many plots at once, kept where they fit, and joined into houses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Rule:
    """One fabric's numbers for every plot: arrays of one value per plot."""

    unit: Floats
    depth: Floats
    run: tuple[int, int]
    gap: tuple[float, float]
    row: tuple[float, float]


@dataclass(frozen=True)
class Houses:
    """Rectangles: centre, direction of the long side (radians), half length and half depth, and whose plot each is."""

    centre: Floats
    turn: Floats
    half: Floats
    plot: Ints

    def boxes(self) -> Any:
        """The rectangles as polygons."""
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
        return shapely.polygons(placed(self, corners))

    def pick(self, keep: Any) -> Houses:
        """Some of them."""
        return Houses(self.centre[keep], self.turn[keep], self.half[keep], self.plot[keep])


def placed(houses: Houses, corners: Floats) -> Floats:
    """Corners (k, 2) or (n, k, 2) of a unit square -1..1 -> (n, k, 2) on every house."""
    local = corners * houses.half[:, None, :]
    cos, sin = np.cos(houses.turn)[:, None], np.sin(houses.turn)[:, None]
    x = local[..., 0] * cos - local[..., 1] * sin
    y = local[..., 0] * sin + local[..., 1] * cos
    return np.stack([x, y], axis=-1) + houses.centre[:, None, :]


def together(parts: list[Houses]) -> Houses:
    """Several sets as one."""
    return Houses(*(np.concatenate([getattr(p, k) for p in parts]) for k in ("centre", "turn", "half", "plot")))


def main_turn(plots: Any) -> Floats:
    """The direction in which most of a plot's rim runs, -45..45 degrees from east, radians: houses face south."""
    xy, of = shapely.get_coordinates(shapely.get_exterior_ring(plots), return_index=True)
    same = of[1:] == of[:-1]
    along = np.diff(xy, axis=0)[same]
    length = np.hypot(*along.T)
    four = 4 * np.arctan2(along[:, 1], along[:, 0])
    sine = np.bincount(of[1:][same], weights=length * np.sin(four), minlength=len(plots))
    cosine = np.bincount(of[1:][same], weights=length * np.cos(four), minlength=len(plots))
    return np.asarray(np.arctan2(sine, cosine) / 4)


def units_inside(plots: Any, rule: Rule, rng: np.random.Generator) -> tuple[Houses, Ints]:
    """Rows of units over every plot, side by side, in the plot's own direction; and the row each unit is in."""
    turn = main_turn(plots)
    xy, of = shapely.get_coordinates(plots, return_index=True)
    cos, sin = np.cos(turn)[of], np.sin(turn)[of]
    u, v = xy[:, 0] * cos + xy[:, 1] * sin, xy[:, 1] * cos - xy[:, 0] * sin
    first = np.searchsorted(of, np.arange(len(plots)))
    west, east = np.minimum.reduceat(u, first), np.maximum.reduceat(u, first)
    south, north = np.minimum.reduceat(v, first), np.maximum.reduceat(v, first)
    # Rows: every row has its own distance to the next, the same all over it.
    pitch = rule.depth + rng.uniform(*rule.row, len(plots))
    count = np.maximum(((north - south - rule.depth) / pitch).astype(int) + 1, 0)
    row_plot = np.repeat(np.arange(len(plots)), count)
    nth = np.arange(len(row_plot)) - np.repeat(np.cumsum(count) - count, count)
    # What is left over of the plot's depth is shared between front and back.
    spare = (north - south - rule.depth - (count - 1) * pitch)[row_plot] * 0.5
    y = south[row_plot] + spare + nth * pitch[row_plot] + rule.depth[row_plot] / 2
    start = west[row_plot] + rng.uniform(0.2, 4, len(row_plot))
    per_row = np.maximum(((east[row_plot] - start) / rule.unit[row_plot]).astype(int), 0)
    row = np.repeat(np.arange(len(row_plot)), per_row)
    k = np.arange(len(row)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    plot = row_plot[row]
    x = start[row] + (k + 0.5) * rule.unit[plot]
    return _units(x, y[row], turn[plot], rule, plot), row


def _units(x: Floats, y: Floats, turn: Floats, rule: Rule, plot: Ints) -> Houses:
    cos, sin = np.cos(turn), np.sin(turn)
    centre = np.column_stack([x * cos - y * sin, x * sin + y * cos])
    return Houses(centre, turn, np.column_stack([rule.unit[plot] / 2, rule.depth[plot] / 2]), plot)


def units_along(plots: Any, wanted: Any, rule: Rule, rng: np.random.Generator) -> tuple[Houses, Ints]:
    """Rows of units along the sides of plots, their backs inward. ``wanted`` says of middles of sides which ones."""
    rims = shapely.get_exterior_ring(shapely.orient_polygons(shapely.simplify(plots, 1.2)))
    xy, of = shapely.get_coordinates(rims, return_index=True)
    same = of[1:] == of[:-1]
    a, b, plot = xy[:-1][same], xy[1:][same], of[1:][same]
    length = np.hypot(*(b - a).T)
    long = length > 2.2 * rule.unit[plot]
    long[long] = wanted((a[long] + b[long]) / 2, plot[long])
    a, b, plot, length = a[long], b[long], plot[long], length[long]
    way = (b - a) / length[:, None]
    per_side = (length / rule.unit[plot]).astype(int)
    side = np.repeat(np.arange(len(a)), per_side)
    k = np.arange(len(side)) - np.repeat(np.cumsum(per_side) - per_side, per_side)
    own = plot[side]
    spare = (length - per_side * rule.unit[plot])[side] / 2
    inward = np.column_stack([-way[:, 1], way[:, 0]])
    centre = a[side] + way[side] * (spare + (k + 0.5) * rule.unit[own])[:, None]
    centre += inward[side] * (rule.depth[own] / 2 + 0.35)[:, None]
    turn = np.arctan2(way[:, 1], way[:, 0])[side]
    return Houses(centre, turn, np.column_stack([rule.unit[own] / 2, rule.depth[own] / 2]), own), side


def joined(units: Houses, row: Ints, fits: NDArray[np.bool_], rule: Rule, rng: np.random.Generator) -> Houses:
    """Join units that fit and follow each other in a row into houses of so many units, with gaps between them."""
    units, row = units.pick(fits), row[fits]
    place = np.nonzero(fits)[0]
    if not len(row):
        return units
    new = np.ones(len(row), dtype=bool)
    new[1:] = (np.diff(row) != 0) | (np.diff(place) != 1)
    stretch = np.cumsum(new) - 1
    begin = np.nonzero(new)[0]
    k = np.arange(len(row)) - begin[stretch]
    many = np.diff(np.append(begin, len(row)))
    # A stretch is a string of houses of as many units as its own lot says; the gap is taken from the last unit.
    per = rng.integers(rule.run[0], rule.run[1] + 1, len(begin))
    # A last house shorter than half the others is given to the one before it.
    house = k // per[stretch]
    rest = many % per
    last = many // per
    short = (rest > 0) & (rest < per / 2) & (last > 0)
    house = np.where(short[stretch] & (house == last[stretch]), house - 1, house)
    number = np.unique(stretch.astype(np.int64) * 100_000 + house, return_inverse=True)[1].ravel()
    first = np.searchsorted(number, np.arange(number.max() + 1))
    final = np.append(first[1:], len(number)) - 1
    gap = rng.uniform(*rule.gap, len(first))
    unit = units.half[first, 0]
    a, b = units.centre[first], units.centre[final]
    way = np.column_stack([np.cos(units.turn[first]), np.sin(units.turn[first])])
    whole = ((b - a) * way).sum(axis=1) + 2 * unit
    length = np.maximum(whole - gap, unit * 0.9)
    # The gap lies on either side by turns of luck, so that houses of neighbouring rows do not stand in file.
    shift = (whole - length) * rng.uniform(0.25, 0.75, len(first)) - (whole - length) / 2
    centre = (a + b) / 2 + way * shift[:, None]
    half = np.column_stack([length / 2, units.half[first, 1]])
    return Houses(centre, units.turn[first], half, units.plot[first])


def first_come(boxes: Any, gap_m: float) -> NDArray[np.bool_]:
    """Which of the shapes stay, if each keeps ``gap_m`` from those that came before it and stayed."""
    tree = shapely.STRtree(boxes)
    i, j = (
        tree.query(boxes, predicate="dwithin", distance=gap_m)
        if gap_m > 0
        else tree.query(boxes, predicate="intersects")
    )
    later = i > j
    i, j = i[later], j[later]
    stays = np.ones(len(boxes), dtype=bool)
    open_ = np.zeros(len(boxes), dtype=bool)
    open_[i] = True
    while len(i):
        # Whoever has no undecided neighbour before him is decided.
        blocked = np.zeros(len(boxes), dtype=bool)
        blocked[i[stays[j] & ~open_[j]]] = True
        waits = np.zeros(len(boxes), dtype=bool)
        waits[i[open_[j]]] = True
        stays[blocked] = False
        settled = open_ & (blocked | ~waits)
        open_ &= ~settled
        left = open_[i]
        i, j = i[left], j[left]
    return stays
