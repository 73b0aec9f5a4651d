"""The duty desk in a real Chromium on the real server: a shift's cases by keys, and what happens when it goes wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.access import scopes
from gisops.cases.transitions import rule_of
from gisops.db.pool import connect
from tests.browser.conftest import signed_in
from tests.conftest import client_as, new_token
from tests.photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

# The page lets no key act on a case that has only just come into sight.
SETTLED = "() => window.gisops.settled()"
MOST_KEYS = 4


class City:
    """What a shift finds: cases reported through the API, and its colleagues who work there too."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.clients: dict[str, httpx2.Client] = {}
        city = self.as_("desk").get("/api/city").json()
        self.lon, self.lat = city["center"]
        with connect(server.database.owner_url) as owner:
            # One kind of case for which no rule of filing holds: it waits at the desk.
            row = owner.execute(
                "SELECT k.code FROM categories k JOIN city c ON c.category_scheme = k.scheme"
                " WHERE k.enabled AND NOT k.auto_file AND k.kind = 'E' ORDER BY k.code LIMIT 1"
            ).fetchone()
        assert row is not None
        self.triaged: str = row["code"]
        self.photographs = 0

    def as_(self, login: str) -> httpx2.Client:
        if login not in self.clients:
            self.clients[login] = client_as(self.server, login)
        return self.clients[login]

    def moved(self, login: str, organisation: str) -> None:
        """Post somebody to another organisation. Who was signed in before may be known by the old one for a while."""
        with connect(self.server.database.owner_url) as owner:
            owner.execute(
                "UPDATE accounts SET organisation_id = (SELECT organisation_id FROM organisations WHERE code = %s)"
                " WHERE login = %s",
                [organisation, login],
            )
        self.as_(login).headers["Authorization"] = f"Bearer {new_token(self.server, login)}"

    def photo(self) -> str:
        self.photographs += 1
        sent = self.as_("desk").post(
            "/api/photos", content=jpeg(7_000 + self.photographs), headers={"Content-Type": "image/jpeg"}
        )
        assert sent.status_code in (200, 201), sent.text
        return str(sent.json()["sha256"])

    def report(self, east: float, north: float, **more: Any) -> dict[str, Any]:
        """Report something so many degrees from the city's middle; the case as the answer names it."""
        body = {
            "client_uid": str(uuid4()), "channel": "citizen", "category": self.triaged, "crs": "WGS84", "accuracy_m": 5,
            "lon": self.lon + east, "lat": self.lat + north, "text": f"样例：{uuid4().hex[:6]} 处有问题",
        } | more  # fmt: skip
        made = self.as_("desk").post("/api/reports", json=body)
        assert made.status_code == 201, made.text
        case: dict[str, Any] = made.json()["case"]
        return case

    def read(self, case_no: str, login: str = "desk") -> dict[str, Any]:
        told = self.as_(login).get(f"/api/cases/{case_no}")
        assert told.status_code == 200, told.text
        found: dict[str, Any] = told.json()
        return found

    def act(self, login: str, case_no: str, action: str, **body: Any) -> dict[str, Any]:
        version = self.read(case_no, login)["version"]
        done = self.as_(login).post(f"/api/cases/{case_no}/{action}", json={"expected_version": version, **body})
        assert done.status_code == 200, done.text
        found: dict[str, Any] = done.json()
        return found


@pytest.fixture(scope="module")
def town(live_server: Any) -> Iterator[City]:
    made = City(live_server)
    yield made
    for client in made.clients.values():
        client.close()


@pytest.fixture
def sit(open_page: Callable[..., Any], live_server: Any) -> Callable[..., Any]:
    """A function that sits somebody down at a desk: its page, signed in, its list read."""

    def down(
        login: str, width: int = 1280, height: int = 720, language: str = "zh-CN", query: str = "", ground: bool = False
    ) -> Any:
        watched = open_page(width, height, reduced_motion="reduce", ground=ground)
        page = watched.page
        page.set_default_timeout(30_000)
        page.add_init_script(f"localStorage.setItem('gisops.language', '{language}')")
        signed_in(page.context, live_server, login)
        page.goto(f"{live_server.base_url}/desk{query}")
        page.wait_for_selector("[data-row], [data-empty]", state="attached")
        return watched

    return down


def opened(page: Any, case_no: str) -> None:
    """Bring a case before the one who sits there, and give the page the moment it takes to settle."""
    if page.locator(f"[data-page='{case_no}']").count() == 0:
        page.fill("#desk-search", case_no)
        page.press("#desk-search", "Enter")
    page.wait_for_selector(f"[data-page='{case_no}']")
    page.wait_for_function(SETTLED)


# -- a shift ---------------------------------------------------------------------------------------------------------


def keys_for(page: Any, plan: str) -> list[str]:
    """The keys of what was decided of a case, once what it is decided on is in sight."""
    if plan == "dispatch":
        page.wait_for_selector("[data-candidate]")
        return ["Enter"]
    if plan == "second":
        page.wait_for_selector("[data-candidate]")
        return ["2", "Enter"] if page.locator("[data-candidate]").count() > 1 else ["Enter"]
    if plan == "link":
        page.wait_for_selector("[data-twins]")
        return ["l"]
    return {
        "accept": ["a"], "refuse": ["r", "3", "Enter"], "file": ["Enter"], "reject": ["r", "1", "Enter"],
        "order_check": ["e"], "close": ["Enter"],
    }[plan]  # fmt: skip


def shift(page: Any, plans: dict[str, str], used: Counter[str]) -> None:
    """Work off the list as it opens itself, case after case, until every planned one is done."""
    left = dict(plans)
    page.wait_for_function("no => document.querySelector(`[data-row='${no}']`)", arg=next(iter(left)))
    while left:
        page.wait_for_selector("[data-opened]")
        case_no = page.inner_text("[data-opened]")
        plan = left.pop(case_no, None)
        if plan is None:
            # Somebody else's case lies on top: this one is passed over.
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            page.wait_for_function("no => document.querySelector('[data-opened]')?.textContent !== no", arg=case_no)
            continue
        page.wait_for_function(SETTLED)
        for key in keys_for(page, plan):
            page.keyboard.press(key)
            used[case_no] += 1
        page.wait_for_selector(f"[data-done='{case_no}'][data-done-act={'dispatch' if plan == 'second' else plan}]")
        if left:
            page.wait_for_function(
                "no => { const at = document.querySelector('[data-opened]'); return at && at.textContent !== no; }",
                arg=case_no,
            )


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(7, marks=pytest.mark.timeout(400)),
        pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
def test_a_shift_of_mixed_cases_needs_four_keys_each_at_the_most(
    town: City, sit: Callable[..., Any], many: int
) -> None:
    """From its arrival until it is sent, refused or joined, a case costs four keys at most, over all desks together;
    and no more than that from its handling to its end.
    """
    fates = ("sent", "sent elsewhere", "refused", "twin", "not filed", "ambiguous", "closed")
    cases: dict[str, str] = {}
    for n in range(many):
        fate = fates[n % len(fates)]
        east, north = 0.0015 * (n % 8) - 0.005, 0.0012 * (n // 8 % 9) - 0.005
        if fate == "ambiguous":
            # Known to so few metres of many that the rules cannot say whose it is.
            case = town.report(east, north, category="E01-10", accuracy_m=400)
        else:
            case = town.report(
                east, north, photos=[town.photo()] if fate == "twin" else [], text=f"样例：第 {n} 处，棚子占了路"
            )
        cases[case["case_no"]] = fate
        if fate == "twin":
            # The first of the two is worked on; what comes after it is the duplicate.
            cases[case["case_no"]] = "sent"
            again = town.report(east + 0.00004, north, photos=[town.photo()], text=f"样例：第 {n} 处，棚子还占着路")
            cases[again["case_no"]] = "twin"
    used: Counter[str] = Counter()
    first = {"refused": "refuse", "twin": "link"}
    second = {"not filed": "reject"}
    third = {"sent elsewhere": "second"}

    acceptor = sit("desk")
    shift(acceptor.page, {no: first.get(fate, "accept") for no, fate in cases.items() if fate != "ambiguous"}, used)
    left = {no: fate for no, fate in cases.items() if fate not in ("refused", "twin", "ambiguous")}
    leader = sit("shift_leader")
    shift(leader.page, {no: second.get(fate, "file") for no, fate in left.items()}, used)
    left = {no: fate for no, fate in cases.items() if fate not in ("refused", "twin", "not filed")}
    sender = sit("dispatcher")
    shift(sender.page, {no: third.get(fate, "dispatch") for no, fate in left.items()}, used)

    ends = {"refused": "not_accepted", "twin": "duplicate", "not filed": "not_filed"}
    for case_no, fate in cases.items():
        assert town.read(case_no)["state"] == ends.get(fate, "dispatched"), (case_no, fate)
    assert max(used.values()) <= MOST_KEYS, used
    assert set(used) == set(cases)

    # What was handled in the meantime goes on to its end.
    done = {no for no, fate in cases.items() if fate == "closed"}
    closing: Counter[str] = Counter()
    with connect(town.server.database.owner_url, autocommit=True) as owner:
        # Whoever checks is sent all over the city. (Of what lies in no street only the whole city's roles know.)
        whole = owner.execute("SELECT code FROM admin_areas WHERE valid @> app_now() ORDER BY level LIMIT 1").fetchone()
        assert whole is not None
        scopes.grant(owner, "supervisor", "area", whole["code"])
    for case_no in done:
        town.moved("department", town.read(case_no)["organisation"]["code"])
        town.act("department", case_no, "ack")
        town.act("department", case_no, "finish")
    shift(acceptor.page, dict.fromkeys(done, "order_check"), closing)
    for case_no in done:
        town.act("supervisor", case_no, "pass")
    shift(leader.page, dict.fromkeys(done, "close"), closing)
    assert {town.read(case_no)["state"] for case_no in done} == {"closed"}
    assert max(closing.values()) <= MOST_KEYS, closing
    for watched in (acceptor, leader, sender):
        assert watched.errors == []


def test_the_desk_offers_the_reasons_that_the_table_of_moves_names() -> None:
    source = (Path(__file__).parents[2] / "api" / "screens" / "desk" / "acts.ts").read_text("utf-8")
    for action in ("refuse", "reject"):
        listed = re.search(rf"\n  {action}: \[(.*?)\],\n", source)
        assert listed is not None
        assert tuple(re.findall(r'"(\w+)"', listed[1])) == rule_of(action).reasons


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_somebody_faster_is_named_and_what_was_typed_stays(town: City, sit: Callable[..., Any]) -> None:
    case = town.report(0.002, 0.004)
    watched = sit("desk")
    page = watched.page
    opened(page, case["case_no"])
    page.keyboard.press("r")
    told = [each.get_attribute("data-reason") for each in page.locator("[data-reason]").all()]
    assert told == list(rule_of("refuse").reasons)
    page.keyboard.press("2")
    page.fill("#why", "样例：说不清在哪里")
    town.act("desk", case["case_no"], "accept")
    page.press("#why", "Enter")
    page.wait_for_selector("[data-conflict=accepted]")
    said = page.inner_text("[data-conflict]")
    assert "受理" in said
    assert "待立案" in said
    assert page.inner_text("[data-kept]") == "样例：说不清在哪里"
    assert page.get_attribute("[data-case-state]", "data-case-state") == "accepted"
    page.click("[data-act=language]")
    assert "Somebody was faster" in page.inner_text("[data-conflict]")
    assert "Accepted" in page.inner_text("[data-conflict]")
    history = [entry["action"] for entry in town.read(case["case_no"])["history"]]
    assert history == ["report", "accept"]
    assert [error for error in watched.errors if "409" not in error] == []


def test_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(town: City, sit: Callable[..., Any]) -> None:
    page = sit("desk").page
    sent: list[str] = []
    arrives = True

    def lose(route: Any) -> None:
        sent.append(route.request.post_data)
        first = len(sent) == 1
        answer = route.fetch() if arrives or not first else None
        if first:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    page.route("**/api/cases/*/accept", lose)
    case_no = town.report(0.0028, 0.0046)["case_no"]
    opened(page, case_no)
    page.keyboard.press("a")
    page.wait_for_selector(f"[data-done='{case_no}']")
    assert "已核对" in page.inner_text("[data-done]")
    assert len(sent) == 1
    assert [entry["action"] for entry in town.read(case_no)["history"]] == ["report", "accept"]

    arrives = False
    sent.clear()
    case_no = town.report(0.0028, 0.0052)["case_no"]
    opened(page, case_no)
    page.keyboard.press("a")
    page.wait_for_selector("[data-not-done]")
    assert len(sent) == 1
    page.keyboard.press("a")
    page.wait_for_selector(f"[data-done='{case_no}']")
    assert sent[0] == sent[1]
    assert [entry["action"] for entry in town.read(case_no)["history"]] == ["report", "accept"]


# -- what is seen ----------------------------------------------------------------------------------------------------


def test_a_duplicate_is_held_against_its_case_with_both_photographs(town: City, sit: Callable[..., Any]) -> None:
    first = town.report(-0.002, 0.006, photos=[town.photo()], text="样例：垃圾桶倒在路边")
    second = town.report(-0.00197, 0.006, photos=[town.photo()], text="样例：垃圾桶还倒在路边 <b>急</b>")
    watched = sit("desk", ground=True)
    page = watched.page
    opened(page, second["case_no"])
    page.wait_for_selector("[data-twins]")
    for case_no in (first["case_no"], second["case_no"]):
        page.wait_for_function(
            "no => document.querySelector(`[data-side='${no}'] img`)?.naturalWidth > 0",
            arg=case_no,
        )
    left, right = (page.locator(f"[data-side='{no}']").bounding_box() for no in (second["case_no"], first["case_no"]))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    # Citizens' words are words.
    assert "<b>急</b>" in page.inner_text(f"[data-side='{second['case_no']}']")
    assert page.locator(".case-page b", has_text="急").count() == 0
    page.keyboard.press("l")
    page.wait_for_selector(f"[data-done='{second['case_no']}'][data-done-act=link]")
    assert town.read(second["case_no"])["duplicate_of"] == first["case_no"]
    assert town.read(first["case_no"])["report_count"] == 2
    # The way back to it.
    page.keyboard.press("z")
    page.wait_for_selector("[data-case-state=duplicate]")
    assert watched.errors == []


def test_no_key_acts_while_somebody_types_and_the_list_keeps_still_under_the_pointer(
    town: City, sit: Callable[..., Any]
) -> None:
    case_no = town.report(0.004, -0.004)["case_no"]
    watched = sit("desk", language="en")
    page = watched.page
    page.wait_for_selector("[data-live=live]")
    opened(page, case_no)
    page.locator("[data-say]").fill("")
    page.locator("[data-say]").press_sequentially("arv?n/ls")
    assert page.locator("[data-form], dialog[open], [data-call]").count() == 0
    assert page.locator("[data-say]").input_value() == "arv?n/ls"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.help[open]")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.help[open]", state="detached")
    assert town.read(case_no)["state"] == "reported"

    before = page.locator("[data-row]").first.bounding_box()
    numbers = [each.get_attribute("data-row") for each in page.locator("[data-row]").all()]
    page.mouse.move(before["x"] + 40, before["y"] + 10)
    # Somebody calls: that goes before what nobody urges.
    fresh = town.report(0.0045, -0.0045, channel="hotline")
    page.wait_for_function("() => document.querySelector('.list-word').textContent !== ''")
    assert [each.get_attribute("data-row") for each in page.locator("[data-row]").all()] == numbers
    page.mouse.move(before["x"] + 900, before["y"] + 10)
    page.wait_for_selector(f"[data-row='{fresh['case_no']}']")
    shown = [each.get_attribute("data-row") for each in page.locator("[data-row]").all()]
    assert shown.index(fresh["case_no"]) < shown.index(case_no)
    assert page.inner_text("[data-opened]") == case_no
    assert watched.errors == []


def test_a_call_is_written_down_once_even_when_its_answer_is_lost(town: City, sit: Callable[..., Any]) -> None:
    watched = sit("desk")
    page = watched.page
    watched.wait_for_map()
    with connect(town.server.database.owner_url) as owner:
        road = owner.execute("SELECT name_zh FROM roads WHERE name_zh IS NOT NULL ORDER BY code LIMIT 1").fetchone()
    assert road is not None
    bodies: list[Any] = []

    def lose(route: Any) -> None:
        bodies.append(route.request.post_data_json)
        answer = route.fetch()
        if len(bodies) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    page.route("**/api/reports", lose)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_selector("[data-call=editing]")
    page.fill("#call-text", "样例：来电人说路边有棚子")
    box = page.get_by_role("combobox")
    box.click()
    box.fill(town.triaged)
    box.press("Enter")
    page.click("[data-act=call-send]")
    assert page.locator(".call [role=alert]").count() == 1, "a place is missing"
    page.fill("#call-find", road["name_zh"])
    page.wait_for_selector("[data-hit]")
    page.press("#call-find", "Enter")
    pane = page.locator("#map").bounding_box()
    page.wait_for_selector(".where-line")
    # By name first, then set right by a click on the map.
    page.wait_for_timeout(600)
    page.mouse.click(pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] / 2)
    page.click("[data-act=call-send]")
    page.wait_for_selector("[data-call] [data-unknown]")
    # It waits over a reload, but for nobody else who sits down there.
    stored = "() => sessionStorage['gisops.desk.call']"
    waits = page.evaluate(stored)
    page.evaluate(
        "waits => { sessionStorage['gisops.desk.call'] = waits; }", waits.replace('"login":"desk"', '"login":"planner"')
    )
    page.reload()
    page.wait_for_selector("[data-live=live]")
    page.keyboard.press("n")
    page.wait_for_selector("[data-call=editing]")
    assert page.evaluate(stored) is None
    page.evaluate("waits => { sessionStorage['gisops.desk.call'] = waits; }", waits)
    page.reload()
    page.wait_for_selector("[data-live=live]")
    page.keyboard.press("n")
    page.wait_for_selector("[data-call] [data-unknown]")
    page.click("[data-act=call-send]")
    page.wait_for_selector("[data-receipt]")
    assert bodies[0] == bodies[1]
    assert bodies[0]["channel"] == "hotline"
    case_no = page.get_attribute("[data-receipt]", "data-receipt")
    assert town.read(case_no)["report_count"] == 1
    page.click("[data-act=call-open]")
    page.wait_for_selector(f"[data-page='{case_no}']")
    assert "来电人说" in page.inner_text(".told")
    assert [error for error in watched.errors if "ERR_CONNECTION" not in error] == []


def test_the_dispatcher_grants_refuses_and_gives_back(town: City, sit: Callable[..., Any]) -> None:
    def in_hand(east: float) -> str:
        case_no: str = town.report(east, 0.0055, category="E01-10", accuracy_m=400)["case_no"]
        told = town.as_("department").get("/api/me").json()["organisation"]["code"]
        town.act("dispatcher", case_no, "dispatch", organisation=told, reason="样例：按约定")
        return case_no

    granted, declined, returned = (in_hand(east) for east in (-0.001, 0.0, 0.001))
    for case_no in (granted, declined):
        town.act("department", case_no, "ack")
        asked = town.as_("department").post(
            f"/api/cases/{case_no}/approvals", json={"kind": "extend", "reason": "样例：等配件"}
        )
        assert asked.status_code in (200, 201), asked.text
    town.act("department", returned, "return", reason_code="wrong_class")

    watched = sit("dispatcher")
    page = watched.page
    page.keyboard.press("i")
    page.click(f"[data-approval^='{granted}/'] [data-act=grant]")
    page.wait_for_selector(f"[data-approval^='{granted}/']", state="detached")
    page.click(f"[data-approval^='{declined}/'] [data-act=decline]")
    page.fill(f"[data-approval^='{declined}/'] textarea", "样例：时限足够")
    page.click(f"[data-approval^='{declined}/'] [data-act=decline-send]")
    page.wait_for_selector(f"[data-approval^='{declined}/']", state="detached")
    assert [town.read(one)["extended_count"] for one in (granted, declined)] == [1, 0]
    assert [one["state"] for one in town.read(declined)["approvals"]] == ["refused"]

    page.keyboard.press("i")
    opened(page, returned)
    assert page.locator("[data-candidate]").count() > 0 or page.wait_for_selector("[data-candidate]")
    page.keyboard.press("t")
    page.keyboard.press("Enter")
    assert page.wait_for_selector("#why[aria-invalid=true]:focus"), "it asks why"
    page.keyboard.type("样例：不是这一类")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[data-done='{returned}'][data-done-act=to_acceptor]")
    assert town.read(returned)["state"] == "accepted"
    assert town.read(returned)["history"][-1]["reason"] == "样例：不是这一类"
    assert watched.errors == []


def test_nothing_runs_over_the_edge_and_what_is_stale_is_said_at_any_width(town: City, sit: Callable[..., Any]) -> None:
    case_no = town.report(-0.004, -0.002)["case_no"]
    page = sit("dispatcher", 1366, 768, query=f"?case={case_no}", ground=True).page
    held: list[Any] = []
    for live in ("live", "reconnecting"):
        if live == "reconnecting":
            page.route("**/api/live*", lambda route: route.abort())
            page.route("**/api/inbox*", lambda route: held.append(route))
            page.reload()
            page.wait_for_selector(f"[data-page='{case_no}']")
            # A map holds everything else up while it is made: the list comes first, or is known not to come.
            assert page.locator("#map").count() == 0
            for each in held:
                each.abort()
            page.wait_for_selector("#map")
        page.wait_for_selector(f"[data-page='{case_no}']")
        page.wait_for_selector(f"[data-live={live}], [data-live=stale]", state="attached")
        for width, height in ((1366, 768), (1024, 768), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            over = page.evaluate(
                """() => [...document.querySelectorAll('.column, .desk-head, .desk-head > *, .middle button, section')]
                     .filter(each => each.checkVisibility())
                     .map(each => [each.className, each.getBoundingClientRect()])
                     .filter(([, box]) => box.left < -0.5 || box.right > innerWidth + 0.5).map(([name]) => name)"""
            )
            assert over == [], (width, over)
            assert page.is_visible("[data-live]") or live == "live", width
