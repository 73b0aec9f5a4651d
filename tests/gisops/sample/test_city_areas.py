"""Cells, communities and streets laid over a town: a tiling without gaps, noded, numbered, connected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely.geometry import box

from gisops import codes
from gisops.sample.chance import chance
from gisops.sample.city import areas, cells, mesh
from gisops.sample.city.sheets import Counts, counts, lay
from gisops.sample.town import Shapes, to_degrees
from tests.gisops.sample.cities import CELLS, STAFF, UNTIL, little_city
from tests.gisops.sample.towns import little_town


def shapes(found: tuple[areas.Area, ...]) -> Shapes:
    return np.array([area.shape for area in found], dtype=object)


def test_the_same_seed_gives_the_same_city_and_another_another() -> None:
    again = lay(little_town(), 1, UNTIL, cells=CELLS, staff=STAFF)
    first, other = little_city(), little_city(2)
    for laid, same in ((again, True), (other, False)):
        assert (list(shapely.to_wkb(laid.cell_shapes)) == list(shapely.to_wkb(first.cell_shapes))) is same
        assert ([z.area.wkb for z in laid.zones] == [z.area.wkb for z in first.zones]) is same
    assert again.staff == first.staff
    assert [replace(z, area=None) for z in again.zones] == [replace(z, area=None) for z in first.zones]


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        lay(little_town(), 1, UNTIL.replace(tzinfo=None), cells=100, staff=80)


def test_cells_tile_the_town_and_share_their_corners() -> None:
    laid = little_city()
    assert shapely.coverage_is_valid(laid.cell_shapes)
    assert shapely.is_valid(laid.cell_shapes).all()
    assert set(shapely.get_type_id(laid.cell_shapes)) == {3}
    assert shapely.coverage_union_all(laid.cell_shapes).symmetric_difference(laid.town.outline).area < 20
    # Every corner is converted by itself: what is shared in metres is shared in degrees.
    degrees = to_degrees(laid.cell_shapes, laid.town.profile.metric_srid)
    assert shapely.coverage_is_valid(degrees)
    assert shapely.is_valid(degrees).all()


def test_there_are_about_as_many_cells_as_were_asked_for_and_the_rural_ones_are_larger() -> None:
    laid = little_city()
    assert abs(len(laid.cell_shapes) - CELLS) < 0.05 * CELLS
    block = shapely.STRtree(laid.town.blocks)
    cell, at = block.query(shapely.point_on_surface(laid.cell_shapes), predicate="intersects")
    urban = laid.town.urban[at]
    size = shapely.area(laid.cell_shapes)[cell]
    assert np.median(size[(urban > 0) & (urban < 0.4)]) > 1.3 * np.median(size[urban > 0.8])
    assert size.min() > 500


def test_cells_end_where_streets_run() -> None:
    laid = little_city()
    inside = shapely.buffer(laid.cell_shapes, -0.5)
    tree = shapely.STRtree(inside)
    for cls in ("primary", "secondary", "tertiary"):
        roads = laid.town.roads.geom[laid.town.roads.road_class == cls]
        assert len(roads)
        assert not tree.query(roads, predicate="intersects").size


def test_every_point_lies_in_one_cell_one_community_and_one_street() -> None:
    laid = little_city()
    rng = np.random.default_rng(5)
    west, south, east, north = laid.town.outline.bounds
    points = shapely.points(rng.uniform(west, east, 3000), rng.uniform(south, north, 3000))
    points = points[shapely.contains(laid.town.outline.buffer(-0.1), points)]
    assert len(points) > 2500
    for found in (laid.cell_shapes, shapes(laid.communities), shapes(laid.streets)):
        at, _ = shapely.STRtree(found).query(points, predicate="intersects")
        assert np.array_equal(np.sort(at), np.arange(len(points)))
    at, cell = shapely.STRtree(laid.cell_shapes).query(points, predicate="intersects")
    community = laid.cell_community[cell]
    assert shapely.contains(shapes(laid.communities)[community], points[at]).all()
    street = laid.community_street[community]
    assert shapely.contains(shapes(laid.streets)[street], points[at]).all()


def test_areas_are_connected_and_share_their_corners_with_their_cells() -> None:
    laid = little_city()
    for found in (laid.communities, laid.streets):
        assert shapely.coverage_is_valid(shapes(found))
        assert {area.shape.geom_type for area in found} == {"Polygon"}
    corners = {tuple(xy) for xy in shapely.get_coordinates(laid.cell_shapes)}
    assert {tuple(xy) for xy in shapely.get_coordinates(shapes(laid.communities))} <= corners


def test_codes_parse_and_name_what_they_lie_in() -> None:
    laid = little_city()
    assert len(set(laid.cell_codes)) == len(laid.cell_codes)
    for code, community in zip(laid.cell_codes, laid.cell_community, strict=True):
        assert codes.parse_grid_cell(code).community_code == laid.communities[community].code
    for n, area in enumerate(laid.communities):
        parsed = codes.parse_admin(area.code)
        assert (parsed.level, parsed.parent) == ("community", laid.streets[laid.community_street[n]].code)
    assert {codes.parse_admin(s.code).parent for s in laid.streets} == {laid.district_code}
    everything = (*laid.communities, *laid.streets)
    assert len({a.code for a in everything}) == len({a.name_zh for a in everything}) == len(everything)
    assert all(a.name_zh.startswith("样例") and a.name_en.startswith("Sample ") for a in everything)


def test_blocks_smaller_than_a_cell_are_joined() -> None:
    laid = lay(little_town(), 1, UNTIL, cells=40, staff=80)
    assert len(laid.cell_shapes) <= 44 < len(little_town().blocks)
    assert shapely.coverage_is_valid(laid.cell_shapes)


def test_no_community_has_more_cells_than_its_three_digits_count() -> None:
    community = np.repeat([0, 1, 2], [10, 10, 10])
    most = 0.85 * cells.MOST
    # What the first is over, the others get in proportion; where all are full, the rest is lost.
    few = np.bincount(community, weights=areas.capped(np.repeat([150.0, 20.0, 5.0], 10), community))
    assert few.tolist() == pytest.approx([most, (1750 - most) * 0.8, (1750 - most) * 0.2], abs=1)
    many = np.bincount(community, weights=areas.capped(np.repeat([300.0, 80.0, 50.0], 10), community))
    assert many.tolist() == pytest.approx([most, most, most])
    full = lay(little_town(), 1, UNTIL, cells=6000, staff=80)
    assert np.bincount(full.cell_community).max() <= cells.MOST
    assert shapely.coverage_is_valid(full.cell_shapes)
    assert len(full.cell_shapes) > 5500


def test_a_town_in_two_parts_is_divided_all_the_same() -> None:
    whole = little_town()
    dry = whole.blocks[~mesh.in_water(whole, whole.blocks)]
    rest = ~shapely.intersects(dry, whole.waters.geom[1])
    town = replace(whole, blocks=dry[rest], urban=whole.urban[~mesh.in_water(whole, whole.blocks)][rest])
    town = replace(town, outline=shapely.coverage_union_all(town.blocks))
    assert town.outline.geom_type == "MultiPolygon"
    laid = lay(town, 1, UNTIL, cells=300, staff=80)
    assert abs(len(laid.cell_shapes) - 300) < 20
    assert shapely.coverage_is_valid(laid.cell_shapes)


def test_a_missing_corner_is_added_to_the_neighbour() -> None:
    left = np.array([box(0, 0, 10, 5), box(0, 5, 10, 12)], dtype=object)
    faces = np.append(left, box(10, 0, 20, 12))
    assert not shapely.coverage_is_valid(faces)
    noded = mesh.noded(faces)
    assert shapely.coverage_is_valid(noded)
    assert (10.0, 5.0) in noded[2].exterior.coords
    assert shapely.equals(noded, faces).all()


def test_corners_almost_in_one_place_become_one() -> None:
    a = shapely.from_wkt("POLYGON((0 0, 10 0, 10 5.001, 10 5.014, 10 10, 0 10, 0 0))")
    b = shapely.from_wkt("POLYGON((10 0, 20 0, 20 10, 10 10, 10 5.014, 10 5.001, 10 0))")
    found = mesh.on_raster(np.array([a, b], dtype=object))
    assert [shapely.get_num_coordinates(f) for f in found] == [6, 6]
    assert shapely.coverage_is_valid(found)


def test_counts_fit_the_place() -> None:
    found = counts(little_town(), Counts(20_000, 4_000))
    assert 800 < found.cells < 1500
    assert 120 < found.staff < 250
    assert counts(little_town(), Counts(500, 100)) == Counts(500, 100)


def test_streams_of_chance_do_not_move_each_other() -> None:
    assert chance(1, "areas").random() != chance(1, "cells").random()
    assert chance(1, "areas").random() == chance(1, "areas").random()
