"""Fixtures for tests that drive a real Chromium against the real server.

``browser`` is Debian's Chromium under Playwright; ``open_page`` makes a page in a context of its own that remembers
every console error, page error and request, with or without tiles under what it draws itself; ``page`` is one of a
plain window's size (the software renderer's time goes with the number of pixels).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.origin import COOKIE
from tests.conftest import Server, new_token, token_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# The software renderer is named outright: a machine without a graphics card draws WebGL 2 with it as well.
ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = Path(__file__).parents[2] / "api" / "screens" / "dist" / "index.html"


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Any
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def wait_for_map(self) -> None:
        """Wait until every tile in sight is there and drawn."""
        self.page.wait_for_function("() => window.gisops?.map?.isStyleLoaded()")
        self.page.wait_for_function("() => window.gisops.map.loaded() && window.gisops.map.areTilesLoaded()")

    def drawn(self, source: str) -> list[dict[str, Any]]:
        """Return the features an overlay source holds, as the map's own style tells them."""
        found = self.page.evaluate("name => window.gisops.map.getStyle().sources[name]?.data?.features ?? []", source)
        return list(found)

    def wait_to_see(self, layers: list[str], *, some: bool) -> None:
        """Wait until features of these style layers are in sight, or none is: a change is in sight a frame later."""
        count = "window.gisops.map.queryRenderedFeatures({layers}).length"
        self.page.wait_for_function(f"([layers, some]) => {count} > 0 === some", arg=[layers, some])


def signed_in(context: Any, server: Server, login: str, *, ends: bool = False) -> None:
    """Sign a browser in; with a session of its own if the test ends it."""
    token = (new_token if ends else token_of)(server, login)
    cookie = {"name": COOKIE, "value": token, "url": server.base_url, "httpOnly": True, "sameSite": "Strict"}
    context.add_cookies([cookie])


def wait_for_worker(page: Any, *, reload: bool = False) -> None:
    """Wait until the page and its map come from this device; a page that was there before its worker is read anew."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    if reload:
        page.reload()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)")
    if not SCREENS.exists():
        pytest.skip("the screens are not built (make screens)")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Watched]]:
    contexts: list[Any] = []

    def make(width: int = 1100, height: int = 760, *, ground: bool = True, **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        if not ground:
            # The software renderer takes longest for what lies under everything else.
            page.route("**/tiles/**/*.mvt*", lambda route: route.fulfill(status=204))
        watched = Watched(page)
        page.on("console", lambda message: message.type == "error" and watched.errors.append(message.text))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("request", lambda request: watched.hosts.add(urlsplit(request.url).netloc))
        return watched

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Watched]) -> Watched:
    return open_page()
