"""What holds for every screen: it asks nobody else, breaks no rule of its policy, speaks both languages, can be used
without eyes or mouse, and is no heavier than it may be.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.browser import axe
from tests.browser.conftest import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@dataclass(frozen=True)
class Face:
    path: str
    login: str
    budget_kb: int
    width: int = 1100
    height: int = 760


# Who works with it, and what its scripts may weigh, packed; phones upright.
FACES = (
    Face("/", "dispatcher", 450),
    Face("/screen", "leader", 900, 1366, 768),
    Face("/desk", "desk", 450, 1366, 768),
    Face("/officer", "officer", 450, 390, 780),
    Face("/report", "officer", 450, 390, 780),
)
CHINESE = re.compile("[\u4e00-\u9fff]")
# Rules that a page breaks are told to itself.
BREACHES = """
window.breaches = [];
document.addEventListener('securitypolicyviolation', event =>
  window.breaches.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# Words and colours as another reader left them on this device.
ENGLISH_AND_DARK = "localStorage['gisops.language'] = 'en'; localStorage['gisops.theme'] = 'dark';"


@dataclass
class Seen:
    """What a page of a face asked for and complained of."""

    page: Any
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    scripts: set[str] = field(default_factory=set)
    asked: float = 0.0

    def watch(self) -> None:
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("worker", lambda worker: self.scripts.add(worker.url))
        self.page.context.on("request", self._request)
        self.page.context.on("serviceworker", lambda worker: self.scripts.add(worker.url))

    def _request(self, request: Any) -> None:
        self.asked = time.monotonic()
        self.hosts.add(urlsplit(request.url).netloc)
        if urlsplit(request.url).path.endswith((".js", ".mjs")):
            self.scripts.add(request.url)

    def settle(self) -> None:
        """Wait until its map, where it has one, is drawn, and nothing was asked for during a third of a second."""
        self.page.wait_for_selector("#app h1", state="attached")
        end = time.monotonic() + 30
        drawn = "() => !window.gisops?.map || (window.gisops.map.isStyleLoaded() && window.gisops.map.areTilesLoaded())"
        while time.monotonic() < end:
            self.page.wait_for_timeout(100)
            if time.monotonic() - self.asked > 0.3 and self.page.evaluate(drawn):
                return
        raise AssertionError("the page does not come to rest")


@pytest.fixture
def look(browser: Any, live_server: Any) -> Iterator[Callable[..., Seen]]:
    """A function that opens a face in a context of its own, signed in as somebody or not, and lets it come to rest."""
    contexts: list[Any] = []

    def opened(face: Face, login: str | None, *, english: bool = False) -> Seen:
        size = {"width": face.width, "height": face.height}
        context = browser.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce")
        contexts.append(context)
        context.add_init_script(BREACHES)
        if english:
            context.add_init_script(ENGLISH_AND_DARK)
        if login:
            signed_in(context, live_server, login)
        page = context.new_page()
        page.set_default_timeout(30_000)
        seen = Seen(page)
        seen.watch()
        page.goto(live_server.base_url + face.path)
        seen.settle()
        return seen

    yield opened
    for context in contexts:
        context.close()


def fine(seen: Seen, base_url: str) -> None:
    assert seen.errors == []
    assert seen.hosts - {""} == {urlsplit(base_url).netloc}
    assert seen.page.evaluate("() => window.breaches") == []
    found = axe.grave(seen.page)
    assert found == [], "\n".join(found)


def packed_bytes(url: str) -> int:
    """What a script weighs on its way to a browser, as browsers ask for it over HTTPS."""
    with httpx2.stream("GET", url, headers={"Accept-Encoding": "gzip, deflate, br"}) as answer:
        sent = sum(len(part) for part in answer.iter_raw())
        assert answer.headers.get("content-encoding") == "br" or sent < 1024, url
        return sent


@pytest.mark.parametrize(
    ("staff", "english"),
    [
        pytest.param(False, False, id="stranger-zh-day"),
        pytest.param(True, True, id="staff-en-dark"),
        pytest.param(False, True, id="stranger-en-dark", marks=pytest.mark.soak),
        pytest.param(True, False, id="staff-zh-day", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.path)
def test_a_face_keeps_the_rules_for_every_reader(
    look: Callable[..., Seen], live_server: Any, face: Face, staff: bool, english: bool
) -> None:
    seen = look(face, face.login if staff else None, english=english)
    assert seen.page.evaluate("() => document.documentElement.lang") == ("en" if english else "zh-CN")
    title = seen.page.title()
    assert title
    assert bool(CHINESE.search(title)) is not english, title
    assert seen.page.locator("h1").count() == 1
    fine(seen, live_server.base_url)

    sizes = {url: packed_bytes(url) for url in seen.scripts}
    assert sizes
    heaviest = sorted(sizes.items(), key=lambda one: -one[1])
    assert sum(sizes.values()) <= face.budget_kb * 1000, heaviest


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.path)
def test_a_page_holds_no_script_and_no_style_and_its_policy_lets_none_in(live_server: Any, face: Face) -> None:
    answer = httpx2.get(live_server.base_url + face.path)
    assert answer.status_code == 200
    policy = {
        name: set(rest)
        for name, *rest in (part.split() for part in answer.headers["content-security-policy"].split(";"))
    }
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == {"'self'"}
    assert policy["connect-src"] == policy["worker-src"] == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == {"'none'"}
    assert "unsafe" not in answer.headers["content-security-policy"]
    page = answer.text
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", page))
    assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", page, re.IGNORECASE)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_the_menu_leads_to_the_screens_that_its_reader_works_with(look: Callable[..., Seen], live_server: Any) -> None:
    shown = {}
    for login in (None, "leader", "officer"):
        page = look(FACES[-1], login).page
        page.click("[data-act=faces]")
        shown[login] = page.eval_on_selector_all("[data-face]", "all => all.map(each => each.dataset.face)")
    everybody = ["map", "report", "docs"]
    assert shown == {
        None: [*everybody, "screen", "desk", "officer"],
        "leader": [*everybody, "screen", "desk"],
        "officer": [*everybody, "officer"],
    }
    # By keys alone, and back again.
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.dataset.act") == "faces"
    page.keyboard.press("Enter")
    for _ in shown["officer"]:
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/officer")
    assert page.title()
