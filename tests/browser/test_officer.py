"""The officer's phone in a real Chromium on the real server: inside or outside, a day's work without a network, and
what becomes of it when answers get lost, pages end and others sign in.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyproj
import pytest
import shapely

from gisops.db.pool import connect
from gisops.sample.district.shapes import to_degrees
from tests.browser.axe import grave
from tests.browser.conftest import signed_in, wait_for_worker
from tests.conftest import client_as
from tests.photos import evidence_asked, jpeg

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
# In the sample district's plan, by several zones' edges: the desk decides who goes there.
NEAR_A_LINE = (430, 500)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def spot() -> tuple[float, float]:
    point = to_degrees(shapely.Point(*NEAR_A_LINE))
    return round(point.x, 7), round(point.y, 7)


@pytest.fixture
def phone(open_page: Open, live_server: Any, spot: tuple[float, float]) -> Open:
    """``phone("officer")``: a phone at the spot, signed in; by a password of its own where the sign-in will end."""

    def make(login: str = "officer", *, ends: bool = False, **options: Any) -> Any:
        at = {"longitude": spot[0], "latitude": spot[1], "accuracy": 8}
        watched = open_page(**PHONE, geolocation=at, permissions=["geolocation"], **options)
        page = watched.page
        page.set_default_timeout(60_000)
        signed_in(page.context, live_server, login, ends=ends)
        page.goto(f"{live_server.base_url}/officer")
        page.wait_for_selector(f"[data-signed-in={login}]")
        return watched

    return make


@pytest.fixture
def task(live_server: Any, spot: tuple[float, float]) -> str:
    """Number of a new case that the desk has sent to the sample's officer; photographs are asked for as in any city."""
    with connect(live_server.database.owner_url) as owner:
        evidence_asked(owner, True)
    with client_as(live_server, "officer") as officer, client_as(live_server, "desk") as desk:
        body = {
            "client_uid": str(uuid4()), "channel": "hotline", "category": "E04-05", "lon": spot[0], "lat": spot[1],
            "crs": "WGS84", "accuracy_m": 12, "text": "样例：<b>井盖</b>松动 / Sample: loose cover",
        }  # fmt: skip
        sent = desk.post("/api/reports", json=body)
        assert sent.status_code == 201, sent.text
        number = str(sent.json()["case"]["case_no"])
        card = officer.get("/api/me").json()
        case = desk.get(f"/api/cases/{number}").json()
        told = {"expected_version": case["version"], "organisation": card["organisation"]["code"]}
        done = desk.post(
            f"/api/cases/{number}/dispatch", json=told | {"staff": card["staff"]["code"], "reason": "样例 / Sample"}
        )
        assert done.status_code == 200, done.text
    return number


def sign_in(page: Any, live_server: Any, login: str) -> None:
    page.click("[data-act=sign-in]")
    page.fill("#login", login)
    page.fill("#password", live_server.password)
    page.press("#password", "Enter")
    page.wait_for_selector(f"[data-signed-in={login}]", timeout=60_000)


def sign_out(page: Any) -> None:
    page.click("[data-tab=mine]")
    page.click("[data-act=sign-out]")
    page.click("[data-act=sign-out-sure]")
    page.wait_for_selector(".welcome")


STORE = """async ([name, mode, act]) => {
  const db = await new Promise(done => {
    const asked = indexedDB.open('gisops.officer');
    asked.onsuccess = () => done(asked.result);
  });
  const store = db.transaction(name, mode).objectStore(name);
  const asked = act ? store.put(act[1], act[0]) : store.getAllKeys();
  return new Promise(done => { asked.onsuccess = () => { db.close(); done(asked.result); }; });
}"""


def kept_in(page: Any, store: str = "kept") -> list[Any]:
    """Names of what this device keeps."""
    return list(page.evaluate(STORE, [store, "readonly", None]))


def rows(live_server: Any, query: str, *values: Any) -> list[dict[str, Any]]:
    with connect(live_server.database.owner_url) as owner:
        return list(owner.execute(query, list(values)).fetchall())


def actions(live_server: Any, case_no: str) -> list[str]:
    found = rows(
        live_server,
        "SELECT h.action FROM case_history h JOIN cases c USING (district_code, case_id) WHERE c.case_no = %s"
        " ORDER BY h.seq",
        case_no,
    )
    return [str(row["action"]) for row in found]


def reports_that_say(live_server: Any, text: str) -> int:
    return len(rows(live_server, "SELECT report_id FROM reports WHERE text = %s", text))


def picture(seed: int) -> list[dict[str, Any]]:
    return [{"name": "camera.jpg", "mimeType": "image/jpeg", "buffer": jpeg(seed, (2400, 1800))}]


def take(page: Any, phase: str, seed: int) -> None:
    field = page.locator(f"[data-photos={phase}]")
    before = page.locator("[data-photo]").count()
    field.set_input_files(picture(seed))
    page.wait_for_function("n => document.querySelectorAll('[data-photo]').length > n", arg=before)


def write_report(page: Any, text: str, seed: int | None = None) -> None:
    page.click("[data-tab=report]")
    page.wait_for_selector("[data-place=here]")
    page.click("input[role=combobox]")
    page.fill("input[role=combobox]", "E01-10")
    page.click("[data-code='E01-10']")
    if seed is not None:
        take(page, "report", seed)
    page.fill("#report-text", text)
    page.click("[data-act=send-report]")
    page.wait_for_selector("[data-saved]")


# -- inside or outside ------------------------------------------------------------------------------------------------


def areas_of(zones: dict[str, Any]) -> list[dict[str, Any]]:
    """The officer's zones, and one beside them that has a hole and lies in two pieces."""
    west, south = shapely.from_geojson(json.dumps(zones["features"][0]["geometry"])).bounds[:2]
    outer = shapely.box(west - 0.004, south - 0.004, west - 0.001, south - 0.001)
    holed = shapely.MultiPolygon(
        [outer.difference(outer.buffer(-0.001)), shapely.box(west, south - 0.004, west + 0.001, south - 0.002)]
    )
    return [*zones["features"], {"geometry": json.loads(shapely.to_geojson(holed))}]


def test_inside_or_outside_is_what_another_reckoning_says(phone: Open, spot: tuple[float, float]) -> None:
    watched = phone()
    page = watched.page
    zones = page.evaluate("async () => (await fetch('/api/me/zones')).json()")
    assert zones["features"], "the sample's officer has a zone"
    areas = areas_of(zones)
    shapes = [shapely.from_geojson(json.dumps(area["geometry"])) for area in areas]
    box = shapely.union_all(shapes).buffer(0.002).bounds
    rng = random.Random(7)
    points = [(rng.uniform(box[0], box[2]), rng.uniform(box[1], box[3])) for _ in range(500)]
    told = page.evaluate(
        """([areas, points]) => points.map(
             ([lon, lat]) => areas.map(area => window.gisops.standing([area], lon, lat, 5)))""",
        [areas, points],
    )
    seen = set()
    for (lon, lat), each in zip(points, told, strict=True):
        plane = pyproj.Proj(proj="aeqd", lon_0=lon, lat_0=lat, ellps="WGS84")
        for shape, said in zip(shapes, each, strict=True):
            flat = shapely.transform(shape, plane, interleaved=False)
            edge, inside = flat.boundary.distance(shapely.Point(0, 0)), flat.contains(shapely.Point(0, 0))
            assert said["edge_m"] == pytest.approx(edge, rel=2e-3, abs=0.05)
            if abs(edge - 5) > 0.1:
                assert said["at"] == ("maybe" if edge < 5 else "inside" if inside else "outside"), (lon, lat)
            seen.add(said["at"])
    assert seen == {"inside", "outside", "maybe"}

    # and so it stands on the page, in words that change as the officer walks
    zone = shapes[0]
    inner = shapely.maximum_inscribed_circle(zone).coords[0]
    context = page.context
    for (lon, lat), accuracy, word, says in (
        (inner, 5, "inside", "在网格内"),
        ((zone.bounds[0] - 0.01, inner[1]), 5, "outside", "在网格外 "),
        ((zone.exterior if zone.geom_type == "Polygon" else zone.geoms[0].exterior).coords[0], 30, "maybe", "可能在外"),
    ):
        context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": accuracy})
        page.wait_for_selector(f"[data-standing={word}]")
        assert says in page.inner_text("[data-standing]")
    assert watched.errors == []


# -- a day's work -----------------------------------------------------------------------------------------------------


def test_accepted_photographed_and_handed_in_without_a_network_over_a_reload(
    phone: Open, live_server: Any, task: str
) -> None:
    watched = phone()
    page, context = watched.page, watched.page.context
    row = page.locator(f"[data-case='{task}']")
    row.wait_for()
    wait_for_worker(page)
    row.click()
    page.wait_for_selector("[data-map=there]")
    # what somebody wrote is text
    page.wait_for_selector("[data-written]")
    assert "<b>井盖</b>" in page.inner_text("[data-written]")
    assert page.locator("[data-written] b").count() == 0
    assert grave(page) == []

    context.set_offline(True)
    page.click("[data-act=ack]")
    page.wait_for_selector("[data-bar=unsent][data-unsent='1']")
    page.click("[data-act=finish]")
    take(page, "before", 101)
    take(page, "after", 102)
    assert grave(page) == []
    # the phone ends the page while its camera is open
    page.reload()
    page.wait_for_selector("[data-bar=offline]")
    page.wait_for_selector("[data-bar=unsent][data-unsent='1']")
    page.click(f"[data-case='{task}']")
    page.click("[data-act=finish]")
    page.wait_for_function("() => document.querySelectorAll('[data-photo]').length === 2")
    page.fill("#act-reason", "样例：已加固 / Sample: fixed")
    page.click("[data-act=submit]")
    page.wait_for_selector("[data-bar=unsent][data-unsent='2']")
    assert "待上传 2 条（" in page.inner_text("[data-bar=unsent]")
    page.wait_for_selector("[data-task][data-state=handled]")
    assert actions(live_server, task)[-1] == "dispatch"

    context.set_offline(False)
    page.wait_for_selector("[data-bar=unsent]", state="detached", timeout=60_000)
    done = actions(live_server, task)
    assert (done.count("ack"), done.count("finish")) == (1, 1)
    shown = rows(
        live_server,
        "SELECT p.phase, p.sha256 FROM case_photos p JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s ORDER BY p.phase DESC",
        task,
    )
    assert [row["phase"] for row in shown] == ["before", "after"]
    # where he is went along, without being asked again
    assert rows(live_server, "SELECT FROM last_positions LIMIT 1")
    assert watched.hosts - {"", urlsplit(live_server.base_url).netloc} == set()


def test_a_refusal_is_said_and_waits_for_the_officer(phone: Open, live_server: Any, task: str) -> None:
    watched = phone(service_workers="block")
    page = watched.page
    page.click(f"[data-case='{task}']")
    page.click("[data-act=ack]")
    page.wait_for_selector("[data-task][data-state=handling] [data-act=finish]:visible")
    page.wait_for_selector("[data-bar=unsent]", state="detached")
    page.click("[data-act=finish]")
    page.click("[data-act=submit]")
    assert "至少拍一张" in page.inner_text("[data-wrong]")
    # so far from the case that no photograph of it counts: the phone warns, the server refuses
    at = {"longitude": page.evaluate("async () => (await (await fetch('/api/city')).json()).bbox[0]"), "accuracy": 5}
    page.context.set_geolocation(
        {**at, "latitude": page.evaluate("async () => (await (await fetch('/api/city')).json()).bbox[1]")}
    )
    page.wait_for_selector("[data-far]")
    take(page, "after", 201)
    page.click("[data-act=submit]")
    page.wait_for_selector("[data-bar=unsent].bad")
    page.click("[data-act=outbox]")
    page.wait_for_selector("[data-item][data-refused] [data-problem=guard_failed]")
    assert "米以内" in page.inner_text("[data-problem]")
    assert grave(page) == []
    page.click("[data-act=retry]")
    page.wait_for_selector("[data-item][data-refused]")
    page.click("[data-act=discard]")
    page.click("[data-act=discard-sure]")
    page.wait_for_selector("[data-item]", state="detached")
    assert "finish" not in actions(live_server, task)


# -- answers that get lost, pages that end, others that sign in -------------------------------------------------------


def lose_answer(page: Any, address: str, times: int = 1) -> list[int]:
    """Let the server have what is sent there, and lose its answer so many times. What it answered is told."""
    lost: list[int] = []

    def handle(route: Any) -> None:
        if len(lost) >= times:
            return route.continue_()
        lost.append(route.fetch().status)
        route.abort()
        return None

    page.route(address, handle)
    return lost


def hurry_on(page: Any, lost: list[int]) -> None:
    """Once the answer is lost, do not wait for the sender's own next try (unless that was quicker)."""
    deadline = time.monotonic() + 60
    while not lost and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert lost, "nothing was sent"
    page.wait_for_timeout(300)
    page.evaluate("() => document.querySelector('[data-act=send-now]')?.click()")


def test_a_lost_answer_makes_no_second_report_and_no_second_move(phone: Open, live_server: Any, task: str) -> None:
    watched = phone(service_workers="block")
    page = watched.page
    photos, reports = lose_answer(page, "**/api/photos"), lose_answer(page, "**/api/reports")
    text = f"样例：散落垃圾 {uuid4()}"
    write_report(page, text, seed=301)
    for lost in (photos, reports):
        hurry_on(page, lost)
    page.wait_for_selector("[data-receipt]", timeout=60_000)
    assert (photos, reports) == ([201], [201])
    assert reports_that_say(live_server, text) == 1
    shown = rows(
        live_server, "SELECT p.sha256 FROM report_photos p JOIN reports r USING (report_id) WHERE r.text = %s", text
    )
    assert len(shown) == 1

    acked = lose_answer(page, f"**/api/cases/{task}/ack")
    page.click("[data-tab=tasks]")
    page.click(f"[data-case='{task}']")
    page.click("[data-act=ack]")
    hurry_on(page, acked)
    page.wait_for_selector("[data-bar=unsent]", state="detached", timeout=60_000)
    assert acked == [200]
    assert actions(live_server, task).count("ack") == 1


def test_two_pages_of_one_phone_send_once(phone: Open, live_server: Any) -> None:
    watched = phone()
    page, context = watched.page, watched.page.context
    page.wait_for_selector("[data-tasks]", state="attached")
    wait_for_worker(page)
    asked: list[Any] = []
    kept_back: list[Any] = []
    context.on("request", lambda request: request.method == "POST" and asked.append(request))
    # A try without a network has not left the phone; one may still come in the moment before it is back for both pages.
    context.on("requestfailed", lambda tried: "DISCONNECTED" in (tried.failure or "") and kept_back.append(tried))
    context.set_offline(True)
    text = f"样例：两页 {uuid4()}"
    write_report(page, text, seed=401)
    second = context.new_page()
    second.goto(f"{live_server.base_url}/officer")
    second.wait_for_selector("[data-bar=unsent][data-unsent='1']")
    context.set_offline(False)
    for each in (page, second):
        each.wait_for_selector("[data-bar=unsent]", state="detached", timeout=60_000)
    sent = [urlsplit(request.url).path for request in asked if request not in kept_back]
    assert (sent.count("/api/reports"), sent.count("/api/photos")) == (1, 1)
    assert reports_that_say(live_server, text) == 1


def test_what_one_account_left_unsent_goes_out_for_nobody_else(phone: Open, live_server: Any) -> None:
    watched = phone(ends=True, service_workers="block")
    page = watched.page
    page.route("**/api/reports", lambda route: route.abort())
    text = f"样例：换人 {uuid4()}"
    write_report(page, text)
    page.wait_for_selector("[data-act=send-now]")
    page.click("[data-tab=mine]")
    page.wait_for_selector("[data-zone]", state="attached")
    assert grave(page) == []
    page.click("[data-act=sign-out]")
    page.click("[data-act=sign-out-sure]")
    page.wait_for_selector("[data-bar=others][data-others='1']")
    kept = kept_in(page)
    assert kept == [], "tasks, zones and cases are gone with the sign-in"
    page.unroute("**/api/reports")
    sign_in(page, live_server, "handler")
    page.wait_for_selector("[data-bar=others][data-others='1']")
    assert "officer" not in page.inner_text("[data-bar=others]"), "whose it is is nobody's business"
    page.wait_for_timeout(500)
    assert reports_that_say(live_server, text) == 0
    sign_out(page)
    sign_in(page, live_server, "officer")
    page.wait_for_selector("[data-bar=others]", state="detached")
    page.wait_for_selector("[data-bar=unsent]", state="detached", timeout=60_000)
    (who,) = rows(
        live_server,
        "SELECT a.login FROM reports r JOIN accounts a ON a.account_id = r.account_id WHERE r.text = %s",
        text,
    )
    assert who["login"] == "officer"


def test_a_sign_in_that_ended_keeps_everything_until_the_next(phone: Open, live_server: Any) -> None:
    watched = phone(service_workers="block")
    page = watched.page
    page.wait_for_selector("[data-tasks]", state="attached")
    page.context.clear_cookies()
    text = f"样例：登录结束 {uuid4()}"
    write_report(page, text)
    page.wait_for_selector("[data-bar=ended]")
    assert reports_that_say(live_server, text) == 0
    sign_in(page, live_server, "officer")
    page.wait_for_selector("[data-bar=unsent]", state="detached", timeout=60_000)
    assert reports_that_say(live_server, text) == 1


# -- whoever has signed out is gone -----------------------------------------------------------------------------------


def test_a_sign_out_without_a_network_holds_and_meets_nobody_else(phone: Open, live_server: Any) -> None:
    watched = phone(ends=True, service_workers="block")
    page = watched.page
    page.wait_for_selector("[data-tasks]", state="attached")
    page.click("[data-tab=report]")
    take(page, "report", 501)
    page.fill("#report-text", "样例：没写完 / Sample: unfinished")
    # an answer that is under way when he signs out
    held: list[Any] = []
    page.route("**/api/me/tasks*", lambda route: held.append(route))
    page.route("**/api/session", lambda route: route.abort())
    page.evaluate("() => dispatchEvent(new Event('online'))")
    deadline = time.monotonic() + 30
    while not held and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert held
    asked: list[str] = []
    sign_out(page)
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    for route in held:
        route.continue_()
    page.unroute("**/api/me/tasks*")
    # the network's return, another look at the page, a new page: each asks with his cookie, if anything does
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_timeout(400)
    page.reload()
    page.wait_for_selector(".welcome")
    page.wait_for_timeout(400)
    assert page.locator("[data-signed-in]").count() == 0
    assert "/api/me" not in asked
    assert [kept_in(page, store) for store in ("photos", "track", "outbox")] == [[], [], []]
    assert [key for key in kept_in(page) if key != "categories"] == []
    assert any(cookie["name"] == "gisops_session" for cookie in page.context.cookies())

    # whoever signs in before the server heard of it stays signed in
    page.unroute("**/api/session")
    left = page.evaluate("() => localStorage['gisops.leaving']")
    assert left == "officer"
    sign_in(page, live_server, "handler")
    assert page.evaluate("() => localStorage['gisops.leaving'] ?? null") is None
    page.evaluate("left => { localStorage['gisops.leaving'] = left; }", left)
    page.reload()
    page.wait_for_function("() => !localStorage['gisops.leaving']")
    page.wait_for_selector("[data-signed-in=handler]")


def test_a_sign_out_on_another_page_takes_the_phones_work_along(phone: Open, live_server: Any) -> None:
    watched = phone(ends=True)
    page, context = watched.page, watched.page.context
    page.wait_for_selector("[data-tasks]", state="attached")
    wait_for_worker(page)
    page.click("[data-tab=map]")
    page.wait_for_selector("[data-map=there]")
    page.wait_for_function("async () => (await caches.keys()).includes('officer-seen.officer')")
    assert "officer:work" in kept_in(page)
    other = context.new_page()
    other.set_default_timeout(60_000)
    other.goto(f"{live_server.base_url}/desk")
    other.click("[data-signed-in=officer]")
    page.wait_for_selector(".welcome")
    assert page.locator("[data-signed-in]").count() == 0
    page.wait_for_function("async () => !(await caches.keys()).includes('officer-seen.officer')")
    assert [key for key in kept_in(page) if key != "categories"] == []


def test_a_cookie_that_changed_sends_nothing_in_anothers_name(phone: Open, live_server: Any) -> None:
    watched = phone(service_workers="block")
    page = watched.page
    page.wait_for_selector("[data-tasks]", state="attached")
    # another page of the browser has signed somebody in, and this one has not heard of it
    page.evaluate(
        """body => fetch('/api/session', {method: 'POST', body, headers: {'Content-Type': 'application/json'}})""",
        json.dumps({"login": "handler", "password": live_server.password}),
    )
    text = f"样例：换了登录 {uuid4()}"
    with page.expect_response("**/api/reports") as answer:
        write_report(page, text)
    assert (answer.value.status, answer.value.json()["code"]) == (409, "other_account")
    page.wait_for_selector("[data-bar=other]")
    assert reports_that_say(live_server, text) == 0


def test_what_was_read_of_a_case_goes_with_it_and_all_of_it_with_time(phone: Open, live_server: Any, task: str) -> None:
    watched = phone(service_workers="block")
    page = watched.page
    page.click(f"[data-case='{task}']")
    page.wait_for_selector("[data-written]")
    page.wait_for_timeout(200)
    assert f"officer:case:{task}" in kept_in(page)
    # of a case that is his no more: kept once, and not found by the server
    gone = "00000000000000"
    page.evaluate(
        STORE, ["kept", "readwrite", [f"officer:case:{gone}", {"case_no": gone, "reports": [], "history": []}]]
    )
    page.evaluate("gone => { history.pushState({tab: 'tasks', case_no: gone}, ''); }", gone)
    page.evaluate("() => dispatchEvent(new PopStateEvent('popstate', {state: history.state}))")
    page.wait_for_selector(".page .empty")
    page.wait_for_selector(".story", state="detached")
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_function(
        """name => new Promise(done => {
          const asked = indexedDB.open('gisops.officer');
          asked.onsuccess = () => {
            const got = asked.result.transaction('kept').objectStore('kept').get(name);
            got.onsuccess = () => { asked.result.close(); done(got.result === undefined); };
          };
        })""",
        arg=f"officer:case:{gone}",
    )
    assert f"officer:case:{task}" in kept_in(page)
    # nobody has heard of it for eight days, and nobody answers now; no page is open that could write something newer
    page.route("**/api/**", lambda route: route.abort())
    page.goto(f"{live_server.base_url}/assets/licences.txt")
    page.evaluate(
        STORE,
        [
            "kept",
            "readwrite",
            [
                "officer:work",
                {
                    "me": {"login": "officer", "role": "officer", "staff": None, "organisation": None},
                    "tasks": [],
                    "zones": [],
                    "at": (time.time() - 8 * 86_400) * 1000,
                },
            ],
        ],
    )
    page.goto(f"{live_server.base_url}/officer")
    page.wait_for_selector(".welcome")
    assert kept_in(page) == []


# -- the rest of the page ---------------------------------------------------------------------------------------------


def test_what_is_near_is_told_with_its_distance_and_every_tab_is_fit_for_a_thumb(phone: Open, live_server: Any) -> None:
    watched = phone()
    page = watched.page
    page.click("[data-tab=near]")
    page.wait_for_selector("[data-near]")
    far = page.locator(".near-far").all_inner_texts()
    assert all("米" in each or "公里" in each for each in far)
    assert grave(page) == []
    small = []
    for tab in ("tasks", "report", "near", "mine", "map"):
        page.click(f"[data-tab={tab}]")
        page.wait_for_selector(f"[data-view={tab}]")
        small += page.evaluate(
            """tab => [...document.querySelectorAll('.phone button, .phone .shot-add, .phone .card summary')]
              .filter(each => each.checkVisibility()).map(each => [each, each.getBoundingClientRect()])
              .filter(([, {height}]) => height < 43.5).map(([each]) => `${tab}: ${each.outerHTML.slice(0, 120)}`)""",
            tab,
        )
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, tab
    assert small == []
    page.wait_for_selector("[data-map=there]")
    page.get_by_role("button", name="Switch to English").click()
    page.wait_for_selector("text=My zone")
    page.click("[data-tab=near]")
    page.wait_for_selector("[data-near]")
    named = page.locator("[data-near] strong").all_inner_texts()
    assert named
    assert not [name for name in named if re.search("[\u4e00-\u9fff]", name)], "a lamp is a lamp in English too"
    assert watched.errors == []
