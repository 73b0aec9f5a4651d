"""Blocks: the faces between streets, water and border, and what each of them is used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.made import plan
from gisops.sample.made.quarters import Quarters
from gisops.sample.made.shapes import noise
from gisops.sample.made.streets import SEASIDE_M, VERGE_M, Drawn
from gisops.sample.made.waters import Wet
from gisops.sample.town import Waters

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """The faces, how built up each is, and its fabric: ``water``, ``shore``, ``park``, ``slab``, ``village``, ..."""

    shapes: Any
    urban: Floats
    fabric: Any


def faces(pieces: Any) -> Any:
    """The faces between the pieces. What is too small or thin to be a block goes to its neighbour."""
    found = shapely.get_parts(shapely.polygonize(pieces))
    # The blocks tile the outline only where no cut hangs loose into a face; polygonize leaves those out.
    for _ in range(4):
        size = shapely.area(found)
        small = (size < 160) | (size / np.maximum(shapely.length(found), 1e-9) < 1.6)
        if not small.any():
            break
        found = _given_away(found, small)
    return found


def _given_away(found: Any, small: NDArray[np.bool_]) -> Any:
    xy, of = shapely.get_coordinates(found, return_index=True)
    centimetres = np.round(xy * 100).astype(np.int64)
    same = of[1:] == of[:-1]
    a, b = centimetres[:-1][same], centimetres[1:][same]
    flip = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    a, b = np.where(flip[:, None], b, a), np.where(flip[:, None], a, b)
    edges = np.column_stack([a, b])
    _, number = np.unique(edges, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    own = of[:-1][same][order]
    twin = np.nonzero(np.diff(number.ravel()[order]) == 0)[0]
    left, right = own[twin], own[twin + 1]
    length = np.hypot(*(edges[order][twin, :2] - edges[order][twin, 2:]).T)
    goes: dict[int, int] = {}
    for one in np.nonzero(small)[0].tolist():
        beside = np.concatenate([right[left == one], left[right == one]])
        shared = np.concatenate([length[left == one], length[right == one]])
        beside, shared = beside[beside != one], shared[beside != one]
        if len(beside):
            to = int(np.bincount(beside, weights=shared).argmax())
            # Two slips of the pen side by side wait for the next turn.
            if goes.get(to) is None and to not in goes.values():
                goes[one] = to
    groups: dict[int, list[int]] = {}
    for one, to in goes.items():
        groups.setdefault(to, [to]).append(one)
    gone = np.zeros(len(found), dtype=bool)
    whole = []
    for members in groups.values():
        joined = shapely.coverage_union_all(found[members])
        if joined.geom_type == "Polygon":
            gone[members] = True
            whole.append(joined)
    return np.concatenate([found[~gone], np.array(whole, dtype=object)]) if whole else found


def use(shapes: Any, drawn: Drawn, wet: Wet, quarters: Quarters, rng: np.random.Generator) -> Blocks:
    """Say what each block is used for: by where it lies, by noise that keeps like beside like, and by chance."""
    inner = shapely.point_on_surface(shapes)
    at = shapely.get_coordinates(inner)
    size = shapely.area(shapes)
    urban = quarters.urban(at)
    n = len(shapes)
    fabric = np.full(n, "slab", dtype=object)
    patch, second = noise(rng, 900)(at), noise(rng, 1_500)(at)
    luck = rng.random(n)

    fabric[patch > 0.25] = "tower"
    fabric[(patch < -0.9 + quarters.crowded) & (urban < 0.85)] = "lowrise"
    fabric[(second > 0.75) & (urban > 0.5)] = "mixed"
    # Villages the town has grown round.
    fabric[(second < -1.15 + quarters.crowded) & (urban > 0.25) & (urban < 0.8)] = "urban_village"
    fabric[(patch > -0.1) & (patch < 0.0)] = "mixed"
    towns = quarters.town(at)
    fabric[towns & (luck < 0.3)] = "urban_village"
    fabric[towns & (luck >= 0.3)] = "lowrise"
    fabric[towns & (luck >= 0.72)] = "slab"
    fabric[quarters.industry(at) & (luck < 0.85)] = "shed"
    fabric[quarters.centre(at)] = "centre"
    fabric[quarters.old(at)] = "old"
    # Single things among the houses.
    town = (urban > 0.25) & ~np.isin(fabric, ["old"])
    pick = rng.permutation(n)
    for kind, per_km2, low, high in (
        ("park", 1.1, 12e3, 90e3), ("school", 1.5, 15e3, 70e3), ("hospital", 0.28, 12e3, 60e3),
        ("market", 0.7, 6e3, 40e3), ("vacant", 1.7, 4e3, 90e3), ("campus", 0.12, 40e3, 400e3),
    ):  # fmt: skip
        fit = pick[
            (
                town
                & (size > low)
                & (size < high)
                & ~np.isin(fabric, ["park", "school", "hospital", "market", "vacant"])
            )[pick]
        ]
        fabric[fit[: round(float(size[town].sum()) / 1e6 * per_km2)]] = kind
    for centre in plan.CAMPUSES:
        near = np.hypot(*(at - quarters.scale.metres(centre)).T) < 330
        fabric[near & town] = "campus"
    loose = urban < 0.25
    fabric[loose] = np.where(
        luck[loose] < np.interp(urban[loose], (0.0, 0.08, 0.25), (0.0, 0.2, 0.85)), fabric[loose], "field"
    )
    fabric[loose & np.isin(fabric, ["tower", "mixed", "centre"])] = "lowrise"
    # Where streets are still far apart only the edges of the fields are built on.
    fabric[
        (size > 130e3)
        & (urban < 0.4)
        & np.isin(fabric, ["urban_village", "lowrise", "slab", "tower", "mixed", "vacant"])
    ] = "field"
    if drawn.villages:
        fabric[shapely.STRtree(np.array(drawn.villages)).query(inner, predicate="within")[0]] = "village"

    water = wet.inland
    shapely.prepare(water)
    shapely.prepare(drawn.corridor)
    shore = shapely.contains_properly(drawn.corridor, inner)
    fabric[shore] = "shore"
    fabric[shore & shapely.dwithin(inner, drawn.fast, VERGE_M) & ~shapely.dwithin(inner, wet.sea, SEASIDE_M)] = "verge"
    fabric[shapely.dwithin(inner, wet.lakes, 66)] = "park"
    harbour = wet.harbour.intersection(wet.sea)
    fabric[shapely.dwithin(inner, harbour, 270)] = "harbour"
    wet_block = shapely.intersects(water, inner)
    fabric[wet_block] = "water"
    quiet = np.select([wet_block, shore, np.isin(fabric, ["park"]), fabric == "field"], [0.0, 0.25, 0.5, 0.5], 1.0)
    built = np.where(fabric == "village", np.maximum(urban, 0.22), urban) * quiet
    return Blocks(shapes, np.clip(built, 0, 1), fabric)


def bodies(blocks: Blocks, waters: Waters) -> Waters:
    """The waters as unions of the blocks that are water, so that land and water meet to the centimetre.

    A speck at a bank may have gone to the land beside it. The sea lies outside the blocks and stays as it is.
    """
    own = np.nonzero(blocks.fabric == "water")[0]
    inner = shapely.point_on_surface(blocks.shapes[own])
    block, body = shapely.STRtree(waters.geom[1:]).query(inner, predicate="intersects")
    geom = waters.geom.copy()
    kept = [0]
    for k in np.unique(body).tolist():
        geom[k + 1] = shapely.coverage_union_all(blocks.shapes[own[block[body == k]]])
        kept.append(k + 1)
    return Waters(geom[kept], waters.water_class[kept], waters.name_zh[kept], waters.name_en[kept])
