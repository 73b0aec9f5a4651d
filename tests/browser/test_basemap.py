"""The base map in a real Chromium: drawn from a file of ours or another server's tiles, and the policy lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.test_basemap import _png, _vector, make
from tests.conftest import Database, serve

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@contextmanager
def tiles_of_somebody_else() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(_png(200))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_tiles_of_another_server_are_drawn_and_nothing_else_is_let_in(
    sample_database: Database, open_page: Callable[..., Any]
) -> None:
    with (
        tiles_of_somebody_else() as (address, asked),
        serve(sample_database, basemap=f"{address}/{{z}}/{{x}}/{{y}}.png", basemap_attribution="样例底图") as server,
    ):
        watched = open_page()
        watched.page.goto(server.base_url)
        watched.wait_for_map()
        assert len(asked) > 3
        assert watched.errors == []
        assert watched.hosts == {urlsplit(server.base_url).netloc, urlsplit(address).netloc}
        watched.page.wait_for_function("() => document.body.textContent.includes('样例底图')")
        # The same server under another name is not the one that was named.
        elsewhere = address.replace("127.0.0.1", "localhost") + "/0/0/0.png"
        refused = watched.page.evaluate("url => fetch(url).then(() => 'let in', error => error.name)", elsewhere)
        assert refused == "TypeError"


@pytest.mark.parametrize("kind", ["pictures", "vector"])
def test_a_file_of_ours_is_drawn(
    sample_database: Database, open_page: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    from pmtiles.tile import TileType

    path = tmp_path / "map.pmtiles"
    if kind == "vector":
        make(path, TileType.MVT, lambda _n: _vector("water"), vector_layers=[{"id": "water"}])
    else:
        make(path, TileType.PNG, lambda _n: _png(90))
    with serve(sample_database, basemap=str(path)) as server:
        watched = open_page()
        watched.page.goto(server.base_url)
        watched.wait_for_map()
        assert watched.errors == []
        assert watched.hosts == {urlsplit(server.base_url).netloc}
        # The archive is of the wide world's zooms: its deepest tile is drawn larger, where there is one.
        assert watched.page.evaluate("() => window.gisops.map.getSource('basemap') !== undefined")
        ids = watched.page.evaluate("() => window.gisops.map.getStyle().layers.map(layer => layer.id)")
        assert ids[1] == {"pictures": "basemap", "vector": "basemap-water-fill"}[kind]
