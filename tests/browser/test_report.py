"""The citizen's page in a real Chromium on the real server: three taps, four ways to say where, me too, the link."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from gisops import coordinates
from gisops.db.pool import Connection, connect
from tests.browser.axe import grave
from tests.photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

PHONE = {"width": 360, "height": 640}
ROAD = "E01-13"
HOSTILE = '<script>window.hacked=1</script><img src=x onerror="window.hacked=2">\u202egnp.exe\u202c ' + "长" * 1900


@pytest.fixture
def owner(live_server: Any) -> Iterator[Connection]:
    with connect(live_server.database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def quiet(owner: Connection) -> tuple[float, float]:
    """A place in the middle of a grid cell where no case is near."""
    row = owner.execute("""
        SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells g, LATERAL ST_PointOnSurface(g.geom) p CROSS JOIN city
        WHERE NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p, 0.002))
          AND ST_Contains(city.geom, ST_Expand(p, 0.002))
        ORDER BY ST_Distance(p, ST_Boundary(g.geom)) DESC LIMIT 1""").fetchone()
    assert row is not None
    return row["lon"], row["lat"]


@pytest.fixture
def phone(open_page: Callable[..., Any], live_server: Any, quiet: tuple[float, float]) -> Callable[..., Any]:
    """A phone that stands at a quiet place and knows it, on the page."""

    def make(**options: Any) -> Any:
        watched = open_page(
            ground=False,
            **PHONE,
            **{
                "geolocation": {"longitude": quiet[0], "latitude": quiet[1], "accuracy": 9},
                "permissions": ["geolocation", "clipboard-read", "clipboard-write"],
                "has_touch": True,
                **options,
            },
        )
        watched.page.goto(f"{live_server.base_url}/report")
        watched.page.wait_for_selector("[data-kind]")
        return watched

    return make


def to_details(page: Any, kind: str = ROAD) -> None:
    page.click(f"[data-kind='{kind}']")
    page.wait_for_selector("[data-how=device]")
    page.click("[data-act=here]")
    page.wait_for_selector("[data-act=send]")


def uid_of(page: Any) -> str:
    """The report's key: what stands behind the #, and is sent to nobody with the page's address."""
    page.wait_for_selector("[data-follow]")
    return str(UUID(page.evaluate("() => location.hash.slice(1)")))


def report_of(owner: Connection, uid: str) -> dict[str, Any]:
    row = owner.execute(
        """SELECT c.case_no, c.report_count, r.text, r.raw_x, r.raw_y, r.raw_crs, r.photos, ST_X(r.geom) AS lon,
        ST_Y(r.geom) AS lat, (SELECT g.code FROM cell_at(r.geom, app_now()) g) AS cell
        FROM intake_keys k JOIN reports r ON r.district_code = k.district_code AND r.report_id = k.report_id
        JOIN cases c ON c.district_code = r.district_code AND c.case_id = r.case_id WHERE k.client_uid = %s""",
        [uid],
    ).fetchone()
    assert row is not None
    return row


def test_three_taps_from_opening_to_a_case(phone: Callable[..., Any], owner: Connection, quiet: Any) -> None:
    watched = phone()
    page = watched.page
    page.evaluate("""() => {
        window.taps = [];
        addEventListener('pointerdown', event => {
          const {act, kind} = event.target.closest('button')?.dataset ?? {};
          window.taps.push(act ?? kind);
        }, true);
        addEventListener('keydown', () => window.taps.push('key'), true);
    }""")
    page.tap(f"[data-kind='{ROAD}']")
    page.wait_for_selector("[data-how=device]")
    page.tap("[data-act=here]")
    page.tap("[data-act=send]")
    page.wait_for_selector("[data-received]")
    assert page.evaluate("() => window.taps") == [ROAD, "here", "send"]

    uid = uid_of(page)
    kept = report_of(owner, uid)
    assert page.inner_text(".case-no") == kept["case_no"]
    assert (kept["raw_crs"], kept["photos"] or []) == ("WGS84", [])
    assert coordinates.distance_m((kept["lon"], kept["lat"]), quiet) < 0.1
    # the key was asked by the API's own path, and by no other address
    assert watched.errors == []
    assert {host for host in watched.hosts if host} == {page.evaluate("() => location.host")}

    # it is in this phone's own list, and no longer when that is cleared
    page.click("[data-act=mine]")
    page.click(f"[data-mine='{uid}']")
    page.wait_for_selector(f"[data-follow='{uid}'] [data-step]")
    page.click("[data-act=urge]")
    page.wait_for_selector("[data-urged]")
    # a key of a quarter of a year ago is let go of
    page.evaluate("""() => {
        const [one] = JSON.parse(localStorage['gisops.report.mine']);
        const old = {...one, uid: 'of-old', at: new Date(Date.now() - 91 * 86400000).toISOString()};
        localStorage['gisops.report.mine'] = JSON.stringify([one, old]);
        location.hash = '';
        location.reload();
    }""")
    page.tap(f"[data-kind='{ROAD}']")
    page.wait_for_selector("[data-how=device]")
    page.evaluate("() => { location.hash = 'mine'; }")
    page.wait_for_selector(f"[data-mine='{uid}']")
    assert page.locator("[data-mine]").count() == 1
    assert "of-old" not in page.evaluate("() => localStorage['gisops.report.mine']")
    # and what is being written goes with the list
    drafted = "() => JSON.parse(localStorage['gisops.report.draft']).category"
    assert page.evaluate(drafted) == ROAD
    page.click("[data-act=clear]")
    page.click("[data-act=clear-sure]")
    page.reload()
    page.wait_for_selector("[data-view=mine] .hint")
    assert page.locator("[data-mine]").count() == 0
    assert page.evaluate(drafted) == ""
    assert watched.errors == []


def test_coordinates_of_a_phone_map_land_in_the_true_cell_because_they_say_whose_they_are(
    phone: Callable[..., Any], owner: Connection, quiet: Any
) -> None:
    watched = phone(permissions=[])
    page = watched.page
    page.click("[data-act=language]")
    page.click(f"[data-kind='{ROAD}']")
    page.wait_for_function("() => window.gisops?.map")
    assert page.locator("[data-act=here]").is_disabled()
    # copied as latitude, longitude; shifted as Chinese phone maps shift
    x, y = coordinates.from_wgs84(*quiet, "GCJ02")
    page.click("[data-act=paste]")
    page.fill("#paste-field", f"{y:.6f}, {x:.6f}")
    page.click("[data-act=paste-show]")
    assert "do not guess" in page.inner_text("[data-dialog=paste] [role=alert]")
    page.check("input[value=GCJ02]")
    with page.expect_response("**/api/locate?*") as asked:
        page.click("[data-act=paste-show]")
    assert f"lon={x:.6f}".rstrip("0") in asked.value.url
    assert "crs=GCJ02" in asked.value.url
    page.wait_for_selector("[data-how=pasted]")
    shown = page.evaluate("() => window.gisops.map.getCenter()")
    assert coordinates.distance_m((shown["lng"], shown["lat"]), quiet) < 1
    page.click("[data-act=here]")
    with page.expect_request("**/api/reports") as sent:
        page.click("[data-act=send]")
    body = json.loads(sent.value.post_data)
    assert (body["lon"], body["lat"], body["crs"]) == (round(x, 6), round(y, 6), "GCJ02")
    page.wait_for_selector("[data-received]")
    assert "Road damage" in page.inner_text("#follow-title")

    kept = report_of(owner, uid_of(page))
    truth = owner.execute(
        "SELECT g.code FROM cell_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326), app_now()) g", list(quiet)
    ).fetchone()
    guessed = owner.execute(
        "SELECT g.code FROM cell_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326), app_now()) g", [x, y]
    ).fetchone()
    assert truth is not None
    assert kept["cell"] == truth["code"]
    # the same two numbers taken for WGS-84 would be another cell, or none
    assert guessed is None or guessed["code"] != truth["code"]
    assert (kept["raw_crs"], round(kept["raw_x"], 6), round(kept["raw_y"], 6)) == ("GCJ02", round(x, 6), round(y, 6))
    assert watched.errors == []


def test_a_name_or_the_map_says_where_and_what_is_outside_is_refused_in_words(
    phone: Callable[..., Any], owner: Connection
) -> None:
    road = owner.execute("SELECT name_zh FROM layer_roads WHERE name_zh <> '' ORDER BY name_zh LIMIT 1").fetchone()
    assert road is not None
    watched = phone(permissions=[])
    page = watched.page
    page.fill("[data-field=kind]", "井盖")
    assert page.locator(".kinds [data-kind]").count() > 5
    page.click(".kinds [data-kind='P01-03']")
    page.fill("[role=search] input", road["name_zh"])
    page.click("[data-act=find]")
    page.locator("[data-hit]").first.click()
    # a road is no place yet: the map is there, and the reader points
    page.wait_for_selector("[data-how=wide]")
    assert page.locator("[data-act=here]").is_disabled()
    watched.wait_for_map()
    # by the keyboard: the map moves under the pin
    page.focus("#map canvas")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-how=map]")
    page.wait_for_function("() => document.querySelector('[data-areas]')?.textContent.includes('·')")
    page.evaluate("""async () => {
        const {bbox: [west, south, east, north]} = await (await fetch('/api/city')).json();
        window.gisops.map.jumpTo({center: [east + (east - west), (south + north) / 2]});
    }""")
    page.wait_for_selector("[data-problem=outside_city]")
    assert page.locator("[data-act=here]").is_disabled()
    assert [error for error in watched.errors if "422" not in error] == []


def test_somebody_has_reported_it_already_me_too(phone: Callable[..., Any], owner: Connection) -> None:
    first = phone()
    to_details(first.page)
    first.page.fill("#note", "样例：只有上报人知道")
    first.page.click("[data-act=send]")
    first.page.wait_for_selector("[data-received]")
    case_no = first.page.inner_text(".case-no")

    second = phone()
    with second.page.expect_response("**/api/reports/near?*") as asked:
        to_details(second.page)
    assert case_no not in asked.value.text()
    assert "样例：只有" not in asked.value.text()
    # of the same class, nearest: where the first one stands, or a case that other tests left there
    second.page.wait_for_selector("[data-near]")
    button = second.page.locator("[data-near] [data-act=me-too]").first
    button.click()
    assert grave(second.page) == []
    assert button.get_attribute("aria-pressed") == "true"
    assert "我也遇到了" in second.page.inner_text("[data-act=send]")
    second.page.click("[data-act=send]")
    second.page.wait_for_selector("[data-received]")
    joined = report_of(owner, uid_of(second.page))
    assert joined["report_count"] >= 2
    assert "已并入" in second.page.inner_text(".received")
    assert first.errors + second.errors == []


def test_the_link_shows_the_result_takes_stars_and_opens_it_again(
    phone: Callable[..., Any], open_page: Callable[..., Any], owner: Connection, live_server: Any
) -> None:
    writer = phone()
    to_details(writer.page, "E04-10")
    writer.page.set_input_files(
        "[data-field=photos]", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(7301, (1200, 900))}]
    )
    writer.page.wait_for_selector("[data-photo=sent]")
    writer.page.click("[data-act=send]")
    writer.page.wait_for_selector("[data-received]")
    uid = uid_of(writer.page)
    writer.page.click("[data-act=copy-link]")
    link = writer.page.evaluate("() => navigator.clipboard.readText()")
    assert link == f"{live_server.base_url}/report#{uid}"
    case_no = writer.page.inner_text(".case-no")

    # done, and closed, by the owner's hand; with a photograph that shows it
    after = writer.page.request.post(
        f"{live_server.base_url}/api/photos", data=jpeg(7302), headers={"Content-Type": "image/jpeg"}
    ).json()["sha256"]
    owner.execute(
        """WITH done AS (
          UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE case_no = %s
          RETURNING district_code, case_id)
        INSERT INTO case_photos (district_code, case_id, seq, n, sha256, phase, added_at)
        SELECT district_code, case_id, 9, 0, %s, 'after', app_now() FROM done""",
        [case_no, after],
    )
    reader = open_page(**PHONE)
    page = reader.page
    page.goto(link)
    page.wait_for_selector("[data-state=closed]")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-pictures] img')].filter(i => i.naturalWidth > 0).length === 2"
    )
    assert page.locator(f"[data-pictures=result] a[href*='{after}']").count() == 1
    page.locator(".star-label").nth(3).click()
    assert grave(page) == []
    page.fill("#rate-text", "样例：修好了")
    page.click("[data-act=rate]")
    page.wait_for_selector("[data-rated='4']")
    said = owner.execute("SELECT satisfaction FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert said is not None
    assert said["satisfaction"] == 4
    page.click("[data-act=not-done]")
    page.fill("#reopen-reason", "样例：又堆满了")
    page.click("[data-act=reopen]")
    page.wait_for_selector("[data-step='2']")
    assert page.locator("[data-pictures=result]").count() == 0
    assert reader.errors + writer.errors == []
    page.goto(f"{live_server.base_url}/report#00000000-0000-4000-8000-000000000000")
    page.wait_for_selector("[data-problem=not_found]")


def test_a_cut_upload_a_lost_answer_and_a_reload_are_one_report_with_its_words_as_they_were(
    phone: Callable[..., Any], owner: Connection
) -> None:
    watched = phone()
    page = watched.page
    before = owner.execute("SELECT count(*) AS n FROM reports").fetchone()
    bodies: list[str] = []
    photos = {"sent": 0}

    def cut_photo(route: Any) -> None:
        photos["sent"] += 1
        if photos["sent"] == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    def lose_answer(route: Any) -> None:
        bodies.append(route.request.post_data)
        response = route.fetch()
        if len(bodies) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=response)

    page.route("**/api/photos", cut_photo)
    page.route("**/api/reports", lose_answer)
    to_details(page, "E01-10")
    page.set_input_files(
        "[data-field=photos]", [{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(7401, (1200, 900))}]
    )
    page.wait_for_selector("[data-photo=waiting]")
    page.fill("#note", HOSTILE)
    # the battery is empty before anything was sent: words and photograph are there again
    page.reload()
    page.wait_for_selector("[data-photo=sent]")
    assert page.input_value("#note") == HOSTILE
    page.click("[data-act=send]")
    page.wait_for_selector("[data-waiting=answer]")
    page.reload()
    page.wait_for_selector("[data-received]")
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    after = owner.execute("SELECT count(*) AS n FROM reports").fetchone()
    assert before is not None
    assert after is not None
    assert after["n"] == before["n"] + 1
    kept = report_of(owner, uid_of(page))
    assert kept["text"] == HOSTILE.strip()
    assert len(kept["photos"]) == 1
    # the draft is gone, and what was written is nowhere markup
    page.click("[data-act=again]")
    page.wait_for_selector("[data-view=what]")
    assert page.locator("[data-draft]").count() == 0
    to_details(page, "E01-10")
    page.fill("#note", HOSTILE)
    page.click("[data-act=change-kind]")
    assert "<script>window.hacked" in page.inner_text("[data-draft]")
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("[data-draft] img, [data-draft] script").count() == 0
    assert [error for error in watched.errors if not re.search("ERR_CONNECTION_RESET", error)] == []


def test_without_a_network_it_is_said_and_sent_when_there_is_one(phone: Callable[..., Any]) -> None:
    watched = phone()
    page = watched.page
    to_details(page, "P01-37")
    page.context.set_offline(True)
    page.wait_for_selector("[data-offline]")
    page.click("[data-act=send]")
    page.wait_for_selector("[data-waiting]")
    assert "联网后自动提交" in page.inner_text("[data-waiting]")
    page.context.set_offline(False)
    page.wait_for_selector("[data-received]")
