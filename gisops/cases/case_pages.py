"""The page of a case: everything that somebody who works on it needs to see, in one answer."""

from __future__ import annotations

from typing import Any

from gisops.access.people import Actor, knows_people
from gisops.cases import case_messages, cases, handbook
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import NotFound

_SQL = queries.load("gisops.cases", "case_pages.sql")

# The newest of its thread; the rest is asked for there.
MESSAGES = 20
# What is agreed on beside the main line, and the texts that people wrote with it.
_WRITTEN = ("approvals", "subtasks", "supervision_orders")
# Who is about to do one of these chooses a condition.
_CHOOSES = {"accept", "file", "close"}


def page(conn: Connection, city: City, case_no: str, to: Actor, key_id: int | None = None) -> dict[str, Any]:
    """One case as ``to`` may see it. Raises ``NotFound``.

    Beside what `cases.read` tells: ``decisions`` of dispatch, ``photos``, ``approvals``, ``subtasks``, ``disputes``,
    ``supervision_orders``, ``urgings``, ``appeals``, ``follow_ups``, the newest ``messages``; of the ``handbook`` what
    it said when the case was filed and when it was closed, and the ``conditions`` there are to choose from where the
    viewer is to choose one.
    """
    told = cases.read(conn, city, case_no, to, key_id)
    beside = conn.execute(_SQL["beside"], {"case_no": case_no}).fetchone()
    if beside is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    if not knows_people(to, beside.pop("organisation_id")):
        for kind in _WRITTEN:
            for one in beside[kind]:
                del one["texts"]
    filed_at, closed_at = beside.pop("filed_at"), beside.pop("closed_at")
    filing, closing = beside.pop("filing_condition_id"), beside.pop("closing_condition_id")
    # None: the category can be reported no longer, and the case is about it still
    category = city.categories.get((told["category"]["scheme"], told["category"]["code"]))
    chooses = category is not None and bool(_CHOOSES & set(told["allowed"]))
    thread = case_messages.thread(conn, case_no, to, limit=MESSAGES, key_id=key_id)
    return {
        **told,
        **beside,
        "decisions": _decisions(conn, city, case_no, to),
        "messages": thread["messages"],
        "handbook": {
            "filed_under": handbook.of_condition(conn, filing, filed_at),
            "closed_under": handbook.of_condition(conn, closing, closed_at),
            "conditions": handbook.entries(conn, city, category=category) if chooses else [],
        },
    }


def _decisions(conn: Connection, city: City, case_no: str, to: Actor) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = cases.decisions(conn, city, case_no, to)["decisions"]
    except NotFound:  # none has been taken yet
        return []
    return found
