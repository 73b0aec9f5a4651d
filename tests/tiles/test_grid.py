"""The tile grid."""

from __future__ import annotations

import pytest

from gisops.errors import NotFound
from tiles.grid import tile_at, tile_of


@pytest.mark.parametrize(
    "address", [(-1, 0, 0), (23, 0, 0), (0, 1, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0), (10, 10**12, 0)]
)
def test_an_address_that_does_not_exist_is_not_found(address: tuple[int, int, int]) -> None:
    with pytest.raises(NotFound):
        tile_at(*address)


def test_the_world_is_one_tile_at_zoom_0() -> None:
    assert tile_at(0, 0, 0).bounds() == pytest.approx((-180, -85.0511288, 180, 85.0511288))


@pytest.mark.parametrize("z", [0, 1, 8, 14, 22])
def test_a_point_lies_in_its_tile(z: int) -> None:
    for lon, lat in [(110.35, 20.03), (-70.1, -33.4), (179.999, 84.9), (-180, 0)]:
        west, south, east, north = tile_of(lon, lat, z).bounds()
        assert west <= lon < east
        assert south - 1e-9 <= lat <= north + 1e-9
