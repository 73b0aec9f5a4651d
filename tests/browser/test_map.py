"""The map page in a real Chromium on the real server: what a visitor, a reporter and a dispatcher see."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from api.cli import app
from gisops.db.pool import connect
from layers.catalog import load_catalog

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

# Runs in both pages: notes when the POST was answered and when each case first stood in the overlay's data, on the
# machine's one clock, so that the two pages can be compared.
WATCH = """
window.watched = {answered: null, answer: null, drawn: {}};
const original = window.fetch;
window.fetch = async (...args) => {
  const response = await original(...args);
  if (String(args[0]).endsWith('/api/reports') && response.status === 201) {
    window.watched.answered = Date.now();
    window.watched.answer = await response.clone().json();
  }
  return response;
};
setInterval(() => {
  const source = window.gisops?.map?.getSource('overlay_cases');
  for (const feature of source?.serialize().data.features ?? [])
    window.watched.drawn[feature.properties.case_no] ??= Date.now();
}, 5);
"""


def open_map(watched: Any, live_server: Any) -> Any:
    watched.page.goto(live_server.base_url)
    watched.wait_for_map()
    return watched.page


def click_city_centre(page: Any) -> None:
    """Click where the middle of the city is drawn, and wait for the answer."""
    x, y = page.evaluate(
        """async () => {
          const {center} = await (await fetch('/api/city')).json();
          const {x, y} = window.gisops.map.project(center);
          return [x, y];
        }"""
    )
    page.mouse.click(x, y)
    page.wait_for_selector("[data-answer]")


def sign_in(page: Any, live_server: Any, login: str = "dispatcher") -> None:
    page.click("[data-act=sign-in]")
    page.fill("#login", login)
    page.fill("#password", live_server.password)
    page.press("#password", "Enter")
    page.wait_for_selector(f"[data-signed-in={login}]")


def style_layers(page: Any, layer: str) -> list[str]:
    found = page.evaluate(
        """id => window.gisops.map.getStyle().layers
             .filter(each => each.metadata?.['gisops:layer'] === id).map(each => each.id)""",
        layer,
    )
    return list(found)


def test_the_page_loads_without_an_error_and_asks_no_other_host(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)

    assert page.errors == []
    assert page.hosts - {"", urlsplit(live_server.base_url).netloc} == set()
    assert shown.evaluate("() => document.documentElement.lang") == "zh-CN"
    page.wait_to_see(style_layers(shown, "roads"), some=True)


def test_a_layer_is_switched_off_and_on_again(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    layers = style_layers(shown, "roads")
    switch = shown.get_by_role("switch", name="道路")
    assert switch.is_checked()

    page.wait_to_see(layers, some=True)
    switch.uncheck()
    page.wait_to_see(layers, some=False)
    switch.check()
    page.wait_to_see(layers, some=True)


def test_a_switched_layer_is_remembered_on_this_device(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    shown.get_by_role("switch", name="道路").uncheck()
    shown.reload()
    page.wait_for_map()

    assert not shown.get_by_role("switch", name="道路").is_checked()


def test_a_click_says_who_is_responsible_and_draws_where_the_answer_holds(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    with shown.expect_response("**/api/locate?*") as asked:
        click_city_centre(shown)
    said = asked.value.json()

    assert shown.inner_text(".who-organisation") == said["organisation"]["name_zh"]
    assert said["superior"]["post_zh"] in shown.inner_text(".chain")
    assert shown.locator("[data-reason]").count() == len(said["reasons"]) > 0
    page.wait_to_see(["overlay_answer-edge"], some=True)
    page.wait_to_see(["overlay_accuracy-edge"], some=True)
    assert page.drawn("overlay_answer")[0]["geometry"] == said["boundary"]
    assert page.errors == []


def test_staff_are_told_whose_pipe_lies_under_the_point_they_asked_about(page: Any, live_server: Any) -> None:
    with connect(live_server.database.owner_url) as owner:
        owner.execute(
            "INSERT INTO pipes (code, medium, depth_m, owner_organisation_id, geom) SELECT 'UNDER-1', 'gas', 1.5,"
            " (SELECT organisation_id FROM organisations WHERE NOT is_duty_desk ORDER BY code LIMIT 1),"
            " ST_Multi(ST_MakeLine(ST_Translate(m, -0.001, 0), ST_Translate(m, 0.001, 0)))"
            " FROM (SELECT ST_Centroid(ST_Envelope(geom)) AS m FROM city) AS c"
        )
    shown = open_map(page, live_server)
    click_city_centre(shown)
    assert shown.locator("[data-pipe]").count() == 0, "pipes are for staff"
    sign_in(shown, live_server)
    with shown.expect_response("**/api/layers/pipes/at?*") as asked:
        click_city_centre(shown)
    told = [feature["id"] for feature in asked.value.json()["features"]]
    assert "UNDER-1" in told
    shown.wait_for_selector("[data-pipe=UNDER-1]")
    with connect(live_server.database.owner_url) as owner:
        row = owner.execute(
            "SELECT o.name_zh FROM pipes p JOIN organisations o ON o.organisation_id = p.owner_organisation_id"
            " WHERE p.code = 'UNDER-1'"
        ).fetchone()
    assert row is not None
    assert row["name_zh"] in shown.inner_text("[data-pipe=UNDER-1]")
    assert page.errors == []


def test_the_answer_is_given_in_english_to_an_english_reader(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    with shown.expect_response("**/api/locate?*") as asked:
        click_city_centre(shown)
    shown.get_by_role("button", name="Switch to English").click()

    assert shown.inner_text(".who-organisation") == asked.value.json()["organisation"]["name_en"]
    assert shown.evaluate("() => document.documentElement.lang") == "en"
    page.wait_for_map()
    # a new style must carry the overlays over
    page.wait_to_see(["overlay_answer-edge"], some=True)
    assert page.errors == []


def test_the_keyboard_alone_asks_and_reports(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    shown.focus("#map canvas")
    shown.keyboard.press("Enter")
    shown.wait_for_selector("[data-answer]")
    shown.focus("[data-act=report-here]")
    shown.keyboard.press("Enter")
    shown.focus("#report-text")
    shown.keyboard.type("样例：人行道上有积水")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")

    shown.wait_for_selector("[data-receipt]")


def test_a_point_far_outside_is_refused_in_words(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    shown.evaluate(
        """async () => {
          const {bbox: [west, south, east, north]} = await (await fetch('/api/city')).json();
          window.gisops.map.jumpTo({center: [east + (east - west), (south + north) / 2], zoom: 14});
        }"""
    )
    shown.get_by_role("button", name="查询地图中心").click()

    assert "城市范围之外" in shown.inner_text("[data-problem=outside_city]")
    assert page.drawn("overlay_answer") == []


def test_layers_not_allowed_are_locked_until_sign_in(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    for layer in ("cases", "officers", "poverty_relief"):
        assert shown.locator(f"[data-layer={layer}] button.locked").count() == 1
        assert style_layers(shown, layer) == []

    shown.locator("[data-layer=cases] button.locked").click()
    shown.fill("#login", "dispatcher")
    shown.fill("#password", live_server.password)
    shown.press("#password", "Enter")
    shown.wait_for_selector("[data-layer=cases] input[role=switch]")
    shown.wait_for_function(
        "() => window.gisops.map.getStyle()?.layers.some(l => l.metadata?.['gisops:layer'] === 'cases')"
    )
    assert shown.wait_for_selector("[data-live=live]")


def test_a_wrong_password_is_said_and_stays_signed_out(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    shown.click("[data-act=sign-in]")
    shown.fill("#login", "dispatcher")
    shown.fill("#password", "not the password")
    shown.press("#password", "Enter")

    assert "账号或密码不正确" in shown.inner_text("[data-problem=bad_credentials]")
    assert shown.locator("[data-signed-in]").count() == 0


def test_a_report_by_form_is_on_the_map_within_a_second_here_and_on_a_second_screen(
    open_page: Callable[..., Any], live_server: Any
) -> None:
    reporter, desk = open_page(), open_page()
    for each in (reporter, desk):
        each.page.add_init_script(WATCH)
        open_map(each, live_server)
    sign_in(desk.page, live_server)
    desk.page.wait_for_selector("[data-live=live]")

    click_city_centre(reporter.page)
    reporter.page.click("[data-act=report-here]")
    # Another category than the one on offer, found by its code.
    reporter.page.fill("#report-text", "样例：井盖旁有积水")
    box = reporter.page.get_by_role("combobox")
    box.click()
    box.fill("E01-12")
    box.press("Enter")
    reporter.page.click("button[type=submit]")
    reporter.page.wait_for_selector("[data-receipt]")

    seen = reporter.page.evaluate("() => window.watched")
    case_no = seen["answer"]["case"]["case_no"]
    assert reporter.page.inner_text(".case-no") == case_no
    assert reporter.page.inner_text(".who-organisation") == seen["answer"]["dispatch"]["organisation"]["name_zh"]
    assert seen["answer"]["case"]["category"]["code"] == "E01-12"
    desk.page.wait_for_selector(f"[data-case-no='{case_no}']")
    for each in (reporter, desk):
        each.page.wait_for_function("no => window.watched.drawn[no]", arg=case_no)
        drawn = each.page.evaluate("no => window.watched.drawn[no]", case_no)
        assert drawn - seen["answered"] <= 1_000
    reporter.page.wait_for_function(
        "() => window.gisops.map.queryRenderedFeatures({layers: ['overlay_cases-dot']}).length > 0"
    )
    assert reporter.errors == []
    assert desk.errors == []


def test_a_report_of_what_was_reported_already_says_that_it_joined_a_case(page: Any, live_server: Any) -> None:
    """The same part again, as a code that was scanned would name it: a stranger hears that he joined another's case and
    not which; who is signed in is told its number.
    """
    with connect(live_server.database.owner_url) as conn:
        part = conn.execute("""
            SELECT p.code, k.code AS category, ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat
            FROM parts p JOIN categories k USING (category_id) JOIN city c ON c.category_scheme = k.scheme
            WHERE k.enabled AND k.major = '01' AND GeometryType(p.geom) = 'POINT'
              AND NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p.geom, 0.003))
            ORDER BY p.code LIMIT 1""").fetchone()
    assert part is not None
    shown = open_map(page, live_server)

    def scan(route: Any) -> None:
        route.continue_(post_data=json.dumps({**json.loads(route.request.post_data), "part_code": part["code"]}))

    shown.route("**/api/reports", scan)
    receipts = []
    for nth in range(3):
        if nth == 2:
            sign_in(shown, live_server)
        shown.evaluate(
            "at => window.gisops.map.jumpTo({center: [at.lon, at.lat], zoom: 19})",
            {"lon": part["lon"], "lat": part["lat"]},
        )
        shown.get_by_role("button", name="查询地图中心").click()
        shown.wait_for_selector("[data-answer]")
        shown.click("[data-act=report-here]")
        box = shown.get_by_role("combobox")
        box.click()
        box.fill(part["category"])
        box.press("Enter")
        shown.click("button[type=submit]")
        shown.wait_for_selector("[data-receipt]")
        receipts.append(shown.locator("[data-receipt] .case-no").all_inner_texts())
        joined = shown.locator("[data-joined]").all_inner_texts()
        assert (len(joined), "" in joined) == (int(nth > 0), False)
        assert shown.inner_text("[data-receipt] .who-organisation") != ""
        shown.locator("[data-receipt]").get_by_role("button", name="关闭").click()
    first, as_a_stranger, signed_in = receipts
    assert len(first) == 1
    assert as_a_stranger == []
    assert signed_in == first
    assert page.errors == []


def test_a_lost_answer_is_asked_for_again_with_the_same_number_even_after_a_reload(page: Any, live_server: Any) -> None:
    shown = open_map(page, live_server)
    bodies: list[str] = []
    answers: list[dict[str, Any]] = []

    def lose_the_answer(route: Any) -> None:
        bodies.append(route.request.post_data)
        response = route.fetch()
        answers.append(response.json())
        if len(bodies) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=response)

    shown.route("**/api/reports", lose_the_answer)
    click_city_centre(shown)
    shown.click("[data-act=report-here]")
    shown.fill("#report-text", "样例：路灯不亮")
    shown.click("button[type=submit]")
    shown.wait_for_selector("[data-unknown]")
    shown.reload()
    page.wait_for_map()
    assert shown.locator("#report-text").input_value() == "样例：路灯不亮"
    shown.click("button[type=submit]")
    shown.wait_for_selector("[data-receipt]")

    assert bodies[0] == bodies[1]
    assert answers[0] == answers[1]
    assert shown.inner_text(".case-no") == answers[0]["case"]["case_no"]


def test_the_device_s_position_is_declared_wgs84_with_its_accuracy(
    open_page: Callable[..., Any], live_server: Any
) -> None:
    watched = open_page(permissions=["geolocation"])
    shown = open_map(watched, live_server)
    lon, lat = shown.evaluate("async () => (await (await fetch('/api/city')).json()).center")
    shown.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 17})
    shown.click("[data-act=report]")
    shown.get_by_role("button", name="使用本机定位").click()
    shown.get_by_text("本机定位", exact=False).first.wait_for()
    shown.wait_for_selector(".preview")
    with shown.expect_request("**/api/reports") as request:
        shown.click("button[type=submit]")
    shown.wait_for_selector("[data-receipt]")

    body = request.value.post_data_json
    assert (body["lon"], body["lat"], body["accuracy_m"], body["crs"]) == (lon, lat, 17, "WGS84")
    assert body["channel"] == "citizen"


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (3840, 2160)])
def test_nothing_runs_over_the_edge_from_phone_to_wall(
    open_page: Callable[..., Any], live_server: Any, width: int, height: int
) -> None:
    watched = open_page(width, height)
    if width * height > 5_000_000:
        # A wall's picture is painted by the processor here, which others may be using.
        watched.page.set_default_timeout(60_000)
    shown = open_map(watched, live_server)
    click_city_centre(shown)

    over = shown.evaluate(
        """() => [...document.querySelectorAll('.panel, .head, .tabs, .panel button, .head button')]
             .filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect())
             .filter(box => box.left < -0.5 || box.right > innerWidth + 0.5).length"""
    )
    assert over == 0
    # The asked point stays in sight, above the sheet of a phone.
    shown.wait_for_function(
        """() => {
          const at = window.gisops.map.getSource('overlay_point').serialize().data.features[0].geometry.coordinates;
          const {x, y} = window.gisops.map.project(at);
          return document.elementFromPoint(x, y)?.tagName === 'CANVAS';
        }"""
    )


# ---- tiles ----

TILE = re.compile(r"/tiles/([a-z0-9_,]+)/(\d+)/(\d+)/(\d+)\.mvt(?:\?v=([\w.-]+))?$")


def tiles_asked(page: Any) -> list[re.Match[str]]:
    """The tiles a page asks for from now on, as they come."""
    asked: list[re.Match[str]] = []

    def note(request: Any) -> None:
        if found := TILE.search(request.url):
            asked.append(found)

    page.on("request", note)
    return asked


def test_a_map_of_many_layers_asks_for_each_tile_of_the_ground_once(page: Any, live_server: Any) -> None:
    asked = tiles_asked(page.page)
    shown = open_map(page, live_server)
    drawn = shown.evaluate(
        """() => [...new Set(window.gisops.map.getStyle().layers
             .filter(each => each.source && each.layout?.visibility !== 'none' && each.metadata?.['gisops:layer'])
             .map(each => each.metadata['gisops:layer']))]"""
    )
    assert {"admin_areas", "rivers", "green_areas", "roads", "buildings"} <= set(drawn)
    assert asked
    assert {frozenset(tile[1].split(",")) for tile in asked} == {frozenset(drawn)}
    assert max(Counter(tile.group(2, 3, 4) for tile in asked).values()) == 1
    assert all(tile[5] for tile in asked)
    # Icons come with the style, and what has a height stands up when the map is tilted.
    assert shown.evaluate("() => window.gisops.map.hasImage('camera')")
    upright = "() => window.gisops.map.getLayoutProperty('buildings-solid', 'visibility')"
    assert shown.evaluate(upright) == "none"
    shown.evaluate("() => window.gisops.map.jumpTo({zoom: 15.5, pitch: 50})")
    shown.wait_for_function(f"{upright} === 'visible'")
    assert page.errors == []


def test_a_change_of_a_case_asks_for_one_tile_of_a_zoom_and_a_load_for_new_addresses(
    page: Any, live_server: Any
) -> None:
    shown = open_map(page, live_server)
    sign_in(shown, live_server)
    shown.wait_for_selector("[data-live=live]")
    lon, lat = shown.evaluate("async () => (await (await fetch('/api/city')).json()).center")
    shown.evaluate("center => window.gisops.map.jumpTo({center, zoom: 14.5})", [lon, lat])
    page.wait_for_map()
    assert shown.evaluate("() => window.gisops.map.isSourceLoaded('cases')")
    asked = tiles_asked(shown)
    report = {
        "client_uid": str(uuid4()),
        "channel": "hotline",
        "category": "E01-10",
        "lon": lon,
        "lat": lat,
        "crs": "WGS84",
        "accuracy_m": 5,
        "text": "样例：路边垃圾",
    }
    answer = shown.request.post(
        f"{live_server.base_url}/api/reports", data=report, headers={"X-Gisops": "1", "Origin": live_server.base_url}
    )
    assert answer.status == 201, answer.text()
    case_no = answer.json()["case"]["case_no"]
    shown.wait_for_selector(f"[data-case-no='{case_no}']")
    shown.wait_for_function(
        """case_no => window.gisops.map.querySourceFeatures('cases', {sourceLayer: 'cases'})
             .some(each => each.properties.case_no === case_no)""",
        arg=case_no,
    )
    page.wait_for_map()
    assert {tile[1] for tile in asked} == {"cases"}
    assert max(Counter(tile[2] for tile in asked).values()) == 1

    # A load of a layer anybody may see: its source is drawn by its new addresses, without a reload of the page.
    asked.clear()
    with connect(live_server.database.owner_url) as owner:
        owner.execute("UPDATE roads SET name_zh = name_zh || '改' WHERE code = (SELECT min(code) FROM roads)")
        assert owner.execute("SELECT layer_changed('roads') AS changed").fetchone() == {"changed": True}
    deadline = shown.evaluate("() => Date.now()") + 15_000
    while not any("roads" in tile[1] for tile in asked):
        assert shown.evaluate("() => Date.now()") < deadline
        shown.wait_for_timeout(100)
    page.wait_for_map()
    assert {tile[1] for tile in asked if "roads" in tile[1].split(",")} == {tile[1] for tile in asked}
    assert len({tile[5] for tile in asked}) == 1
    assert page.errors == []


def test_a_style_that_cannot_be_drawn_leaves_its_layer_out_and_says_so(page: Any, live_server: Any) -> None:
    def spoil(route: Any) -> None:
        answer = route.fetch()
        style = answer.json()
        for piece in style["layers"]:
            if piece["id"] == "rivers-water":
                piece["paint"]["fill-colour"] = "blue"
        route.fulfill(response=answer, body=json.dumps(style))

    shown = page.page
    shown.route("**/styles/day.json", spoil)
    open_map(page, live_server)
    page.wait_to_see(style_layers(shown, "roads"), some=True)
    assert style_layers(shown, "rivers") == []
    assert shown.locator("[data-layer=rivers] [data-broken]").count() == 1
    assert shown.locator("[data-broken]").count() == 1


def test_a_wall_has_a_look_of_its_own_and_every_layer_of_its_reader(page: Any, live_server: Any) -> None:
    shown = page.page
    shown.goto(f"{live_server.base_url}/?theme=screen")
    page.wait_for_map()
    assert shown.evaluate("() => window.gisops.map.getStyle().metadata['gisops:theme']") == "screen"
    assert shown.evaluate("() => document.documentElement.dataset.theme") == "dark"
    named = set(shown.evaluate("() => window.gisops.map.getStyle().metadata['gisops:layers']"))
    assert named == {layer.id for layer in load_catalog() if layer.public}
    assert page.errors == []


# ---- layers that come and go ----


def test_a_layer_of_the_city_s_own_appears_is_drawn_says_that_it_is_old_and_goes(
    page: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GISOPS_DATABASE_URL", live_server.database.app_url)
    monkeypatch.setenv("GISOPS_MIGRATE_URL", live_server.database.owner_url)
    monkeypatch.setenv("GISOPS_HOME", str(tmp_path))

    def gisops(*words: str) -> None:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, (done.output, done.exception)

    shown = open_map(page, live_server)
    sign_in(shown, live_server)
    shown.wait_for_selector("[data-live=live]")
    lon, lat = shown.evaluate("async () => (await (await fetch('/api/city')).json()).center")
    shown.evaluate("center => window.gisops.map.jumpTo({center, zoom: 15})", [lon, lat])
    file = tmp_path / "trees.csv"
    trees = "".join(f"T-{n},样例树{n},{lon + n * 1e-4:.5f},{lat:.5f}\n" for n in range(20))
    file.write_text("编号,名称,lon,lat\n" + trees, "utf-8")
    told = ("id=street_trees", "title_zh=行道树", "fresh_for=P1Y")
    gisops("load", "layer", str(file), "--crs", "WGS84", *(word for each in told for word in ("--set", each)))

    row = "[data-layer=street_trees]"
    shown.wait_for_selector(row, timeout=10_000)
    assert shown.locator(f"{row} .layer-title").inner_text() == "行道树"
    if not shown.locator(f"{row} input").is_checked():
        shown.locator(f"{row} input").check()
    shown.wait_for_function("() => window.gisops.map.getStyle().sources.street_trees")
    page.wait_for_map()
    page.wait_to_see(style_layers(shown, "street_trees"), some=True)
    assert shown.locator(f"{row} [data-stale]").count() == 0

    # Its owner promised to renew it within a year, and did not.
    with connect(live_server.database.owner_url) as owner:
        owner.execute(
            "UPDATE layer_versions SET loaded_at = loaded_at - interval '2y',"
            " confirmed_at = confirmed_at - interval '2y' WHERE layer = 'street_trees'"
        )
    shown.reload()
    page.wait_for_map()
    shown.wait_for_selector(f"{row} [data-stale]")

    gisops("layers", "drop", "street_trees", "--yes")
    shown.wait_for_selector(row, state="detached", timeout=10_000)
    shown.wait_for_function("() => !window.gisops.map.getStyle().sources.street_trees")
    assert page.errors == []
