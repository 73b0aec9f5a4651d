"""The map of the wall in a real Chromium on the real server: what comes in, what is asked of it, what it plays."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.db.pool import connect
from tests.browser.conftest import Watched, signed_in
from tests.conftest import client_as

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

# What happens on the wall while it is watched: frames, and how often its own cases are drawn anew.
COUNT_FRAMES = """(ms) => new Promise(done => {
  let frames = 0, longest = 0, last = performance.now();
  const began = last;
  const step = now => {
    frames += 1; longest = Math.max(longest, now - last); last = now;
    if (now - began < ms) requestAnimationFrame(step); else done({fps: frames * 1000 / (now - began), longest});
  };
  requestAnimationFrame(step);
})"""
COUNT_DRAWN = """() => {
  const source = window.gisops.map.getSource("overlay_cases");
  const original = source.setData.bind(source);
  window.drawn = [];
  source.setData = (...all) => { window.drawn.push(performance.now()); return original(...all); };
}"""
# Whether the pen has drawn to a point of the screen.
DRAWN_TO = """([x, y]) => {
  const map = window.gisops.map;
  const drawn = Object.keys(map.getStyle().sources).filter(id => id.startsWith("drawn"));
  const corners = drawn.flatMap(id => map.getSource(id).serialize().data.features ?? [])
    .filter(each => each.geometry.type === "Polygon").flatMap(each => each.geometry.coordinates[0]);
  return corners.map(at => map.project(at)).some(at => Math.hypot(at.x - x, at.y - y) < 3);
}"""
# The smallest that each kind of label is written at any zoom, CSS pixels.
LABELS = """() => {
  const smallest = size => {
    if (typeof size === "number") return size;
    const [kind, ...rest] = size;
    const first = {interpolate: 3, step: 1}[kind];
    if (first) return Math.min(...rest.filter((_, n) => n >= first && (n - first) % 2 === 0).map(smallest));
    if (kind === "*") return rest[0] * smallest(rest[1]);
    if (kind === "match" || kind === "case") return Math.min(...rest.filter(each => typeof each === "number"));
    throw new Error(`how large is ${JSON.stringify(size)}?`);
  };
  const written = window.gisops.map.getStyle().layers.filter(each => each.layout?.["text-field"]);
  return Object.fromEntries(written.map(each => [each.id, smallest(each.layout["text-size"] ?? 16)]));
}"""
# Events as moves write them, of cases that are in sight: found once, so that the pouring itself costs little.
SPRING = """
CREATE TEMPORARY TABLE spring AS
SELECT row_number() OVER (ORDER BY c.case_id) AS n, c.district_code, c.case_no, c.geom, c.unit_id, c.organisation_id,
  o.payload
FROM (SELECT * FROM cases ORDER BY case_id DESC LIMIT 30) AS c
JOIN LATERAL (SELECT payload FROM outbox WHERE kind = 'case' AND case_no = c.case_no ORDER BY at LIMIT 1) AS o ON true
"""
FLOOD = """
INSERT INTO outbox (district_code, event_id, kind, case_no, geom, unit_id, organisation_id, payload, at)
SELECT s.district_code, gen_random_uuid(), 'case', s.case_no, s.geom, s.unit_id, s.organisation_id, s.payload,
  clock_timestamp()
FROM generate_series(1, %(many)s) AS k JOIN spring AS s ON s.n = 1 + k %% 30
"""
FLOOD_RATE = 600


@pytest.fixture(scope="module")
def desk(live_server: Any) -> Iterator[httpx2.Client]:
    """Who takes reports, and has just taken three dozen, most of them about one place."""
    with client_as(live_server, "desk") as client:
        lon, lat = client.get("/api/city").json()["center"]
        # Rings of so many metres about the middle, every report a case of its own.
        for n in range(36):
            away = (40 if n < 12 else 200 + 5 * n) / 111_000
            report(client, lon + away * (n % 3 - 1), lat + away * (n // 3 % 3 - 1), "E01-10" if n % 2 else "E01-12")
        yield client


def report(client: httpx2.Client, lon: float, lat: float, category: str = "E01-10") -> dict[str, Any]:
    """Report a problem by telephone."""
    body = {
        "client_uid": str(uuid4()),
        "channel": "hotline",
        "category": category,
        "lon": lon,
        "lat": lat,
        "crs": "WGS84",
        "accuracy_m": 5,
    }
    answer = client.post("/api/reports", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture(scope="module")
def wall(browser: Any, live_server: Any, desk: httpx2.Client) -> Iterator[Watched]:
    """The wall of a dispatcher: one page for all stories, as the software renderer takes its time."""
    with connect(live_server.database.owner_url) as owner:
        # Half of the positions are of now, the others an hour old.
        owner.execute(
            "INSERT INTO last_positions (district_code, staff_id, unit_id, captured_at, accuracy_m, geom)"
            " SELECT c.district_code, s.staff_id, c.unit_id, now() - n % 2 * interval '1h', 8, c.geom"
            " FROM (SELECT staff_id, row_number() OVER (ORDER BY staff_id) AS n FROM staff WHERE active LIMIT 6) AS s,"
            " (SELECT * FROM cases ORDER BY case_id LIMIT 1) AS c"
            " ON CONFLICT (district_code, staff_id) DO UPDATE SET captured_at = excluded.captured_at"
        )
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    watched = Watched(context.new_page())
    page = watched.page
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    signed_in(context, live_server, "dispatcher")
    page.goto(f"{live_server.base_url}/screen")
    watched.wait_for_map()
    page.wait_for_selector("[data-live=live]")
    yield watched
    assert watched.errors == []
    context.close()


def look_at_middle(page: Any, zoom: float, pitch: int = 0) -> tuple[float, float]:
    """Look at the city's middle; tells where that is drawn."""
    x, y = page.evaluate(
        """async ([zoom, pitch]) => {
          const {center} = await (await fetch("/api/city")).json();
          window.gisops.map.jumpTo({center, zoom, pitch});
          const {x, y} = window.gisops.map.project(center);
          return [x, y];
        }""",
        [zoom, pitch],
    )
    return x, y


def test_a_case_is_on_the_wall_s_map_within_a_second_and_pulses(
    wall: Watched, desk: httpx2.Client, live_server: Any
) -> None:
    page = wall.page
    lon, lat = desk.get("/api/city").json()["center"]
    page.evaluate(
        """() => {
          window.seen = {};
          setInterval(() => {
            for (const each of window.gisops.map.getSource("overlay_cases")?.serialize().data.features ?? [])
              window.seen[each.properties.case_no] ??= Date.now();
          }, 5);
        }"""
    )
    case_no = report(desk, lon + 0.002, lat + 0.002)["case"]["case_no"]
    answered = time.time() * 1000
    page.wait_for_function("no => window.seen[no]", arg=case_no)
    assert page.evaluate("no => window.seen[no]", case_no) - answered <= 1_000
    assert page.locator(".pulse").count() >= 1
    fresh = [each for each in wall.drawn("overlay_cases") if each["properties"]["fresh"]]
    assert case_no in [each["properties"]["case_no"] for each in fresh]


def test_buildings_stand_up_as_the_wall_looks_from_aside(wall: Watched) -> None:
    page = wall.page
    assert page.evaluate("() => window.gisops.map.getPitch()") > 12
    assert page.evaluate("() => window.gisops.map.getLayoutProperty('buildings-solid', 'visibility')") == "visible"
    page.click("[data-act=tilt]")
    page.wait_for_function("() => window.gisops.map.getLayoutProperty('buildings-solid', 'visibility') === 'none'")


def test_layers_are_switched_where_their_numbers_stand(wall: Watched, desk: httpx2.Client) -> None:
    page = wall.page
    page.click("[data-act=layers]")
    for layer in ("rivers", "grid_cells", "cameras"):
        page.wait_for_selector(f"[data-count={layer}]")
        true = desk.get(f"/api/layers/{layer}/count").json()["count"]
        assert page.inner_text(f"[data-count={layer}]") == f"{true:,}"
    drawn = "() => window.gisops.map.getLayoutProperty('rivers-water', 'visibility')"
    assert page.evaluate(drawn) == "visible"
    page.uncheck("[data-layer=rivers] input")
    page.wait_for_function(f"{drawn} === 'none'")
    page.check("[data-layer=rivers] input")
    page.click("[data-act=layers]")
    assert page.locator("[data-count]").count() == 0


def test_officers_are_drawn_with_the_age_of_their_position(wall: Watched) -> None:
    page = wall.page
    page.wait_for_function(
        "() => window.gisops.map.getSource('overlay_officers')?.serialize().data.features.length >= 2"
    )
    told = {each["properties"]["code"]: each["properties"] for each in wall.drawn("overlay_officers")}
    old = [each for each in told.values() if each["old"]]
    assert len(old) >= 1
    assert len(old) < len(told), "somebody was seen just now"
    assert any("小时前" in each["name"] for each in old)
    assert all("前" not in each["name"] for each in told.values() if not each["old"])
    assert "officers-dot" in [each["id"] for each in page.evaluate("() => window.gisops.map.getStyle().layers")]
    assert page.evaluate("() => window.gisops.map.getLayoutProperty('officers-dot', 'visibility')") == "none"


def test_a_click_says_who_is_responsible_what_is_here_and_what_happened(
    wall: Watched, desk: httpx2.Client, live_server: Any
) -> None:
    page = wall.page
    x, y = look_at_middle(page, 16)
    with page.expect_response("**/api/locate?*") as located, page.expect_response("**/api/happened?*lon=*") as happened:
        page.mouse.click(x, y)
    page.wait_for_selector("[data-panel=here] [data-answer]")
    assert page.inner_text("[data-panel=here] .who-organisation") == located.value.json()["organisation"]["name_zh"]
    told = [each["case_no"] for each in happened.value.json()["cases"]]
    page.wait_for_selector("[data-happened]")
    shown = page.eval_on_selector_all("[data-happened] [data-case-no]", "all => all.map(each => each.dataset.caseNo)")
    assert shown == told
    asked = wall.drawn("overlay_point")[0]["geometry"]["coordinates"]
    with connect(live_server.database.owner_url) as owner:
        true = owner.execute(
            "SELECT case_no FROM cases, (SELECT ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography AS p) AS asked"
            " WHERE ST_DWithin(geom::geography, p, 150) AND reported_at > now() - interval '90 days'"
            " ORDER BY case_id DESC",
            asked,
        ).fetchall()
    assert told == [row["case_no"] for row in true]
    assert len(told) >= 10
    page.wait_for_selector("[data-under-layer=grid_cells]")
    # Each case opens; Escape takes the question back.
    page.click(f"[data-happened] [data-case-no='{told[0]}']")
    page.wait_for_selector("[data-panel=case]")
    page.wait_for_selector(f"[data-panel=case]:has-text('{told[0]}')")
    page.click("[data-act=close-case]")
    page.wait_for_selector("[data-panel=here]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-panel=here]", state="detached")
    assert wall.drawn("overlay_point") == []
    # By keyboard: Enter asks at the middle of the map.
    page.focus("#map canvas")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-panel=here]")
    page.click("[data-act=close-here]")


def test_a_drawn_area_says_everything_inside_and_escape_clears_it(
    wall: Watched, desk: httpx2.Client, live_server: Any
) -> None:
    page = wall.page
    page.click("[data-act=draw]")
    page.click("[data-act=draw-rectangle]")
    page.wait_for_function("() => Object.keys(window.gisops.map.getStyle().sources).some(id => id.startsWith('drawn'))")
    # What the panels cover is told the map in the next frame, which moves its middle.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    x, y = look_at_middle(page, 15)
    page.mouse.click(x - 60, y - 60)
    # A hand is slower than a program, and the pen is made for hands: it goes on until the drawn corner is below it.
    for step in range(200):
        page.mouse.move(x + 60 - step % 2, y + 60)
        if page.evaluate(DRAWN_TO, [x + 60, y + 60]):
            break
        page.wait_for_timeout(50)
    page.mouse.click(x + 60, y + 60)
    page.wait_for_selector("[data-panel=area]")
    settled = "() => [...document.querySelectorAll('[data-inside]')].every(each => each.dataset.status === 'answered')"
    page.wait_for_function(settled)
    geometry = wall.drawn("overlay_area")[0]["geometry"]
    for layer in ("cases", "buildings", "grid_cells"):
        body = {"geometry": geometry, "crs": "WGS84", "limit": 1000}
        true = desk.post(f"/api/layers/{layer}/at", json=body).json()["features"]
        shown = page.get_attribute(f"[data-inside={layer}]", "data-number")
        assert int(shown or 0) == len(true)
    with connect(live_server.database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*) AS n FROM cases"
            " WHERE stage < 7 AND ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(%s), 4326))",
            (json.dumps(geometry),),
        ).fetchone()
    assert row is not None
    assert page.inner_text("[data-total=cases]") == str(row["n"])
    assert row["n"] >= 10
    assert (
        page.evaluate("() => Object.keys(window.gisops.map.getStyle().sources).some(id => id.startsWith('drawn'))")
        is False
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-panel=area]", state="detached")
    assert wall.drawn("overlay_area") == []
    # For hands that draw by keyboard: what is in sight.
    page.focus("[data-act=draw]")
    page.keyboard.press("Enter")
    page.focus("[data-act=draw-sight]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-panel=area]")
    page.click("[data-act=clear-area]")


def test_the_day_is_played_on_hexagons_and_as_heat(wall: Watched, live_server: Any) -> None:
    page = wall.page
    page.click("[data-act=hexagons]")
    page.wait_for_selector("[data-shown]")
    total = int(page.get_attribute("[data-shown]", "data-shown"))
    with connect(live_server.database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*) AS n FROM cases WHERE reported_at > %s", (datetime.now(UTC) - timedelta(hours=24),)
        ).fetchone()
    assert row is not None
    assert total == row["n"] >= 36
    hexagons = wall.drawn("overlay_hexagons")
    assert sum(each["properties"]["count"] for each in hexagons) == total
    assert max(each["properties"]["count"] for each in hexagons) >= 10
    assert page.evaluate("() => window.gisops.map.getLayoutProperty('cases-dot', 'visibility')") == "none"
    # All of it came within the last hours: the first hour of the period holds none, the last one all.
    page.fill(".player-range", "0")
    page.wait_for_function("() => document.querySelector('[data-shown]').dataset.shown === '0'")
    assert wall.drawn("overlay_hexagons") == []
    page.fill(".player-range", "23")
    page.wait_for_function("n => document.querySelector('[data-shown]').dataset.shown === n", arg=str(total))
    page.click("[data-act=play]")
    said = page.inner_text("[data-hours]")
    page.wait_for_function("said => document.querySelector('[data-hours]').innerText !== said", arg=said)
    page.click("[data-act=play]")
    page.click("[data-act=heat]")
    page.click("[data-act=all-hours]")
    page.wait_for_function(
        "n => window.gisops.map.getSource('overlay_heat').serialize().data.features.length === n", arg=total
    )
    assert wall.drawn("overlay_hexagons") == []
    page.click("[data-act=heat]")
    page.wait_for_selector("[data-panel=player]", state="detached")
    assert wall.drawn("overlay_heat") == []


def test_five_hundred_events_a_second_leave_the_picture_moving(wall: Watched, live_server: Any) -> None:
    page = wall.page
    look_at_middle(page, 12.5)
    wall.wait_for_map()
    page.evaluate(COUNT_DRAWN)
    # Pulses of what came before have calmed down.
    quiet = page.evaluate(COUNT_FRAMES, 2_000)
    stop = threading.Event()
    written = [0]

    def pour() -> None:
        with connect(live_server.database.owner_url) as owner:
            owner.execute(SPRING)
            owner.commit()
            began = time.monotonic()
            while not stop.wait(0.1):
                due = int(FLOOD_RATE * (time.monotonic() - began)) - written[0]
                written[0] += owner.execute(FLOOD, {"many": due}).rowcount
                owner.commit()

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        page.wait_for_function("() => Number(document.querySelector('[data-flow]')?.dataset.flow) >= 500")
        poured, began = written[0], time.monotonic()
        page.evaluate("() => { window.drawn = []; window.begun = performance.now(); }")
        flooded = page.evaluate(COUNT_FRAMES, 4_000)
        poured, took = written[0] - poured, time.monotonic() - began
        drawn, told, looked = page.evaluate(
            "() => [window.drawn, Number(document.querySelector('[data-flow]').dataset.flow),"
            " (performance.now() - window.begun) / 1_000]"
        )
        listed = page.locator("[data-panel=newest] [data-case-no]").count()
    finally:
        stop.set()
        pouring.join()
    assert took >= 3
    assert poured / took >= 500
    assert told >= 500, "the wall says how many come in"
    assert page.locator("[data-live=live]").count() == 1, "nobody is cut for a crowd of events"
    # The list and the map take samples: four times a second at most, and one more that the count may cut in two.
    assert 0 < listed <= 30
    assert 0 < len(drawn) <= 4 * looked + 2
    assert flooded["fps"] >= 0.4 * quiet["fps"], (quiet, flooded)
    page.wait_for_selector("[data-flow]", state="detached")


def test_the_tour_goes_from_place_to_place_until_a_hand_touches_the_wall(wall: Watched) -> None:
    page = wall.page
    before = page.evaluate("() => window.gisops.map.getCenter().toArray()")
    page.click("[data-act=tour]")
    page.wait_for_selector("[data-tour]")
    page.wait_for_function(
        "before => { const at = window.gisops.map.getCenter().toArray(); return at[0] !== before[0]; }", arg=before
    )
    assert "巡览中" in page.inner_text("[data-tour]")
    page.keyboard.press("Shift")
    page.wait_for_selector("[data-tour]", state="detached")
    page.click("[data-act=home]")


def test_labels_are_read_across_a_room(wall: Watched, live_server: Any) -> None:
    page = wall.page
    sent = wall.page.request.get(f"{live_server.base_url}/styles/screen.json").json()["layers"]
    sizes = {each["id"]: each["layout"]["text-size"] for each in sent if "text-size" in each.get("layout", {})}
    assert len(sizes) >= 20
    size = "id => window.gisops.map.getLayoutProperty(id, 'text-size')"
    assert {label: page.evaluate(size, label) for label in sizes} == sizes
    here = page.evaluate(LABELS)
    # The map itself stays small: how it is written is asked, not how fast 8 million pixels are painted.
    page.evaluate(
        """() => Object.assign(document.querySelector("#map").style,
          {inset: "auto", width: "320px", height: "240px"})"""
    )
    page.set_viewport_size({"width": 3840, "height": 2160})
    page.wait_for_function(
        "([id, size]) => JSON.stringify(window.gisops.map.getLayoutProperty(id, 'text-size')) !== size",
        arg=[next(iter(sizes)), json.dumps(next(iter(sizes.values())), separators=(",", ":"))],
    )
    large = page.evaluate(LABELS)
    assert set(here) == set(large)
    assert min(large.values()) >= 2160 / 200
    assert all(large[label] >= 2 * here[label] for label in here)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.evaluate("""() => document.querySelector("#map").removeAttribute("style")""")
    page.wait_for_function(
        "([id, size]) => JSON.stringify(window.gisops.map.getLayoutProperty(id, 'text-size')) === size",
        arg=[next(iter(sizes)), json.dumps(next(iter(sizes.values())), separators=(",", ":"))],
    )
