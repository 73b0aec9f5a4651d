"""Administrative areas: faces grouped into communities and those into streets, along main roads and rivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import shapely
from scipy.spatial import cKDTree

from gisops.sample.city.cells import MOST
from gisops.sample.city.laid import Area
from gisops.sample.city.mesh import Bools, Floats, Ints, joined
from gisops.sample.city.regions import Ground, ground_of, grouped, grown, merged, quarters, seeds_in
from gisops.sample.town import Shapes, Town

_STREETS = (
    "东湖 Donghu, 望海 Wanghai, 长堤 Changdi, 南门 Nanmen, 金桥 Jinqiao, 北岸 Bei'an, 学府 Xuefu, 新城 Xincheng, "
    "榕荫 Rongyin, 钟楼 Zhonglou, 西苑 Xiyuan, 铁路 Tielu, 花园 Huayuan, 渡口 Dukou, 文昌阁 Wenchangge, 东站 Dongzhan"
)
_TOWNS = "青溪 Qingxi, 云岭 Yunling, 沙湾 Shawan, 稻香 Daoxiang, 石桥 Shiqiao, 竹园 Zhuyuan"
_FIRST = (
    "新 Xin, 东 Dong, 西 Xi, 南 Nan, 北 Bei, 上 Shang, 下 Xia, 长 Chang, 金 Jin, 银 Yin, 红 Hong, 青 Qing, "
    "龙 Long, 凤 Feng, 文 Wen, 德 De, 兴 Xing, 福 Fu, 和 He, 永 Yong"
)
_SECOND = (
    "埠 bu, 桥 qiao, 湖 hu, 港 gang, 坡 po, 塘 tang, 园 yuan, 门 men, 洲 zhou, 墩 dun, 林 lin, 田 tian, 井 jing, "
    "亭 ting, 坊 fang, 岭 ling, 湾 wan, 街 jie, 泉 quan, 堤 di"
)

# Barriers that bound quarters: secondary roads and larger, any road with a name that leads through; the city's edge.
_LARGE_M, _LESSER_M, _EDGE_M = 400.0, 200.0, 600.0


def _words(text: str) -> list[tuple[str, str]]:
    return [(zh, en) for zh, en in (pair.split(" ") for pair in text.split(", "))]


@dataclass(frozen=True)
class Division:
    """Which community each face lies in, and which street each community; ``rural`` says which streets are towns."""

    community: Ints
    street: Ints
    rural: tuple[bool, ...]


def divide(town: Town, faces: Shapes, worth: Floats, rng: np.random.Generator) -> Division:
    """Group faces into communities and streets; ``worth`` is the number of grid cells each will have.

    A large city has 13 streets and towns and some 90 communities, a small town two streets at least.
    """
    area = shapely.area(faces)
    dense = np.clip(worth / area / np.percentile(worth / area, 95), 0, 1)
    # Country counts a little: somebody has to answer for it.
    whole = shapely.area(town.blocks)
    size_km2 = float((whole * np.clip(town.urban, 0.05, 1)).sum()) / 1e6
    ground = ground_of(town, faces, worth)
    streets = min(int(np.clip(round(2 + size_km2 / 2.8), 2, 13)), max(1, len(faces) // 6))
    communities = max(2 * streets, min(round(2.8 * size_km2), 7 * streets), int(worth.sum() / (0.7 * MOST)) + 1)

    core = _core(ground, dense, area)
    outside = 1 - float(area[core].sum()) / float(area.sum())
    towns = round(streets * 4 / 13) if outside > 0.25 and streets >= 4 and core.sum() > 6 * streets else 0
    if towns:
        # The city's edge is a border too.
        a, b = ground.ways.nonzero()
        edge = scipy.sparse.csr_array((np.where(core[a] != core[b], _EDGE_M, 0.0), (a, b)), shape=ground.ways.shape)
        ground = Ground(scipy.sparse.csr_array(ground.ways + edge), ground.points, ground.weight)
    # Streets are made of what lies between large roads, communities of what lies between lesser ones.
    quarter = quarters(ground, _LARGE_M, 0.2 * worth.sum() / streets, rng)
    coarse = merged(ground, quarter)
    inner = np.bincount(quarter, weights=core * ground.weight) > 0.5 * coarse.weight
    if towns and inner.sum() >= streets - towns and (~inner).sum() >= towns:
        seeds = [seeds_in(coarse, inner, streets - towns, rng), seeds_in(coarse, ~inner, towns, rng)]
    else:
        towns, seeds = 0, [seeds_in(coarse, np.ones(len(inner), dtype=bool), streets, rng)]
    of_street = grown(coarse, np.concatenate(seeds), rounds=4 if towns else 8)[quarter]

    share = np.bincount(of_street, weights=worth, minlength=streets) / worth.sum()
    wanted = np.maximum(2, np.rint(share * communities)).astype(np.int64)
    order = _north_first(ground, of_street, streets - towns)
    community = np.empty(len(faces), dtype=np.int64)
    street_of: list[int] = []
    for n, street in enumerate(order):
        members = np.flatnonzero(of_street == street)
        part = ground.part(members)
        block = quarters(part, _LESSER_M, 0.25 * float(part.weight.sum()) / wanted[street], rng)
        whole = merged(part, block)
        count = min(int(wanted[street]), len(whole.points))
        label = _ranked(part, grouped(whole, count, rng)[block], count)
        community[members] = label + len(street_of)
        street_of += [n] * count
    return Division(community, np.array(street_of), tuple(i >= streets - towns for i in range(streets)))


def _core(ground: Ground, dense: Floats, area: Floats) -> Bools:
    """The faces in whose neighbourhood (600 m) it is about as built up as in the middle of the city."""
    near = cKDTree(ground.points).sparse_distance_matrix(cKDTree(ground.points), 600.0, output_type="coo_matrix")
    around = scipy.sparse.coo_array((np.ones(near.nnz), (near.row, near.col)), shape=near.shape).tocsr()
    mean = (around @ (dense * area)) / (around @ area)
    order = np.argsort(mean)
    level = mean[order][np.searchsorted(np.cumsum(ground.weight[order]), 0.85 * ground.weight.sum())]
    return np.asarray(mean >= 0.5 * level)


def _north_first(ground: Ground, label: Ints, streets: int) -> list[int]:
    """Groups from north to south, the towns after the streets."""
    weight = np.bincount(label, weights=ground.weight)
    north = np.bincount(label, weights=ground.weight * ground.points[:, 1]) / weight
    order = np.argsort(-north).tolist()
    return [i for i in order if i < streets] + [i for i in order if i >= streets]


def _ranked(ground: Ground, label: Ints, count: int) -> Ints:
    """Labels numbered from north to south."""
    north = np.bincount(label, weights=ground.points[:, 1], minlength=count) / np.bincount(label, minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(-north)] = np.arange(count)
    return rank[label]


def capped(worth: Floats, community: Ints) -> Floats:
    """The same worth shared out so that no community has more cells than its three digits can count.

    What one is over, the others get in proportion; some room is left for cells that cutting makes beyond their number.
    """
    most, whole = 0.85 * MOST, worth.sum()
    for _ in range(20):
        total = np.bincount(community, weights=worth)
        worth = worth * np.minimum(1.0, most / total)[community]
        left = whole - worth.sum()
        growing = total[community] < most
        if left < 0.5 or not growing.any():
            break
        worth = np.where(growing, worth * (1 + left / worth[growing].sum()), worth)
    total = np.bincount(community, weights=worth)
    return worth * np.minimum(1.0, most / total)[community]


def named(
    division: Division, cells: Shapes, cell_community: Ints, district_code: str, rng: np.random.Generator
) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
    """Communities and streets with codes, names and shapes, the exact unions of their cells."""
    street_words = iter(_words(_STREETS))
    town_words = iter(_words(_TOWNS))
    pairs = [(a + b, c + d) for a, c in _words(_FIRST) for b, d in _words(_SECOND)]
    rng.shuffle(pairs)
    shapes = joined(cells, cell_community)
    streets, communities = [], []
    for n, rural in enumerate(division.rural):
        zh, en = next(town_words if rural else street_words)
        number = 100 + sum(division.rural[:n]) if rural else n + 1
        code = f"{district_code}{number:03d}"
        members = np.flatnonzero(division.street == n)
        shape = shapely.coverage_union_all(shapes[members])
        kind = ("镇", "Town") if rural else ("街道", "Street")
        office = f"STREET-{n + 1:02d}"
        streets.append(Area(code, f"样例{zh}{kind[0]}", f"Sample {en} {kind[1]}", office, shape, rural))
        for m, community in enumerate(members.tolist(), 1):
            # The first community of a town is the town itself, the others are villages.
            village = rural and m > 1
            zh, en = pairs[community]
            kind = ("村", "Village") if village else ("社区", "Community")
            own = f"{code}{m + 199 if village else m:03d}"
            names = f"样例{zh}{kind[0]}", f"Sample {en} {kind[1]}"
            communities.append(Area(own, *names, f"COMMUNITY-{community + 1:03d}", shapes[community], village))
    return tuple(communities), tuple(streets)
