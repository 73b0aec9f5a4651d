"""A town's streets as numbers: what stands along them is placed by arithmetic on arrays, not street by street.

A line may have been drawn in either direction. Here each runs north or east, so that what lies on its left goes on
lying on the same side where the next piece of the street begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.town import ROAD_CLASSES, Shapes, Town

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Along:
    """Points along streets: ``road`` says which, ``at`` how far from its start (metres), ``xy`` where in the plane.

    ``ahead`` is the direction in which the street runs there, a unit vector; its left is ``(-y, x)``.
    """

    road: Ints
    at: Floats
    xy: Floats
    ahead: Floats

    def beside(self, left_m: Floats | float) -> Floats:
        """The points moved to the left of their street (to the right where negative), as x and y."""
        left = np.column_stack([-self.ahead[:, 1], self.ahead[:, 0]])
        moved: Floats = self.xy + left * np.broadcast_to(left_m, len(self.xy))[:, None]
        return moved

    def only(self, which: NDArray[np.bool_] | Ints) -> Along:
        """Some of the points."""
        return Along(self.road[which], self.at[which], self.xy[which], self.ahead[which])


@dataclass(frozen=True)
class Streets:
    """Every road of a town: line (directed, see above), length, width, class (an index of ``ROAD_CLASSES``).

    ``urban`` is how built up its more built-up side is, 0 to 1; ``room`` how much of its start and end belongs to
    the junctions there, metres. ``nodes`` holds the two nodes (of ``node_xy``) it runs between; ``degree`` counts
    the streets (without footways) that meet in a node, ``node_width`` is the width of the widest of them.
    """

    lines: Shapes
    length: Floats
    width: Floats
    kind: Ints
    urban: Floats
    nodes: Ints
    node_xy: Floats
    degree: Ints
    node_width: Floats
    node_road: Ints
    room: Floats

    def is_a(self, *classes: str) -> NDArray[np.bool_]:
        """Which roads are of one of these classes."""
        return np.isin(self.kind, [ROAD_CLASSES.index(name) for name in classes])

    @cached_property
    def urban_near(self) -> Floats:
        """How built up it is along each road or a road it meets: a bridge belongs to the town at its ends."""
        at_node = np.zeros(len(self.node_xy))
        np.maximum.at(at_node, self.nodes.ravel(), np.repeat(self.urban, 2))
        found: Floats = at_node[self.nodes].max(axis=1)
        return found

    @cached_property
    def carriageways(self) -> Shapes:
        """The ground that traffic uses, of all but footways: one polygon for each road, in their order."""
        drive = np.flatnonzero(~self.is_a("footway"))
        half = self.width[drive] / 2 - 0.15
        return np.asarray(shapely.buffer(self.lines[drive], half, cap_style="flat", join_style="mitre", quad_segs=2))

    @cached_property
    def _vertices(self) -> tuple[Floats, Floats, Ints]:
        """All vertices; the way to each, counted on from line to line; and the first vertex of each line."""
        xy, line = shapely.get_coordinates(self.lines, return_index=True)
        step = np.hypot(*np.diff(xy, axis=0).T)
        step[np.diff(line) != 0] = 0.0
        first = np.searchsorted(line, np.arange(len(self.lines)))
        return xy, np.concatenate([[0.0], np.cumsum(step)]), first

    def at(self, road: Ints, at: Floats) -> Along:
        """The points at given distances from the start of given roads."""
        xy, way, first = self._vertices
        last = np.append(first[1:], len(xy)) - 1
        wanted = way[first[road]] + at
        # The vertex before the point, of this road and no other: sums of lengths are inexact at a line's ends.
        before = np.clip(np.searchsorted(way, wanted, side="right") - 1, first[road], last[road] - 1)
        step = xy[before + 1] - xy[before]
        size = np.hypot(step[:, 0], step[:, 1])
        ahead = step / np.where(size == 0, 1.0, size)[:, None]
        return Along(road, at, xy[before] + ahead * (wanted - way[before])[:, None], ahead)

    def row(self, spacing: Floats, first: float = 0.5) -> Along:
        """Points at regular distances along each road, between its junctions; none where spacing is infinite.

        The distance goes on from one road to the next, so that what stands every kilometre stands somewhere, though
        no road between two junctions is as long. ``first`` (0 to 1) keeps rows of several kinds from coinciding.
        """
        before, begin, count = self._counts(spacing, first)
        road = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(road)) - np.repeat(np.cumsum(count) - count, count) + begin[road]
        return self.at(road, self.room[road, 0] + (number + first - before[road]) * spacing[road])

    def counts(self, spacing: Floats, first: float = 0.5) -> Ints:
        """How many points ``row`` would give on each road."""
        return self._counts(spacing, first)[2]

    def _counts(self, spacing: Floats, first: float) -> tuple[Floats, Ints, Ints]:
        free = np.maximum(self.length - self.room.sum(axis=1), 0.0)
        after = np.cumsum(free / spacing)
        before = np.concatenate([[0.0], after[:-1]])
        begin = np.ceil(before - first).astype(np.int64)
        return before, begin, np.ceil(after - first).astype(np.int64) - begin


def read_streets(town: Town) -> Streets:
    """Turn a town's roads into arrays."""
    lines = shapely.force_2d(town.roads.geom)
    ends = np.stack([shapely.get_coordinates(shapely.get_point(lines, n)) for n in (0, -1)], axis=1)
    dx, dy = (ends[:, 1] - ends[:, 0]).T
    backwards = np.where(np.abs(dx) >= np.abs(dy), dx < 0, dy < 0)
    lines = np.where(backwards, shapely.reverse(lines), lines)
    ends[backwards] = ends[backwards][:, ::-1]
    width = np.asarray(town.roads.width_m, dtype=np.float64)
    kind = np.array([ROAD_CLASSES.index(str(name)) for name in town.roads.road_class], dtype=np.int64)
    length = np.asarray(shapely.length(lines))

    node_xy, nodes = np.unique(np.round(ends.reshape(-1, 2), 2), axis=0, return_inverse=True)
    nodes = nodes.reshape(-1, 2)
    drive = kind != ROAD_CLASSES.index("footway")
    degree = np.bincount(nodes[drive].ravel(), minlength=len(node_xy))
    node_width = np.zeros(len(node_xy))
    np.maximum.at(node_width, nodes[drive].ravel(), np.repeat(width[drive], 2))
    # The widest road of each node is what the others join: written last, it stays.
    both = np.argsort(np.repeat(np.where(drive, width, 0.0), 2), kind="stable")
    node_road = np.zeros(len(node_xy), dtype=np.int64)
    node_road[nodes.ravel()[both]] = both // 2
    # Where only one road goes on there is no junction to keep clear.
    meets = degree[nodes] != 2
    room = np.where(meets & drive[:, None], node_width[nodes] / 2 + 4.0, 1.0)
    return Streets(lines, length, width, kind, _urban(town, lines), nodes, node_xy, degree, node_width, node_road, room)


def _urban(town: Town, lines: Shapes) -> Floats:
    """How built up the more built-up of the blocks at each road's middle is."""
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    road, block = shapely.STRtree(town.blocks).query(middles, predicate="dwithin", distance=8.0)
    found = np.zeros(len(lines))
    np.maximum.at(found, road, town.urban[block])
    return found
