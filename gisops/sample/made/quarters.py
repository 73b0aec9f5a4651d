"""What kind of town stands where: how built up a place is, and of which fabric; asked of points, thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gisops.sample.made import plan
from gisops.sample.made.shapes import Points, noise
from gisops.sample.made.waters import Scale

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Quarters:
    """The fields of one drawing.

    ``spread`` is how far the built-up part reaches, against the plan; ``villages`` how many are tried in a square
    kilometre of fields; ``crowded`` how much more of the town is low and dense.
    """

    scale: Scale
    spread: float
    villages: float
    crowded: float
    patches: Any
    wilds: Any
    tall: Any

    def _far(self, points: Points, centre: Any, radius: Any) -> Floats:
        away = (np.asarray(points) - self.scale.metres(centre)) / (1000 * self.scale.plan)
        return np.asarray(np.hypot(*(away / np.asarray(radius)).T), dtype=np.float64)

    def urban(self, points: Points) -> Floats:
        """How built up: 1 in the centre, about 0.3 where the town frays out, 0 in the fields."""
        away = self._far(points, (-0.4, 0.6), (5.6 * self.spread, 3.75 * self.spread))
        rough = 0.16 * self.wilds(points)
        town = np.clip(1.18 - 0.82 * away**1.35 + rough * np.clip(away, 0.2, 1), 0, 1)
        # Beyond the last houses it falls quickly: a town has an edge.
        town = np.where(town < 0.36, np.maximum(town - (0.36 - town) * 2.2, 0), town)
        for centre, radius in plan.TOWNS:
            near = self._far(points, centre, radius * self.spread)
            town = np.maximum(town, np.clip(0.72 - 0.42 * near**2 + 0.5 * rough, 0, 0.62) * (near < 1.05))
        return np.asarray(town, dtype=np.float64)

    def old(self, points: Points) -> Flags:
        """The old town near the river's mouth, and the fishermen's quarter on the island."""
        ragged = 0.14 * self.patches(points)
        return np.asarray(
            (self._far(points, *plan.OLD_TOWN) + ragged < 1) | (self._far(points, *plan.FISHERS) + ragged < 1)
        )

    def _discs(self, points: Points, discs: Any, ragged: float = 0.15) -> Flags:
        found = np.zeros(len(points), dtype=bool)
        for centre, radius in discs:
            found |= self._far(points, centre, radius * self.spread) + ragged * self.patches(points) < 1
        return found

    def centre(self, points: Points) -> Flags:
        """Where towers of offices stand."""
        return self._discs(points, plan.CENTRES)

    def industry(self, points: Points) -> Flags:
        """Sheds, warehouses, yards."""
        return self._discs(points, plan.INDUSTRY)

    def town(self, points: Points) -> Flags:
        """The four small towns outside."""
        return self._discs(points, plan.TOWNS)

    def target_m2(self, points: Points) -> Floats:
        """How large a block between streets grows there, on the average."""
        urban = self.urban(points)
        size = np.interp(urban, (0, 0.1, 0.2, 0.35, 0.6, 1), (700e3, 500e3, 200e3, 62e3, 40e3, 27e3))
        size = np.where(self.town(points) & (urban > 0.3), 24e3, size)
        size = np.where(self.industry(points) & (urban > 0.25), 68e3, size)
        return np.where(self.old(points), 8.5e3, size)


@dataclass(frozen=True)
class Raster:
    """A field asked beforehand on a raster: cutting faces asks it a few points at a time, very often."""

    corner: Floats
    cell_m: float
    values: Floats

    def at(self, points: Points) -> Floats:
        """The value in the raster's cell round each point."""
        cells = ((points - self.corner) / self.cell_m).astype(np.intp)
        last = np.array(self.values.shape) - 1
        return np.asarray(self.values[tuple(np.clip(cells, 0, last).T)])


def raster(field: Any, bounds: tuple[float, float, float, float], cell_m: float = 75.0) -> Raster:
    """A field of points as a raster over bounds (west, south, east, north)."""
    west, south, east, north = bounds
    xs, ys = np.arange(west, east + cell_m, cell_m), np.arange(south, north + cell_m, cell_m)
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    values = field(grid.reshape(-1, 2) + cell_m / 2).reshape(grid.shape[:2])
    return Raster(np.array([west, south]), cell_m, values)


def quarters(scale: Scale, spread: float, villages: float, crowded: float, rng: np.random.Generator) -> Quarters:
    """The fields of a drawing: the plan's discs made ragged by noise."""
    return Quarters(scale, spread, villages, crowded, noise(rng, 700), noise(rng, 1_900), noise(rng, 1_100))
