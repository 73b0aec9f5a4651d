"""Checking and closing: whether it is really done, and under which closing condition the case ends.

Preparers of the table of moves (`gisops.cases.facts` says what they get and give).
"""

from __future__ import annotations

from typing import Any

from gisops.access.people import Actor
from gisops.cases import case_clocks, looks
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "triage.sql")


def order_check(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Send somebody to look whether it is done: not who handled it."""
    return looks.asked(conn, facts, "check")


def skip_check(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Take the handler's word: where little hangs on it, or the device that reported it says itself that it is over."""
    if by is not None and facts.severity != "minor" and facts.channel != "sensor":
        raise GuardFailed(
            "needs_check",
            "只有轻微案件或由传感器上报的案件可以免核查。",
            "Only minor cases and those that a sensor reported go without a check.",
            severity=facts.severity,
            channel=facts.channel,
        )
    return Prepared()


def passed(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Somebody looked: it is done."""
    _not_own_work(facts, by)
    return Prepared()


def fail(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Somebody looked: it is not done. Its organisation has a limit anew."""
    _not_own_work(facts, by)
    return rework(city, facts)


def to_rework(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """The shift leader does not close it: it is to be done again."""
    return rework(city, facts)


def rework(city: City, facts: Facts) -> Prepared:
    """To be done again: counted; the case's deadline moves on with the new limit and never back."""
    # one of the simple flow that was not done well goes on in the standard one, and is assessed
    sets: dict[str, Any] = {} if facts.flow == "standard" else {"flow": "standard", "assessed": True}
    ends = case_clocks.case_deadline(city, facts, facts.filing_condition_id)
    if ends is not None and (facts.deadline is None or ends > facts.deadline):
        sets["deadline"] = ends
    return Prepared({"count": facts.rework_count + 1}, sets, {"rework_count": 1})


def close(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """End it, under one of its category's closing conditions (``values`` closing_condition: its number)."""
    if facts.open_subtasks:
        raise GuardFailed(
            "open_subtasks",
            f"还有 {facts.open_subtasks} 个子任务未完成。",
            f"{facts.open_subtasks} of its subtasks are still open.",
            open=facts.open_subtasks,
        )
    category = {"category_id": facts.category.category_id}
    known = [row["seq"] for row in conn.execute(_SQL["conditions"], category)]
    number = sent.values.get("closing_condition")
    if number is None and (by is None or not known):
        return Prepared(
            {"closing_condition_id": facts.filing_condition_id}, {"closing_condition_id": facts.filing_condition_id}
        )
    if number is None or number not in known:
        raise InvalidInput(
            f"Closing quotes one of the category's closing conditions, not {number}.",
            field="closing_condition",
            conditions=known,
        )
    row = conn.execute(_SQL["condition"], {**category, "seq": number}).fetchone()
    assert row is not None  # one of those that were just read  # noqa: S101
    key = row["filing_condition_id"]
    return Prepared({"closing_condition_id": key}, {"closing_condition_id": key})


def _not_own_work(facts: Facts, by: Actor | None) -> None:
    if by is not None and by.staff_id is not None and by.staff_id == facts.handler_id:
        raise GuardFailed("own_work", "不能核查自己处置的案件。", "Nobody checks a case that he handled himself.")
