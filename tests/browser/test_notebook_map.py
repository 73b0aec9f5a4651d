"""A planner's map, saved to a file and opened in a real Chromium: our own tiles, and nobody else's host."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gisops import connect

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

# How many pixels of the tiles carry something, of those that Leaflet shows.
PAINTED = """() => {
  let painted = 0;
  for (const canvas of document.querySelectorAll('canvas.leaflet-tile-loaded')) {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    for (let n = 3; n < pixels.length; n += 4) painted += pixels[n] > 0;
  }
  return painted;
}"""


def test_a_saved_map_draws_the_citys_own_tiles(page: Any, live_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "map.html"
    with connect(live_server.database.app_url, server=live_server.base_url) as city:
        city.map(city.zones()).save(str(file))
    page.page.goto(file.as_uri())
    page.page.wait_for_function(f"() => ({PAINTED})() > 20000")
    assert page.hosts == {"", urlsplit(live_server.base_url).netloc}
    assert page.page.locator("path.leaflet-interactive").count() >= 60
    before = page.page.evaluate(PAINTED)
    page.page.click(".leaflet-control-zoom-in")
    page.page.wait_for_function(f"before => ({PAINTED})() > 20000 && ({PAINTED})() != before", arg=before)
    assert page.errors == []


def test_a_map_without_a_server_asks_nobody_and_has_roads_and_water(
    page: Any, sample_database: Any, tmp_path: Path
) -> None:
    file = tmp_path / "map.html"
    with connect(sample_database.app_url) as city:
        city.map(city.zones(), colour="#0b5c8a").save(str(file))
    page.page.goto(file.as_uri())
    page.page.wait_for_selector("path.leaflet-interactive")
    shades = page.page.evaluate(
        "() => [...document.querySelectorAll('.leaflet-overlay-pane path')].map(path => path.getAttribute('stroke'))"
    )
    assert set(shades) == {"#0b5c8a", "#c9c4b8", "#a9cbe0"}
    assert page.hosts <= {""}
    assert page.errors == []
