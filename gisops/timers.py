"""Timers: what is due in the life of a case, done once, by however many workers, whatever happens to them.

When something is due is a column of the case's clock (``case_clocks.due_at``, ``due_kind``), so a timer cannot be lost
by a process that ends. A worker claims due rows with ``SKIP LOCKED``, does what is due and moves the row on, all in one
transaction: what was not committed is due still, what was committed is due no more. After a jump of the clock, or a day
on which no worker ran, what was passed meanwhile is told as one, at the highest level that was reached.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from psycopg.types.json import Jsonb

from gisops import notices
from gisops.cases import acts, case_clocks
from gisops.cases.case_clocks import Due
from gisops.cases.facts import Sent
from gisops.city import City, Escalation
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import GisopsError
from gisops.notices import Recipient, Subject

log = logging.getLogger(__name__)

_SQL = load("gisops", "timers.sql")

MOST = 500
# Reminders are one statement for all of them, whatever their number.
_MOST_REMINDERS = 2000
_FIRST_ASIDE_S = 60.0
_LONGEST_ASIDE_S = 86_400.0
# Steps of which one was asked beside the centre, whose time it is.
_LOOKS = ("verify", "check")
_STEPS = (
    "accept", "verify", "file", "dispatch", "ack", "simple", "handle", "stop", "penalise", "restore", "check", "close",
    "subtask",
)  # fmt: skip


def fire(conn: Connection, city: City, most: int = MOST) -> int:
    """Do what is due, at most so much of each district; returns how many timers fired (or were set aside).

    ``conn`` must be in autocommit: each batch is a transaction of its own. Reminders go by one statement; what moves a
    case goes by `acts.act`, each behind a savepoint, so that one that fails is set aside and holds up no other.
    """
    fired = 0
    for row in conn.execute(_SQL["districts"], {"most": most}).fetchall():
        with conn.transaction():
            fired += remind(conn, city, row["district_code"], max(most, _MOST_REMINDERS))
        with conn.transaction():
            fired += _attend(conn, city, row["district_code"], most)
    return fired


def remind(conn: Connection, city: City, district: str, most: int) -> int:
    """Send a district's reminders whose limit still runs, in one statement; returns how many."""
    steps = _reminded(city)
    asked = {"district": district, "most": most, "names": [one["step"] for one in steps], "steps": Jsonb(steps)}
    row = conn.execute(_SQL["remind"], asked).fetchone()
    return 0 if row is None else int(row["fired"])


def standing(conn: Connection) -> dict[str, Any]:
    """How the timers stand: ``due``, ``since``, ``lag_s`` and ``set_aside``."""
    return conn.execute(_SQL["standing"]).fetchone() or {}


def _reminded(city: City) -> list[dict[str, Any]]:
    """The steps whose reminder goes to the holder and is followed by the end of the limit; others go one by one: so do
    looks, of which somebody was asked by name.
    """
    found = []
    for step in _STEPS:
        if step in _LOOKS:
            continue
        rows = _rows(city, step)
        for first, then in pairwise(rows):
            if (first.due_kind, first.tells, then.percent) == ("remind", "holder", 100) and first.percent < 100:
                holders = step in case_clocks.HOLDERS_STEPS
                one = {"step": step, "due_kind": then.due_kind, "percent": first.percent, "holders": holders}
                found.append(one)
                break
    return found


def _rows(city: City, step: str) -> Sequence[Escalation]:
    return city.escalations.get(step) or city.escalations.get("", ())


def _attend(conn: Connection, city: City, district: str, most: int) -> int:
    """Claim and do what is due in a district, within the caller's transaction.

    What only tells is done for all of them at once; what moves a case, one by one.
    """
    names = [one["step"] for one in _reminded(city)]
    claimed = conn.execute(_SQL["claim"], {"district": district, "most": most, "names": names}).fetchall()
    quiet = [row for row in claimed if not _moves_case(city, row)]
    try:
        with conn.transaction():
            _tell(conn, city, quiet)
        left = [row for row in claimed if _moves_case(city, row)]
    except Exception as error:  # one of them is at fault: which, shows when each is done by itself
        _raise_if_lost(conn, error)
        left = claimed
    for row in left:
        try:
            with conn.transaction():
                if _moves_case(city, row):
                    _move(conn, city, row)
                else:
                    _tell(conn, city, [row])
        except Exception as error:  # whatever it is, it holds up no other
            _raise_if_lost(conn, error)
            _set_aside(conn, city, row, error)
    return len(claimed)


def _raise_if_lost(conn: Connection, error: Exception) -> None:
    if conn.broken or conn.closed:
        raise error


def _moves_case(city: City, row: Mapping[str, Any]) -> bool:
    """Whether what is due moves the case: a suspension that is over, a promotion, an escalation nobody acknowledged."""
    if row["due_kind"] == "resume":
        return True
    passed, _ = _passed(city, row)
    return any(one.due_kind == "promote" or (one.due_kind == "escalate" and row["step"] == "ack") for one in passed)


def _tell(conn: Connection, city: City, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell of what has come due of clocks, and move them on."""
    if not rows:
        return
    told = []
    moved = []
    for row in rows:
        passed, following = _passed(city, row)
        if row["beside"] == "order":
            told.append((_subject(row), _order_due(city, row)))
            following = None
        elif passed:
            told.append((_subject(row), _told(city, row, passed, passed[-1].due_kind, {})))
        moved.append(_moved_on(row, passed, following))
    notices.tell_many(conn, told)
    conn.execute(_SQL["move_on"], {"rows": Jsonb(moved)})


def _move(conn: Connection, city: City, row: Mapping[str, Any]) -> None:
    """Make the move that is due: a case that was suspended goes on, a simple one is promoted, one up is called in."""
    if row["due_kind"] == "resume":
        acts.act(conn, city, row["case_no"], "resume", Sent(None), None)
        return
    passed, following = _passed(city, row)
    kind = "promote" if any(one.due_kind == "promote" for one in passed) else "escalate"
    done = acts.act(conn, city, row["case_no"], kind, Sent(None, values={"level": passed[-1].level}), None)
    told = _told(city, row, passed, kind, {"action": kind, "state": done.state})
    notices.tell_many(conn, [(replace(_subject(row), seq=done.seq), told)])
    # A promoted case has another clock by now: the one that was due has stopped, and is left as it is.
    conn.execute(_SQL["move_on"], {"rows": Jsonb([_moved_on(row, passed, following)])})


def _subject(row: Mapping[str, Any]) -> Subject:
    return Subject(row["district_code"], row["case_id"], row["version"])


def _moved_on(row: Mapping[str, Any], passed: Sequence[Escalation], following: Due | None) -> dict[str, Any]:
    return {
        **_keys(row),
        "level": max([row["level"], *(one.level for one in passed)]),
        "due_at": following and following.at,
        "due_kind": following and following.kind,
    }


def _keys(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("district_code", "case_id", "clock_no")}


def _passed(city: City, row: Mapping[str, Any]) -> tuple[list[Escalation], Due | None]:
    """What has come due of a clock's course from where it stands, in order, and what is due after that."""
    passed: list[Escalation] = []
    for rule, due in zip(_rows(city, row["step"]), case_clocks.course(city, row), strict=False):
        behind = rule.level <= row["level"] and (rule.due_kind != "remind" or row["due_kind"] != "remind")
        if behind:
            continue
        if due.at > row["now"]:
            return passed, due
        passed.append(rule)
    return passed, None


def _order_due(city: City, row: Mapping[str, Any]) -> notices.Told:
    """An order is due: whoever gave it hears, where that was nobody the desk, and whoever was to answer."""
    issuer = row["issuer_id"]
    desk = Recipient(organisation_id=city.desk_id)
    to = [desk if issuer is None else Recipient(account_id=issuer), Recipient(organisation_id=row["organisation_id"])]
    return notices.Told("order_due", to, {"deadline": row["deadline"]}, f"clock:{row['clock_no']}")


def _told(
    city: City, row: Mapping[str, Any], passed: Sequence[Escalation], kind: str, facts: Mapping[str, Any]
) -> notices.Told:
    """One notice of the highest level that was reached, for each who was to be told of one meanwhile. A reminder says
    nothing any more to who learns that the time is over.
    """
    highest = passed[-1]
    to: list[Recipient] = []
    for one in passed:
        if one.due_kind != "remind" or one is highest:
            to += [who for who in _hear(city, row, one.tells) if who not in to]
    if kind in ("promote", "overdue"):
        to += [who for who in _hear(city, row, "holder") if who not in to]
    step = row["beside"] if row["beside"] == "appeal" else row["step"]
    said = {"step": step, "percent": highest.percent, "level": highest.level, "deadline": row["deadline"]}
    return notices.Told(kind, to, {**said, **facts}, f"clock:{row['clock_no']}:{highest.percent}")


def _hear(city: City, row: Mapping[str, Any], tells: str) -> list[Recipient]:
    """Who hears of it: the holder (of a look, who was asked for it as well), his superior, the head of the organisation
    whose time it is, or the centre.
    """
    holders = row["step"] in case_clocks.HOLDERS_STEPS
    if tells == "centre":
        return [Recipient(organisation_id=city.desk_id)]
    who = row["lead_id"]
    if tells == "holder" and row["step"] in _LOOKS and row["asked_id"] is not None:
        return [Recipient(organisation_id=row["organisation_id"]), Recipient(staff_id=row["asked_id"])]
    if tells == "holder":
        who = row["handler_id"] if holders else None
    elif tells == "superior" and holders:
        who = row["superior_id"] or who
    return [Recipient(organisation_id=row["organisation_id"]) if who is None else Recipient(staff_id=who)]


def _set_aside(conn: Connection, city: City, row: Mapping[str, Any], error: Exception) -> None:
    """Leave a timer for later and tell the desk, the first time; it is tried again until it can be done."""
    code = error.code if isinstance(error, GisopsError) else type(error).__name__
    log.warning(
        "timers: %s of %s could not be done (%s); set aside",
        row["due_kind"],
        row["case_no"],
        code,
        exc_info=None if isinstance(error, GisopsError) else error,
    )
    seconds = min(_FIRST_ASIDE_S * 2 ** min(row["due_attempts"], 20), _LONGEST_ASIDE_S)
    conn.execute(_SQL["set_aside"], {**_keys(row), "seconds": seconds, "error": code})
    if row["due_attempts"] == 0:
        facts = {"step": row["step"], "due_kind": row["due_kind"], "error": code}
        desk = [Recipient(organisation_id=city.desk_id)]
        told = notices.Told("timer_failed", desk, facts, f"clock:{row['clock_no']}")
        notices.tell_many(conn, [(_subject(row), told)])
