"""The made-up city's ground: would one believe it, and does it hang together to the centimetre?"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
import shapely

from gisops.sample.made import draw
from gisops.sample.made.faces import Cutter, Junctions, Wish, area
from gisops.sample.made.network import ends, largest
from gisops.sample.made.rows import first_come
from gisops.sample.made.town import Size, draw_at
from gisops.sample.town import GREEN_CLASSES, ROAD_CLASSES, WATER_CLASSES, Town, to_degrees

# The plan at a third of its size: everything is in it, in two seconds.
SMALL = Size(stretch=0.35, water=0.6, spread=1.0, villages=3.0, crowded=0.0)


@pytest.fixture(scope="module")
def city() -> Town:
    return draw(20260101, "city")


@pytest.fixture(scope="module")
def small() -> Town:
    return draw_at(3, SMALL)


def arrays(town: Town) -> dict[str, np.ndarray]:
    found = {"blocks": shapely.to_wkb(town.blocks), "urban": town.urban}
    for name in ("roads", "waters", "greens", "buildings"):
        for column in fields(getattr(town, name)):
            values = getattr(getattr(town, name), column.name)
            found[f"{name}.{column.name}"] = shapely.to_wkb(values) if column.name == "geom" else values
    return found


def test_the_same_seed_gives_the_same_city_and_another_seed_another(small: Town) -> None:
    again, other = arrays(draw_at(3, SMALL)), arrays(draw_at(4, SMALL))
    for name, values in arrays(small).items():
        assert np.array_equal(values, again[name]), name
    assert not np.array_equal(arrays(small)["roads.geom"], other["roads.geom"])


def test_the_city_is_as_large_as_promised(city: Town) -> None:
    assert 100 < city.outline.area / 1e6 < 140
    assert 27_000 <= len(city.buildings.geom) <= 38_000
    assert 2_000 < len(city.blocks) < 6_000
    names = set(city.roads.name_zh) - {""}
    assert len(names) > 300
    assert city.facts == {"drawn_by": "gisops.sample.made", "seed": 20260101, "size": "city"}


def test_columns_are_equally_long_and_say_only_what_is_agreed(city: Town) -> None:
    for name in ("roads", "waters", "greens", "buildings", "spots", "fixtures"):
        part = getattr(city, name)
        assert len({len(getattr(part, column.name)) for column in fields(part)}) == 1, name
    assert set(city.roads.road_class) == set(ROAD_CLASSES)
    assert set(city.waters.water_class) == set(WATER_CLASSES)
    assert set(city.greens.green_class) <= set(GREEN_CLASSES)
    assert {"park", "forest", "farmland", "beach", "pitch", "wetland", "grass"} <= set(city.greens.green_class)
    assert len(city.urban) == len(city.blocks)
    assert 0 <= city.urban.min() < 0.05
    assert 0.9 < city.urban.max() <= 1


def test_every_shape_is_what_it_should_be(city: Town) -> None:
    for part, kinds in (
        (city.roads.geom, {1}),
        (city.blocks, {3}),
        (city.buildings.geom, {3}),
        (city.greens.geom, {3}),
        (city.waters.geom, {3, 6}),
    ):
        assert set(shapely.get_type_id(part).tolist()) <= kinds
        assert shapely.is_valid(part).all()
        assert not shapely.is_empty(part).any()
    assert city.outline.is_valid
    assert city.land.is_valid
    # Also in degrees, rounded as a table holds them.
    for part in (city.blocks, city.buildings.geom, city.greens.geom, city.waters.geom):
        assert shapely.is_valid(to_degrees(part, city.profile.metric_srid)).all()


def test_blocks_tile_the_outline_and_water_is_exactly_what_is_not_land(city: Town) -> None:
    assert shapely.coverage_is_valid(city.blocks)
    assert shapely.area(city.blocks).sum() == pytest.approx(city.outline.area, abs=0.01)
    assert shapely.coverage_union_all(city.blocks).equals(city.outline)
    wet = shapely.area(city.waters.geom[city.waters.water_class != "sea"]).sum()
    assert city.land.area + wet == pytest.approx(city.outline.area, abs=0.5)


def test_it_lies_on_a_northern_shore(city: Town) -> None:
    west, south, east, north = to_degrees(city.outline, city.profile.metric_srid).bounds
    assert west < 110.35 < east
    assert south < 20.03 < north
    sea = city.waters.geom[city.waters.water_class == "sea"]
    assert len(sea) == 1
    assert sea[0].centroid.y > city.outline.centroid.y + 2_000
    assert sea[0].intersection(city.outline).area < 50


def test_brooks_and_canals_join_other_water(city: Town) -> None:
    streams = np.nonzero(np.isin(city.waters.water_class, ["river", "canal"]))[0]
    assert len(streams) >= 5
    for i in streams:
        others = shapely.union_all(np.delete(city.waters.geom, i))
        assert shapely.distance(city.waters.geom[i], others) < 0.05, city.waters.name_zh[i]


def test_the_street_network_hangs_together_and_meets_at_nodes_only(city: Town) -> None:
    roads = city.roads.geom
    node_of, count = ends(roads)
    assert shapely.length(roads[largest(node_of, count)]).sum() >= 0.99 * shapely.length(roads).sum()
    one, other = shapely.STRtree(roads).query(roads, predicate="crosses")
    # Where lines meet otherwise than at their ends they do it within the raster's rounding, or not at all.
    apart = [
        not shapely.dwithin(meeting, shapely.boundary(roads[a]), 0.05)
        for a, b in zip(one.tolist(), other.tolist(), strict=True)
        if a < b
        for meeting in shapely.get_parts(shapely.intersection(roads[a], roads[b]))
    ]
    assert sum(apart) == 0


def test_streets_cross_the_river_only_on_larger_roads(city: Town) -> None:
    river = city.waters.geom[city.waters.name_zh == "样例江"][0]
    over = shapely.intersects(city.roads.geom, river.buffer(-5))
    assert over.sum() >= 5
    assert set(city.roads.road_class[over]) <= {"motorway", "trunk", "primary", "secondary", "tertiary"}


def test_no_house_stands_on_a_road_in_water_or_in_another(city: Town) -> None:
    houses = shapely.STRtree(city.buildings.geom)
    surfaces = shapely.buffer(city.roads.geom, city.roads.width_m / 2, cap_style="flat")
    for obstacles in (surfaces, city.waters.geom):
        one, house = houses.query(obstacles, predicate="intersects")
        assert shapely.area(shapely.intersection(obstacles[one], city.buildings.geom[house])).max(initial=0) < 0.1
    one, house = houses.query(city.buildings.geom, predicate="intersects")
    twice = one < house
    shared = shapely.intersection(city.buildings.geom[one[twice]], city.buildings.geom[house[twice]])
    assert shapely.area(shared).max(initial=0) < 0.1
    assert shapely.covers(city.outline, city.buildings.geom).all()


def test_houses_stand_along_streets(city: Town) -> None:
    streets = shapely.STRtree(city.roads.geom[city.roads.road_class != "footway"])
    near = streets.query(city.buildings.geom, predicate="dwithin", distance=90)[0]
    assert len(np.unique(near)) > 0.95 * len(city.buildings.geom)


def test_the_skyline_rises_to_the_centre(city: Town) -> None:
    floors, height, households = city.buildings.floors, city.buildings.height_m, city.buildings.households
    assert floors.min() >= 1
    assert 28 <= floors.max() <= 33
    assert (height > 2.5 * floors).all()
    home = city.buildings.use == "residential"
    assert (households[home] >= 1).all()
    assert (households[~home] == 0).all()
    points = shapely.centroid(city.buildings.geom)
    block, house = shapely.STRtree(points).query(city.blocks, predicate="contains")
    urban = np.zeros(len(points))
    urban[house] = city.urban[block]
    assert floors[urban > 0.85].mean() > 2 * floors[(urban > 0) & (urban < 0.3)].mean()


def test_every_name_says_that_it_is_a_sample(city: Town) -> None:
    for names in (city.roads.name_zh, city.waters.name_zh, city.greens.name_zh, city.buildings.name_zh):
        assert all(name.startswith("样例") for name in set(names) - {""})
    for zh, en in ((city.roads.name_zh, city.roads.name_en), (city.waters.name_zh, city.waters.name_en)):
        assert all(name.startswith("Sample ") for name in set(en) - {""})
        assert ((zh == "") == (en == "")).all()
    assert city.profile.made_up
    assert city.profile.city_zh.startswith("样例")


def test_a_long_street_keeps_one_name(city: Town) -> None:
    pieces = Counter(name for name in city.roads.name_zh if name)
    assert max(pieces.values()) > 20
    great = np.isin(city.roads.road_class, ["primary", "secondary"])
    assert (city.roads.name_zh[great] != "").mean() > 0.9
    assert city.roads.oneway.any()


def test_cutting_gives_away_no_ground_and_ends_at_the_wish() -> None:
    square = np.array([(0.0, 0.0), (900.0, 0.0), (900.0, 700.0), (0.0, 700.0)])
    cutter = Cutter(np.random.default_rng(5), lambda _: Wish(20_000, 0.1), Junctions())
    cutter.run([square])
    assert sum(area(leaf) for leaf in cutter.leaves) == pytest.approx(630_000, abs=1)
    assert len(cutter.leaves) == len(cutter.cuts) + 1
    assert 12 < len(cutter.leaves) < 60


def test_who_comes_first_stays() -> None:
    row = shapely.box(np.arange(6) * 0.6, 0, np.arange(6) * 0.6 + 1, 1)
    assert first_come(row, 0.0).tolist() == [True, False, True, False, True, False]
    apart = shapely.box(np.arange(3) * 2.0, 0, np.arange(3) * 2.0 + 1, 1)
    assert first_come(apart, 0.5).all()
    assert first_come(apart, 1.5).tolist() == [True, False, True]
