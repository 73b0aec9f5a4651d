"""Three stories, told by those who ran such centres, each end to end over HTTP: a real server, the worker's real
timers, and a clock that is set to the minute.

The shop: a street cleaner sees goods on the pavement, and ten minutes later an officer has been there. The drain: told
at 14:18, taken on at 14:40, dry at 16:53. The lamps: an answer within half an hour, light again within a day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest
import shapely

from gisops.access import accounts, scopes
from gisops.db.pool import connect
from gisops.sample.district.shapes import to_degrees
from gisops.simulation import books
from tests import photos
from tests.clock import Clock, moved
from tests.conftest import Database, Server, serve

HERE = ZoneInfo("Asia/Shanghai")
PASSWORD = "a story's own password"
# A shop front in the old town, clear of every line (metres in the sample's plan).
SHOP = (200, 420)
_NOBODY = "DELETE FROM rosters WHERE on_duty && tstzrange(%(begins)s, %(ends)s)"
_EVERYBODY = """
INSERT INTO rosters (district_code, staff_id, on_duty, shift_code)
SELECT '469901', s.staff_id, tstzrange(%(begins)s, %(ends)s), 'day' FROM staff s WHERE s.active
"""


class Story:
    """One case, and those who have to do with it."""

    def __init__(self, server: Server, clock: Clock, day: datetime) -> None:
        self.server, self.clock, self.day = server, clock, day
        self.uid, self.case_no, self.photos = str(uuid4()), "", 0
        self.lon = self.lat = 0.0
        self.page_said: list[tuple[str, str]] = []

    def at(self, hour: int, minute: int, second: int = 0, days: int = 0) -> datetime:
        """Set the clock to a time of the story's day."""
        moment = (self.day + timedelta(days=days)).replace(hour=hour, minute=minute, second=second)
        return self.clock.set(moment)

    @contextmanager
    def door(self, login: str | None = None) -> Iterator[httpx2.Client]:
        with httpx2.Client(base_url=self.server.base_url, timeout=30) as client:
            if login is not None:
                password = PASSWORD if login.startswith("story-") else self.server.password
                answer = client.post("/api/session", json={"login": login, "password": password})
                assert answer.status_code == 200, answer.text
                client.cookies.clear()
                client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            yield client

    def photo(self, client: httpx2.Client) -> str:
        self.photos += 1
        return photos.sent(client, photos.jpeg(hash((self.uid, self.photos)) & 0xFFFFFF))

    def report(self, login: str | None, where: tuple[float, float], **body: Any) -> dict[str, Any]:
        point = to_degrees(shapely.Point(*where))
        self.lon, self.lat = round(point.x, 7), round(point.y, 7)
        with self.door(login) as client:
            place = {"lon": self.lon, "lat": self.lat, "crs": "WGS84", "accuracy_m": 4}
            sent = {"client_uid": self.uid, "photos": [self.photo(client)], **place, **body}
            answer = client.post("/api/reports", json=sent)
            assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        self.case_no = told["case"]["case_no"]
        self.look()
        return told

    def case(self, login: str = "dispatcher") -> dict[str, Any]:
        with self.door(login) as client:
            answer = client.get(f"/api/cases/{self.case_no}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def does(self, login: str, action: str, *, evidence: bool = False, **body: Any) -> dict[str, Any]:
        """Somebody does something now, on the version he sees."""
        with self.door(login) as client:
            version = client.get(f"/api/cases/{self.case_no}").json()["version"]
            if evidence:
                here = {"lon": self.lon, "lat": self.lat, "crs": "WGS84", "accuracy_m": 5}
                taken = {"sha256": self.photo(client), "captured_at": self.clock.now().isoformat(), **here}
                body |= {"position": here, "photos": [taken]}
            answer = client.post(f"/api/cases/{self.case_no}/{action}", json={"expected_version": version, **body})
        assert answer.status_code == 200, (action, answer.text)
        self.look()
        told: dict[str, Any] = answer.json()
        return told

    def look(self) -> dict[str, Any]:
        """What whoever reported it sees on his page, by his key alone."""
        with self.door() as client:
            page: dict[str, Any] = client.get(f"/api/reports/{self.uid}").json()
        assert page["case"]["case_no"] == self.case_no
        assert page["history"][-1]["state"] == page["case"]["state"]
        self.page_said.append((page["case"]["state"], page["case"]["state_zh"]))
        return page

    def joins(self, role: str, code: str) -> str:
        """Somebody of the staff gets an account; his login."""
        login = f"story-{code.lower()}"
        with connect(self.server.database.owner_url) as owner:
            known = owner.execute("SELECT FROM accounts WHERE login = %s", [login]).fetchone()
            if known is None:
                accounts.add(owner, login, role, PASSWORD, staff=code)
        return login

    def whose(self) -> dict[str, Any]:
        """The codes of who handles it and of his superior."""
        with connect(self.server.database.owner_url) as owner:
            row = owner.execute(
                "SELECT h.code AS handler, s.code AS superior FROM cases c"
                " LEFT JOIN staff h ON h.staff_id = c.handler_id LEFT JOIN staff s ON s.staff_id = c.superior_id"
                " WHERE c.case_no = %s",
                [self.case_no],
            ).fetchone()
        assert row is not None
        return row

    def row(self) -> dict[str, Any]:
        with connect(self.server.database.owner_url) as owner:
            row = owner.execute(
                "SELECT state, flow, assessed, report_count FROM cases WHERE case_no = %s", [self.case_no]
            ).fetchone()
        assert row is not None
        return row

    def staff_of(self, login: str) -> str:
        """The staff code of a sample account."""
        with connect(self.server.database.owner_url) as owner:
            row = owner.execute(
                "SELECT s.code FROM accounts a JOIN staff s USING (staff_id) WHERE a.login = %s", [login]
            ).fetchone()
        assert row is not None
        code: str = row["code"]
        return code

    def times(self) -> list[tuple[str, str]]:
        """What happened and when, by the wall."""
        return [
            (entry["action"], datetime.fromisoformat(entry["at"]).astimezone(HERE).strftime("%H:%M"))
            for entry in self.case()["history"]
        ]

    def fires(self, hour: int, minute: int, second: int, entries: int) -> None:
        """Set the clock and wait until the worker has done what is due; ``entries`` are then in the history."""
        self.at(hour, minute, second)
        give_up = time.monotonic() + 20
        while (told := self.case())["version"] < entries:
            assert time.monotonic() < give_up, self.times()
            time.sleep(0.05)
        assert told["version"] == entries, self.times()

    def heard(self, login: str) -> list[str]:
        """The kinds of what somebody was told about the case, in order."""
        with self.door(login) as client:
            told = client.get("/api/me/notices").json()["notices"]
        return [one["kind"] for one in reversed(told) if one["facts"].get("case_no") == self.case_no]

    def reporter_heard(self) -> list[tuple[str, datetime]]:
        """The states of which the reporter is told where he asks with his key, in order, and since when."""
        with self.door(None) as client:
            told = client.get(f"/api/reports/{self.uid}").json()["history"]
        return [(entry["state"], datetime.fromisoformat(entry["at"])) for entry in told]

    def holds(self) -> None:
        """The history is chained and the books balance."""
        with connect(self.server.database.owner_url) as owner:
            row = owner.execute("SELECT case_id FROM cases WHERE case_no = %s", [self.case_no]).fetchone()
            assert row is not None
            assert books.broken(owner, [row["case_id"]]) == []


def told_on(database: Database, home: Path, **city: bool) -> Iterator[tuple[Server, Clock, datetime]]:
    """A server on a day of its own, tomorrow: everybody is on duty, and nothing is drawn for a second look."""
    day = datetime.now(HERE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    clock = moved(database, day)
    with connect(database.owner_url) as owner:
        for statement in (_NOBODY, _EVERYBODY):
            owner.execute(statement, {"begins": day - timedelta(hours=1), "ends": day + timedelta(days=3)})
        owner.execute("UPDATE city SET settings = settings || '{\"sample_check_percent\": 0}'")
        for name, value in city.items():
            owner.execute(f"UPDATE city SET {name} = %s", [value])  # type: ignore[call-overload]
        # the sample's supervisor walks one street; the stories' walks the city
        code = owner.execute("SELECT code FROM city").fetchone()
        assert code is not None
        scopes.grant(owner, "supervisor", "area", code["code"])
        # what the sample itself left open is no part of the stories
        owner.execute("UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE due_at IS NOT NULL")
    with serve(database, home=str(home), anonymous_photos_per_minute="1000") as server:
        yield server, clock, day


@pytest.fixture(scope="module")
def by_itself(sample_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A city that files and sends by itself."""
    yield from told_on(sample_database, tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def by_hand(fresh_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A city whose desk decides each case."""
    yield from told_on(fresh_database("sample_template"), tmp_path_factory.mktemp("photos"), auto_file=False)


def test_the_shop_an_officer_is_there_within_ten_minutes(by_itself: Any) -> None:
    story = Story(*by_itself)
    story.at(8, 2)
    told = story.report(
        "officer", SHOP, channel="officer", category="E04-05", text="样例：店外经营 / Sample: goods outside"
    )
    assert (told["case"]["state"], told["case"]["flow"]) == ("simple_open", "simple"), told["case"]
    who = story.whose()
    assert who["handler"]
    assert who["superior"]
    handler, superior = story.joins("handler", who["handler"]), story.joins("handler", who["superior"])
    assert story.heard(handler) == ["assigned"]
    assert story.heard(superior), "his superior is told beside him"

    story.at(8, 12)
    done = story.does(handler, "finish", evidence=True)
    assert done["state"] == "closed"
    assert story.times() == [("report", "08:02"), ("push", "08:02"), ("finish", "08:12")]
    assert story.row() == {"state": "closed", "flow": "simple", "assessed": False, "report_count": 1}
    assert [state for state, _ in story.page_said] == ["simple_open", "closed"]
    assert [state for state, _ in story.reporter_heard()] == ["reported", "simple_open", "closed"]
    story.holds()


def test_the_drain_told_at_14_18_taken_on_at_14_40_dry_at_16_53(by_itself: Any) -> None:
    story = Story(*by_itself)
    story.at(14, 18)
    told = story.report(
        None, SHOP, channel="citizen", category="E05-06", text="样例：路面积水 / Sample: the road is flooded"
    )
    assert told["case"]["state"] == "dispatched"
    who = story.whose()
    handler = story.joins("handler", who["handler"])
    assert story.heard(handler) == ["assigned"]
    # Nobody takes it on: an urgent case is to be acknowledged in 5 minutes. The worker calls in who is above.
    story.fires(14, 23, 0, entries=4)
    story.fires(14, 25, 30, entries=5)
    story.fires(14, 28, 0, entries=6)
    who = story.whose()
    superior = story.joins("handler", who["superior"])
    assert story.heard(superior)

    story.at(14, 40)
    assert story.does(superior, "ack")["state"] == "handling"
    story.at(16, 53)
    assert story.does(superior, "finish", evidence=True)["state"] == "handled"
    story.at(17, 0)
    story.does("desk", "order_check")
    story.at(17, 20)
    story.does("supervisor", "pass", evidence=True)
    story.at(17, 25)
    assert story.does("shift_leader", "close", closing_condition=1)["state"] == "closed"
    assert story.times() == [
        ("report", "14:18"), ("file", "14:18"), ("dispatch", "14:18"), ("escalate", "14:23"), ("escalate", "14:25"),
        ("escalate", "14:28"), ("ack", "14:40"), ("finish", "16:53"), ("order_check", "17:00"), ("pass", "17:20"),
        ("close", "17:25"),
    ]  # fmt: skip
    case = story.case()
    # Two urgent hours from its filing: by the standard of such a flood both the case and its organisation were late,
    # which the clocks say, however quick it was.
    assert datetime.fromisoformat(case["deadline"]).astimezone(HERE).strftime("%H:%M") == "16:18"
    clocks = {clock["step"]: clock for clock in case["clocks"]}
    assert (clocks["ack"]["outcome"], clocks["handle"]["outcome"]) == ("late", "late")
    assert datetime.fromisoformat(clocks["handle"]["deadline"]).astimezone(HERE).strftime("%H:%M") == "16:40"
    seen = [state for state, _ in story.page_said]
    assert seen == ["dispatched", "handling", "handled", "checking", "to_close", "closed"]
    heard = [state for state, _ in story.reporter_heard()]
    assert [state for n, state in enumerate(heard) if heard[n - 1 : n] != [state]][-len(seen) :] == seen, heard
    story.holds()


def test_the_lamps_an_answer_within_half_an_hour_and_light_within_a_day(by_hand: Any) -> None:
    story = Story(*by_hand)
    story.at(9, 5)
    told = story.report(
        None, SHOP, channel="citizen", category="P01-37", text="样例：近十盏路灯不亮 / Sample: lamps are out"
    )
    assert told["case"]["state"] == "reported"
    story.at(9, 13)
    sent = story.does("desk", "order_verify")
    # the answer names who was asked to look, and he finds it among his tasks and his notices
    assert [one["role"] for one in sent["recipients"]] == ["verify"]
    assert story.heard("supervisor") == ["task"]
    with story.door("supervisor") as client:
        mine = client.get("/api/me/tasks").json()["tasks"]
    assert story.case_no in [one["case_no"] for one in mine]
    story.at(9, 26)
    story.does("supervisor", "verify", evidence=True, result="true")
    story.at(9, 28)
    story.does("desk", "accept")
    story.at(9, 30)
    filed = story.does("shift_leader", "file", filing_condition=1)
    assert filed["deadline"]
    # an answer in less than half an hour: the reporter has heard of it, and from whom he will hear
    reported = story.day.replace(hour=9, minute=5)
    answered = [at for state, at in story.reporter_heard() if state != "reported"]
    assert min(answered) - reported < timedelta(minutes=30)

    story.at(9, 33)
    mender = story.staff_of("handler")
    sent = {"organisation": "ROADS", "staff": mender, "reason": "样例：由道路养护公司负责 / Sample: theirs to mend"}
    story.does("dispatcher", "dispatch", **sent)
    story.at(9, 45)
    assert story.does("handler", "ack")["state"] == "handling"
    story.at(8, 40, days=1)
    assert story.does("handler", "finish", evidence=True)["state"] == "handled"
    story.at(8, 50, days=1)
    story.does("desk", "order_check")
    story.at(8, 59, days=1)
    story.does("supervisor", "pass", evidence=True)
    story.at(9, 4, days=1)
    assert story.does("shift_leader", "close", closing_condition=1)["state"] == "closed"
    assert story.times() == [
        ("report", "09:05"), ("order_verify", "09:13"), ("verify", "09:26"), ("accept", "09:28"), ("file", "09:30"),
        ("dispatch", "09:33"), ("ack", "09:45"), ("finish", "08:40"), ("order_check", "08:50"), ("pass", "08:59"),
        ("close", "09:04"),
    ]  # fmt: skip
    case = story.case()
    closed, began = (datetime.fromisoformat(case[name]) for name in ("closed_at", "reported_at"))
    assert closed - began < timedelta(days=1)
    assert datetime.fromisoformat(case["handled_at"]) < datetime.fromisoformat(case["deadline"])
    assert [state for state, _ in story.page_said] == [
        "reported", "verifying", "reported", "accepted", "filed", "dispatched", "handling", "handled", "checking",
        "to_close", "closed",
    ]  # fmt: skip
    story.holds()
