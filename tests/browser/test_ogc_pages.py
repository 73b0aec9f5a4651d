"""The pages of /ogc in a real Chromium: each has its small map, drawn from the page itself, and asks nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_pages_have_their_map_and_break_no_rule(page: Any, live_server: Any) -> None:
    watched, base = page, live_server.base_url
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    watched.page.goto(f"{base}/ogc?f=html")
    watched.page.get_by_role("link", name="图层集合").first.click()
    watched.page.get_by_role("link", name="城市部件").first.click()
    watched.page.wait_for_selector("#map[data-drawn]")
    watched.page.get_by_role("link", name="浏览要素").click()
    watched.page.wait_for_selector("#map[data-drawn]")
    assert watched.page.locator("tbody tr").count() == 100
    watched.page.get_by_role("link", name="下一页").click()
    watched.page.wait_for_selector("#map[data-drawn]")
    # What is on the map was read with the page: the collection's items are asked for by pages alone.
    items = [url for url in asked if "/items" in url]
    assert len(items) == 2
    watched.page.locator("tbody tr a").first.click()
    watched.page.wait_for_selector("#map[data-drawn]")
    assert watched.page.locator("tbody tr").count() > 5
    assert watched.hosts == {urlsplit(base).netloc}
    assert watched.errors == []
