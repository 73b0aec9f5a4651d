"""A whole city laid over the made-up ground, and a small one over a real town's: the figures, and nothing torn."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gisops.sample.city.cells import MOST
from gisops.sample.city.laid import Laid
from gisops.sample.city.sheets import Counts, counts, lay, sheets
from gisops.sample.made import draw
from gisops.sample.osm import read
from gisops.sample.town import to_degrees
from tests.gisops.sample.cities import UNTIL, made_town
from tests.real_data import real_data


def assert_whole(laid: Laid) -> None:
    """Cells, areas and zones are valid, in metres and in degrees, and cells tile the town."""
    srid = laid.town.profile.metric_srid
    assert shapely.coverage_is_valid(laid.cell_shapes)
    degrees = to_degrees(laid.cell_shapes, srid)
    assert shapely.coverage_is_valid(degrees)
    assert shapely.is_valid(degrees).all()
    assert abs(shapely.area(laid.cell_shapes).sum() - shapely.area(laid.town.blocks).sum()) < 2000
    areas = [a.shape for a in (*laid.communities, *laid.streets)] + [z.area for z in laid.zones]
    invalid = ~shapely.is_valid(to_degrees(np.array(areas, dtype=object), srid))
    assert not invalid.any(), [laid.zones[i - len(areas)].code for i in np.flatnonzero(invalid)]
    assert np.bincount(laid.cell_community).max() <= MOST
    assert len(set(laid.cell_codes)) == len(laid.cell_codes)


def test_the_made_city_has_the_figures_of_a_city() -> None:
    laid = lay(made_town(), 1, UNTIL, cells=20_000, staff=4_000)
    assert_whole(laid)
    assert 19_500 < len(laid.cell_shapes) < 20_500
    assert len(laid.streets) == 13
    assert sum(s.rural for s in laid.streets) == 4
    assert 80 <= len(laid.communities) <= 100
    assert 3_900 <= len(laid.staff) <= 4_000
    assert 1_000 <= len(laid.zones) <= 1_700
    assert {a.shape.geom_type for a in (*laid.streets, *laid.communities)} == {"Polygon"}
    size = shapely.area(laid.cell_shapes)
    dry = size[np.isin(laid.cell_community, np.flatnonzero([not c.rural for c in laid.communities]))]
    assert 2_000 < np.median(dry) < 10_000
    for sheet in sheets(laid, 1, UNTIL):
        if sheet.table == "rosters":
            assert 150_000 < sum(1 for _ in sheet.rows) < 172_000


@pytest.mark.parametrize("name", ["monaco.osm.gz", "andorra.osm.pbf"])
def test_a_city_is_laid_over_a_real_town(name: str) -> None:
    town = read(real_data("osm", name), 1)
    found = counts(town, Counts(20_000, 4_000))
    laid = lay(town, 1, UNTIL, cells=found.cells, staff=found.staff)
    assert_whole(laid)
    assert len(laid.streets) >= 2
    assert len(laid.communities) >= 4
    assert len(laid.staff) >= 80
    # What is made up says so, whatever the map's own names are.
    assert all("样例" in z.name_zh or z.name_zh.startswith(("责任网格", "保洁片区", "排水分区")) for z in laid.zones)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_full_city_too() -> None:
    laid = lay(draw(1, "full"), 1, UNTIL, cells=60_000, staff=4_000)
    assert_whole(laid)
    assert 58_000 < len(laid.cell_shapes) < 62_000
