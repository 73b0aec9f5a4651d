"""Rules by which reports file themselves, by HTTP, as docs/howto/set-an-auto-rule.md tells it; and dry runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.db.pool import connect

Call = Callable[..., httpx2.Client]


@pytest.fixture(scope="module")
def district(sample_database: Any) -> str:
    """The sample's one district."""
    with connect(sample_database.owner_url) as owner:
        row = owner.execute("SELECT code FROM scope_units WHERE level = 2 AND live ORDER BY code LIMIT 1").fetchone()
    assert row is not None
    code: str = row["code"]
    return code


def test_a_rule_is_set_looked_at_and_met(caller: Call, a_report: Callable[..., dict[str, Any]], district: str) -> None:
    admin, address = caller("admin"), f"/api/auto-rules/{district}/E04-05"
    body = {
        "enabled": True, "min_confidence": 0.9, "channels": ["officer", "video"], "min_photos": 0, "max_overturn": 0.05,
        "window_cases": 200, "window_days": 30, "min_cases": 30, "changed_at": None,
        "reason": "样例：试行一个月 / Sample: a month to try",
    }  # fmt: skip
    made = admin.put(address, json=body)
    assert made.status_code == 200, made.text
    rule = made.json()
    assert (rule["enabled"], rule["own"], rule["min_confidence"]) == (True, True, 0.9)
    assert rule["channels"] == ["officer", "video"]
    assert rule["measured"]["decided"] == 0

    by_citizen = caller().post("/api/reports", json=a_report())
    assert by_citizen.json()["case"]["state"] == "reported"
    by_camera = {"channel": "video", "confidence": 0.95, "source_ref": f"CAM-{uuid4()}"}
    sure = caller("desk").post("/api/reports", json=a_report(**by_camera))
    assert sure.status_code == 201, sure.text
    assert sure.json()["case"]["state"] in ("filed", "dispatched")
    unsure = caller("desk").post("/api/reports", json=a_report(**(by_camera | {"confidence": 2})))
    assert (unsure.status_code, unsure.json()["code"]) == (422, "invalid_body")
    of_people = caller("desk").post("/api/reports", json=a_report(channel="officer", confidence=0.5))
    assert (of_people.status_code, of_people.json()["field"]) == (422, "confidence")

    listed = caller("desk").get("/api/auto-rules", params={"district": district}).json()
    (mine,) = [one for one in listed["rules"] if one["code"] == "E04-05"]
    assert mine["measured"]["filed"] >= 1
    assert "reason" not in mine
    (his,) = [one for one in admin.get("/api/auto-rules").json()["rules"] if one["code"] == "E04-05"]
    assert his["reason"] == body["reason"]

    # another administrator read it when there was none: he is shown what is there now, and undoes nothing
    late = admin.put(address, json=body | {"enabled": False})
    assert (late.status_code, late.json()["code"]) == (409, "stale_rule"), late.text
    there = late.json()["rule"]
    assert {**there, "changed_at": his["changed_at"]} == his
    assert datetime.fromisoformat(there["changed_at"]) == datetime.fromisoformat(his["changed_at"])
    off = admin.put(address, json={"enabled": False, "reason": "样例 / sample", "changed_at": his["changed_at"]})
    assert (off.json()["enabled"], off.json()["channels"]) == (False, ["officer", "video"])
    again = caller("desk").post("/api/reports", json=a_report(**(by_camera | {"source_ref": f"CAM-{uuid4()}"})))
    assert again.json()["case"]["state"] == "reported"
    on = {"enabled": True, "reason": "样例 / sample", "changed_at": off.json()["changed_at"], "min_confidence": "any"}
    assert admin.put(address, json=on).status_code == 200
    assert admin.put(address, json=on).json()["code"] == "stale_rule"


def test_rules_are_shown_of_districts_that_are_looked_after_as_a_whole(
    caller: Call, sample_database: Any, district: str
) -> None:
    """Who has a street of it sees neither its rules nor the figures of why one went off."""
    address = f"/api/auto-rules/{district}/E04"
    set_so = {"enabled": True, "reason": "样例 / sample", "changed_at": None}
    assert caller("admin").put(address, json=set_so).status_code == 200

    def shown(everywhere: bool, level: int | None) -> set[str]:
        with connect(sample_database.owner_url) as owner:
            account = {"login": "inspector"}
            owner.execute("UPDATE accounts SET everywhere = %s WHERE login = 'inspector'", [everywhere])
            owner.execute(
                "DELETE FROM account_units u USING accounts a WHERE a.account_id = u.account_id AND login = %(login)s",
                account,
            )
            if level is not None:
                owner.execute(
                    "INSERT INTO account_units (account_id, unit_id)"
                    " SELECT a.account_id, u.unit_id FROM accounts a, scope_units u WHERE a.login = %(login)s"
                    " AND u.level = %(level)s AND u.live AND u.code LIKE %(district)s || '%%' ORDER BY u.code LIMIT 1",
                    account | {"level": level, "district": district},
                )
        rules = caller("inspector").get("/api/auto-rules").json()["rules"]
        return {one["code"] for one in rules if one["district"] == district}

    with connect(sample_database.owner_url) as owner:
        was = owner.execute("SELECT account_id, everywhere FROM accounts WHERE login = 'inspector'").fetchone()
        assert was is not None
        units = owner.execute("SELECT * FROM account_units WHERE account_id = %s", [was["account_id"]]).fetchall()
    assert units == []
    try:
        assert "E04" in shown(True, None)
        assert "E04" in shown(False, 2)
        assert shown(False, 3) == set()
        assert shown(False, None) == set()
    finally:
        shown(was["everywhere"], None)


def test_what_is_not_right_is_refused_in_words(caller: Call, district: str) -> None:
    address, good = f"/api/auto-rules/{district}/E04-05", {"enabled": True, "reason": "样例 / sample"}
    there = caller("admin").get("/api/auto-rules", params={"district": district}).json()["rules"]
    good["changed_at"] = next((one["changed_at"] for one in there if one["code"] == "E04-05"), None)
    admin = caller("admin")
    for changed, status, code in (
        ({"max_overturn": 7}, 422, "invalid_body"),
        ({"reason": ""}, 422, "invalid_body"),
        ({"colour": "red"}, 422, "invalid_body"),
        ({"changed_at": "2026-11-22T10:00:00"}, 422, "invalid_body"),
        ({"changed_at": "2026-11-22T10:00:00Z"}, 409, "stale_rule"),
        ({"channels": ["pigeon"]}, 422, "invalid_input"),
        ({"window_cases": 10, "min_cases": 20}, 422, "invalid_input"),
    ):
        refused = admin.put(address, json=good | changed)
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
        assert refused.headers["content-type"].startswith("application/problem+json")
    unread = {name: value for name, value in good.items() if name != "changed_at"}
    assert admin.put(address, json=unread).json()["code"] == "invalid_body"
    assert caller("desk").put(address, json=good).status_code == 403
    assert caller().put(address, json=good).status_code == 401
    assert caller().get("/api/auto-rules").status_code == 401
    assert caller("handler").get("/api/auto-rules").status_code == 403
    good["changed_at"] = None
    assert admin.put("/api/auto-rules/999999/E04-05", json=good).status_code == 404
    assert admin.put(f"/api/auto-rules/{district}/E77", json=good).json()["code"] == "unknown_category"


def test_a_correction_is_tried_then_made(caller: Call, a_report: Callable[..., dict[str, Any]]) -> None:
    desk = caller("desk")
    made = desk.post("/api/reports", json=a_report(accuracy_m=400, category="E01-10"))
    case = desk.get(f"/api/cases/{made.json()['case']['case_no']}").json()
    address = f"/api/cases/{case['case_no']}"
    assert "correct" in case["allowed"]
    dry = desk.get(f"{address}/reroute", params={"category": "E01-17"})
    assert dry.status_code == 200, dry.text
    assert dry.json()["then"]["category"]["code"] == "E01-17"
    assert desk.get(address).json()["version"] == case["version"]
    assert desk.get(f"{address}/reroute", params={"lon": 110.0}).json()["code"] == "invalid_input"
    body = {"expected_version": case["version"], "reason": "样例：看错了 / Sample: misread", "category": "E01-17"}
    done = desk.post(f"{address}/correct", json=body)
    assert done.status_code == 200, done.text
    assert (done.json()["category"]["code"], done.json()["state"]) == ("E01-17", case["state"])
    entry = done.json()["history"][-1]
    assert (entry["action"], entry["payload"]["was"]) == ("correct", "E01-10")
    page = desk.get("/api/reroute-preview", params={"limit": 20}).json()
    assert page["checked"] <= 20
    assert caller("handler").get(f"{address}/reroute").status_code == 403
