"""Cutting: large faces between great roads into smaller and smaller ones, by streets that meet those across the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gisops.sample.made.shapes import Points

_CELL_M = 60.0
# A junction counts as lying on a ring within this distance.
_ON_M = 0.03


class Cut(NamedTuple):
    """A new street: its line, and the area of the face it was drawn through."""

    line: Points
    face_m2: float


class Wish(NamedTuple):
    """How a face is to be cut: down to which area, how irregularly."""

    target_m2: float
    irregular: float


class Junctions:
    """Where streets meet, found by place."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)

    def add(self, points: Points) -> None:
        """Remember points (n, 2)."""
        for x, y in np.asarray(points).tolist():
            self._cells[int(x // _CELL_M), int(y // _CELL_M)].append((x, y))

    def on(self, ring: Points) -> tuple[Points, NDArray[np.intp]]:
        """The junctions that lie on a ring, each with the ring's edge it lies on."""
        west, south = (ring.min(axis=0) // _CELL_M).astype(int)
        east, north = (ring.max(axis=0) // _CELL_M).astype(int)
        cells = self._cells
        near = [
            p for i in range(west, east + 1) for j in range(south, north + 1) if (i, j) in cells for p in cells[i, j]
        ]
        if not near:
            return np.empty((0, 2)), np.empty(0, dtype=np.intp)
        points = np.array(near)
        start = ring
        along = _ahead(ring) - ring
        length2 = np.maximum((along**2).sum(axis=1), 1e-9)
        away = points[:, None] - start
        t = np.clip((away * along).sum(axis=2) / length2, 0, 1)
        gap = ((away - t[..., None] * along) ** 2).sum(axis=2)
        edge = gap.argmin(axis=1)
        on = gap[np.arange(len(points)), edge] < _ON_M**2
        return points[on], edge[on]


def _ahead(values: Any) -> Any:
    # np.roll does the same, ten times slower on arrays as short as these.
    return np.concatenate([values[1:], values[:1]])


def turned(points: Points, angle: float) -> Points:
    """Points as seen along a direction."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, -sin], [sin, cos]]))


def area(ring: Points) -> float:
    """Area of an open ring, square metres."""
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return abs(float(np.dot(x, _ahead(y)) - np.dot(y, _ahead(x)))) / 2


def axis(ring: Points) -> float:
    """The direction most of a ring's sides run in or across, radians."""
    along = _ahead(ring) - ring
    turned = np.arctan2(along[:, 1], along[:, 0]) * 4
    length = np.hypot(*along.T)
    return float(np.arctan2((length * np.sin(turned)).sum(), (length * np.cos(turned)).sum())) / 4


@dataclass
class Cutter:
    """Cuts faces until each is about as large as wished there."""

    rng: np.random.Generator
    wish: Callable[[Points], Wish]
    junctions: Junctions
    cuts: list[Cut] = field(default_factory=list)
    leaves: list[Points] = field(default_factory=list)

    def run(self, rings: list[Points]) -> None:
        """Cut every ring; ``cuts`` and ``leaves`` then hold what came of it."""
        # The largest first: the longer streets are there before the short ones that end in them.
        pending = sorted(rings, key=lambda r: -area(r))
        wave: list[Points] = []
        while pending:
            for ring in pending:
                halves = self._cut(ring)
                if halves is None:
                    self.leaves.append(ring)
                else:
                    wave.extend(halves)
            pending, wave = sorted(wave, key=lambda r: -area(r)), []

    def _cut(self, ring: Points) -> tuple[Points, Points] | None:
        size = area(ring)
        wish = self.wish(ring)
        # Faces of one size all over would look drawn by a machine.
        if size < wish.target_m2 * np.exp(self.rng.normal(0.25, 0.28)):
            return None
        turn = axis(ring)
        points, edges = self.junctions.on(ring)
        flat, at = turned(ring, turn), turned(points, turn)[:, 0]
        if np.ptp(flat[:, 0]) < np.ptp(flat[:, 1]):
            turn += np.pi / 2
            flat, at = turned(ring, turn), turned(points, turn)[:, 0]
        low, span = flat[:, 0].min(), np.ptp(flat[:, 0])
        if span < max(0.62 * np.sqrt(wish.target_m2), 30):
            return None
        lean = self.rng.normal(0, 0.02 + 0.12 * wish.irregular)
        spots = [low + span * float(np.clip(0.5 + self.rng.normal(0, 0.05 + 0.05 * wish.irregular), 0.3, 0.7))]
        if len(at):
            # A street that goes on across the crossing is better than one that ends a few steps beside it.
            middle = np.abs((at - low) / span - 0.5)
            order = np.argsort(middle)
            spots = [*at[order[middle[order] < 0.2]][:2].tolist(), *spots]
            lean *= 0.4
        for spot in (*spots, low + 0.38 * span, low + 0.62 * span):
            halves = self._chord(ring, flat, spot, lean, points, edges, size, wish)
            if halves is not None:
                return halves
        # A face round a bend: across its shorter side, or askew.
        for more in (np.pi / 2, np.pi / 4, -np.pi / 4):
            flat = turned(ring, turn + more)
            low, span = flat[:, 0].min(), np.ptp(flat[:, 0])
            if size < 1.8 * wish.target_m2:
                break
            for share in (0.5, 0.36, 0.64):
                halves = self._chord(ring, flat, low + share * span, 0.0, points, edges, size, wish)
                if halves is not None:
                    return halves
        return None

    def _chord(
        self,
        ring: Points,
        flat: Points,
        spot: float,
        lean: float,
        junctions: Points,
        edges: NDArray[np.intp],
        size: float,
        wish: Wish,
    ) -> tuple[Points, Points] | None:
        # The chord is x = spot + lean * (y - middle) in the turned plane; sheared, it is x' = 0.
        middle = (flat[:, 1].min() + flat[:, 1].max()) / 2
        off = flat[:, 0] - spot - lean * (flat[:, 1] - middle)
        ahead = _ahead(off)
        crossing = np.nonzero((off < 0) != (ahead < 0))[0]
        if len(crossing) < 2:
            return None
        t = off[crossing] / (off[crossing] - ahead[crossing])
        nxt = _ahead(ring)
        places = ring[crossing] + t[:, None] * (nxt[crossing] - ring[crossing])
        height = flat[crossing, 1] + t * (_ahead(flat[:, 1])[crossing] - flat[crossing, 1])
        order = np.argsort(height)
        # Of the pieces that lie inside the longest is taken.
        inside = np.diff(height[order])[::2]
        pick = int(inside.argmax()) * 2
        ends = []
        for k in (order[pick], order[pick + 1]):
            place, edge = places[k], int(crossing[k])
            if len(junctions):
                gap = np.hypot(*(junctions - place).T)
                near = int(gap.argmin())
                if gap[near] < min(0.1 * np.sqrt(wish.target_m2) + 6, 30):
                    place, edge = junctions[near], int(edges[near])
            ends.append((edge, place))
        (i, p), (j, q) = sorted(ends, key=lambda e: (e[0], float(np.hypot(*(e[1] - ring[e[0]])))))
        length = float(np.hypot(*(q - p)))
        if i == j or length < 12:
            return None
        line = self._bent(p, q, length, wish)
        one = np.vstack([p[None], ring[i + 1 : j + 1], q[None], line[1:-1][::-1]])
        two = np.vstack([q[None], ring[j + 1 :], ring[: i + 1], p[None], line[1:-1]])
        one, two = _plain(one), _plain(two)
        if min(len(one), len(two)) < 3 or min(area(one), area(two)) < 0.22 * size:
            return None
        self.junctions.add(np.array([p, q]))
        self.cuts.append(Cut(line, size))
        return one, two

    def _bent(self, p: Points, q: Points, length: float, wish: Wish) -> Points:
        """Not quite straight, the less so the longer and the more irregular the quarter is."""
        bend = min(length * (0.006 + 0.03 * wish.irregular), 60.0)
        if length < 90 and wish.irregular < 0.5:
            return np.array([p, q])
        count = max(int(length / 60), 2)
        t = np.linspace(0, 1, count + 1)[:, None]
        across = np.array([-(q - p)[1], (q - p)[0]]) / length
        wave = self.rng.normal(0, bend) * np.sin(np.pi * t) + self.rng.normal(0, bend / 2) * np.sin(2 * np.pi * t)
        return np.asarray(p + (q - p) * t + across * wave)


def _plain(ring: Points) -> Points:
    """A ring without the vertices that repeat the one before."""
    keep = np.abs(_ahead(ring) - ring).max(axis=1) > 1e-6
    return np.asarray(ring[keep])


def rings(areas: Any) -> list[Points]:
    """The outer rings of polygons as open arrays of points."""
    return [np.asarray(area.exterior.coords)[:-1, :2] for area in areas]
