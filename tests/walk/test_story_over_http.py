"""The whole walk over HTTP: a report becomes a case, finds its officer, is told to who looks, and can be asked why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import shapely

from gisops.db.pool import connect
from gisops.sample.district.shapes import to_degrees
from tests.api.test_live import listening
from tests.described import hold

Call = Callable[..., httpx2.Client]

# Places in the sample district (data/sample/README.md): metres in its plan.
RIVERSIDE_PARK = (1040, 1150)
HANDED_OVER = (120, 660)  # another organisation's until 1 March 2026
NEAR_A_LINE = (430, 500)
NOBODYS_LAND = (750, 1550)
WEST_OF_THE_CITY = (-400, 800)
SCHEME = "GB/T 30428.2-2013"


@pytest.fixture(scope="module")
def door(live_server: Any) -> Iterator[Call]:
    """``door()`` is anybody's client, ``door("desk")`` one that signed in."""
    clients: dict[str | None, httpx2.Client] = {}

    def make(login: str | None = None) -> httpx2.Client:
        if login not in clients:
            client = clients[login] = httpx2.Client(
                base_url=live_server.base_url, timeout=30, event_hooks={"response": [hold]}
            )
            if login is not None:
                sign_in = client.post("/api/session", json={"login": login, "password": live_server.password})
                assert sign_in.status_code == 200, sign_in.text
                client.cookies.clear()
                client.headers["Authorization"] = f"Bearer {sign_in.json()['token']}"
        return clients[login]

    yield make
    for client in clients.values():
        client.close()


def report(where: tuple[float, float], category: str = "E04-05", accuracy_m: float = 5, **more: Any) -> dict[str, Any]:
    point = to_degrees(shapely.Point(*where))
    return {
        "client_uid": str(uuid4()),
        "channel": "citizen",
        "category": category,
        "lon": round(point.x, 7),
        "lat": round(point.y, 7),
        "crs": "WGS84",
        "accuracy_m": accuracy_m,
        "text": "样例：草坪被踩 / Sample: trampled lawn",
        **more,
    }


def sent(client: httpx2.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/reports", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    return told


def codes(dispatch: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in dispatch["reasons"]}


def test_somebody_reports_and_hears_who_got_it_and_why(door: Call) -> None:
    body = report(RIVERSIDE_PARK, "E01-17")
    first = door().post("/api/reports", json=body)
    assert first.status_code == 201, first.text
    told = first.json()
    dispatch = told["dispatch"]
    assert (dispatch["mode"], dispatch["organisation"]["code"], dispatch["zone"]["code"]) == ("zone", "PARKS", "S01")
    assert dispatch["zone"]["name_zh"]
    assert dispatch["zone"]["name_en"]
    for role in ("handler", "superior"):
        # who they are is for those who signed in; what they are is for everybody
        assert set(dispatch[role]) == {"post_zh", "post_en"}
    assert dispatch["handler"] != dispatch["superior"]
    assert {"ZONE_COVERS", "ZONE_OVERLAP"} <= codes(dispatch)
    assert all(reason["zh"] and reason["en"] for reason in dispatch["reasons"])
    assert (told["case"]["state"], dispatch["auto_dispatched"]) == ("dispatched", True)
    assert told["case"]["deadline"] > told["report"]["received_at"]

    again = door().post("/api/reports", json=body)
    assert (again.status_code, again.content) == (200, first.content)
    refused(door().post("/api/reports", json=body | {"text": "another"}), 409, "client_uid_reused")
    kept = door().get(f"/api/reports/{body['client_uid']}").json()
    assert kept["case"]["case_no"] == told["case"]["case_no"]
    assert kept["case"]["state_zh"]
    assert kept["organisation"]["code"] == "PARKS"
    assert kept["post"] == dispatch["handler"]
    assert [entry["action"] for entry in kept["history"]] == ["report", "file", "dispatch"]
    assert all(entry["zh"] and entry["en"] for entry in kept["history"])
    # nothing of what was written, and nobody's name, comes back to whoever holds the key
    assert "草坪" not in json.dumps(kept, ensure_ascii=False)

    located = door().get(
        "/api/locate", params={name: body[name] for name in ("lon", "lat", "crs", "accuracy_m", "category")}
    )
    assert located.status_code == 200, located.text
    place = located.json()
    assert (place["organisation"]["code"], place["zone"]["code"]) == ("PARKS", "S01")
    assert shapely.from_geojson(json.dumps(place["boundary"])).contains(shapely.Point(body["lon"], body["lat"]))


@pytest.fixture
def everybody_in_the_park(live_server: Any) -> None:
    """Who keeps the parks is on duty, whatever the hour: a load that grows needs somebody else to go to."""
    with connect(live_server.database.owner_url) as conn:
        conn.execute(
            """INSERT INTO rosters (district_code, staff_id, on_duty, shift_code)
            SELECT '469901', s.staff_id, now_and_then, 'day'
            FROM staff s
            JOIN organisations o ON o.organisation_id = s.organisation_id AND o.code = 'PARKS'
            CROSS JOIN (SELECT tstzrange(app_now() - interval '1 min', app_now() + interval '5 min')) q (now_and_then)
            WHERE NOT EXISTS (SELECT FROM rosters r WHERE r.staff_id = s.staff_id AND r.on_duty && now_and_then)"""
        )


@pytest.mark.usefixtures("everybody_in_the_park")
def test_a_dispatcher_sees_the_case_and_takes_its_decision_again(door: Call) -> None:
    body = report(RIVERSIDE_PARK, "E01-17")
    case_no = sent(door(), body)["case"]["case_no"]
    dispatcher = door("dispatcher")
    listed = dispatcher.get("/api/cases", params={"limit": 5, "category": "E01-17"}).json()["cases"]
    (mine,) = [case for case in listed if case["case_no"] == case_no]
    assert (mine["state"], mine["organisation"]["code"], mine["zone"]["code"]) == ("dispatched", "PARKS", "S01")
    assert mine["handler"]["name"]
    story = dispatcher.get(f"/api/cases/{case_no}").json()
    assert [one["text"] for one in story["reports"]] == [body["text"]]
    assert {recipient["role"] for recipient in story["recipients"]} == {"handler", "superior"}
    (decision,) = dispatcher.get(f"/api/cases/{case_no}/dispatch").json()["decisions"]
    assert (decision["by_hand"], decision["dispatch"]["organisation"]) == (False, "PARKS")
    assert decision["input"]["category"] == f"{SCHEME}:E01-17"

    # Fifty more at the same spot: the officer who was free is not so any more.
    more = {"reports": [report(RIVERSIDE_PARK, "E01-17") for _ in range(50)]}
    assert dispatcher.post("/api/reports/batch", json=more).json()["accepted"] == 50
    asked = {"case_no": case_no, "mode": "as_recorded"}
    again = dispatcher.post("/api/dispatch/replay", json=asked).json()
    assert (again["same"], again["differences"]) == (True, [])
    assert again["replayed"] == again["recorded"]
    assert again["notes"][0]["zh"]
    later = sent(dispatcher, report(RIVERSIDE_PARK, "E01-17"))
    assert later["dispatch"]["organisation"]["code"] == "PARKS"
    handlers = {
        dispatcher.get(f"/api/cases/{number}").json()["handler"]["code"]
        for number in (case_no, later["case"]["case_no"])
    }
    assert len(handlers) == 2, "load changed nothing, so the replay proved nothing"


def test_in_february_it_would_have_been_somebody_else_s(door: Call) -> None:
    case_no = sent(door(), report(HANDED_OVER))["case"]["case_no"]
    asked = {"case_no": case_no, "mode": "as_of", "at": "2026-02-15T12:00:00+08:00", "positions": "none"}
    told = door("dispatcher").post("/api/dispatch/replay", json=asked).json()
    assert told["same"] is False
    assert (told["recorded"]["organisation"], told["replayed"]["organisation"]) == ("STREET-2", "SQUAD-1")
    assert told["recorded"]["zone"] == told["replayed"]["zone"] == "D07"
    assert "organisation" in {one["field"] for one in told["differences"]}
    today = asked | {"mode": "as_recorded"}
    assert door("dispatcher").post("/api/dispatch/replay", json=today).json()["same"] is True
    refused(door().post("/api/dispatch/replay", json=asked), 401, "not_signed_in")
    del asked["at"]
    refused(door("dispatcher").post("/api/dispatch/replay", json=asked), 422, "invalid_input")


def test_an_ambiguous_case_is_asked_about_and_sent_by_hand(door: Call) -> None:
    desk, officer = door("desk"), door("officer")
    card = officer.get("/api/me").json()
    organisation, staff = card["organisation"]["code"], card["staff"]["code"]
    with listening(desk) as stream:
        told = sent(door(), report(NEAR_A_LINE, accuracy_m=12))
        case_no, dispatch = told["case"]["case_no"], told["dispatch"]
        assert (dispatch["ambiguous"], dispatch["auto_dispatched"], told["case"]["state"]) == (True, False, "filed")
        assert 0 < dispatch["confidence"] < 1
        assert "AMBIGUOUS" in codes(dispatch)
        assert dispatch["question"]["zh"]
        assert dispatch["question"]["en"]
        assert len({one["organisation"]["code"] for one in dispatch["candidates"]}) > 1

        case = desk.get(f"/api/cases/{case_no}").json()
        assert case["organisation"]["code"] == "CENTRE"
        body = {"organisation": organisation, "staff": staff, "reason": "样例：现场照片 / Sample: photograph"}
        address = f"/api/cases/{case_no}/dispatch"
        stale = desk.post(address, json=body | {"expected_version": case["version"] - 1})
        assert refused(stale, 409, "stale_version")["version"] == case["version"]
        unknown = desk.post(address, json=body | {"expected_version": case["version"], "staff": "none-such"})
        refused(unknown, 422, "unknown_staff")
        refused(door().post(address, json=body | {"expected_version": case["version"]}), 401, "not_signed_in")
        refused(officer.post(address, json=body | {"expected_version": case["version"]}), 403, "not_allowed")

        done = desk.post(address, json=body | {"expected_version": case["version"]})
        assert done.status_code == 200, done.text
        case = done.json()
        assert (case["state"], case["organisation"]["code"], case["handler"]["code"]) == (
            "dispatched",
            organisation,
            staff,
        )
        twice = desk.post(address, json=body | {"expected_version": case["version"]})
        assert refused(twice, 409, "illegal_move")["state"] == "dispatched"

        assert case_no in [task["case_no"] for task in officer.get("/api/me/tasks").json()["tasks"]]
        decisions = desk.get(address).json()["decisions"]
        assert [one["by_hand"] for one in decisions] == [False, True]
        assert codes(decisions[1]["dispatch"]) == {"BY_HAND"}
        stream.wait_for("case", 2)
        heard = [json.loads(event["data"]) for event in stream.events if event["event"] == "case"]
    mine = [(event["action"], event["organisation"]["code"]) for event in heard if event["case_no"] == case_no]
    assert mine == [("file", "CENTRE"), ("dispatch", organisation)]
    history = desk.get(f"/api/cases/{case_no}").json()["history"]
    assert [entry["action"] for entry in history] == ["report", "file", "dispatch"]
    assert [entry["state"] for entry in history] == ["reported", "filed", "dispatched"]


def test_what_lies_in_nobody_s_land_goes_to_the_desk(door: Call) -> None:
    told = sent(door(), report(NOBODYS_LAND, "E01-10"))
    dispatch = told["dispatch"]
    assert (dispatch["mode"], dispatch["organisation"]["code"], dispatch["zone"]) == ("desk", "CENTRE", None)
    assert "NO_MATCH" in codes(dispatch)
    assert (told["case"]["state"], dispatch["auto_dispatched"]) == ("filed", False)
    held = door("desk").get("/api/cases", params={"organisation": "CENTRE", "state": "filed"}).json()["cases"]
    assert told["case"]["case_no"] in [case["case_no"] for case in held]


def test_outside_the_city_is_refused_with_the_neighbour_to_ask(door: Call) -> None:
    body = report(WEST_OF_THE_CITY)
    told = refused(door().post("/api/reports", json=body), 422, "outside_city")
    assert told["neighbour"]["code"] == "469905"
    assert told["neighbour"]["name_zh"] in told["detail"]
    assert told["distance_m"] > 300
    refused(door().get(f"/api/reports/{body['client_uid']}"), 404, "not_found")
    # the same key, now for a place inside: nothing of the refused one was kept
    sent(door(), body | {name: report(RIVERSIDE_PARK)[name] for name in ("lon", "lat")})


def test_a_feed_may_leave_what_lies_outside_with_the_desk(door: Call) -> None:
    body = report(WEST_OF_THE_CITY, channel="feed", outside="desk")
    told = sent(door("desk"), body)
    assert (told["dispatch"]["mode"], told["dispatch"]["organisation"]["code"]) == ("desk", "CENTRE")
    assert {"OUT_OF_AREA", "NO_MATCH"} <= codes(told["dispatch"])
    refused(door("desk").post("/api/reports", json=report(WEST_OF_THE_CITY, outside="desk")), 422, "invalid_input")
    refused(door("desk").post("/api/reports", json=report(WEST_OF_THE_CITY, channel="feed")), 422, "outside_city")


def test_a_batch_is_answered_item_by_item(door: Call) -> None:
    good = report(RIVERSIDE_PARK, channel="feed")
    used = report(HANDED_OVER)
    sent(door(), used)
    swapped = report(RIVERSIDE_PARK)
    swapped["lon"], swapped["lat"] = swapped["lat"], swapped["lon"]
    items: list[tuple[Any, int, str | None]] = [
        (good, 201, None),
        (swapped, 422, "swapped_coordinate"),
        (report(WEST_OF_THE_CITY), 422, "outside_city"),
        (report(RIVERSIDE_PARK, "E77-77"), 422, "unknown_category"),
        (report(RIVERSIDE_PARK, crs="MARS"), 422, "unknown_crs"),
        (report(RIVERSIDE_PARK, part_code="none-such"), 422, "unknown_part"),
        (used, 200, None),
        (used | {"text": "another"}, 409, "client_uid_reused"),
        (17, 422, "invalid_body"),
        (good, 200, None),
        (report(NOBODYS_LAND, "E01-10"), 201, None),
    ]
    before = len(door("desk").get("/api/cases?limit=1000").json()["cases"])
    answer = door("desk").post("/api/reports/batch", json={"reports": [item for item, _, _ in items]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [(one["status"], one["body"].get("code")) for one in told["answers"]] == [
        (status, code) for _, status, code in items
    ]
    assert (told["accepted"], told["rejected"]) == (4, 7)
    assert len(door("desk").get("/api/cases?limit=1000").json()["cases"]) == before + 2
    refused(door().post("/api/reports/batch", json={"reports": [good]}), 401, "not_signed_in")
