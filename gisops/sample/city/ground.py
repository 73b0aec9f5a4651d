"""A town's ground as rows: roads, waters, buildings, green areas. Where nothing is made up, nothing is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import shapely

from gisops.sample.city.laid import Laid
from gisops.sample.sheet import Row, Sheet
from gisops.sample.town import Shapes, Town, to_hex

CHUNK = 20_000
RESIDENTS_OF_A_HOUSEHOLD = 2.6
# Post of the chief and the organisation, by class of water.
_WATERS = {
    "river": ("区级河长", "RIVER"),
    "canal": ("街道级河长", "RIVER"),
    "lake": ("街道级湖长", "RIVER"),
    "pond": ("", "PARKS"),
    "sea": ("", None),
}
_GREENS = {"park": "PARKS", "forest": "PARKS", "grass": "PARKS", "wetland": "PARKS", "beach": "URBAN"}


def ground_sheets(laid: Laid) -> Iterator[Sheet]:
    """Roads, rivers, buildings and green areas of the town."""
    yield _roads(laid.town)
    yield _rivers(laid)
    yield _buildings(laid.town)
    yield _greens(laid)


def _multi(shapes: Shapes) -> Shapes:
    """Every geometry as the many-parts form of its own kind."""
    single = shapely.get_num_geometries(shapes) == 1
    found = np.array(shapes, dtype=object)
    area = shapely.get_dimensions(shapes) == 2
    for one, make in ((~area, shapely.multilinestrings), (area, shapely.multipolygons)):
        which = np.flatnonzero(single & one)
        if len(which):
            found[which] = make(shapely.get_geometry(shapes[which], 0), indices=np.arange(len(which)))
    return found


def _written(shapes: Shapes, srid: int, row: Callable[[int, str], Row]) -> Iterator[Row]:
    for start in range(0, len(shapes), CHUNK):
        for n, geom in enumerate(to_hex(_multi(shapes[start : start + CHUNK]), srid), start):
            yield row(n, geom)


def _roads(town: Town) -> Sheet:
    """Pieces of a street that go on from one to the next are one road again: a name is written along the whole."""
    roads = town.roads
    groups: dict[tuple[str, str, str, bool, float], list[int]] = {}
    for n in range(len(roads.geom)):
        named = (str(roads.name_zh[n]), str(roads.name_en[n]), str(roads.road_class[n]))
        group = (*named, bool(roads.oneway[n]), float(roads.width_m[n]))
        # What has no name is nobody's street: its pieces stay apart.
        groups.setdefault(group if roads.name_zh[n] else (*group, n), []).append(n)  # type: ignore[arg-type]
    keys, members = list(groups), list(groups.values())
    index = np.repeat(np.arange(len(members)), [len(one) for one in members])
    lines = shapely.force_2d(roads.geom[np.concatenate(members)]) if members else roads.geom
    whole = shapely.multilinestrings(lines, indices=index) if members else roads.geom
    # Directed: a one-way street must not be turned round.
    whole = shapely.line_merge(whole, directed=True)

    def row(n: int, geom: str) -> Row:
        name_zh, name_en, road_class, oneway, width = keys[n][:5]
        return (f"R{n + 1:06d}", name_zh, name_en, road_class, oneway, round(width, 1), geom)

    columns = ("code", "name_zh", "name_en", "class", "oneway", "width_m", "geom")
    return Sheet("roads", columns, _written(whole, town.profile.metric_srid, row), len(members))


def _rivers(laid: Laid) -> Sheet:
    waters = laid.town.waters

    def row(n: int, geom: str) -> Row:
        kind = str(waters.water_class[n])
        chief, organisation = _WATERS[kind]
        who = None if organisation is None else laid.organisation_ids[organisation]
        return (f"RV{n + 1:04d}", waters.name_zh[n], waters.name_en[n], kind, chief, who, geom)

    columns = ("code", "name_zh", "name_en", "class", "chief_post_zh", "organisation_id", "geom")
    rows = _written(waters.geom, laid.town.profile.metric_srid, row)
    return Sheet("rivers", columns, rows, len(waters.geom))


def _buildings(town: Town) -> Sheet:
    houses = town.buildings

    def row(n: int, geom: str) -> Row:
        households = int(houses.households[n])
        residents = round(households * RESIDENTS_OF_A_HOUSEHOLD)
        size = (int(houses.floors[n]), round(float(houses.height_m[n]), 1), households, residents)
        return (f"B{n + 1:06d}", houses.name_zh[n], houses.use[n], *size, geom)

    columns = ("code", "name_zh", "use", "floors", "height_m", "households", "residents", "geom")
    return Sheet("buildings", columns, _written(houses.geom, town.profile.metric_srid, row), len(houses.geom))


def _greens(laid: Laid) -> Sheet:
    greens = laid.town.greens

    def row(n: int, geom: str) -> Row:
        kind = str(greens.green_class[n])
        who = laid.organisation_ids[_GREENS[kind]] if kind in _GREENS else None
        return (f"G{n + 1:06d}", greens.name_zh[n], kind, who, geom)

    columns = ("code", "name_zh", "class", "organisation_id", "geom")
    rows = _written(greens.geom, laid.town.profile.metric_srid, row)
    return Sheet("green_areas", columns, rows, len(greens.geom))
