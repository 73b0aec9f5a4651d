"""Hot spots as data frames, for the planner's door (`gisops.notebook`). Frames come and go in EPSG:4326; what is
measured is measured in the city's survey grid, in metres. No request imports this.

Colours are by themselves columns of the frames, so that a map needs no legend to be made first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from gisops.errors import InvalidInput
from gisops.hotspots import Floats, clusters, density, getis_ord, hexagons

# From few to many, and from cold to hot: readable on paper and for the colour-blind (after ColorBrewer's YlOrRd, RdBu).
SHADES = ("#fff3c9", "#fed98e", "#fe9929", "#e2661c", "#b93b12", "#7f2704")
HOT = ((0.001, "#b2182b"), (0.01, "#d6604d"), (1.0, "#f4a582"))
COLD = ((0.001, "#2166ac"), (0.01, "#4393c3"), (1.0, "#92c5de"))
NEITHER = "#d9d9d9"


def metres(cases: gpd.GeoDataFrame, srid: int) -> tuple[Floats, Floats]:
    """Return the x and y of a frame of points in a metric system. Raises InvalidInput for anything but points."""
    if cases.crs is None or not (cases.geom_type == "Point").all() or cases.geometry.is_empty.any():
        raise InvalidInput("Hot spots are made of points, each with a place, in a frame with a CRS.", rows=len(cases))
    placed = cases.geometry.to_crs(srid)
    return placed.x.to_numpy(), placed.y.to_numpy()


def counted(
    cases: gpd.GeoDataFrame, srid: int, edge_m: float, *, flat: bool, area: npt.NDArray[np.object_]
) -> hexagons.Hexagons:
    """Count cases on the hexagons that have some, or their centre in the study area (shapely polygons, EPSG:4326)."""
    some = hexagons.count(*metres(cases, srid), edge_m, flat=flat)
    ground = gpd.GeoSeries(area, crs=4326).to_crs(srid)
    if ground.empty:
        return some.grown()
    every = hexagons.cover(tuple(ground.total_bounds.tolist()), edge_m, flat=flat)
    hit = shapely.STRtree(ground.to_numpy()).query(shapely.points(*every.centres()), predicate="intersects")[0]
    inside = np.zeros(len(every), np.bool_)
    inside[hit] = True
    return hexagons.merged(every.within(inside), some)


def hexagon_frame(found: hexagons.Hexagons, srid: int) -> gpd.GeoDataFrame:
    """Return hexagons with ``row``, ``column``, ``cases``, ``per_km2`` and ``colour``."""
    columns = {
        "row": found.row,
        "column": found.column,
        "cases": found.counts,
        "per_km2": np.round(found.counts * (1e6 / found.area_m2), 1),
        "colour": _shaded(found.counts),
    }
    return gpd.GeoDataFrame(columns, geometry=found.polygons(), crs=srid).to_crs(4326)


def hotspot_frame(found: hexagons.Hexagons, srid: int, *, rings: int, q: float) -> gpd.GeoDataFrame:
    """Return hexagons with ``z``, ``p``, ``q`` of Gi*, and ``spot``: "hot", "cold" or nothing, at a discovery rate."""
    local = getis_ord.gi_star(found, rings)
    frame = hexagon_frame(found, srid)
    hot, cold = local.hot(q), local.cold(q)
    frame = frame.assign(
        z=local.z.round(3), p=local.p, q=local.q, spot=np.where(hot, "hot", np.where(cold, "cold", ""))
    )
    colour = np.full(len(frame), NEITHER, object)
    for which, steps in ((hot, HOT), (cold, COLD)):
        # The strictest last, so that it stands.
        for most, shade in reversed(steps):
            colour[which & (local.q <= most)] = shade
    frame["colour"] = colour
    return frame


def density_frame(found: density.Density, srid: int, *, steps: int = 6) -> gpd.GeoDataFrame:
    """Return the density as bands: ``from_per_km2``, ``to_per_km2``, ``colour``, and their area as a multipolygon.

    Bands halve from the highest downwards, so that lesser heaps are seen beside the largest; what is below the lowest
    is left out.
    """
    peak = float(found.values.max())
    levels = peak * 0.5 ** np.arange(steps, -1, -1.0)
    levels[-1] = np.inf
    columns, rows = found.centres()
    half = found.cell_m / 2
    bands = []
    for low, high in itertools.pairwise(levels):
        inside = (found.values >= low) & (found.values < high)
        # Runs of cells along a row, as one box each: far fewer pieces to put together.
        edges = np.diff(inside.astype(np.int8), axis=1, prepend=0, append=0)
        (row, begin), (_, end) = np.nonzero(edges == 1), np.nonzero(edges == -1)
        boxes = shapely.box(columns[begin] - half, rows[row] - half, columns[end - 1] + half, rows[row] + half)
        bands.append(shapely.union_all(boxes))
    frame = gpd.GeoDataFrame(
        {
            "from_per_km2": levels[:-1].round(1),
            "to_per_km2": [*levels[1:-1].round(1), round(peak, 1)],
            "colour": SHADES[-steps:] if steps <= len(SHADES) else _shaded(levels[:-1]),
        },
        geometry=bands,
        crs=srid,
    ).to_crs(4326)
    return frame[~frame.geometry.is_empty].reset_index(drop=True)


def cluster_frame(cases: gpd.GeoDataFrame, srid: int, reach_m: float, min_cases: int) -> gpd.GeoDataFrame:
    """Return one row for each DBSCAN cluster, the largest first: ``cluster``, ``cases``, ``area_ha``, its hull.

    With ``first_at``, ``last_at`` and the commonest category where the frame knows them. The hull is convex and reaches
    half the clusters' reach beyond its points, so that a heap on one spot has one too.
    """
    x, y = metres(cases, srid)
    labels, _ = clusters.dbscan(x, y, reach_m, min_cases)
    inside = labels != clusters.NOISE
    grouped = cases[inside].assign(cluster=labels[inside]).groupby("cluster")
    order = np.argsort(labels[inside], kind="stable")
    at, numbers = shapely.points(x[inside][order], y[inside][order]), labels[inside][order]
    heaps = shapely.multipoints(at, indices=numbers) if len(at) else np.empty(0, object)
    hulls = gpd.GeoSeries(shapely.buffer(shapely.convex_hull(heaps), reach_m / 2), crs=srid)
    frame = gpd.GeoDataFrame(
        {"cluster": np.arange(len(hulls)), "cases": grouped.size().to_numpy(), "area_ha": (hulls.area / 1e4).round(1)},
        geometry=hulls.to_crs(4326),
    )
    if "reported_at" in cases:
        frame["first_at"], frame["last_at"] = grouped["reported_at"].min(), grouped["reported_at"].max()
    for name in ("category_zh", "category_en"):
        if name in cases:
            commonest: Callable[[pd.Series], object] = lambda values: values.mode().iloc[0]  # noqa: E731
            frame[name] = grouped[name].agg(commonest)
    frame["colour"] = _shaded(frame["cases"].to_numpy())
    return frame


def _shaded(values: npt.NDArray[np.generic]) -> list[str]:
    """A colour for each value by its rank among those above zero; nothing is nearly white."""
    numbers = np.asarray(values, np.float64)
    rank = pd.Series(numbers).where(numbers > 0).rank(pct=True).fillna(0).to_numpy()
    return [SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)] if share > 0 else "#ffffff" for share in rank]
