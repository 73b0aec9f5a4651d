"""Cases: one unit of work, from its number to its history. One function for each thing that is read or done.

What is read is read for a viewer (`scopes.look_as`): a case out of his scope is not there, in the same words as one
that never was. What is done is done by the system, and asks first whether the actor may see the case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import wording
from gisops.access import audit
from gisops.access.people import Actor, knows_people, knows_whereabouts
from gisops.cases import case_clocks, case_reports, moves
from gisops.cases.lives import Life
from gisops.cases.moves import Addressee
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, person
from gisops.errors import InvalidInput, NotFound, UnknownOrganisation, UnknownStaff

_SQL = queries.load("gisops.cases", "cases.sql")

MOST_ROWS = 1_000

# Of a history's payloads: what is another case's number (`links`, `intake.keep_apart`), and what tells of it.
NAMES_A_CASE = ("to", "from", "taken_out_of")
ABOUT_ANOTHER = frozenset({*NAMES_A_CASE, "distance_m"})
COUNTERS = ("report_count", "return_count", "rework_count", "extended_count", "suspended_count", "urged_count")
# As whom somebody who goes and looks stands among a case's recipients (`looks`).
_LOOKERS = frozenset({"verify", "check"})
# What the database reckons (`case_priority`), from 0 on.
PRIORITIES = (
    ("none", "普通", "none"),
    ("low", "关注", "watched"),
    ("high", "优先", "high"),
    ("critical", "紧要", "critical"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case is (WGS-84 degrees), and how well that is known: the radius of its first report's error in metres,
    None where it came without a report.
    """

    lon: float
    lat: float
    accuracy_m: float | None


def intake(
    city: City,
    category: Category,
    decision: Decision,
    at: datetime,
    text_commitment: str,
    by: Actor | None = None,
    *,
    files: bool = True,
    simple: bool = False,
    saw: Mapping[str, Any] | None = None,
) -> Life:
    """Begin the life of a case and take it as far as it gets by itself.

    reported always; in the ``simple`` flow pushed straight to whom the rules name, assessed by nobody; else filed where
    a rule (``files``) and the city say so; dispatched where the decision is certain and names somebody other than the
    desk. What is not dispatched lies with the duty desk, what is not filed waits there. ``saw`` is what the history
    keeps of the rule (`AutoRule.saw`).
    """
    life = Life(
        city, category.severity, city.grades.get(decision.row["grid_cell_code"] or "", ""), category.category_id
    )
    who = (by.role if by else moves.PUBLIC, by.account_id if by else None)
    life.go("report", at, *who, {"text_commitment": text_commitment})
    row = decision.row
    people = {"handler": row["handler_code"], "superior": row["superior_code"]}
    whom = (row["organisation_id"], row["handler_id"], row["superior_id"])
    if simple:
        life.flow, life.assessed = "simple", False
        life.filing_condition_id = category.filing_condition_id
        life.send(at, *whom, moves.SYSTEM, payload={**people, **(saw or {})}, action="push")
        life.deadline = life.clocks[-1]["deadline"]
    elif files and city.auto_file:
        file(life, city, category, at, moves.SYSTEM, saw=saw)
        if decision.auto:
            life.send(at, *whom, moves.SYSTEM, payload=people)
    return life


# Whose word is good enough for the simple flow: people and devices of the city's own.
SIMPLE_CHANNELS = frozenset({"officer", "video", "sensor"})


def may_be_simple(city: City, category: Category, decision: Decision) -> bool:
    """Whether a report may go the simple way, as far as its category and the decision say: a trifle of a kind that the
    city allows it for, and one answer that names a person. A city may switch it off (settings.simple_flow).
    """
    allowed = category.simple_allowed and category.severity == "minor" and city.settings.get("simple_flow", True)
    return bool(allowed) and decision.auto and decision.row["handler_id"] is not None


def file(
    life: Life,
    city: City,
    category: Category,
    at: datetime,
    role: str | None = None,
    account_id: int | None = None,
    saw: Mapping[str, Any] | None = None,
) -> None:
    """File a case under its category's default condition: from here its time runs."""
    life.filing_condition_id = category.filing_condition_id
    life.deadline = case_clocks.deadline_of(city, at, category.filing_condition_id, life.area_grade)
    life.go("file", at, role, account_id, {"filing_condition_id": category.filing_condition_id, **(saw or {})})


def standing(state: str, stage: int) -> dict[str, Any]:
    """Where a case stands, in code and words."""
    return {**wording.state(state), "stage": stage}


def find(
    conn: Connection,
    city: City,
    *,
    state: str | None = None,
    category: str | None = None,
    organisation: str | None = None,
    bbox: Sequence[float] | None = None,
    handler_id: int | None = None,
    limit: int = 100,
    after: UUID | None = None,
    case_no: str | None = None,
    numbers: Sequence[str] = (),
    to: Actor | None = None,
    key_id: int | None = None,
) -> dict[str, Any]:
    """List cases, newest first: ``{cases: [...], after: last case_id or None}``.

    Those in the scope of the connection's viewer; of some ``numbers`` alone, where there are any. ``bbox`` is west,
    south, east, north in degrees; ``handler_id`` asks for that person's open cases. ``to`` is who gets to see it:
    handlers are posts alone unless ``people.knows_people``, and that somebody else's name was shown is written into the
    audit (``key_id``: by which key). Raises ``InvalidInput`` for an unknown state or category, or a limit out of range.
    """
    if state is not None and state not in wording.STATES:
        raise InvalidInput(f"There is no state {state!r}.", state=state, states=list(wording.STATES))
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", limit=limit)
    west, south, east, north = bbox if bbox is not None else (None, None, None, None)
    # None: whatever its number
    wanted: list[str | None] = [case_no] if case_no is not None else [*dict.fromkeys(numbers)] or [None]
    rows = conn.execute(
        _SQL["find"],
        {
            "state": state,
            "category_id": city.category(category).category_id if category else None,
            "organisation": organisation,
            "handler_id": handler_id,
            "numbers": wanted,
            "west": west,
            "south": south,
            "east": east,
            "north": north,
            "after": after,
            # one more than asked for tells whether there is a next page
            "limit": limit + 1,
        },
    ).fetchall()
    page = rows[:limit]
    if case_no is None:
        named = sum(names_another(row, to) for row in page)
        audit.looked(conn, "cases", None if bbox is None else ",".join(map(str, bbox)), named, key_id=key_id)
    return {
        "cases": [summary(row, knows_people(to, row["organisation_id"])) for row in page],
        "after": page[-1]["case_id"] if len(rows) > limit else None,
    }


def read(conn: Connection, city: City, case_no: str, to: Actor, key_id: int | None = None) -> dict[str, Any]:
    """One case with its first reports, history, recipients and clocks, as ``to`` may see it, and what is ``allowed``
    to him in its state. Of more reports, ``reports_after`` asks for the next ones (`case_reports.page`). Raises
    ``NotFound``.

    Where that names people, or shows what a reporter wrote, it is written into the audit.
    """
    found = find(conn, city, case_no=case_no, limit=1, to=to)["cases"]
    story = conn.execute(_SQL["story"], {"case_no": case_no, "first": case_reports.FIRST}).fetchone()
    if not found or story is None:
        raise _no_such(case_no)
    if knows_people(to, story.pop("organisation_id")):
        audit.looked(conn, "cases", None, 1, object=case_no, key_id=key_id)
    else:
        for recipient in story["recipients"]:
            del recipient["code"], recipient["name"]
        for report in story["reports"]:
            del report["text"]
        for entry in story["history"]:
            entry["payload"] = wording.without_people(entry["payload"])
            del entry["reason"]
    for recipient in story["recipients"]:
        # who was asked to look was the nearest to a place at that moment
        himself = recipient.pop("staff_id") == to.staff_id
        if recipient["role"] in _LOOKERS and not himself and not knows_whereabouts(to):
            recipient.pop("code", None)
            recipient.pop("name", None)
    _without_unseen(conn, story["history"])
    for entry in story["history"]:
        entry["zh"], entry["en"] = wording.ACTIONS[entry["action"]]
    told, count = story["reports"], found[0]["report_count"]
    return {
        **found[0],
        **story,
        "reports_after": told[-1]["report_id"] if 0 < len(told) < count else None,
        "allowed": moves.allowed(found[0]["state"], to.role),
    }


def _without_unseen(conn: Connection, history: list[dict[str, Any]]) -> None:
    """Leave out of a history the numbers of other cases, joined or parted with, that the connection's viewer may not
    see: with how far away each lay, a number would say that there is one.
    """
    named = {entry["payload"][name] for entry in history for name in NAMES_A_CASE if name in entry["payload"]}
    if not named:
        return
    seen = {row["case_no"] for row in conn.execute(_SQL["seen_numbers"], {"case_nos": sorted(named)})}
    for entry in history:
        payload = entry["payload"]
        if any(payload[name] not in seen for name in NAMES_A_CASE if name in payload):
            entry["payload"] = {name: said for name, said in payload.items() if name not in ABOUT_ANOTHER}


def place(conn: Connection, case_no: str) -> Place:
    """Where a case is that the connection's viewer may see. Raises ``NotFound``."""
    row = conn.execute(_SQL["place"], {"case_no": case_no}).fetchone()
    if row is None:
        raise _no_such(case_no)
    return Place(row["lon"], row["lat"], row["accuracy_m"])


def decisions(conn: Connection, city: City, case_no: str, to: Actor) -> dict[str, Any]:
    """Every dispatch decision of a case: what was asked, what was answered, why, in words. Raises ``NotFound``.

    ``to`` is not told which persons it was about, and why, unless ``people.knows_people``.
    """
    rows = conn.execute(_SQL["decisions"], {"case_no": case_no}).fetchall()
    if not rows:
        raise _no_such(case_no)
    return {"case_no": case_no, "decisions": [_decision(row, city, to) for row in rows]}


def _decision(row: dict[str, Any], city: City, to: Actor) -> dict[str, Any]:
    # staff_facts stay where they are: they tell where officers were, and only a replay needs them
    asked, answer = row["input"], row["answer"]
    if not knows_people(to, row["organisation_id"]):
        asked, answer = wording.without_people(asked), wording.without_people(answer)
    shown = {**answer, "reasons": wording.kept(answer, city)}
    return {"seq": row["seq"], "at": row["at"], "by_hand": row["by_hand"], "input": asked, "dispatch": shown}


def addressee(conn: Connection, organisation: str, staff: str | None) -> Addressee:
    """Whom a case may be sent to by hand. Raises ``UnknownOrganisation``, ``UnknownStaff``, or ``InvalidInput`` for the
    desk itself.
    """
    to = conn.execute(_SQL["addressee"], {"organisation": organisation, "staff": staff}).fetchone()
    if to is None:
        raise UnknownOrganisation(f"There is no organisation {organisation!r}.", organisation=organisation)
    if to["is_duty_desk"]:
        raise InvalidInput("The duty desk cannot dispatch to itself; name another organisation.", field="organisation")
    if staff is not None and to["staff_id"] is None:
        raise UnknownStaff(
            f"{staff!r} is not on the active staff of {organisation}.", staff=staff, organisation=organisation
        )
    return Addressee(to["organisation_id"], organisation, to["staff_id"], staff, to["superior_id"])


def _no_such(case_no: str) -> NotFound:
    return NotFound(f"There is no case {case_no}.", case_no=case_no)


def names_another(row: dict[str, Any], to: Actor | None) -> bool:
    """Whether a row tells somebody the name of somebody else."""
    named = row["handler_id"] is not None and knows_people(to, row["organisation_id"])
    return named and to is not None and row["handler_id"] != to.staff_id


def _priority(level: int) -> dict[str, str]:
    code, zh, en = PRIORITIES[level]
    return {"priority": code, "priority_zh": zh, "priority_en": en}


def summary(row: dict[str, Any], names: bool) -> dict[str, Any]:
    """A case as lists show it, from a row of `find`; persons by name or as posts. The case it is a duplicate of, or the
    same again as, is told by its number to whom sees that one too.
    """
    zone = None
    if row["zone_code"] is not None:
        zone = {"code": row["zone_code"], "name_zh": row["zone_zh"], "name_en": row["zone_en"]}
    return {
        "case_no": row["case_no"],
        **standing(row["state"], row["stage"]),
        "flow": row["flow"],
        "severity": row["severity"],
        "category": {
            "code": row["category_code"],
            "scheme": row["category_scheme"],
            "name_zh": row["category_zh"],
            "name_en": row["category_en"],
        },
        "organisation": {
            "code": row["organisation_code"],
            "name_zh": row["organisation_zh"],
            "name_en": row["organisation_en"],
        },
        "zone": zone,
        "handler": person(row, "handler", names=names),
        "grid_cell": row["grid_cell_code"],
        "lon": row["lon"],
        "lat": row["lat"],
        "reported_at": row["reported_at"],
        "filed_at": row["filed_at"],
        "dispatched_at": row["dispatched_at"],
        "handled_at": row["handled_at"],
        "closed_at": row["closed_at"],
        "deadline": row["deadline"],
        "ambiguous": row["ambiguous"],
        **_priority(row["priority"]),
        **{counter: row[counter] for counter in COUNTERS},
        "is_rework": row["is_rework"],
        "duplicate_of": row["duplicate_of"],
        "recurrence_of": row["recurrence_of"],
        "version": row["version"],
    }
