"""A page that knows nothing of this server draws every layer with MapLibre, from its TileJSON alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers.catalog import load_catalog
from tests.conftest import Database, Server, serve
from tests.layers import tiny_city

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

TOKEN = "token-of-an-administrator"
ALL = [layer.id for layer in load_catalog()]
MAPLIBRE = Path(__file__).parents[2] / "api" / "screens" / "node_modules" / "maplibre-gl" / "dist"
# Each layer of a tile in the plainest way there is. A window of 512 pixels shows about one tile.
PAGE = """
<!doctype html><meta charset="utf-8"><style>body{margin:0}#map{width:512px;height:512px;background:#fff}</style>
<div id="map"></div>
<script type="module">
import {Map} from './maplibre-gl.mjs';
window.show = async (base, layer, token, at, zoom) => {
  document.getElementById('map').replaceChildren();
  const headers = {Authorization: `Bearer ${token}`};
  const told = await (await fetch(`${base}/tiles/${layer}.json`, {headers})).json();
  const layers = told.vector_layers.flatMap(({id}) => ['fill', 'line', 'circle'].map(type => ({
    id: `${id}-${type}`, type, source: 'it', 'source-layer': id,
    filter: ['==', ['geometry-type'], {fill: 'Polygon', line: 'LineString', circle: 'Point'}[type]],
    paint: {[`${type}-color`]: '#000', ...(type === 'line' ? {'line-width': 3} : {})},
  })));
  const map = new Map({
    container: 'map', center: at, zoom, fadeDuration: 0, attributionControl: false,
    style: {version: 8, sources: {it: {type: 'vector', url: `${base}/tiles/${layer}.json`}}, layers},
    transformRequest: url => ({url, headers}),
  });
  const wrong = [];
  map.on('error', event => wrong.push(String(event.error)));
  await map.once('idle');
  const seen = map.queryRenderedFeatures().map(each => ({layer: each.sourceLayer, ...each.properties}));
  return {wrong, seen};
};
</script>
"""


@pytest.fixture(scope="module")
def tiny_server(database: Database) -> Iterator[Server]:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO sessions (token_hash, account_id, expires_at)"
            " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE login = 'admin'",
            (token_hash(TOKEN),),
        )
    with serve(database) as server:
        yield server


def _middle(server: Server, layer: str) -> tuple[float, float]:
    """Where the first feature of a layer lies, and certainly: within it."""
    about = load_catalog()[layer]
    with connect(server.database.owner_url) as owner:
        row = owner.execute(
            f"SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT ST_PointOnSurface(geom) AS p FROM {about.relation}"
            f" WHERE {about.key}::text = %s) AS found",
            (tiny_city.KEYS[layer],),
        ).fetchone()
    assert row is not None
    return row["lon"], row["lat"]


def test_every_layer_is_drawn_from_its_tilejson_without_an_error(
    tiny_server: Server, open_page: Callable[..., Any]
) -> None:
    if not MAPLIBRE.is_dir():
        pytest.skip("the screens' packages are not there (make screens)")
    watched = open_page(512, 512)
    page, base = watched.page, tiny_server.base_url
    # As if it were served from here: what another origin may draw is another test's.
    page.route(f"{base}/stranger/*", lambda route: _stranger(route))
    page.goto(f"{base}/stranger/page.html")
    page.wait_for_function("() => window.show")
    for layer in ALL:
        about = load_catalog()[layer]
        zoom = max(about.minzoom, about.tiling.counted_below, 14, *(z for _, z in about.tiling.by_zoom))
        at = list(_middle(tiny_server, layer))
        told = page.evaluate("(asked) => window.show(...asked)", [base, layer, TOKEN, at, zoom])
        assert told["wrong"] == [], layer
        assert tiny_city.KEYS[layer] in {each.get(about.key) for each in told["seen"]}, layer
        assert {each["layer"] for each in told["seen"]} <= {layer, f"{layer}_label"}
        with Image.open(BytesIO(page.screenshot())) as picture:
            darkest, _ = picture.convert("L").getextrema()
        # The page is white.
        assert darkest < 40, layer
    assert watched.errors == []


def _stranger(route: Any) -> None:
    name = urlsplit(route.request.url).path.rsplit("/", 1)[1]
    if name == "page.html":
        route.fulfill(body=PAGE, content_type="text/html")
    else:
        route.fulfill(body=(MAPLIBRE / name).read_bytes(), content_type="text/javascript")
