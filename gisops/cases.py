"""Cases: one unit of work, from its number to its history. One function for each thing that is read or done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import wording
from gisops.city import Category, City, Name
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, person
from gisops.errors import IllegalMove, InvalidInput, NotFound, StaleVersion, UnknownOrganisation, UnknownStaff
from gisops.keys import new_key
from gisops.people import Actor, knows_people

_SQL = queries.load("gisops", "cases.sql")

STAGE = {"reported": 1, "filed": 3, "dispatched": 3}
MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Intake:
    """How far a new case gets by itself, and the moves that take it there."""

    state: str
    stage: int
    organisation: Name
    organisation_id: int
    filed_at: datetime | None
    dispatched_at: datetime | None
    deadline: datetime | None
    moves: list[dict[str, Any]]


def intake(city: City, category: Category, decision: Decision, at: datetime, text_commitment: str) -> Intake:
    """Decide how far a new case gets by itself.

    reported always; filed where category and city say so; dispatched where the decision is certain and names somebody
    other than the desk. What is not dispatched lies with the duty desk.
    """
    moves = [_move("report", None, "reported", city.desk_id, {"text_commitment": text_commitment})]
    if not (city.auto_file and category.auto_file):
        return Intake("reported", STAGE["reported"], city.desk, city.desk_id, None, None, None, moves)
    moves.append(
        _move("file", "reported", "filed", city.desk_id, {"filing_condition_id": category.filing_condition_id})
    )
    deadline = city.deadline(category, at)
    if not decision.auto:
        return Intake("filed", STAGE["filed"], city.desk, city.desk_id, at, None, deadline, moves)
    row = decision.row
    organisation = Name(row["organisation_code"], row["organisation_zh"], row["organisation_en"])
    people = {"handler": row["handler_code"], "superior": row["superior_code"]}
    moves.append(_move("dispatch", "filed", "dispatched", row["organisation_id"], people))
    return Intake("dispatched", STAGE["dispatched"], organisation, row["organisation_id"], at, at, deadline, moves)


def _move(
    action: str, from_state: str | None, to_state: str, organisation_id: int, payload: dict[str, Any]
) -> dict[str, Any]:
    return {
        "action": action,
        "from_state": from_state,
        "to_state": to_state,
        "organisation_id": organisation_id,
        "payload": payload,
    }


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
    to: Actor | None = None,
) -> dict[str, Any]:
    """List cases, newest first: ``{cases: [...], after: last case_id or None}``.

    ``bbox`` is west, south, east, north in degrees; ``handler_id`` asks for that person's open cases. ``to`` is who
    gets to see it: handlers are posts alone unless ``people.knows_people``. Raises ``InvalidInput`` for an unknown
    state or category, or a limit out of range.
    """
    if state is not None and state not in wording.STATES:
        raise InvalidInput(f"There is no state {state!r}.", state=state, states=list(wording.STATES))
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", limit=limit)
    west, south, east, north = bbox if bbox is not None else (None, None, None, None)
    rows = conn.execute(
        _SQL["find"],
        {
            "state": state,
            "category_id": city.category(category).category_id if category else None,
            "organisation": organisation,
            "handler_id": handler_id,
            "case_no": case_no,
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
    return {
        "cases": [_summary(row, knows_people(to, row["organisation_id"])) for row in page],
        "after": page[-1]["case_id"] if len(rows) > limit else None,
    }


def read(conn: Connection, city: City, case_no: str, to: Actor) -> dict[str, Any]:
    """One case with its reports, history and recipients, as ``to`` may see it. Raises ``NotFound``."""
    found = find(conn, city, case_no=case_no, limit=1, to=to)["cases"]
    story = conn.execute(_SQL["story"], {"case_no": case_no}).fetchone()
    if not found or story is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    if not knows_people(to, story.pop("organisation_id")):
        for recipient in story["recipients"]:
            del recipient["code"], recipient["name"]
        for report in story["reports"]:
            del report["text"]
    for entry in story["history"]:
        entry["zh"], entry["en"] = wording.ACTIONS[entry["action"]]
    return {**found[0], **story}


def decisions(conn: Connection, city: City, case_no: str) -> dict[str, Any]:
    """Every dispatch decision of a case: what was asked, what was answered, why, in words. Raises ``NotFound``."""
    rows = conn.execute(_SQL["decisions"], {"case_no": case_no}).fetchall()
    if not rows:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    return {"case_no": case_no, "decisions": [_decision(row, city) for row in rows]}


def _decision(row: dict[str, Any], city: City) -> dict[str, Any]:
    # staff_facts stay where they are: they tell where officers were, and only a replay needs them
    shown = {**row["answer"], "reasons": wording.kept(row["answer"], city)}
    return {"seq": row["seq"], "at": row["at"], "by_hand": row["by_hand"], "input": row["input"], "dispatch": shown}


def dispatch(
    conn: Connection, case_no: str, organisation: str, staff: str | None, reason: str, expected_version: int, by: Actor
) -> None:
    """Send a filed case to an organisation by hand, with a reason.

    Raises ``UnknownOrganisation``, ``UnknownStaff``, ``NotFound``, ``StaleVersion`` (somebody was first) or
    ``IllegalMove`` (not from this state; says what the state is).
    """
    if not reason.strip():
        raise InvalidInput("A dispatch by hand needs a reason.", field="reason")
    to = conn.execute(_SQL["addressee"], {"organisation": organisation, "staff": staff}).fetchone()
    if to is None:
        raise UnknownOrganisation(f"There is no organisation {organisation!r}.", organisation=organisation)
    if to["is_duty_desk"]:
        raise InvalidInput("The duty desk cannot dispatch to itself; name another organisation.", field="organisation")
    if staff is not None and to["staff_id"] is None:
        raise UnknownStaff(
            f"{staff!r} is not on the active staff of {organisation}.", staff=staff, organisation=organisation
        )
    moved = conn.execute(
        _SQL["dispatch"],
        {
            "case_no": case_no,
            "expected_version": expected_version,
            "organisation_id": to["organisation_id"],
            "organisation": organisation,
            "staff_id": to["staff_id"],
            "staff": staff,
            "superior_id": to["superior_id"],
            "reason": reason,
            "account_id": by.account_id,
            "role": by.role,
            "event_id": new_key(),
        },
    ).fetchone()
    if moved is None:
        raise _why_not(conn, case_no, expected_version)


def _why_not(conn: Connection, case_no: str, expected_version: int) -> Exception:
    row = conn.execute("SELECT state, version FROM cases WHERE case_no = %s", (case_no,)).fetchone()
    if row is None:
        return NotFound(f"There is no case {case_no}.", case_no=case_no)
    if row["version"] != expected_version:
        return StaleVersion(
            f"The case is at version {row['version']}, not {expected_version}: read it again.",
            version=row["version"],
            state=row["state"],
        )
    return IllegalMove(
        f"A case that is {row['state']} cannot be dispatched; one that is filed or returned can.",
        state=row["state"],
        allowed_from=["filed", "returned"],
    )


def _summary(row: dict[str, Any], names: bool) -> dict[str, Any]:
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
        "deadline": row["deadline"],
        "ambiguous": row["ambiguous"],
        "report_count": row["report_count"],
        "version": row["version"],
    }
