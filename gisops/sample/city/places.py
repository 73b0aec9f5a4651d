"""The places of a city: shops, units, compounds, trades that are watched, schools, markets, each with whom to call.

Where the town's own data knows places by name they come first, with their real names; the people are sample people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import shapely

from gisops.sample.chance import chance, key
from gisops.sample.city.fronts import Fronts
from gisops.sample.city.laid import Laid
from gisops.sample.city.parts import point_hex
from gisops.sample.city.streets import Floats, Ints
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import Texts, Town

COLUMNS = "district_code place_id code kind name_zh address_zh organisation_id responsible_person phone geom"
# Doors farther from the street than this are in a yard: no shop opens there.
STREET_FRONT_M = 45.0


class Trade(NamedTuple):
    """A kind of place: its kind, what it is called, its share, the uses of buildings it is found in."""

    kind: str
    titles: tuple[str, ...]
    share: float
    uses: tuple[str, ...]
    at_street: bool = True


_SHOP_HOUSES = ("commercial", "market", "residential", "office", "retail", "mixed")
TRADES = (
    Trade("six_small", ("小餐馆", "小吃店", "面馆", "茶餐店"), 0.16, _SHOP_HOUSES),
    Trade("six_small", ("理发店", "美容店"), 0.06, _SHOP_HOUSES),
    Trade("six_small", ("旅馆", "宾馆"), 0.025, ("hotel", "commercial")),
    Trade("six_small", ("网吧", "歌舞厅", "浴室"), 0.02, _SHOP_HOUSES),
    Trade("shop", ("便利店", "水果店", "服装店", "药店", "五金店", "文具店", "家电店"), 0.28, _SHOP_HOUSES),
    Trade("key_trade", ("汽修店", "洗车行", "废品回收站", "建材店", "加油站"), 0.07, (*_SHOP_HOUSES, "industrial")),
    Trade("unit", ("公司", "事务所", "营业厅", "办事处"), 0.12, ("office", "commercial", "industrial", "public")),
    Trade("compound", ("小区", "花园", "苑"), 0.13, ("residential",), False),
    # 三无小区: without property management, without gate, without anybody in charge.
    Trade("unmanaged_compound", ("老旧小区", "散楼"), 0.05, ("residential",), False),
    Trade("school", ("小学", "幼儿园", "中学"), 0.03, ("school", "education"), False),
    Trade("market", ("农贸市场", "菜市场"), 0.015, ("market",)),
    Trade("hospital", ("卫生院", "诊所"), 0.02, ("hospital", "commercial")),
    Trade("unit", ("仓库", "加工厂"), 0.02, ("industrial", "warehouse", "depot"), False),
)
_NAMES = (
    "顺和", "福源", "金海", "永安", "万利", "兴隆", "宏达", "东升", "新民", "百佳", "四季", "阳光",
    "友谊", "康乐", "天成", "广源", "美家", "春晓", "同心", "椰林",
)  # fmt: skip
# What a town's own data calls a place, and which kind it is here; anything else is a unit.
_KINDS_OF_SPOTS = {
    "six_small": "restaurant cafe fast_food bar pub biergarten nightclub hotel hostel guest_house motel hairdresser "
    "beauty massage food_court ice_cream internet_cafe sauna karaoke_box tattoo",
    "key_trade": "fuel car_repair car_wash scrap_yard doityourself car_parts car motorcycle tyres gas trade",
    "school": "school kindergarten college university childcare music_school language_school driving_school",
    "market": "marketplace market",
    "hospital": "hospital clinic doctors dentist veterinary",
    "shop": "shop supermarket convenience bakery pharmacy chemist clothes books kiosk florist butcher greengrocer mall "
    "department_store electronics furniture jewelry optician shoes alcohol gift bicycle hardware variety_store sports "
    "toys pet deli confectionery seafood antiques art interior_decoration second_hand computer mobile_phone cosmetics "
    "perfumery stationery musical_instrument laundry dry_cleaning tailor fabric bag boutique outdoor photo copyshop "
    "newsagent tobacco wine beverages health_food garden_centre household_linen kitchen lighting houseware",
}
_SPOT_KIND = {name: kind for kind, names in _KINDS_OF_SPOTS.items() for name in names.split()}


@dataclass(frozen=True)
class Places:
    """Places as arrays, before they are rows."""

    kind: Texts
    name_zh: Texts
    address_zh: Texts
    xy: Floats


def places_sheet(laid: Laid, fronts: Fronts, seed: int, until: datetime, count: int) -> Sheet:
    """Draw ``count`` places, fewer where there are not as many doors and named places."""
    drawn = draw_places(laid.town, fronts, chance(seed, "places"), count)
    return Sheet("places", tuple(COLUMNS.split()), _rows(laid, drawn, seed, until), len(drawn.kind))


def draw_places(town: Town, fronts: Fronts, rng: np.random.Generator, count: int) -> Places:
    """Named places of the town's own data first, then shops and units at the fronts of buildings."""
    known = _known(town, rng, count)
    missing = count - len(known.kind)
    made = [_of_trade(town, fronts, trade, rng, round(missing * trade.share)) for trade in TRADES]
    found = sum(len(one.kind) for one in made)
    if found < missing:
        # Rounding, and trades without a house of theirs: shops fill up.
        made.append(_of_trade(town, fronts, TRADES[4], rng, missing - found))
    whole = [known, *made]
    drawn = Places(*(np.concatenate(arrays) for arrays in zip(*(vars(one).values() for one in whole), strict=True)))
    order = np.lexsort((drawn.xy[:, 1], drawn.xy[:, 0]))
    return Places(*(array[order] for array in vars(drawn).values()))


def _known(town: Town, rng: np.random.Generator, count: int) -> Places:
    spots = town.spots
    chosen = np.sort(rng.permutation(np.flatnonzero(spots.name_zh != ""))[:count])
    kinds = [_SPOT_KIND.get(str(kind), "unit") for kind in spots.kind[chosen]]
    xy = shapely.get_coordinates(spots.geom[chosen]).reshape(-1, 2)
    empty = np.full(len(chosen), "", dtype=object)
    return Places(np.array(kinds, dtype=object), spots.name_zh[chosen], empty, xy)


def _of_trade(town: Town, fronts: Fronts, trade: Trade, rng: np.random.Generator, count: int) -> Places:
    """Places of one trade, each in another building of its uses as far as there are enough, else several in one."""
    use = town.buildings.use
    house = np.flatnonzero(np.isin(use, trade.uses) & ((fronts.far_m < STREET_FRONT_M) | (not trade.at_street)))
    if not len(house):
        none = np.empty(0, dtype=object)
        return Places(none, none, none, np.empty((0, 2)))
    chosen = house[np.sort(_drawn(rng, len(house), min(count, 6 * len(house))))]
    # Neighbours in one house stand beside each other.
    xy = fronts.xy[chosen] + rng.uniform(-0.3, 0.3, (len(chosen), 2))
    title = rng.integers(0, len(trade.titles), len(chosen))
    name = rng.integers(0, len(_NAMES), len(chosen))
    names = [f"样例{_NAMES[n]}{trade.titles[t]}" for n, t in zip(name, title, strict=True)]
    kinds = np.full(len(chosen), trade.kind, dtype=object)
    return Places(kinds, np.array(names, dtype=object), fronts.address_zh[chosen], xy)


def _drawn(rng: np.random.Generator, size: int, count: int) -> Ints:
    """Draw ``count`` of ``size``, none twice before all were drawn."""
    rounds = [rng.permutation(size) for _ in range(-(-count // size))] if count else [np.empty(0, dtype=np.int64)]
    return np.asarray(np.concatenate(rounds)[:count])


def _rows(laid: Laid, drawn: Places, seed: int, until: datetime) -> Iterator[Row]:
    made_at = until.replace(hour=0, minute=0, second=0, microsecond=0)
    tree = shapely.STRtree(laid.cell_shapes)
    cells = tree.nearest(shapely.points(drawn.xy)) if len(drawn.xy) else np.empty(0, dtype=np.int64)
    communities = laid.cell_community[cells]
    hexes = point_hex(drawn.xy, laid.town.profile.metric_srid)
    for n, geom in enumerate(hexes):
        kind = str(drawn.kind[n])
        # Whoever lives there is looked after by the community, and compounds without anybody most of all.
        own = laid.communities[int(communities[n])].organisation if kind.endswith("compound") else None
        yield (
            laid.district_code,
            str(key(seed, "place", n, made_at)),
            f"PL{n + 1:06d}",
            kind,
            drawn.name_zh[n],
            drawn.address_zh[n],
            None if own is None else laid.organisation_ids[own],
            f"样例负责人{n + 1:05d}",
            f"000-{1100 + (n + 1) // 10000:04d}-{(n + 1) % 10000:04d}",
            geom,
        )
