"""What is done with a case, by HTTP: one route for each action, the case as the actor sees it, and what he may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

Call = Callable[..., httpx2.Client]


@pytest.fixture
def at_desk(caller: Call, a_report: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A case that the rules could not send, as the desk reads it."""
    made = caller().post("/api/reports", json=a_report(accuracy_m=400))
    assert made.status_code == 201, made.text
    assert made.json()["case"]["state"] == "filed"
    found: dict[str, Any] = caller("desk").get(f"/api/cases/{made.json()['case']['case_no']}").json()
    return found


def test_a_case_says_its_clocks_and_what_is_allowed_to_whom(caller: Call, at_desk: dict[str, Any]) -> None:
    assert "dispatch" in at_desk["allowed"]
    running = [clock for clock in at_desk["clocks"] if clock["stopped_at"] is None]
    assert [(clock["step"], clock["organisation"]) for clock in running] == [("dispatch", "CENTRE")]
    assert running[0]["deadline"] > running[0]["started_at"]
    planner = caller("planner").get(f"/api/cases/{at_desk['case_no']}").json()
    assert planner["allowed"] == []


def test_an_act_answers_the_case_as_it_is_then(caller: Call, at_desk: dict[str, Any]) -> None:
    desk, address = caller("desk"), f"/api/cases/{at_desk['case_no']}"
    body = {"organisation": "ROADS", "reason": "样例理由 / sample reason", "expected_version": at_desk["version"]}
    sent = desk.post(f"{address}/dispatch", json=body)
    assert sent.status_code == 200, sent.text
    case = sent.json()
    assert (case["state"], case["version"], case["organisation"]["code"]) == (
        "dispatched", at_desk["version"] + 1, "ROADS",
    )  # fmt: skip
    assert [clock["step"] for clock in case["clocks"] if clock["stopped_at"] is None] == ["ack"]
    entry = case["history"][-1]
    assert (entry["action"], entry["reason"]) == ("dispatch", body["reason"])
    assert body["reason"] not in str(entry["payload"])
    # who is not to know people reads neither the words nor whether there are any
    assert "reason" not in caller("planner").get(address).json()["history"][-1]

    again = desk.post(f"{address}/dispatch", json=body)
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "stale_version", "dispatched")
    illegal = desk.post(f"{address}/dispatch", json=body | {"expected_version": case["version"]})
    assert (illegal.status_code, illegal.json()["code"]) == (409, "illegal_move")
    assert illegal.json()["allowed"] == case["allowed"]
    assert "dispatch" not in case["allowed"]


def test_the_handler_takes_it_on_and_gives_it_back(caller: Call, at_desk: dict[str, Any]) -> None:
    desk, handler, address = caller("desk"), caller("handler"), f"/api/cases/{at_desk['case_no']}"
    me = handler.get("/api/me").json()
    body = {
        "organisation": me["organisation"]["code"],
        "staff": me["staff"]["code"],
        "reason": "样例 / sample",
        "expected_version": at_desk["version"],
    }
    version = desk.post(f"{address}/dispatch", json=body).json()["version"]
    seen = handler.get(address).json()
    assert {"ack", "return"} <= set(seen["allowed"])
    taken = handler.post(f"{address}/ack", json={"expected_version": version})
    assert (taken.status_code, taken.json()["state"]) == (200, "handling")
    unreasoned = handler.post(f"{address}/return", json={"expected_version": version + 1, "reason_code": "tired"})
    assert (unreasoned.status_code, unreasoned.json()["code"]) == (422, "invalid_input")
    assert "not_ours" in unreasoned.json()["reasons"]
    back = handler.post(f"{address}/return", json={"expected_version": version + 1, "reason_code": "not_ours"})
    assert back.status_code == 200, back.text
    # it was his by being sent to him: now it lies with the desk, and he is told where it stands and no more
    assert back.json()["state"] == "returned"
    refused = desk.post(f"{address}/dispatch", json=body | {"expected_version": version + 2})
    assert (refused.status_code, refused.json()["code"], refused.json()["guard"]) == (409, "guard_failed", "excluded")


@pytest.mark.parametrize(
    ("login", "action", "body", "status"),
    [
        (None, "ack", {"expected_version": 1}, 401),
        ("planner", "ack", {"expected_version": 1}, 403),
        ("desk", "close", {"expected_version": 1}, 403),
        ("desk", "promote", {"expected_version": 1}, 405),
        ("desk", "dispatch", {"organisation": "ROADS", "reason": "样例"}, 422),
        ("desk", "accept", {"expected_version": 1, "unknown": 1}, 422),
        ("desk", "accept", {"expected_version": "1"}, 422),
        ("desk", "refuse", {"expected_version": 1, "reason": "长" * 1001, "reason_code": "other"}, 422),
    ],
)
def test_what_is_not_right_is_refused_in_words(
    caller: Call, at_desk: dict[str, Any], login: str | None, action: str, body: dict[str, Any], status: int
) -> None:
    client = caller(login) if login else caller()
    answer = client.post(f"/api/cases/{at_desk['case_no']}/{action}", json=body)
    if status == 405:  # nobody's action has no route
        assert answer.status_code in (404, 405)
    else:
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]
    assert caller("desk").get(f"/api/cases/{at_desk['case_no']}").json()["version"] == at_desk["version"]
