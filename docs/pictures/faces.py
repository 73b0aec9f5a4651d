"""Pictures of the screens that people work with, at their sizes and in both languages: to ``all/``, which git leaves
out; the best of them once more beside the others, for whoever reads about gisops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Browser, Page, ViewportSize
from shapely.geometry import shape

LANGUAGES = ("zh", "en")
SIZES = {1366: (1366, 768), 1920: (1920, 1080), 3840: (3840, 2160)}
PHONES = {"phone": (390, 844), "phone_small": (360, 640)}
HERE = Path(__file__).parent
ALL = HERE / "all"
# What stands beside the others, in how many colours a picture may have.
BEST = ("screen_1920_zh", "desk_1366_zh", "officer_map_phone_zh", "report_place_phone_zh")
# The first waits for an acceptor; the others are somebody's at once.
REPORTED = (("E01-01", "样例：楼顶搭了棚子"), ("E01-13", "样例：路面有坑"), ("E04-05", "样例：摊位占了人行道"))


@dataclass(frozen=True)
class View:
    """A page, who looks at it, at which sizes, and what he does before the picture is taken."""

    name: str
    path: str
    login: str | None
    sizes: dict[int, tuple[int, int]] | dict[str, tuple[int, int]]
    ready: str
    act: Callable[[Page], None] | None = None
    has_map: bool = False


def _first_case(page: Page) -> None:
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-page]")


def _click(selector: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.click(selector)

    return act


def _to_place(page: Page) -> None:
    page.locator("[data-kind]").first.click()
    page.wait_for_selector("[data-act=here]")


VIEWS = (
    View("screen", "/screen", "leader", SIZES, "[data-panel]", has_map=True),
    View("desk", "/desk", "desk", SIZES, "[data-row]", _first_case, has_map=True),
    View("officer", "/officer", "officer", PHONES, "[data-tasks]"),
    View("officer_map", "/officer", "officer", PHONES, "[data-tasks]", _click("[data-tab=map]"), has_map=True),
    View("officer_report", "/officer", "officer", PHONES, "[data-tasks]", _click("[data-tab=report]"), has_map=True),
    View("officer_near", "/officer", "officer", PHONES, "[data-tasks]", _click("[data-tab=near]")),
    View("officer_mine", "/officer", "officer", PHONES, "[data-tasks]", _click("[data-tab=mine]")),
    View("report", "/report", None, {**PHONES, "1366": (1366, 768)}, "[data-kind]"),
    View("report_place", "/report", None, {**PHONES, "1366": (1366, 768)}, "[data-kind]", _to_place, has_map=True),
)


def faces(browser: Browser, address: str, password: str, keep: Callable[[bytes, Path], None]) -> None:
    """Take every view."""
    ALL.mkdir(exist_ok=True)
    lon, lat = _enliven(browser, address, password)
    for view in VIEWS:
        for size, (width, height) in view.sizes.items():
            for language in LANGUAGES:
                name = f"{view.name}_{size}_{language}"
                context = browser.new_context(
                    viewport=ViewportSize(width=width, height=height),
                    locale="zh-CN",
                    reduced_motion="reduce",
                    geolocation={"longitude": lon, "latitude": lat, "accuracy": 12},
                    permissions=["geolocation"],
                    device_scale_factor=2 if width < 500 else 1,
                    has_touch=width < 500,
                )
                told = "zh-CN" if language == "zh" else language
                context.add_init_script(f"localStorage['gisops.language'] = '{told}'")
                if view.login:
                    context.request.post(f"{address}/api/session", data={"login": view.login, "password": password})
                page = context.new_page()
                page.set_default_timeout(120_000)
                page.goto(address + view.path)
                page.wait_for_selector(view.ready, state="attached")
                if view.act:
                    view.act(page)
                _settled(page, has_map=view.has_map)
                png = page.screenshot(timeout=120_000)
                keep(png, ALL / f"{name}.png")
                if name in BEST:
                    keep(png, HERE / f"{name}.png")
                context.close()


def _enliven(browser: Browser, address: str, password: str) -> tuple[float, float]:
    """Report a few things in the city's middle and in the officer's first zone; answers where in that he stands."""
    context = browser.new_context()
    middle = context.request.get(f"{address}/api/city").json()["center"]
    context.request.post(f"{address}/api/session", data={"login": "officer", "password": password})
    zones = context.request.get(f"{address}/api/me/zones").json()["features"]
    beat = shape(zones[0]["geometry"]).representative_point()
    context.clear_cookies()
    for lon, lat in (middle, (beat.x, beat.y)):
        for n, (category, text) in enumerate(REPORTED * 3):
            place = {
                "lon": lon + 0.0004 * (n % 3 - 1),
                "lat": lat + 0.0003 * (n // 3 - 1),
                "crs": "WGS84",
                "accuracy_m": 8,
            }
            body = {"client_uid": str(uuid4()), "channel": "citizen", "category": category, "text": text, **place}
            answer = context.request.post(f"{address}/api/reports", data=body)
            assert answer.ok, answer.text()
    context.close()
    return beat.x, beat.y


def _settled(page: Page, *, has_map: bool) -> None:
    if has_map:
        page.wait_for_function("() => window.gisops?.map?.isStyleLoaded()")
        page.wait_for_function("() => window.gisops.map.loaded() && window.gisops.map.areTilesLoaded()")
    page.wait_for_function("() => document.querySelectorAll('[aria-busy=true]').length === 0")
    page.wait_for_timeout(2500)  # charts, labels
