"""What the screens cost whoever looks at them, in one Chromium with the software renderer, on the sample city.

``map``: from the address of the wall to its first whole map, beside a page that has nothing but the same map: MapLibre,
our style with the same layers shown, the same view. In turns, each with nothing in its cache; ratios of medians.
``case``: from the answer to a report until the case is drawn on the wall and is on the phone of who is to handle it,
both of them open in one browser; one machine's clock. ``weight``: the scripts that a screen loads, as they are sent to
a browser that takes Brotli. ``phone``: until the phone's list can be used, with a processor four times slower and a
slow line (as Lighthouse's "slow 4G": 150 ms there and back, which a browser's own throttle takes for 562 ms a request;
1.44 Mbit/s), and again without a line.
"""

from __future__ import annotations

import gzip
import json
import shutil
import statistics
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench import serving
from bench.result import Result
from bench.serving import Served
from bench.town import PASSWORD, Town
from gisops import city as cities
from gisops.access import accounts
from gisops.cluster import OWNER
from gisops.db.pool import connect

ROUNDS, CASES = 5, 200
WITHIN_MS, COLD_MS, WARM_MS = 1_000.0, 5_000.0, 2_000.0
SCREENS = Path(__file__).parents[1] / "api" / "screens"
WALL = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 780}
# Path, who looks at it, kB that its scripts may weigh.
BUDGETS = (("/screen", "leader", 900), ("/desk", "desk", 450), ("/officer", "officer", 450), ("/report", None, 450))
ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]
# What the whole city has one contractor for, so that all of them are one person's while he is on duty.
CATEGORIES = ("E01-10", "E01-12")

# Says when the map was whole for the first time: its style read, each tile in sight there, a frame drawn since.
_FIRST_MAP = """
const looking = setInterval(() => {
  const map = window.gisops?.map;
  if (!map?.isStyleLoaded() || !map.areTilesLoaded()) return;
  clearInterval(looking);
  map.once('render', () => { window.firstMap = performance.now(); });
  map.triggerRepaint();
}, 10);
"""
_BARE = """import * as maplibre from './maplibre-gl.mjs';
const {center, zoom, pitch, bearing, padding, hidden} = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const style = await (await fetch('/styles/screen.json')).json();
for (const layer of style.layers)
  (layer.layout ??= {}).visibility = hidden.includes(layer.id) ? 'none' : 'visible';
const map = new maplibre.Map({container: 'map', style, center, zoom, pitch, bearing, attributionControl: false});
map.setPadding(padding);
window.gisops = {map};
"""
_BARE_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>bare</title>
<link rel="stylesheet" href="/assets/bare/maplibre-gl.css"><link rel="stylesheet" href="/assets/bare/bare.css">
<div id="map"></div><script type="module" src="/assets/bare/bare.js"></script></html>"""
_VIEW = """() => { const map = window.gisops.map; const {lng, lat} = map.getCenter(); return {
  center: [lng, lat], zoom: map.getZoom(), pitch: map.getPitch(), bearing: map.getBearing(), padding: map.getPadding(),
  hidden: map.getStyle().layers.filter(({layout}) => layout?.visibility === 'none').map(({id}) => id)}; }"""

# Notes when each case was first drawn (what the overlay's source holds) or stood in the page's words.
_WATCH = """
window.seen = {};
const note = number => { window.seen[number] ??= Date.now(); };
if (location.pathname === '/screen') setInterval(() => {
  const source = window.gisops?.map?.getSource('overlay_cases');
  for (const feature of source?.serialize().data?.features ?? []) note(feature.properties.case_no);
}, 10);
else setInterval(() => {
  for (const number of document.body.textContent.match(/[0-9]{6}-[0-9]{4}-[0-9]{6}/g) ?? []) note(number);
  for (const each of document.querySelectorAll('[data-case-no]')) note(each.dataset.caseNo);
}, 10);
"""


def run(town: Town) -> Iterator[Result]:
    """Measure and compare, on the sample city."""
    yield from measure(town)


def measure(town: Town, rounds: int = ROUNDS, cases: int = CASES) -> Iterator[Result]:
    """Measure all of it with one server and one browser."""
    with serving.ours(town) as server, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            yield from _weights(server, browser)
            yield _first_map(server, browser, rounds)
            yield from _phone(server, browser, rounds)
            yield from _cases(server, town, browser, cases)
        finally:
            browser.close()


def _first_map(server: Served, browser: Browser, rounds: int) -> Result:
    """The wall and the bare page, in turns."""
    ours: list[float] = []
    other: list[float] = []
    with _bare(), _signed_in(server, browser, "leader", WALL) as (_, page):
        page.add_init_script(_FIRST_MAP)
        page.goto(f"{server.address}/screen")
        _whole(page)
        view = page.evaluate(_VIEW)
        bare = f"{server.address}/bare#{json.dumps(view)}"
        for _ in range(rounds):
            for took, address in ((ours, f"{server.address}/screen"), (other, bare)):
                with _signed_in(server, browser, "leader", WALL) as (_, fresh):
                    fresh.add_init_script(_FIRST_MAP)
                    fresh.goto(address)
                    took.append(_whole(fresh))
    sent = (
        f"medians of {rounds} in turns with empty caches, {WALL['width']} × {WALL['height']}; the style, the layers"
        " shown"
        f" ({len(view['hidden'])} style layers hidden) and the view are the wall's; until each tile in sight is drawn"
    )
    return Result("screens.map", statistics.median(ours), statistics.median(other), "ms", sent, at_most=1.5)


def _whole(page: Page) -> float:
    """Milliseconds from the address to the first whole map."""
    page.wait_for_function("() => window.firstMap", timeout=120_000)
    return float(page.evaluate("() => window.firstMap"))


@contextmanager
def _bare() -> Iterator[None]:
    """A page of MapLibre alone among the built screens, for as long as it is measured."""
    folder, page = SCREENS / "dist" / "assets" / "bare", SCREENS / "dist" / "bare.html"
    made = SCREENS / "node_modules" / "maplibre-gl" / "dist"
    folder.mkdir()
    try:
        for name in ("maplibre-gl.mjs", "maplibre-gl-shared.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css"):
            content = (made / name).read_bytes()
            (folder / name).write_bytes(content)
            # Packed beforehand like ours.
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        (folder / "bare.css").write_text("html, body, #map { height: 100%; margin: 0; }")
        (folder / "bare.js").write_text(_BARE)
        page.write_text(_BARE_PAGE)
        yield
    finally:
        page.unlink(missing_ok=True)
        shutil.rmtree(folder)


def _cases(server: Served, town: Town, browser: Browser, count: int) -> Iterator[Result]:
    """From each report's answer to the wall and to the phone."""
    with connect(town.url()) as conn:
        west, south, east, north = cities.load(conn).extent
    box = west + (east - west) / 5, south + (north - south) / 5, east - (east - west) / 5, north - (north - south) / 5
    with httpx.Client(base_url=server.address, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {_token(client, 'dispatcher')}"
        first = client.post("/api/reports", json=_report(box, 0)).raise_for_status().json()["case"]["case_no"]
        handler = client.get(f"/api/cases/{first}").json()["handler"]["code"]
        with connect(town.url(OWNER)) as owner:
            accounts.add(owner, "bench_phone", "handler", PASSWORD, staff=handler)
        with (
            _signed_in(server, browser, "leader", WALL) as (_, wall),
            _signed_in(server, browser, "bench_phone", PHONE) as (_, phone),
        ):
            for page, path in ((wall, "/screen"), (phone, "/officer")):
                page.add_init_script(_WATCH + _FIRST_MAP)
                page.goto(server.address + path)
            phone.wait_for_function("number => window.seen[number]", arg=first, timeout=60_000)
            _whole(wall)
            wall.wait_for_timeout(2_000)
            took: dict[str, list[float]] = {"wall": [], "phone": []}
            for n in range(1, count + 1):
                answer = client.post("/api/reports", json=_report(box, n))
                answered = time.time() * 1000
                told = answer.raise_for_status().json()
                number = told["case"]["case_no"]
                # What looks like another open case waits for the desk first, and shifts end: then it is not his task.
                case = client.get(f"/api/cases/{number}").raise_for_status().json()
                at_work = case["state"] in ("simple_open", "dispatched")
                his = at_work and (case["handler"] or {}).get("code") == handler
                for name, page in (("wall", wall), ("phone", phone))[: 2 if his else 1]:
                    page.wait_for_function("number => window.seen[number]", arg=number, timeout=20_000)
                    took[name].append(float(page.evaluate("number => window.seen[number]", number)) - answered)
    for name, all_of_them in took.items():
        late = sorted(all_of_them)
        sent = f"{len(late)} reports over HTTP, one after the other; both pages open; the other is what is allowed"
        for what, value in (("median", statistics.median(late)), ("p95", late[int(len(late) * 0.95)])):
            yield Result(f"screens.case.{name}.{what}", max(value, 0.0), WITHIN_MS, "ms", sent, at_most=1)


def _weights(server: Served, browser: Browser) -> Iterator[Result]:
    """What each screen's scripts weigh, packed."""
    for path, login, budget in BUDGETS:
        asked: set[str] = set()
        with _signed_in(server, browser, login, WALL) as (context, page):
            _note(context, page, asked)
            page.goto(server.address + path)
            page.wait_for_selector("#app h1", state="attached", timeout=60_000)
            page.wait_for_timeout(5_000)
        scripts = sorted(url for url in asked if urlsplit(url).path.endswith(".js"))
        kb = sum(_sent(url) for url in scripts) / 1000
        sent = f"{len(scripts)} scripts, workers too, as sent (Brotli); the other is what is allowed"
        yield Result(f"screens.weight{path.replace('/', '.')}", kb, float(budget), "kB", sent, at_most=1)


def _note(context: BrowserContext, page: Page, asked: set[str]) -> None:
    """Note the addresses of everything that a page asks for."""
    context.on("request", lambda request: asked.add(request.url))
    context.on("serviceworker", lambda worker: asked.add(worker.url))
    page.on("worker", lambda worker: asked.add(worker.url))


def _sent(url: str) -> int:
    with httpx.stream("GET", url, headers={"Accept-Encoding": "br"}) as answer:
        return sum(len(part) for part in answer.iter_raw())


def _phone(server: Served, browser: Browser, rounds: int) -> Iterator[Result]:
    """The phone's list, cold on a slow line, then without one."""
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        with _signed_in(server, browser, "officer", PHONE) as (context, page):
            session = context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
            line = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
            session.send("Network.emulateNetworkConditions", line)
            cold.append(_usable(page, f"{server.address}/officer"))
            # Whoever has had it open for a while has all of it.
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            session.send("Network.emulateNetworkConditions", line | {"latency": 0, "downloadThroughput": -1})
            page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
            page.reload()
            page.wait_for_function("() => navigator.serviceWorker.controller")
            page.wait_for_timeout(3_000)
            session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
            context.set_offline(True)
            warm.append(_usable(page, f"{server.address}/officer"))
    how = f"medians of {rounds}, processor four times slower; until the list is there and a task of the page's own ran"
    yield Result(
        "screens.phone.cold", statistics.median(cold), COLD_MS, "ms", f"{how}; empty cache, slow 4G", at_most=1
    )
    yield Result("screens.phone.offline", statistics.median(warm), WARM_MS, "ms", f"{how}; without a line", at_most=1)


# The list is there, be it empty, and the page has answered a touch's worth of work.
_USABLE = "() => document.querySelector('[data-tasks]')"


def _usable(page: Page, address: str) -> float:
    page.goto(address, wait_until="commit")
    page.wait_for_function(_USABLE, timeout=120_000)
    return float(
        page.evaluate(
            "() => new Promise(done => setTimeout(() => requestAnimationFrame(() => done(performance.now()))))"
        )
    )


@contextmanager
def _signed_in(
    server: Served, browser: Browser, login: str | None, size: dict[str, Any]
) -> Iterator[tuple[BrowserContext, Page]]:
    """A page in a context of its own, with nothing in its cache."""
    context = browser.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce")  # type: ignore[arg-type]
    try:
        if login:
            who = {"login": login, "password": PASSWORD}
            answer = context.request.post(f"{server.address}/api/session", data=who, headers={"X-Gisops": "1"})
            if not answer.ok:
                raise RuntimeError(f"{login} could not sign in: {answer.text()}")
        yield context, context.new_page()
    finally:
        context.close()


def _report(box: tuple[float, float, float, float], n: int) -> dict[str, object]:
    west, south, east, north = box
    lon, lat = west + (n * 0.618034 % 1) * (east - west), south + (n * 0.754878 % 1) * (north - south)
    place = {"lon": round(lon, 7), "lat": round(lat, 7), "crs": "WGS84", "accuracy_m": 8}
    category = CATEGORIES[n % 2]
    return {"client_uid": str(uuid.uuid4()), "channel": "officer", "category": category, "text": "bench", **place}


def _token(client: httpx.Client, login: str) -> str:
    answer = client.post("/api/session", json={"login": login, "password": PASSWORD})
    return str(answer.raise_for_status().json()["token"])
