"""One case from the pavement to its end, through all four screens, and a server that goes away in the middle of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from gisops.db.pool import connect
from tests.browser.conftest import signed_in, wait_for_worker
from tests.conftest import _SERVE, Server, _wait_until_ready, client_as
from tests.photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore::ResourceWarning")]

ROOT = Path(__file__).parents[2]
PHONE = (390, 780)
WALL = (1366, 768)
# The desk takes a key for one that was meant, and not for the end of something typed elsewhere.
SETTLED = "() => window.gisops.settled()"
# A page that stood through everything still knows this.
MARK = "() => { window.stoodThroughIt = true; }"
STOOD = "() => window.stoodThroughIt === true"
DRAWN = """no => (window.gisops?.map?.getSource('overlay_cases')?.serialize().data?.features ?? [])
  .some(each => each.properties.case_no === no)"""
# A street's fault that nobody files by rule: it waits at the desk.
QUIET = """
SELECT k.code, ST_X(p) AS lon, ST_Y(p) AS lat FROM categories k JOIN city c ON c.category_scheme = k.scheme,
  grid_cells g, LATERAL ST_PointOnSurface(g.geom) p
WHERE k.code = %s AND NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p, 0.002))
  AND ST_Contains(c.geom, ST_Expand(p, 0.002))
ORDER BY ST_Distance(p, ST_Boundary(g.geom)) DESC LIMIT 1
"""


# Who decides what, by which key.
DECISIONS = (("desk", "a", "accepted"), ("shift_leader", "Enter", "filed"), ("dispatcher", "Enter", "dispatched"))


class Town:
    """The server, and whoever acts beside the screens."""

    def __init__(self, server: Server, browser_pages: Callable[..., Any]) -> None:
        self.server, self.pages = server, browser_pages
        self.clients: dict[str, httpx2.Client] = {}

    def as_(self, login: str) -> httpx2.Client:
        if login not in self.clients:
            self.clients[login] = client_as(self.server, login)
        return self.clients[login]

    def read(self, case_no: str, login: str = "dispatcher") -> dict[str, Any]:
        found: dict[str, Any] = self.as_(login).get(f"/api/cases/{case_no}").raise_for_status().json()
        return found

    def act(self, login: str, case_no: str, action: str, **body: Any) -> None:
        asked = {"expected_version": self.read(case_no, login)["version"], **body}
        done = self.as_(login).post(f"/api/cases/{case_no}/{action}", json=asked)
        assert done.status_code == 200, done.text

    def open(self, path: str, login: str | None, size: tuple[int, int], **options: Any) -> Any:
        watched = self.pages(*size, reduced_motion="reduce", **options)
        page = watched.page
        page.set_default_timeout(60_000)
        if login:
            signed_in(page.context, self.server, login)
        page.goto(self.server.base_url + path)
        return watched


@pytest.fixture
def town(live_server: Server, open_page: Callable[..., Any]) -> Iterator[Town]:
    made = Town(live_server, open_page)
    yield made
    for client in made.clients.values():
        client.close()


@pytest.fixture
def away(live_server: Server) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A function that takes the web process away for a while, and puts another in its place, at the same address."""
    told = Path(f"/proc/{live_server.web.pid}/environ").read_text().split("\0")
    environment = dict(line.split("=", 1) for line in told if "=" in line)
    started: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def gone() -> Iterator[None]:
        for each in started or [live_server.web]:
            each.terminate()
            each.wait(20)
        yield
        with socket.create_server(("127.0.0.1", urlsplit(live_server.base_url).port or 0)) as listening:
            fd = listening.fileno()
            command = [sys.executable, "-c", _SERVE, str(fd)]
            started[:] = [subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[fd], start_new_session=True)]
        _wait_until_ready(live_server.base_url, started[0])

    yield gone
    for each in started:
        each.terminate()
        each.wait(20)


def decide(page: Any, case_no: str, key: str) -> None:
    """Bring the case before whoever sits at this desk, look at its map, and press the key."""
    page.fill("#desk-search", case_no)
    page.press("#desk-search", "Enter")
    page.wait_for_selector(f"[data-page='{case_no}']")
    page.wait_for_function("() => window.gisops?.map?.isStyleLoaded()")
    if key == "Enter":
        page.wait_for_selector("[data-candidate], [data-act]")
    page.wait_for_function(SETTLED)
    page.keyboard.press(key)
    page.wait_for_selector(f"[data-done='{case_no}']")


def test_a_case_from_the_pavement_to_its_stars(
    town: Town, live_server: Server, away: Callable[[], AbstractContextManager[None]]
) -> None:
    # The wall stands there all the while.
    wall = town.open("/screen", "leader", WALL)
    wall.page.wait_for_selector("[data-live=live]")
    wall.page.evaluate(MARK)

    # A citizen reports what lies before him.
    with connect(live_server.database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE categories SET auto_file = false WHERE code = 'E01-13'")
        place = owner.execute(QUIET, ["E01-13"]).fetchone()
    assert place is not None
    stands = {
        "geolocation": {"longitude": place["lon"], "latitude": place["lat"], "accuracy": 8},
        "permissions": ["geolocation"],
    }
    citizen = town.open("/report", None, PHONE, has_touch=True, **stands)
    citizen.page.click(f"[data-kind='{place['code']}']")
    citizen.page.wait_for_selector("[data-how=device]")
    citizen.page.click("[data-act=here]")
    citizen.page.click("[data-act=send]")
    citizen.page.wait_for_selector("[data-received]")
    case_no = citizen.page.inner_text(".case-no")
    assert town.read(case_no)["state"] == "reported"

    # The wall has it without being asked.
    wall.page.wait_for_function(DRAWN, arg=case_no)
    wall.page.wait_for_selector(f"[data-case-no='{case_no}']", state="attached")

    # The desk decides, on the case's own map.
    for login, key, state in DECISIONS:
        desk = town.open("/desk", login, (1366, 768))
        decide(desk.page, case_no, key)
        assert town.read(case_no)["state"] == state
        assert desk.errors == []
        desk.page.context.close()

    # Whoever has it now takes it with him, and then there is no network any more.
    organisation = town.read(case_no)["organisation"]["code"]
    with connect(live_server.database.owner_url, autocommit=True) as owner:
        owner.execute(
            "UPDATE accounts SET organisation_id = (SELECT organisation_id FROM organisations WHERE code = %s)"
            " WHERE login = 'department'",
            [organisation],
        )
    phone = town.open("/officer", "department", PHONE, has_touch=True, **stands)
    page = phone.page
    page.wait_for_selector(f"[data-case='{case_no}']")
    wait_for_worker(page, reload=True)
    page.click(f"[data-case='{case_no}']")
    page.wait_for_selector("[data-act=ack]")
    assert phone.errors == []
    page.context.set_offline(True)
    page.click("[data-act=ack]")
    page.wait_for_selector("[data-unsent='1']")
    page.reload()
    page.wait_for_selector("[data-unsent='1']")
    if page.locator("[data-task]").count() == 0:
        page.click(f"[data-case='{case_no}']")
    page.click("[data-act=finish]")
    for n, phase in enumerate(("before", "after")):
        photo = {"name": f"{phase}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(8_100 + n)}
        page.set_input_files(f"[data-photos={phase}]", photo)
        page.wait_for_function("n => document.querySelectorAll('[data-photo]').length === n", arg=n + 1)
    page.click("[data-act=submit]")
    page.wait_for_selector("[data-unsent='2']")
    assert town.read(case_no)["state"] == "dispatched"

    # Meanwhile the server goes away. What is on the wall stays, and the wall says how old it is.
    assert wall.errors == []
    with away():
        said = wall.page.wait_for_selector("[data-live=reconnecting], [data-live=stale]").inner_text()
        assert said == "正在重连" or said.endswith("起未更新")
        assert wall.page.evaluate(DRAWN, case_no)
        assert wall.page.locator(f"[data-case-no='{case_no}']").count() > 0
    wall.page.wait_for_selector("[data-live=live]")
    # What was complained of meanwhile is that nobody answered.
    wall.errors.clear()

    # The network is back: each thing is done once, in its order.
    page.context.set_offline(False)
    page.wait_for_selector("[data-unsent]", state="detached")
    phone.errors.clear()
    history = [entry["action"] for entry in town.read(case_no)["history"]]
    assert history == ["report", "accept", "file", "dispatch", "ack", "finish"]
    assert len([one for one in town.read(case_no)["photos"] if one["phase"] in ("before", "after")]) == 2
    wall.page.wait_for_function(
        "no => document.querySelector(`[data-case-no='${no}']`)?.textContent.includes('已处置')"
        " || document.querySelector(`[data-case-no='${no}']`)?.textContent.includes('待核查')",
        arg=case_no,
    )
    assert wall.page.evaluate(STOOD)

    # Looked at on the spot, and closed at the desk.
    town.act("desk", case_no, "order_check")
    town.act("supervisor", case_no, "pass")
    leader = town.open("/desk", "shift_leader", (1366, 768))
    decide(leader.page, case_no, "Enter")
    assert town.read(case_no)["state"] == "closed"

    # The reporter sees what came of it and says what he thinks.
    citizen.page.click("[data-act=refresh]")
    citizen.page.wait_for_selector("[data-rate]")
    citizen.page.locator("[data-rate] .star-label").nth(4).click()
    citizen.page.click("[data-act=rate]")
    citizen.page.wait_for_selector("[data-rated='5']")
    for watched in (wall, phone, citizen, leader):
        assert watched.errors == []
