"""Counting points on hexagons.

A grid of regular hexagons of edge *a* metres lies over the whole plane, one of them with its centre at the origin of
the coordinates: the same city and edge give the same hexagons, whatever the points. ``pointy`` hexagons stand on a
corner and lie in rows (rows 3a/2 apart, centres √3·a apart in a row, every second row half a step to the east);
``flat`` ones lie on a side and stand in columns. An area of (3√3/2)·a², all six neighbours at √3·a.

A point belongs to exactly one hexagon. A pointy hexagon owns its western side and its two lower ones, with their
corners as far as they are not a neighbour's; a flat one its southern side and its two western ones. No point is
counted twice, and none is lost on an edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from gisops.errors import InvalidInput
from gisops.hotspots import Floats, Ints, points

# Points are taken in pieces that stay in the processor's cache: every step over a piece reads what it just wrote.
_PIECE = 16_384
# A window of rows and columns may be this much larger than the number of points before it is no longer worth filling.
_SPARSE = 8
_SMALL_WINDOW = 4_000_000
# Beyond this a hexagon's number no longer fits comfortably; it is also a thousand times the Earth in centimetres.
_FAR = 2.0**40

_OFFSETS_EVEN = ((0, 1), (0, -1), (1, 0), (1, -1), (-1, 0), (-1, -1))
_OFFSETS_ODD = ((0, 1), (0, -1), (1, 1), (1, 0), (-1, 1), (-1, 0))


@dataclass(frozen=True)
class Hexagons:
    """Some hexagons of a grid and the number of points in each, in order of row and column.

    For ``pointy`` grids ``row`` counts northwards and ``column`` eastwards; for ``flat`` ones ``row`` counts
    eastwards and ``column`` northwards. All arrays have one length.
    """

    edge_m: float
    flat: bool
    row: Ints
    column: Ints
    counts: Ints

    def __len__(self) -> int:
        return len(self.row)

    @property
    def area_m2(self) -> float:
        """Area of one hexagon, in square metres."""
        return 1.5 * math.sqrt(3) * self.edge_m**2

    def centres(self) -> tuple[Floats, Floats]:
        """Return the centres' x and y, in metres."""
        along = np.multiply(2 * self.column + (self.row & 1), math.sqrt(3) / 2 * self.edge_m, dtype=np.float64)
        across = np.multiply(self.row, 1.5 * self.edge_m, dtype=np.float64)
        return (across, along) if self.flat else (along, across)

    def polygons(self) -> npt.NDArray[np.object_]:
        """Return the hexagons as shapely polygons; neighbours share their corners to the last bit."""
        return np.asarray(shapely.polygons(shapely.linearrings(self.corners())), dtype=np.object_)

    def corners(self) -> Floats:
        """Return the corners, counter-clockwise and closed, as an array of shape (hexagons, 7, 2) in metres."""
        # In half-widths and half-edges corners are whole numbers, so that what two hexagons share is computed alike.
        wide = (2 * self.column + (self.row & 1))[:, None] + np.array([0, 1, 1, 0, -1, -1, 0])
        high = (3 * self.row)[:, None] + np.array([-2, -1, 1, 2, 1, -1, -2])
        along, across = wide * (math.sqrt(3) / 2 * self.edge_m), high * (self.edge_m / 2)
        # Flat ones are pointy ones with x and y exchanged, which turns their corners round.
        ring = np.stack((across, along)[:: 1 if self.flat else -1], axis=-1)
        return np.ascontiguousarray(ring[:, ::-1] if self.flat else ring)

    def within(self, inside: npt.NDArray[np.bool_]) -> Hexagons:
        """Return those for which ``inside`` is true: the study area, say, drawn as a mask over the centres."""
        return Hexagons(self.edge_m, self.flat, self.row[inside], self.column[inside], self.counts[inside])

    def grown(self, rings: int = 1) -> Hexagons:
        """Return these and, with a count of 0, all others within so many steps of one of them.

        Places where nothing was reported belong to the comparison; without them a quiet street beside an empty one
        passes for the quietest there is.
        """
        _check_rings(rings)
        row, column = self.row, self.column
        for _ in range(rings):
            row, column = _with_neighbours(row, column)
        counts = np.zeros(len(row), np.int64)
        counts[find(row, column, self.row, self.column)] = self.counts
        return Hexagons(self.edge_m, self.flat, row, column, counts)


def assign(x: npt.ArrayLike, y: npt.ArrayLike, edge_m: float, *, flat: bool = False) -> tuple[Ints, Ints]:
    """Return the row and column of the hexagon each point belongs to; see `Hexagons`.

    ``x`` and ``y`` are metres, ``edge_m`` the length of a side. Raises InvalidInput.
    """
    east, north = _checked(x, y, edge_m)
    row, column = np.empty(len(east), np.int64), np.empty(len(east), np.int64)
    for begin in range(0, len(east), _PIECE):
        piece = slice(begin, begin + _PIECE)
        r, c = _assign(*_turned(east[piece], north[piece], flat), edge_m)
        row[piece], column[piece] = r, c
    return row, column


def count(x: npt.ArrayLike, y: npt.ArrayLike, edge_m: float, *, flat: bool = False) -> Hexagons:
    """Count points on hexagons; only hexagons with at least one point are returned.

    Parameters
    ----------
    x, y
        Metres in any plane; arrays of one length.
    edge_m
        Length of a hexagon's side, in metres.
    flat
        Hexagons that lie on a side; by default they stand on a corner.

    Raises
    ------
    InvalidInput
        Arrays that are no points, or an edge that is no positive length.
    """
    east, north = _checked(x, y, edge_m)
    if not len(east):
        none = np.empty(0, np.int64)
        return Hexagons(edge_m, flat, none, none, none)
    # The window that holds every hexagon a point can belong to.
    along, across = _turned(east, north, flat)
    (first_column, last_column), (first_row, last_row) = (
        (math.floor(low / step) - 1, math.ceil(high / step) + 1)
        for low, high, step in (
            (along.min(), along.max(), math.sqrt(3) * edge_m),
            (across.min(), across.max(), 1.5 * edge_m),
        )
    )
    width, height = last_column - first_column + 1, last_row - first_row + 1
    if width * height <= max(_SMALL_WINDOW, _SPARSE * len(east)):
        number = np.empty(len(east), np.int32 if width * height < 2**31 else np.int64)
        for begin in range(0, len(east), _PIECE):
            piece = slice(begin, begin + _PIECE)
            row, column = _assign(along[piece], across[piece], edge_m)
            row -= first_row
            row *= width
            row += column
            row -= first_column
            number[piece] = row
        window = np.bincount(number, minlength=width * height)
        taken = np.flatnonzero(window)
        counts = window[taken]
    else:
        row, column = assign(east, north, edge_m, flat=flat)
        taken, counts = np.unique((row - first_row) * width + (column - first_column), return_counts=True)
    return Hexagons(edge_m, flat, taken // width + first_row, taken % width + first_column, counts.astype(np.int64))


def cover(bounds: tuple[float, float, float, float], edge_m: float, *, flat: bool = False) -> Hexagons:
    """Return every hexagon with its centre in a box (west, south, east, north in metres), all with a count of 0.

    Raises InvalidInput for bounds out of order and for more than ten million hexagons.
    """
    west, south, east, north = bounds
    x, y = _checked([west, east], [south, north], edge_m)
    if not (west <= east and south <= north) or (east - west) * (north - south) / edge_m**2 > 1e7:
        raise InvalidInput(
            f"Bounds are west, south, east, north, with at most ten million hexagons of {edge_m} m in them.",
            bounds=list(bounds),
            edge_m=edge_m,
        )
    along, across = _turned(x, y, flat)
    row = np.arange(math.floor(across[0] / (1.5 * edge_m)), math.ceil(across[1] / (1.5 * edge_m)) + 1)
    step = math.sqrt(3) * edge_m
    column = np.arange(math.floor(along[0] / step) - 1, math.ceil(along[1] / step) + 1)
    rows, columns = (each.ravel() for each in np.meshgrid(row, column, indexing="ij"))
    every = Hexagons(edge_m, flat, rows, columns, np.zeros(len(rows), np.int64))
    east_of, north_of = every.centres()
    return every.within((east_of >= west) & (east_of <= east) & (north_of >= south) & (north_of <= north))


def merged(one: Hexagons, other: Hexagons) -> Hexagons:
    """Return the hexagons of either, with the sum of their counts. Raises InvalidInput for two different grids."""
    if (one.edge_m, one.flat) != (other.edge_m, other.flat):
        raise InvalidInput("Hexagons of two different grids have nothing in common.")
    row, column = np.concatenate([one.row, other.row]), np.concatenate([one.column, other.column])
    if not len(row):
        return one
    keys, at = np.unique(_keys(row, column), return_inverse=True)
    first, width = column.min(), column.max() - column.min() + 1
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, at, np.concatenate([one.counts, other.counts]))
    return Hexagons(one.edge_m, one.flat, keys // width, keys % width + first, counts)


def neighbours_of(row: Ints, column: Ints) -> tuple[Ints, Ints]:
    """Return the rows and columns of the six neighbours, as arrays of shape (hexagons, 6)."""
    offsets = np.where((row & 1)[:, None, None] == 0, np.array(_OFFSETS_EVEN), np.array(_OFFSETS_ODD))
    return row[:, None] + offsets[..., 0], column[:, None] + offsets[..., 1]


def find(row: Ints, column: Ints, wanted_row: Ints, wanted_column: Ints) -> Ints:
    """Return where among (``row``, ``column``), sorted as in `Hexagons`, each wanted one stands, or -1."""
    if not len(row):
        return np.full(wanted_row.shape, -1, np.int64)
    first, last = int(column.min()), int(column.max())
    width = last - first + 1
    keys = row * width + (column - first)
    sought = wanted_row * width + (wanted_column - first)
    at = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    inside = (wanted_column >= first) & (wanted_column <= last)
    return np.where(inside & (keys[at] == sought), at, -1).astype(np.int64)


def _assign(along: Floats, across: Floats, edge_m: float) -> tuple[Ints, Ints]:
    """The row and column of each point of a pointy grid.

    In half-widths X and half-edges Y every slanted side rises or falls by one for one, so a comparison decides. Rows
    are 3 apart; the lower 2 of them are one hexagon's alone, in the upper one its roof reaches between two of the next.
    """
    high = across * (2 / edge_m)
    wide = along * (2 / (math.sqrt(3) * edge_m))
    row = np.floor((high + 1) * (1 / 3))
    rise = high - 3 * row
    odd = row.astype(np.int64) & 1
    aside = np.abs(wide - odd - 2 * np.floor((wide - odd + 1) * 0.5))
    # On the line between a roof and the next row's hexagon, which owns its lower sides.
    row += rise + aside >= 2
    rows = row.astype(np.int64)
    columns = np.floor((wide - (rows & 1) + 1) * 0.5).astype(np.int64)
    return rows, columns


def _turned(east: Floats, north: Floats, flat: bool) -> tuple[Floats, Floats]:
    return (north, east) if flat else (east, north)


def _with_neighbours(row: Ints, column: Ints) -> tuple[Ints, Ints]:
    rows, columns = neighbours_of(row, column)
    rows, columns = np.concatenate([row, rows.ravel()]), np.concatenate([column, columns.ravel()])
    if not len(rows):
        return rows, columns
    keys = np.unique(_keys(rows, columns))
    first, width = columns.min(), columns.max() - columns.min() + 1
    return keys // width, keys % width + first


def _keys(row: Ints, column: Ints) -> Ints:
    """One number for each hexagon, in order of row and column."""
    first = column.min()
    return np.asarray(row * (column.max() - first + 1) + (column - first), np.int64)


def _checked(x: npt.ArrayLike, y: npt.ArrayLike, edge_m: float) -> tuple[Floats, Floats]:
    east, north = points(x, y)
    if not (math.isfinite(edge_m) and edge_m > 0):
        raise InvalidInput(f"The edge of a hexagon is a positive number of metres, not {edge_m}.", edge_m=str(edge_m))
    if len(east) and max(np.abs(east).max(), np.abs(north).max()) / edge_m > _FAR:
        raise InvalidInput(
            f"Hexagons of {edge_m} m are too small for coordinates this far from the origin.", edge_m=edge_m
        )
    return east, north


def _check_rings(rings: int) -> None:
    if rings < 1:
        raise InvalidInput(f"A neighbourhood has at least one ring, not {rings}.", rings=rings)
