"""The drawings other tests rely on."""

from __future__ import annotations

import pytest
from pyproj import Geod
from shapely.geometry.polygon import orient

from tests.sketch import sketch

WGS84 = Geod(ellps="WGS84")
AT = (120.2, 30.3)


def test_signs_lie_where_they_are_drawn() -> None:
    drawn = sketch(
        """
        A . . B
        |  1  |
        D - - C
        """,
        at=AT,
        step_m=50,
    )
    assert set(drawn) == set("ABCD1")
    assert drawn["D"] == AT
    east, _, metres = WGS84.inv(*drawn["D"], *drawn["C"])
    assert metres == pytest.approx(150, abs=0.001)
    assert east == pytest.approx(90, abs=0.01)
    north, _, metres = WGS84.inv(*drawn["D"], *drawn["A"])
    assert metres == pytest.approx(100, abs=0.01)
    assert north == pytest.approx(0, abs=0.001)
    # An odd column is half a step.
    assert drawn["1"] == pytest.approx(drawn.moved("D", 75, 50), abs=1e-12)


def test_shapes() -> None:
    drawn = sketch("A . . B\n. E F .\n. H G .\nD . . C", at=AT, step_m=100)
    ring = drawn.polygon("ABCD", "EFGH")
    assert abs(WGS84.geometry_area_perimeter(orient(ring))[0]) == pytest.approx(80_000, rel=1e-4)
    assert not ring.covers(drawn.polygon("EFGH").centroid)
    assert drawn.line("AB").coords[:] == [drawn["A"], drawn["B"]]
    assert drawn.point("G").coords[0] == drawn["G"]


def test_mistakes_in_a_drawing_are_told() -> None:
    with pytest.raises(ValueError, match="'A' stands twice"):
        sketch("A . A", at=AT, step_m=1)
    with pytest.raises(ValueError, match="neither a letter"):
        sketch("A * B", at=AT, step_m=1)
