"""QGIS reads and draws every layer, as features and as tiles. It is 170 packages, so it is read with in `make soak`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from layers.catalog import load_catalog
from tests.clients.conftest import ALL, Served

PYTHON = Path("/usr/bin/python3")
READS = Path(__file__).parent / "qgis_reads.py"
_HAS = [str(PYTHON), "-c", "import qgis.core"]


@pytest.fixture(scope="module")
def read(served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What QGIS found in each layer, and the folder of what it drew."""
    if not PYTHON.exists() or subprocess.run(_HAS, capture_output=True, check=False).returncode != 0:
        pytest.skip("QGIS is not installed for the system's Python (Debian: apt-get install python3-qgis)")
    home, pictures = tmp_path_factory.mktemp("qgis"), tmp_path_factory.mktemp("drawn")
    home.chmod(0o700)
    environment = os.environ | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"}
    # Where features are drawn singly, and a zoom deeper, as a map's scale is seldom a tile's.
    asked = [f"{layer.id}:{max(15, layer.minzoom + 1, layer.tiling.counted_below + 1)}" for layer in load_catalog()]
    told = subprocess.run(
        [str(PYTHON), str(READS), served.base_url, served.token, str(pictures), *asked],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    return {"pictures": pictures, **json.loads(told.stdout.splitlines()[-1])}


@pytest.mark.soak
@pytest.mark.parametrize("layer", ALL)
def test_qgis_reads_every_feature_and_draws_them(read: dict[str, Any], served: Served, layer: str) -> None:
    found = read[layer]
    assert found["valid"]
    assert found["read"] == served.counts[layer]
    assert found["drawn"] > 0


@pytest.mark.soak
@pytest.mark.parametrize("layer", ALL)
def test_qgis_draws_the_same_place_from_tiles(read: dict[str, Any], layer: str) -> None:
    assert read[layer]["tiles_valid"]
    assert read[layer]["tiles_drawn"] > 0
    west, north, east, south = _drawn(read["pictures"] / f"{layer}_tiles.png")
    by_features = _drawn(read["pictures"] / f"{layer}_features.png")
    # Points are drawn larger here than there, lines wider, and what is labelled has a point beside it.
    if load_catalog()[layer].geometry == "mixed":
        # As features QGIS draws those of the first one's kind alone; tiles have the rest as well.
        left, top, right, bottom = by_features
        assert max(west - left, north - top, right - east, bottom - south) <= 24
    else:
        assert (west, north, east, south) == pytest.approx(by_features, abs=24)


def _drawn(picture: Path) -> tuple[int, int, int, int]:
    """The box of what is not white."""
    with Image.open(picture) as opened:
        box = Image.eval(opened.convert("L"), lambda value: 255 - value).getbbox()
    assert box is not None
    return box
