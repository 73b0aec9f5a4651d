"""Density of points on a raster: kernel density estimation with a Gaussian kernel.

    f(p) = 1e6 · Σ_i exp(-|p - p_i|² / 2h²) / (2π h²)      points per square kilometre, h the bandwidth in metres

Points are shared out among the four cell centres around them (linear binning) and the raster is convolved with the
kernel by FFT, so the time goes with the cells and hardly with the points. The kernel ends at five bandwidths, beyond
which a millionth of a point is lost, and the raster reaches that far beyond the outermost points: its sum times the
area of a cell is the number of points.

**Edges.** Nothing is corrected there. Within a bandwidth or two of a coast, or of the border behind which nobody
reports, half of the kernel falls where no case can be, and the density is too low by up to a half. Compare such places
with each other, or count hexagons.

Source of the bandwidth's rule: B. W. Silverman, Density Estimation for Statistics and Data Analysis (1986), 4.3.2.
Of the binning: M. P. Wand, Fast Computation of Multivariate Kernel Estimators, Journal of Computational and Graphical
Statistics 3 (1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from gisops.errors import InvalidInput
from gisops.hotspots import Floats, points

REACH = 5.0
MAX_CELLS = 50_000_000
_PIECE = 32_768


@dataclass(frozen=True)
class Density:
    """A raster of points per square kilometre, its first row the northernmost.

    ``affine`` is (a, b, c, d, e, f) as GDAL's and rasterio's users know it: the corner of column ``i`` and row ``j``
    lies at x = a·i + b·j + c, y = d·i + e·j + f, in metres.
    """

    values: Floats
    affine: tuple[float, float, float, float, float, float]
    bandwidth_m: float

    @property
    def cell_m(self) -> float:
        """Side of a cell, in metres."""
        return self.affine[0]

    def centres(self) -> tuple[Floats, Floats]:
        """Return the x of each column and the y of each row, at the cells' centres, in metres."""
        rows, columns = self.values.shape
        a, _, c, _, e, f = self.affine
        column, row = np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64)
        return c + a * (column + 0.5), f + e * (row + 0.5)

    def total(self) -> float:
        """Return the number of points the raster holds."""
        return float(self.values.sum()) * self.cell_m**2 / 1e6

    def at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Return the density of the cell each position lies in; 0 beyond the raster."""
        east, north = points(x, y)
        a, _, c, _, e, f = self.affine
        column, row = np.floor((east - c) / a).astype(np.int64), np.floor((north - f) / e).astype(np.int64)
        rows, columns = self.values.shape
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        found = np.zeros(len(east))
        found[inside] = self.values[row[inside], column[inside]]
        return found


def silverman_m(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return Silverman's rule-of-thumb bandwidth in metres: σ · n^(-1/6), as it is in two dimensions.

    σ is the mean over both axes of the lesser of the standard deviation and the interquartile range by 1.349, so that
    some far outliers do not widen it. Right for one round heap; a city is many, and half or a third of it shows more.

    Raises InvalidInput for fewer than two points, or where all lie on one spot.
    """
    east, north = points(x, y)
    if len(east) < 2:
        raise InvalidInput("A bandwidth takes at least two points.", points=len(east))
    spreads: list[float] = []
    for each in (east, north):
        low, high = np.percentile(each, [25, 75]).tolist()
        deviation = float(each.std(ddof=1))
        # Half of all on one line: the quartiles tell nothing.
        spreads.append(min(deviation, (high - low) / 1.349) if high > low else deviation)
    spread: float = sum(spreads) / 2
    if spread == 0:
        raise InvalidInput("All points lie on one spot: there is no density to speak of.", points=len(east))
    return spread * math.pow(len(east), -1 / 6)


def density(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    bandwidth_m: float | None = None,
    cell_m: float | None = None,
    bounds: tuple[float, float, float, float] | None = None,
) -> Density:
    """Estimate the density of points on a raster.

    Parameters
    ----------
    x, y
        Metres in a plane that keeps distances; arrays of one length.
    bandwidth_m
        Standard deviation of the kernel; by default Silverman's rule (`silverman_m`).
    cell_m
        Side of a cell; by default a quarter of the bandwidth. At most the bandwidth: larger cells hide the kernel.
    bounds
        west, south, east, north in metres: the raster covers at least these. Points outside count as far as their
        kernel reaches in. By default the points' own bounds and five bandwidths around, where nothing is lost.

    Raises
    ------
    InvalidInput
        No points, lengths that are not positive, a cell larger than the bandwidth, more than fifty million cells.
    """
    east, north = points(x, y)
    if not len(east):
        raise InvalidInput("There is no density of no points.")
    h = silverman_m(east, north) if bandwidth_m is None else float(bandwidth_m)
    side = h / 4 if cell_m is None else float(cell_m)
    if not (math.isfinite(h) and math.isfinite(side) and 0 < side <= h):
        raise InvalidInput(
            f"Bandwidth ({h} m) and cell ({side} m) are positive, the cell at most the bandwidth.",
            bandwidth_m=str(h),
            cell_m=str(side),
        )
    reach = math.ceil(REACH * h / side)
    margin = (reach + 2) * side
    if bounds is None:
        west, south = float(east.min()) - margin, float(north.min()) - margin
        columns = _cells(float(east.max()) + margin - west, side)
        rows = _cells(float(north.max()) + margin - south, side)
        return _raster(east, north, west, south, rows, columns, side, h, reach)
    # A wider raster, so that what lies just outside counts, and then the part that was asked for.
    west, south, far_east, far_north = map(float, bounds)
    if not (west < far_east and south < far_north):
        raise InvalidInput("Bounds are west, south, east, north, in this order of size.", bounds=list(bounds))
    columns, rows = _cells(far_east - west, side), _cells(far_north - south, side)
    near = (east >= west - margin + side) & (east <= west + columns * side + margin - side)
    near &= (north >= south - margin + side) & (north <= south + rows * side + margin - side)
    pad = reach + 2
    wide = _raster(
        east[near], north[near], west - margin, south - margin, rows + 2 * pad, columns + 2 * pad, side, h, reach
    )
    values = np.ascontiguousarray(wide.values[pad : pad + rows, pad : pad + columns])
    return Density(values, (side, 0.0, west, 0.0, -side, south + rows * side), h)


def _cells(length_m: float, side: float) -> int:
    return max(1, math.ceil(length_m / side - 1e-9))


def _raster(
    east: Floats,
    north: Floats,
    west: float,
    south: float,
    rows: int,
    columns: int,
    side: float,
    h: float,
    reach: int,
) -> Density:
    if rows * columns > MAX_CELLS:
        raise InvalidInput(
            f"{rows} × {columns} cells of {side:g} m are more than {MAX_CELLS:,}: take larger cells, or bounds.",
            rows=rows,
            columns=columns,
            cell_m=side,
        )
    counts = shared_out((east - west) / side - 0.5, (north - south) / side - 0.5, rows, columns)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * (side / h)) ** 2)
    # Summing to one, the kernel neither makes nor loses a point, however coarse the cells.
    kernel /= kernel.sum()
    smooth = _convolved(counts, kernel, reach)
    values = np.ascontiguousarray(smooth[::-1]) * (1e6 / side**2)
    return Density(values, (side, 0.0, west, 0.0, -side, south + rows * side), h)


def shared_out(column: Floats, row: Floats, rows: int, columns: int) -> Floats:
    """Share each point out among the four cells around it, the nearer the more; returns an array (rows, columns).

    Positions are in cells, a whole number being a cell's centre, and lie at least one cell inside.
    """
    counts = np.zeros(rows * columns)
    for begin in range(0, len(column), _PIECE):
        across, up = column[begin : begin + _PIECE], row[begin : begin + _PIECE]
        i, j = across.astype(np.int64), up.astype(np.int64)
        fx, fy = across - i, up - j
        j *= columns
        j += i
        both = fx * fy
        corners = np.concatenate([j, j + 1, j + columns, j + (columns + 1)])
        shares = np.concatenate([1 - fx - fy + both, fx - both, fy - both, both])
        np.add.at(counts, corners, shares)
    return counts.reshape(rows, columns)


def _convolved(counts: Floats, kernel: Floats, reach: int) -> Floats:
    rows, columns = counts.shape
    # Room enough that what leaves on one side does not come back on the other.
    shape = [scipy.fft.next_fast_len(size + reach, real=True) for size in (rows, columns)]
    # The kernel is even and a product of two, so is its transform: real, and one factor for each axis.
    up = scipy.fft.fft(_centred(kernel, shape[0], reach)).real
    across = scipy.fft.rfft(_centred(kernel, shape[1], reach)).real
    transformed = scipy.fft.rfft2(counts, shape)
    transformed *= up[:, None] * across
    smooth: Floats = scipy.fft.irfft2(transformed, shape)[:rows, :columns]
    # What rounding leaves below nothing, some 1e-16 of the peak, is nothing.
    return np.maximum(smooth, 0.0)


def _centred(kernel: Floats, size: int, reach: int) -> Floats:
    wrapped = np.zeros(size)
    wrapped[: reach + 1] = kernel[reach:]
    wrapped[size - reach :] = kernel[:reach]
    return wrapped
