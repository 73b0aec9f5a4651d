"""The wall's panels in a real Chromium on the real server: what it counts, what a number opens, how it is laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest

from gisops import partitions
from gisops.db.pool import connect
from gisops.sample.year import tell_year
from tests.browser.conftest import Watched
from tests.conftest import client_as

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

LOGIN = "leader"
SIZES = ((1366, 768), (1920, 1080), (2560, 1080), (3840, 2160))
# Of today, by the city's own clock: what the rows themselves say.
TODAY = """
SELECT count(*) FILTER (WHERE c.reported_at >= d.began) AS reported, count(*) FILTER (WHERE c.stage < 7) AS open
FROM cases c, (SELECT date_trunc('day', now() AT TIME ZONE timezone) AT TIME ZONE timezone AS began FROM city) AS d
"""
# Every text that is shown, how large it is, whether it is cut off, and whether a name out of the data is.
TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.querySelector(".wall"), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const at = node.parentElement;
    if (!node.data.trim() || !at.checkVisibility({visibilityProperty: true})) continue;
    if (at.closest(".visually-hidden, .hour-list, .skip, .maplibregl-ctrl-attrib-inner")) continue;
    const {left, top, right, bottom} = at.getBoundingClientRect();
    const inside = right <= innerWidth + 1 && bottom <= innerHeight + 1 && left >= -1 && top >= -1;
    const style = getComputedStyle(at);
    found.push({
      text: node.data, size: Number.parseFloat(style.fontSize), shown: inside || at.closest(".scroll") !== null,
      cut: style.overflow === "hidden" && at.scrollWidth > at.clientWidth + 1,
      name: at.closest(".bar-name, .row-name, .row-who, .brand") !== null,
    });
  }
  return found;
}"""
# The parts of the wall that must stand beside one another, never over one another.
BOXES = """() => {
  const parts = ".head, .sign-face, .wall-left > *, .wall-right > *, .wall-cards > *";
  return [...document.querySelectorAll(parts)].map(at => {
    const {left, top, right, bottom} = at.getBoundingClientRect();
    return {name: at.dataset.panel ?? at.className, left, top, right, bottom};
  });
}"""
COVERED = """() => {
  const told = side => parseFloat(document.documentElement.style.getPropertyValue(`--wall-${side}`));
  const left = document.querySelector(".wall-left").getBoundingClientRect().right;
  const card = document.querySelector(".wall-cards").getBoundingClientRect().left;
  const top = document.querySelector(".signs").getBoundingClientRect().bottom;
  const near = (side, px) => Math.abs(told(side) - px) <= 1;
  return near("left", left) && near("right", innerWidth - card) && near("top", top) && left < card;
}"""
MARKED = """numbers => {
  const drawn = window.gisops.map.getStyle().sources.overlay_marked.data.features;
  return JSON.stringify(drawn.map(each => each.properties.case_no)) === JSON.stringify(numbers);
}"""
LAID_OUT = "() => document.querySelectorAll('.wall [aria-busy=true]').length === 0"


@pytest.fixture(scope="module")
def wall_server(sample_database: Any, request: pytest.FixtureRequest) -> Any:
    """The sample district with a year behind it, and the server."""
    now = datetime.now(UTC)
    with connect(sample_database.owner_url) as conn:
        partitions.ensure(conn, now - timedelta(days=366), now)
    tell_year(sample_database.owner_url, seed=1, until=now, count=400, processes=1)
    return request.getfixturevalue("live_server")


@pytest.fixture(scope="module")
def api(wall_server: Any) -> Iterator[httpx2.Client]:
    """Who looks at the wall, asking the server without it."""
    with client_as(wall_server, LOGIN) as client:
        yield client


@pytest.fixture(scope="module")
def screen(browser: Any, wall_server: Any) -> Iterator[Watched]:
    """The wall of a leader, with everything read; one for all stories, as the software renderer takes its time."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    watched = Watched(context.new_page())
    page = watched.page
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.goto(f"{wall_server.base_url}/screen")
    page.fill("#login", LOGIN)
    page.fill("#password", wall_server.password)
    page.press("#password", "Enter")
    page.wait_for_selector(f"[data-signed-in={LOGIN}]")
    page.wait_for_selector("[data-sign=satisfaction_rate] button:enabled")
    page.wait_for_function(LAID_OUT)
    yield watched
    context.close()


@pytest.fixture
def wall(screen: Watched) -> Iterator[Watched]:
    """The wall, with no card open, in Chinese and in a small window."""
    yield screen
    screen.page.context.set_offline(False)
    if screen.page.evaluate("document.documentElement.lang") != "zh-CN":
        screen.page.click("[data-act=language]")
    screen.page.set_viewport_size({"width": 1366, "height": 768})
    for act in ("close-case", "close-list"):
        if screen.page.locator(f"[data-act={act}]").count():
            screen.page.click(f"[data-act={act}]")


def said(page: Any, code: str) -> str:
    return str(page.inner_text(f"[data-sign={code}] [data-value]")).replace(",", "")


def report(api: httpx2.Client, page: Any) -> str:
    """Something happens in the middle of the city."""
    lon, lat = api.get("/api/city").json()["center"]
    body = {
        "client_uid": str(uuid4()),
        "channel": "citizen",
        "category": "E01-10",
        "lon": lon,
        "lat": lat,
        "crs": "WGS84",
        "accuracy_m": 5,
    }
    return str(api.post("/api/reports", json=body).raise_for_status().json()["case"]["case_no"])


def walked(api: httpx2.Client, code: str, part: str, query: dict[str, str]) -> list[str]:
    """Every case behind a number."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        told = (
            api.get(f"/api/indicators/{code}/cases", params={**query, **after, "part": part}).raise_for_status().json()
        )
        found += told["cases"]
        if told["next"] is None:
            return found
        after = {"after": told["next"]}


def listed(page: Any) -> list[str]:
    """Every case of the open list, to its last page."""
    page.wait_for_selector("[data-panel=list] [data-act=more], [data-panel=list] [data-all]")
    while page.locator("[data-act=more]").count():
        page.click("[data-act=more]")
        page.wait_for_selector("[data-panel=list] [data-act=more], [data-panel=list] [data-all]")
    return list(
        page.eval_on_selector_all("[data-panel=list] [data-case-no]", "rows => rows.map(row => row.dataset.caseNo)")
    )


def test_every_number_is_the_api_s_and_the_rows_themselves_and_follows_what_happens(
    wall: Any, wall_server: Any, api: httpx2.Client
) -> None:
    page = wall.page
    case_no = report(api, page)
    with connect(wall_server.database.owner_url) as owner:
        rows = owner.execute(TODAY).fetchone()
    assert rows is not None
    # The wall hears of it and counts again, without anybody doing anything.
    page.wait_for_function(
        "n => document.querySelector('[data-sign=open] [data-value]').innerText.replaceAll(',', '') === n",
        arg=str(rows["open"]),
    )
    page.wait_for_function(
        "n => document.querySelector('[data-sign=case_count] [data-value]').innerText === n", arg=str(rows["reported"])
    )
    page.wait_for_selector(f"[data-panel=newest] [data-case-no='{case_no}']")

    until = datetime.now(UTC)
    week = {"from": (until - timedelta(days=7)).isoformat(), "to": until.isoformat()}
    month = {"from": (until - timedelta(days=30)).isoformat(), "to": until.isoformat()}
    told = api.get("/api/indicators/on_time_handling_rate,handling_time", params=week).json()["total"]
    content = api.get("/api/indicators/satisfaction_rate", params=month).json()["total"]["satisfaction_rate"]
    late = api.get("/api/overdue").json()
    assert 0 < told["on_time_handling_rate"]["value"] < 1
    assert said(page, "on_time_handling_rate") == f"{100 * told['on_time_handling_rate']['value']:.1f}"
    assert float(said(page, "handling_time")) == pytest.approx(told["handling_time"]["value"] / 3600, abs=0.06)
    if content["value"] is None:
        assert said(page, "satisfaction_rate") == "–"
    else:
        assert float(said(page, "satisfaction_rate")) == pytest.approx(100 * content["value"], abs=0.06)
        assert page.locator("[data-sign=satisfaction_rate] [data-few]").count() == int(content["few"])
    assert int(said(page, "overdue")) == sum(group["red"] for group in late["groups"])
    # What it counts is said to whoever points at it, by mouse or by key.
    page.focus("[data-sign=closings] button")
    page.keyboard.press("Shift+Tab")
    page.wait_for_selector("[data-sign=filed_count] [role=tooltip]", state="visible")
    assert wall.errors == []


def test_a_number_opens_exactly_its_cases_and_a_case_its_story(wall: Any, wall_server: Any, api: httpx2.Client) -> None:
    page = wall.page
    with page.expect_response("**/api/indicators/on_time_handling_rate/cases?*") as asked:
        page.click("[data-sign=on_time_handling_rate] button")
    query = {
        name: values[0] for name, values in parse_qs(urlsplit(asked.value.url).query).items() if name in ("from", "to")
    }
    expected = walked(api, "on_time_handling_rate", "counted", query)
    assert len(expected) > 1
    assert listed(page) == expected
    assert page.get_attribute("[data-listed]", "data-listed") == str(len(expected))
    # And the map points them out.
    page.wait_for_function(MARKED, arg=expected)
    page.click("[data-part=rest]")
    page.wait_for_function("() => document.querySelector('[data-part=rest]').ariaPressed === 'true'")
    assert listed(page) == walked(api, "on_time_handling_rate", "rest", query)

    page.click("[data-part=counted]")
    page.click(f"[data-panel=list] [data-case-no='{expected[0]}'] button")
    page.wait_for_selector(f"[data-case='{expected[0]}']")
    one = api.get(f"/api/cases/{expected[0]}").json()
    assert page.inner_text("[data-panel=case] h2") == one["category"]["name_zh"]
    assert page.get_attribute(".steps", "data-stage") == str(one["stage"])
    assert page.locator(".steps li").count() == 7
    assert page.locator(".story li").count() == min(12, len(one["history"]))
    page.click("[data-act=back]")
    page.wait_for_selector("[data-panel=list]")

    # What is open, and what is late: each case of it, once.
    page.click("[data-sign=open] button")
    page.wait_for_function(
        "title => document.querySelector('[data-panel=list] h2').innerText === title", arg="正在办理"
    )
    opened = listed(page)
    with connect(wall_server.database.owner_url) as owner:
        rows = owner.execute("SELECT case_no FROM cases WHERE stage < 7").fetchall()
    assert sorted(opened) == sorted(row["case_no"] for row in rows)
    if int(said(page, "overdue")):
        page.click("[data-alarm] >> nth=0")
        page.wait_for_selector("[data-panel=case] [data-case]")
        assert page.inner_text("[data-deadline=over]").startswith("超时")

    bar = page.locator("[data-category]").first
    count = bar.locator(".bar-number").inner_text()
    bar.click()
    assert len(listed(page)) == int(count) > 0
    page.click("[data-act=close-list]")
    page.wait_for_selector("[data-panel=list]", state="detached")
    assert wall.errors == []


def test_every_text_is_large_enough_and_nothing_is_cut_or_covered_at_any_size(wall: Any) -> None:
    page = wall.page
    page.click("[data-sign=on_time_handling_rate] button")
    page.wait_for_selector("[data-panel=list] [data-case-no]")
    page.mouse.move(5, 400)
    # The ground under them is painted coarsely: nobody looks at 8 million pixels of it.
    page.evaluate("() => window.gisops.map.setPixelRatio(0.1)")
    for language in ("zh", "en"):
        # English is the longer one, and the smallest window the tightest: it is tried there.
        for width, height in SIZES if language == "zh" else SIZES[:1]:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(400)
            texts = page.evaluate(TEXTS)
            where = f"{language} {width}x{height}"
            assert len(texts) > 60, where
            assert [one for one in texts if one["size"] < height / 200] == [], where
            # Names of any length end in an ellipsis and are told in full to whoever points at them; Chinese ones fit.
            cut = [one for one in texts if one["cut"] and not (language == "en" and one["name"])]
            assert [one["text"] for one in cut] == [], where
            assert [one["text"] for one in texts if not one["shown"]] == [], where
            boxes = page.evaluate(BOXES)
            over = [
                (a["name"], b["name"])
                for n, a in enumerate(boxes)
                for b in boxes[n + 1 :]
                if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
                and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
            ]
            assert over == [], where
            # What the map is told of them is what they cover.
            page.wait_for_function(COVERED)
        page.click("[data-act=language]")
    page.evaluate("() => window.gisops.map.setPixelRatio(devicePixelRatio)")
    assert wall.errors == []


def test_a_number_that_cannot_be_read_anew_stays_and_says_since_when(wall: Any) -> None:
    page = wall.page
    before = said(page, "open")
    page.context.set_offline(True)
    page.wait_for_selector("[data-sign=open] [data-stale]")
    assert "起未更新" in page.inner_text("[data-sign=open] [data-stale]")
    assert said(page, "open") == before
    page.context.set_offline(False)
    page.wait_for_selector("[data-sign=open] [data-stale]", state="detached")


def test_whoever_is_not_signed_in_has_the_map_and_a_door(open_page: Callable[..., Any], wall_server: Any) -> None:
    watched = open_page(1366, 768)
    page = watched.page
    page.set_default_timeout(60_000)
    page.goto(f"{wall_server.base_url}/screen")
    page.wait_for_selector("dialog[open] #login")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    watched.wait_for_map()
    assert page.locator(".wall-left, .wall-right").count() == 0
    assert page.locator("[data-sign]").count() == 0
    page.click("[data-act=sign-in]")
    page.wait_for_selector("dialog[open] #login")
    assert watched.errors == []
