"""What is done beside the main line of a case, by HTTP: each answer is as the API's description says (`caller` holds it
against that), and the page of the case has what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from gisops.db.pool import connect
from tests.conftest import Server

Call = Callable[..., httpx2.Client]
WHY = "样例理由 / sample reason"


def test_what_is_agreed_on_is_answered_as_described(caller: Call, a_report: Callable[..., dict[str, Any]]) -> None:
    desk, handler, body = caller("desk"), caller("handler"), a_report(accuracy_m=400)
    case_no = caller().post("/api/reports", json=body).json()["case"]["case_no"]
    address, me = f"/api/cases/{case_no}", handler.get("/api/me").json()

    def done(client: httpx2.Client, path: str, **sent: Any) -> dict[str, Any]:
        answer = client.post(f"{address}/{path}", json=sent)
        assert answer.status_code in (200, 201), (path, answer.text)
        told: dict[str, Any] = answer.json()
        return told

    version = desk.get(address).json()["version"]
    sent = {"organisation": me["organisation"]["code"], "staff": me["staff"]["code"]}
    version = done(desk, "dispatch", **sent, reason=WHY, expected_version=version)["version"]
    version = done(handler, "ack", expected_version=version)["version"]
    other = next(code for code in ("ROADS", "PARKS", "WATER") if code != me["organisation"]["code"])
    part = done(desk, "subtasks", organisation=other, task=WHY)["subtask_no"]
    assert done(desk, f"subtasks/{part}", action="cancel", text=WHY)["state"] == "cancelled"
    asked = done(handler, "approvals", kind="extend", reason=WHY)["approval_no"]
    version = desk.get(address).json()["version"]
    back = done(handler, f"approvals/{asked}", granted=False, expected_version=version, reason=WHY)
    assert back["state"] == "withdrawn"

    mine = f"/api/reports/{body['client_uid']}"
    assert caller().post(f"{mine}/urgings", json={}).json() == {"case_no": case_no, "urged": True}
    assert caller().get(mine).json()["case"]["case_no"] == case_no
    page = desk.get(address).json()
    assert [len(page[name]) for name in ("subtasks", "approvals", "urgings")] == [1, 1, 1]


def test_that_an_organisation_was_shown_what_somebody_wrote_is_written_down(
    caller: Call, a_report: Callable[..., dict[str, Any]], live_server: Server
) -> None:
    """The words of an order and of a part in its own lists, whether or not it may see the case."""
    desk, department = caller("desk"), caller("department")
    own = department.get("/api/me").json()["organisation"]["code"]

    def dispatched(to: str) -> str:
        made = caller().post("/api/reports", json=a_report(accuracy_m=400))
        address = f"/api/cases/{made.json()['case']['case_no']}"
        sent = {"organisation": to, "expected_version": desk.get(address).json()["version"], "reason": WHY}
        assert desk.post(f"{address}/dispatch", json=sent).status_code == 200
        return address

    def looks(subject: str) -> list[int]:
        with connect(live_server.database.owner_url) as owner:
            rows = owner.execute(
                "SELECT x.rows FROM audit x JOIN accounts a USING (account_id)"
                " WHERE x.act = 'look' AND x.subject = %s AND a.login = 'department' ORDER BY x.entry_id",
                [subject],
            ).fetchall()
        return [row["rows"] for row in rows]

    def shown(name: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = department.get(f"/api/me/{name}").json()[name]
        return listed

    part, order = {"organisation": own, "task": WHY}, {"level": 1, "text": WHY}
    for name, subject, words, ask, sent in (
        ("subtasks", "case_subtasks", "task", lambda: (desk, dispatched("ROADS")), part),
        ("orders", "supervision_orders", "text", lambda: (caller("shift_leader"), dispatched(own)), order),
    ):
        said = len([one for one in shown(name) if one[words] is not None])
        before = looks(subject)
        if said == 0:  # where nothing was shown nothing is written
            shown(name)
            assert looks(subject) == before
        asker, address = ask()
        given = asker.post(f"{address}/{name}", json=sent)
        assert given.status_code == 201, given.text
        assert WHY in [one[words] for one in shown(name)]
        assert looks(subject) == [*before, said + 1]
