"""Grid cells: blocks joined where they are too small and cut where they are too large, each cell with its code."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.codes import GridCellCode
from gisops.sample.city.mesh import Floats, Ints, absorbed, in_water, joined, noded, on_raster
from gisops.sample.town import Shapes, Texts, Town

# A community's cells are numbered with three digits.
MOST = 999
# Where nothing is built a cell is as much larger; open water needs hardly any.
_RURAL, _WET = 0.10, 0.03
# A face below this share of an urban cell is no cell of its own: a traffic island, a strip between two carriageways.
_TOO_SMALL = 0.12


def faces(town: Town, cells: int) -> tuple[Shapes, Floats]:
    """The town's blocks with specks joined to their neighbours, and how many of ``cells`` each is worth.

    There are never more faces than ``cells``.
    """
    # A shape that was put on a raster would round every cut by itself, before its neighbour knows of the new corner.
    shapes = shapely.set_precision(town.blocks, 0, mode="pointwise")
    density = _density(town, shapes, town.urban)
    limit = _TOO_SMALL
    while True:
        area = shapely.area(shapes)
        worth = cells * area * density / float((area * density).sum())
        small = worth < limit
        wet = density <= _WET
        label = absorbed(shapes, small, lambda a, b, wet=wet: np.where(wet[a] == wet[b], 1.0, 0.05))
        if label.max() + 1 == len(shapes):
            if len(shapes) <= cells:
                return shapes, worth
            limit *= 1.5
            continue
        total = np.bincount(label, weights=area)
        density = np.bincount(label, weights=area * density) / total
        shapes = joined(shapes, label)


def _density(town: Town, blocks: Shapes, urban: Floats) -> Floats:
    """Cells per square metre, to scale."""
    return np.where(in_water(town, blocks), _WET, _RURAL + (1 - _RURAL) * np.clip(urban, 0, 1))


def cut(shapes: Shapes, worth: Floats, community: Ints, rng: np.random.Generator) -> tuple[Shapes, Ints]:
    """Cut faces into about as many cells as each community is worth, noded; and the face each comes from."""
    count = _whole(worth, community)
    share = shapely.area(shapes) / count
    home = np.arange(len(shapes))
    done_shapes, done_home = [shapes[count == 1]], [home[count == 1]]
    shapes, home, count = shapes[count > 1], home[count > 1], count[count > 1]
    while len(shapes):
        halves = _halved(shapes, count, rng)
        parts, origin = shapely.get_parts(halves.ravel(), return_index=True)
        flat = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 0)
        parts, origin = parts[flat], origin[flat] // 2
        area = shapely.area(parts)
        whole = np.bincount(origin, weights=area, minlength=len(shapes))
        ideal = count[origin] * area / whole[origin]
        number = np.maximum(1, np.rint(ideal)).astype(np.int64)
        # A face that will not be halved is left as it is: rather one large cell than a search without end.
        stuck = np.bincount(origin, minlength=len(shapes))[origin] == 1
        number[stuck] = 1
        home, done = home[origin], number == 1
        done_shapes.append(parts[done])
        done_home.append(home[done])
        shapes, home, count = parts[~done], home[~done], number[~done]
    found, owner = np.concatenate(done_shapes), np.concatenate(done_home)
    found = noded(found)
    small = shapely.area(found) < 0.3 * share[owner]
    label = absorbed(found, small & (np.bincount(owner)[owner] > 1), group=owner)
    first = np.unique(label, return_index=True)[1]
    return on_raster(joined(found, label)), owner[first]


def _whole(worth: Floats, community: Ints) -> Ints:
    """At least one each, in proportion, and in each community as many as it is worth, as nearly as can be."""
    wanted = np.bincount(community, weights=worth)
    low, high = np.zeros(len(wanted)), np.full(len(wanted), 1.5)
    for _ in range(40):
        middle = (low + high) / 2
        few = np.bincount(community, weights=np.maximum(1, np.rint(worth * middle[community]))) < wanted
        low, high = np.where(few, middle, low), np.where(few, high, middle)
    count: Ints = np.maximum(1, np.rint(worth * high[community])).astype(np.int64)
    return count


def _halved(shapes: Shapes, count: Ints, rng: np.random.Generator) -> NDArray[np.object_]:
    """Both sides of a cut across each shape's long side, not quite straight; one row each."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    longer = np.hypot(*first.T) >= np.hypot(*second.T)
    along = np.where(longer[:, None], first, second)
    length = np.hypot(*along.T)[:, None]
    middle = corners[:, :4].mean(axis=1)
    at = (count // 2) / count
    at = np.where(rng.random(len(at)) < 0.5, at, 1 - at) - 0.5 + rng.uniform(-0.04, 0.04, len(at)) / count
    at_point = middle + along * at[:, None]
    lean = rng.uniform(-0.06, 0.06, len(at))[:, None]
    u = along / length
    v = np.column_stack([-u[:, 1], u[:, 0]]) + lean * u
    reach = 2 * length
    box = np.stack([at_point - v * reach, at_point + v * reach], axis=1)
    box = np.concatenate([box, box[:, ::-1] - (u * reach)[:, None]], axis=1)
    half = shapely.polygons(box)
    return np.stack([shapely.intersection(shapes, half), shapely.difference(shapes, half)], axis=1)


def codes(shapes: Shapes, community: Ints, community_codes: list[str]) -> tuple[Ints, Texts]:
    """The order in which cells are counted (by community; within it north to south, west to east) and their codes.

    Raises ``SequenceOverflow`` where a community has more than 999.
    """
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    # Bands as high as a cell is wide, in its own community.
    size = np.bincount(community, weights=shapely.area(shapes)) / np.maximum(1, np.bincount(community))
    band = -np.floor(centre[:, 1] / np.sqrt(size[community]) / 1.5)
    order = np.lexsort((centre[:, 0], band, community))
    ends = np.bincount(community, minlength=len(community_codes))
    number = np.arange(len(order)) - np.repeat(np.cumsum(ends) - ends, ends) + 1
    found = [
        GridCellCode(code[:6], code[6:9], code[9:], n).text
        for code, n in zip((community_codes[c] for c in community[order]), number.tolist(), strict=True)
    ]
    return order, np.array(found, dtype=object)
