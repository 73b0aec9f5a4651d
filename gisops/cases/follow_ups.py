"""After a case is closed: the reporter is asked, or says by himself, how content he is; and where it is not done after
all, it is opened again under the same number.

A reporter without an account acts by the key of his report, which nobody else knows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from gisops.access.people import Actor
from gisops.cases import agreements, case_clocks, moves, texts
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound

_SQL = queries.load("gisops.cases", "follow_ups.sql")

# How long a reporter may say that it is not done.
REOPEN_WITHIN = timedelta(days=7)
METHODS = ("phone", "visit")


def reopen(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It is not done after all: it comes back to the desk under its number, and its time runs anew. By an inspector, or
    within seven days by a reporter; either says what is to be seen there.
    """
    texts.checked(sent.reason, needed="Opening a case again")
    if by is None and facts.closed_at is not None and facts.now > facts.closed_at + REOPEN_WITHIN:
        raise GuardFailed(
            "too_late_to_reopen",
            f"结案超过 {REOPEN_WITHIN.days} 天；请重新上报。",
            f"It was closed more than {REOPEN_WITHIN.days} days ago; please report it anew.",
            closed_at=facts.closed_at.isoformat(),
        )
    ends = case_clocks.case_deadline(city, facts, facts.filing_condition_id)
    if facts.deadline is not None and ends is not None:
        ends = max(ends, facts.deadline)
    # a second round is the standard flow's, is assessed, and was exempted from nothing yet
    sets: dict[str, Any] = {
        "deadline": ends,
        "closing_condition_id": None,
        "escalation": 0,
        "flow": "standard",
        "assessed": True,
        "timeout_exempt": False,
    }
    return Prepared({"rework": facts.rework_count + 1}, sets, {"rework_count": 1})


def of_report(conn: Connection, client_uid: UUID) -> dict[str, Any]:
    """The case of whoever holds this key: case_no, district_code, case_id, state, version, report_id, whether his was
    its first report, and told_no, the number as he was told it, if he was. Raises ``NotFound``, and ``GuardFailed``
    where his was counted alone: he follows the case, and has no word in it.
    """
    row = conn.execute(_SQL["of_report"], {"client_uid": client_uid}).fetchone()
    if row is None:
        raise NotFound("There is no report with this key.", client_uid=str(client_uid))
    if row.pop("counted_only"):
        raise GuardFailed(
            "counted_only",
            "该上报只计入数量；请重新上报。",
            "This report was counted alone; please report it anew.",
        )
    return row


def may(row: dict[str, Any]) -> dict[str, Any]:
    """What the reporter of a followed report may do now: ``urge``, ``rate``, ``reopen``; that until ``reopen_until``.
    What was done lately is refused all the same: that says who acts.
    """
    over = row["stage"] == moves.OVER
    until = row["closed_at"] + REOPEN_WITHIN if row["state"] == "closed" and row["was_first"] else None
    has_word = not row["counted_only"]
    return {
        "urge": has_word and not over,
        "rate": has_word and row["state"] in ("closed", "force_closed") and row["score"] is None,
        "reopen": has_word and until is not None and row["now"] <= until,
        "reopen_until": until if has_word else None,
    }


def visit(conn: Connection, facts: Facts, method: str, reached: bool, score: int | None, text: str, by: Actor) -> int:
    """Somebody asked the reporter of a closed case; returns the visit's number. Raises ``InvalidInput``,
    ``GuardFailed``.
    """
    if method not in METHODS:
        raise InvalidInput(f"method is one of {', '.join(METHODS)}.", field="method", methods=list(METHODS))
    if reached != (score is not None):
        raise InvalidInput("Who was reached gave a score from 1 to 5; who was not gave none.", field="score")
    number = _add(conn, facts.district_code, facts.case_id, facts.state, method, score, text, by, None)
    assert number is not None  # noqa: S101  (only a reporter's own word is kept once)
    return number


def say(conn: Connection, case: dict[str, Any], score: int, text: str) -> bool:
    """A reporter says by himself how content he is; returns False where he had said so before, and that stands. What
    counts of the case is the word of who reported it first: anybody can join.
    """
    key = (case["district_code"], case["case_id"], case["state"])
    counts = case["was_first"]
    return _add(conn, *key, "reporter", score, text, None, case["report_id"], counts=counts) is not None


def _add(
    conn: Connection,
    district_code: str,
    case_id: UUID,
    state: str,
    method: str,
    score: int | None,
    text: str,
    by: Actor | None,
    report_id: UUID | None,
    *,
    counts: bool = True,
) -> int | None:
    if score is not None and not 1 <= score <= 5:
        raise InvalidInput("score goes from 1 (very dissatisfied) to 5 (very satisfied).", field="score")
    if state not in ("closed", "force_closed"):
        raise GuardFailed("not_closed", "案件尚未结案。", "The case is not closed yet.", state=state)
    key = {"district_code": district_code, "case_id": case_id}
    agreements.hold(conn, district_code, case_id)
    told = {"method": method, "reached": score is not None, "score": score, "report_id": report_id}
    told |= {"account_id": by.account_id if by else None, **texts.kept_with(text)}
    row = conn.execute(_SQL["add"], {**key, **told}).fetchone()
    if row is None:
        return None
    if score is not None and counts:
        conn.execute(_SQL["satisfied"], {**key, "score": score})
    return int(row["follow_up_no"])
