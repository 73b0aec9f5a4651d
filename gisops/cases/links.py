"""Links: reports that come into another case, and come out of it again (docs/decisions/0034).

`link` makes a case a duplicate: its reports move to the other one, and with them who is told. `unlink` takes that back;
`take_out` gives one report that does not belong a case of its own. Where each report has been stays written
(`report_links`), and both cases' histories say what came and went.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import notices
from gisops.access import audit, scopes
from gisops.access.people import Actor
from gisops.cases import intake, moves
from gisops.cases.facts import After, Facts, GuardFailed, Prepared, Sent
from gisops.cases.twins import Asked, distance_m
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound, StaleVersion
from gisops.keys import new_key

_SQL = queries.load("gisops.cases", "links.sql")

# Two cases that a person says are one lie no farther apart than this, metres: beyond it a number was mistyped.
LINK_WITHIN_M = 500.0
# Entries in the history of the case that reports come to or leave; its state stays.
TOOK_IN, GAVE_UP = "take_in", "give_up"


def link(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Make a case the duplicate of the one whose number is the value ``to``; of a duplicate, what it is of is meant.

    That must be open, of the same district, and near. Raises ``NotFound`` where the actor may not see either of them.
    """
    to = sent.values.get("to")
    if not isinstance(to, str) or not to:
        raise InvalidInput("Say which case this one is a duplicate of: to.", field="to")
    held = conn.execute(_SQL["hold_both"], {"one": facts.case_no, "other": to}).fetchall()
    found = next((row for row in held if row["asked"] == to), None)
    if found is None or (by is not None and not _sees(conn, by, found["itself"], found)):
        raise NotFound(f"There is no case {to}.", case_no=to)
    if found["case_id"] == facts.case_id:
        raise GuardFailed("other_case", "案件不能并入自身", "A case cannot be joined with itself.", to=to)
    if found["district_code"] != facts.district_code:
        zh, en = "只能并入同一区的案件", "A case is joined with one of its own district; report it there instead."
        raise GuardFailed("same_district", zh, en, to=to)
    if found["stage"] == moves.OVER:
        zh, en = "目标案件已办结，不能并入", "The other case is over; only an open one takes in another."
        raise GuardFailed("open", zh, en, to=found["case_no"], state=found["state"])
    here = Asked(facts.lon, facts.lat, 0.0, facts.category)
    apart_m = distance_m(here, replace(here, lon=found["lon"], lat=found["lat"]))
    if apart_m > LINK_WITHIN_M and (facts.part_id is None or facts.part_id != found["part_id"]):
        zh, en = "两个案件相距过远", f"The cases lie {apart_m:.0f} m apart; {LINK_WITHIN_M:.0f} m is the most."
        raise GuardFailed("near", zh, en, to=found["case_no"], distance_m=round(apart_m), within_m=LINK_WITHIN_M)
    master: UUID = found["case_id"]
    return Prepared(
        {"to": found["case_no"], "distance_m": round(apart_m, 1)},
        sets={"duplicate_of": master},
        outcome="cancelled",
        after=(_join_with(master, by),),
    )


def unlink(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Make a duplicate a case again: the reports that came with it come back, and it begins anew at the desk.

    Raises ``GuardFailed`` where the actor may not see the case that they come out of.
    """
    master = facts.duplicate_of
    begin = {"duplicate_of": None, "deadline": None, "filing_condition_id": None, "assessed": True, "flow": "standard"}
    if master is None:
        return Prepared(sets=begin)
    conn.execute(_SQL["hold"], {"district": facts.district_code, "case_ids": [facts.case_id, master]})
    other = conn.execute(_SQL["one"], {"district": facts.district_code, "case_id": master}).fetchone()
    assert other is not None  # noqa: S101  (cases are never removed)
    if by is not None and not _sees(conn, by, other):
        zh, en = "所并入的案件不在您的范围内", "The case that this one was joined with is not in your scope."
        raise GuardFailed("seen", zh, en)
    return Prepared({"from": other["case_no"]}, sets=begin, after=(_part_from(master, by),))


def take_out(
    conn: Connection,
    city: City,
    case_no: str,
    report_id: UUID,
    reason: str,
    expected_version: int,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Give one of a case's reports, which is about something else, a case of its own, decided as if it came in now.

    Raises ``NotFound`` for a case that the actor may not see and for a report that is not in it, ``StaleVersion``, and
    ``GuardFailed`` for the only report of a case or for a case that is a duplicate itself.
    """
    if not reason.strip():
        raise InvalidInput("Taking a report out of a case needs a reason.", field="reason")
    held = conn.execute(_SQL["hold_both"], {"one": case_no, "other": case_no}).fetchone()
    if held is None or not _sees(conn, by, held["itself"]):
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    if held["duplicate"]:
        zh, en = "该案件已并案，请先撤销并案", "This case is a duplicate: unlink it instead."
        # of a case that he may not see he is not told the number either
        raise GuardFailed("not_a_duplicate", zh, en, of=held["case_no"] if _sees(conn, by, held) else None)
    if held["version"] != expected_version:
        raise StaleVersion(
            f"The case is at version {held['version']}, not {expected_version}: read it again.",
            version=held["version"],
            state=held["state"],
        )
    asked = {"district": held["district_code"], "case_id": held["case_id"], "report_id": report_id}
    row = conn.execute(_SQL["report"], asked).fetchone()
    if row is None:
        raise NotFound(f"There is no report {report_id} in the case {case_no}.", report_id=str(report_id))
    if held["report_count"] < 2:
        zh, en = "案件只有这一条上报", "This is the case's only report; refuse or link the case itself."
        raise GuardFailed("other_reports", zh, en)
    kept = intake.keep_apart(conn, city, row | {"district_code": held["district_code"], "case_no": case_no}, by)
    moved = {"from_case": held["case_id"], "to_case": kept.case_id, "kind": "taken_out", "reports": [report_id]}
    _move(conn, held["district_code"], moved, by)
    _note(conn, held["district_code"], held["case_id"], GAVE_UP, -1, {"to": kept.case_no}, by, reason)
    said: dict[str, notices.Fact] = {"action": "unlink", "state": "reported", "stage": 1}
    notices.tell(conn, held["district_code"], kept.case_id, 1, "progress", [notices.REPORTERS], said)
    told = {"account_id": by.account_id, "key_id": key_id, "district": held["district_code"]}
    audit.add(conn, "act", "cases", object=case_no, rows=1, facts={"action": "take_out"}, **told)
    return {"case_no": kept.case_no, "from": case_no, "report_id": report_id}


def _join_with(master: UUID, by: Actor | None) -> After:
    def after(conn: Connection, facts: Facts, seq: int) -> None:
        # They hear of it as what it is for them, the end of this case, before they hear of the other.
        said: dict[str, notices.Fact] = {"action": "link", "state": "duplicate", "stage": moves.OVER}
        notices.tell(conn, facts.district_code, facts.case_id, seq, "progress", [notices.REPORTERS], said)
        moved = {"from_case": facts.case_id, "to_case": master, "kind": "linked", "reports": None}
        count = _move(conn, facts.district_code, moved, by)
        # Who was joined with this one is now joined with that one: a chain is never longer than one.
        conn.execute(_SQL["flatten"], {"district": facts.district_code, "was": facts.case_id, "now": master})
        conn.execute(_SQL["recount"], {"district": facts.district_code, "case_id": facts.case_id, "more": -count})
        _note(conn, facts.district_code, master, TOOK_IN, count, {"from": facts.case_no, "reports": count}, by)

    return after


def _part_from(master: UUID, by: Actor | None) -> After:
    def after(conn: Connection, facts: Facts, seq: int) -> None:
        moved = {"from_case": master, "to_case": facts.case_id, "kind": "unlinked", "reports": None}
        count = _move(conn, facts.district_code, moved, by)
        conn.execute(_SQL["recount"], {"district": facts.district_code, "case_id": facts.case_id, "more": count})
        _note(conn, facts.district_code, master, GAVE_UP, -count, {"to": facts.case_no, "reports": count}, by)

    return after


def _move(conn: Connection, district: str, moved: dict[str, Any], by: Actor | None) -> int:
    account = by.account_id if by else None
    row = conn.execute(_SQL["move_reports"], {"district": district, "account_id": account, **moved}).fetchone()
    assert row is not None  # noqa: S101  (SELECT of a function)
    return int(row["moved"])


def _note(
    conn: Connection,
    district: str,
    case_id: UUID,
    action: str,
    more: int,
    payload: dict[str, Any],
    by: Actor | None,
    reason: str = "",
) -> None:
    """Write into the history of a case that reports came or went; its state stays."""
    text = None
    if reason:
        salt, payload["text"] = moves.committed(reason)
        text = {"text_id": new_key(), "salt": salt, "text": reason}
    conn.execute(
        _SQL["note"],
        {
            "district": district,
            "case_id": case_id,
            "action": action,
            "more": more,
            "payload": Jsonb(payload),
            "text": None if text is None else Jsonb(text),
            "account_id": by.account_id if by else None,
            "role": by.role if by else moves.SYSTEM,
            "event_id": new_key(),
        },
    )


def _sees(conn: Connection, by: Actor, *cases: dict[str, Any]) -> bool:
    scope = scopes.scope_of(conn, by.account_id)
    return all(
        scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"]) for row in cases
    )
