"""A real town's ground from OpenStreetMap: two real extracts, and a hand-drawn one for what must come out exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from gisops.sample import osm
from gisops.sample.osm import UnreadableExtract
from gisops.sample.osm.streets import split_where_they_meet
from gisops.sample.town import GREEN_CLASSES, ROAD_CLASSES, WATER_CLASSES, Town
from tests.real_data import real_data


@pytest.fixture(scope="module")
def helsinki() -> Town:
    return osm.read(real_data("osm") / "Helsinki.osm.pbf", seed=1)


@pytest.fixture(scope="module")
def monaco() -> Town:
    return osm.read(real_data("osm") / "monaco.osm.gz", seed=1)


def _check(town: Town) -> None:
    assert shapely.coverage_is_valid(town.blocks)
    assert shapely.area(town.blocks).sum() == pytest.approx(town.outline.area, rel=1e-9)
    assert set(town.roads.road_class) <= set(ROAD_CLASSES)
    assert set(town.waters.water_class) <= set(WATER_CLASSES)
    assert set(town.greens.green_class) <= set(GREEN_CLASSES)
    assert shapely.is_valid(town.buildings.geom).all()
    assert (town.buildings.floors >= 1).all()
    assert ((town.urban >= 0) & (town.urban <= 1)).all()
    assert not town.profile.made_up
    assert "OpenStreetMap" in town.profile.attribution


def test_helsinki_has_its_streets_and_its_shore(helsinki: Town) -> None:
    _check(helsinki)
    assert helsinki.profile.metric_srid == 32635
    assert helsinki.profile.timezone == "Europe/Helsinki"
    assert "Mannerheimintie" in set(helsinki.roads.name_en) | set(helsinki.roads.name_zh)
    assert len(helsinki.buildings.geom) > 400
    assert {"tree", "lamp", "bench"} <= set(helsinki.fixtures.kind)
    # The bay north of the botanical garden is sea, the railway station's square is not.
    sea = shapely.union_all(helsinki.waters.geom[helsinki.waters.water_class == "sea"])
    assert sea.contains(_at(helsinki, 24.9438, 60.1775))
    assert helsinki.land.contains(_at(helsinki, 24.9435, 60.1715))


def test_monaco_ends_at_its_border_and_lies_by_the_sea(monaco: Town) -> None:
    _check(monaco)
    assert 1.9e6 < monaco.outline.area < 2.2e6  # 2.02 km2
    sea = shapely.union_all(monaco.waters.geom[monaco.waters.water_class == "sea"])
    assert sea.contains(_at(monaco, 7.4250, 43.7352)), "the harbour"
    assert sea.contains(_at(monaco, 7.4400, 43.7350)), "the open sea"
    assert not sea.intersects(_at(monaco, 7.4205, 43.7312)), "the rock"


def test_the_same_file_and_seed_give_the_same_town(monaco: Town) -> None:
    again = osm.read(real_data("osm") / "monaco.osm.gz", seed=1)
    assert shapely.equals_exact(again.blocks, monaco.blocks).all()
    assert (again.buildings.floors == monaco.buildings.floors).all()


def _at(town: Town, lon: float, lat: float) -> shapely.Point:
    import pyproj

    return shapely.Point(
        pyproj.Transformer.from_crs(4326, town.profile.metric_srid, always_xy=True).transform(lon, lat)
    )


# ---- drawn by hand ----
#
#   7───8───9      7-8-9 coast, drawn eastwards: land is north of it, the sea south
#   d───c          a-b-c-d block with a street round it, one-way along a-b, against its line on c-d
#   │ ▢ │          ▢ a building with a yard (multipolygon), in the middle a roundabout's ring further east
#   a───b

_NODES = {
    "a": (24.000, 60.000), "b": (24.004, 60.000), "c": (24.004, 60.002), "d": (24.000, 60.002),
    "m": (24.002, 60.000), "n": (24.002, 60.002),
    "7": (23.990, 59.999), "8": (24.002, 59.999), "9": (24.020, 59.999),
    "p": (24.001, 60.0005), "q": (24.003, 60.0005), "r": (24.003, 60.0015), "s": (24.001, 60.0015),
    "t": (24.0015, 60.0008), "u": (24.0025, 60.0008), "v": (24.0025, 60.0012), "w": (24.0015, 60.0012),
    "e": (24.006, 60.000), "f": (24.0063, 60.0003), "g": (24.006, 60.0006), "h": (24.0057, 60.0003),
}  # fmt: skip
_WAYS = (
    ("am b", {"highway": "residential", "oneway": "yes", "name": "South Street", "name:zh": "南街"}),
    ("cnd", {"highway": "residential", "oneway": "-1", "name": "North Street"}),
    ("da", {"highway": "tertiary", "lanes": "4"}),
    ("bc", {"highway": "primary", "width": "21"}),
    ("be", {"highway": "residential"}),
    ("efghe", {"highway": "residential", "junction": "roundabout"}),
    ("mn", {"highway": "footway", "tunnel": "yes"}),
    ("789", {"natural": "coastline"}),
    ("pqrsp", {}),
    ("tuvwt", {}),
)


@pytest.fixture
def drawn(tmp_path: Path) -> Town:
    ids = {name: n for n, name in enumerate(_NODES, 1)}
    nodes = [f'<node id="{ids[k]}" lon="{x}" lat="{y}" version="1"/>' for k, (x, y) in _NODES.items()]
    ways = []
    for n, (line, tags) in enumerate(_WAYS, 1):
        refs = "".join(f'<nd ref="{ids[k]}"/>' for k in line.replace(" ", ""))
        told = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        ways.append(f'<way id="{n}" version="1">{refs}{told}</way>')
    yard = (
        '<relation id="1" version="1">'
        '<member type="way" ref="9" role="outer"/><member type="way" ref="10" role="inner"/>'
        '<tag k="type" v="multipolygon"/><tag k="building" v="apartments"/><tag k="building:levels" v="5"/></relation>'
    )
    file = tmp_path / "drawn.osm"
    file.write_text(f'<osm version="0.6">{"".join(nodes)}{"".join(ways)}{yard}</osm>')
    return osm.read(file, seed=1)


def test_one_ways_widths_and_names(drawn: Town) -> None:
    roads = drawn.roads
    south, north = roads.name_en == "South Street", roads.name_en == "North Street"
    assert set(roads.name_zh[south]) == {"南街"}
    assert roads.oneway[south].all()
    assert roads.oneway[north].all()
    # Drawn westwards and one-way against its line: it leads eastwards.
    for line in roads.geom[north]:
        assert line.coords[0][0] < line.coords[-1][0]
    assert roads.oneway[shapely.is_ring(roads.geom)].all(), "a roundabout is a one-way though it does not say so"
    assert roads.width_m[roads.road_class == "primary"].tolist() == [21]
    assert roads.width_m[roads.road_class == "tertiary"].tolist() == [16]


def test_the_sea_lies_on_the_right_hand_of_a_coast_and_a_yard_is_a_hole(drawn: Town) -> None:
    assert drawn.land.contains(_at(drawn, 24.002, 60.001))
    (house,) = drawn.buildings.geom
    assert len(house.interiors) == 1
    assert drawn.buildings.floors.tolist() == [5]
    assert drawn.buildings.households.tolist()[0] > 10
    _check(drawn)


def test_roads_are_split_where_they_meet_and_not_where_they_cross() -> None:
    street = shapely.LineString([(0, 0), (10, 0), (20, 0)])
    joins = shapely.LineString([(10, 0), (10, 10)])
    bridge = shapely.LineString([(5, -5), (5, 5)])
    pieces, whose = split_where_they_meet(np.array([street, joins, bridge], dtype=object))
    assert np.bincount(whose).tolist() == [2, 1, 1]
    assert [piece.length for piece in pieces] == [10, 10, 10, 10]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.osm.pbf", b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\x7c", "cannot be read"),
        ("words.osm", b"this is not XML", "cannot be read|holds no lines"),
        ("empty.osm", b'<osm version="0.6"></osm>', "holds no lines|cannot be read"),
        ("map.png", b"", "does not end in"),
    ],
)
def test_what_is_no_extract_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableExtract, match=said):
        osm.read(tmp_path / name, seed=1)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableExtract, match="There is no file"):
        osm.read(tmp_path / "nowhere.osm.pbf", seed=1)


def test_an_extract_cut_short_is_refused_and_not_half_read(tmp_path: Path) -> None:
    whole = (real_data("osm") / "Helsinki.osm.pbf").read_bytes()
    (tmp_path / "half.osm.pbf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableExtract):
        osm.read(tmp_path / "half.osm.pbf", seed=1)
