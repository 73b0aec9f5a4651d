"""The clocks of a case: which one belongs to a state, whose time it is, how long it is given, and what is due when.

A clock is a row of ``case_clocks``; exactly one runs in an open case (a suspended one has its handling clock stand
still, one in dispute has none). What is due next is a column of the row (``due_at``, ``due_kind``): a reminder, that it
is overdue, an escalation. Whoever claims due rows locks case and clock together, ``FOR UPDATE OF c, k SKIP LOCKED``:
a move locks the case first and then its clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from gisops import clocks, seasons
from gisops.cases.facts import ChangeClock, Clock, ClockChange, Facts, LimitClock, PauseClock, StartClock
from gisops.city import City, TimeLimit
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "case_clocks.sql")

# Which clock runs in which state; a state that is not here has none.
STEPS = {
    "reported": "accept", "verifying": "verify", "accepted": "file", "filed": "dispatch", "returned": "dispatch",
    "dispatched": "ack", "simple_open": "simple", "handling": "handle", "suspended": "handle",
    "handled": "check", "checking": "check", "to_close": "close",
}  # fmt: skip
# The time of whoever holds the case; every other step is the centre's.
HOLDERS_STEPS = frozenset({"ack", "simple", "handle", "stop", "penalise", "restore"})
# What goes on beside a case's own clock.
Beside = Literal["part", "appeal", "order"]
# Handling in one go, or in stages one after the other.
STAGED = ("stop", "penalise", "restore")


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done about a clock, and when: a row of ``escalations`` at its share of the limit."""

    at: datetime
    kind: str
    level: int


def handling(city: City, filing_condition_id: int | None, area_grade: str = "") -> tuple[str, TimeLimit | None]:
    """How handling begins under a condition: the step (the first stage of a limit in stages) and its limit, if any."""
    for step in ("handle", *STAGED):
        limit = limit_of(city, filing_condition_id, step, area_grade)
        if limit is not None:
            return step, limit
    return "handle", None


def limit_of(city: City, filing_condition_id: int | None, step: str, area_grade: str = "") -> TimeLimit | None:
    """The limit of a step of handling under a condition: that of the area's grade before that of all."""
    rows = city.limits.get(filing_condition_id, ()) if filing_condition_id is not None else ()
    found = {row.area_grade: row.limit for row in rows if row.step == step}
    return found.get(area_grade, found.get(""))


def stage_limit(city: City, step: str, severity: str, category_id: int | None = None) -> TimeLimit | None:
    """How long a step beside handling may take: that of the category before that of all, by the severity before that
    for every severity.
    """
    if category_id is not None and city.category_stage_limits:
        for wanted in (severity, ""):
            own = city.category_stage_limits.get((category_id, step, wanted))
            if own is not None:
                return own
    return city.stage_limits.get((step, severity), city.stage_limits.get((step, "")))


def belonging(
    city: City,
    state: str,
    severity: str,
    filing_condition_id: int | None,
    area_grade: str = "",
    category_id: int | None = None,
) -> StartClock | None:
    """The clock that belongs to a state; None for a state without one."""
    step = STEPS.get(state)
    if step is None:
        return None
    if step == "handle":
        step, limit = handling(city, filing_condition_id, area_grade)
    else:
        limit = stage_limit(city, step, severity, category_id)
    return StartClock(step) if limit is None else limited(step, limit)


def limited(step: str, limit: TimeLimit) -> StartClock:
    """The clock of a step with its limit."""
    return StartClock(step, limit.unit, limit.value, season=limit.season)


def begins(city: City, at: datetime, season: str) -> datetime:
    """When a limit begins to run that is set at a moment: then, or when its season opens."""
    return seasons.begins(at, city.seasons.get(season, ()), city.timezone)


def deadline(
    city: City, start: datetime, unit: str, value: float | Decimal, organisation_id: int | None = None
) -> datetime:
    """When a limit that begins at ``start`` ends, by the calendar of the city, or of the organisation where it has its
    own, and the city's way of counting work days.
    """
    return clocks.add(start, unit, value, city.calendar_of(organisation_id), city.work_day_mode)


def case_deadline(city: City, facts: Facts, filing_condition_id: int | None) -> datetime | None:
    """When a case that is filed now under a condition must be done: every stage of its limit, one after the other."""
    return deadline_of(city, facts.now, filing_condition_id, facts.area_grade)


def deadline_of(city: City, start: datetime, filing_condition_id: int | None, area_grade: str = "") -> datetime | None:
    """When handling that begins at a moment must be done under a condition; None where it has no limit."""
    step, limit = handling(city, filing_condition_id, area_grade)
    if limit is None:
        return None
    ends = deadline(city, begins(city, start, limit.season), limit.unit, limit.value)
    for later in STAGED[STAGED.index(step) + 1 :] if step in STAGED else ():
        if (limit := limit_of(city, filing_condition_id, later, area_grade)) is not None:
            ends = deadline(city, begins(city, ends, limit.season), limit.unit, limit.value)
    return ends


def due_at(
    city: City,
    percent: int,
    started_at: datetime,
    unit: str | None,
    value: float | Decimal | None,
    ends: datetime,
    organisation_id: int | None = None,
) -> datetime:
    """The moment when so many per cent of a limit have run, in its own unit; the whole of it is the deadline itself.

    Measured back or on from the deadline, so that pauses and extensions are taken into account.
    """
    if unit is not None and value is not None:
        calendar = city.calendar_of(organisation_id)
        return clocks.after(started_at, percent, unit, value, calendar, city.work_day_mode, deadline=ends)
    # a deadline that was set without a limit: the share is one of the time that passes
    return started_at + (ends - started_at) * (percent / 100)


def due(
    city: City,
    step: str,
    started_at: datetime,
    unit: str | None,
    value: float | Decimal | None,
    ends: datetime | None,
    behind: int = 0,
    organisation_id: int | None = None,
) -> Due | None:
    """What is due next for a clock: the first of its step's escalations beyond ``behind`` per cent; None where there is
    no limit, or nothing more to come.
    """
    if ends is None:
        return None
    for row in city.escalations.get(step) or city.escalations.get("", ()):
        if row.percent > behind:
            at = due_at(city, row.percent, started_at, unit, value, ends, organisation_id)
            return Due(at, row.due_kind, row.level)
    return None


def course(city: City, clock: Mapping[str, Any]) -> list[Due]:
    """Everything that comes due for a clock (a row: step, organisation_id, started_at, unit, value, deadline), in
    order; nothing without a deadline.
    """
    ends = clock["deadline"]
    if ends is None:
        return []
    rows = city.escalations.get(clock["step"]) or city.escalations.get("", ())
    told = (clock["started_at"], clock["unit"], clock["value"], ends, clock.get("organisation_id"))
    return [Due(due_at(city, row.percent, *told), row.due_kind, row.level) for row in rows]


def started(city: City, clock: StartClock, at: datetime, holder_id: int) -> dict[str, Any]:
    """The row of a clock that starts: columns of ``case_clocks`` but for the case's keys and the number."""
    starts = clock.starts_at or begins(city, at, clock.season)
    owner = clock.organisation_id
    if owner is None:
        owner = holder_id if clock.step in HOLDERS_STEPS else city.desk_id
    ends = clock.deadline
    if ends is None and clock.unit is not None and clock.value is not None:
        ends = deadline(city, starts, clock.unit, clock.value, owner)
    first = due(city, clock.step, starts, clock.unit, clock.value, ends, organisation_id=owner)
    return {
        "step": clock.step,
        "organisation_id": owner,
        "started_at": starts,
        "unit": clock.unit,
        "value": clock.value,
        "deadline": ends,
        "due_at": first and first.at,
        "due_kind": first and first.kind,
    }


def change(
    city: City,
    facts: Facts,
    to_state: str,
    holder_id: int,
    wanted: ClockChange,
    outcome: str,
    condition: int | None,
    category_id: int | None = None,
) -> dict[str, Any]:
    """What a move does to the clocks of a case: ``{stop?, pause?, go_on?, start?}`` for the statement `moves.move`.

    ``condition`` and ``category_id`` are the filing condition and the category that the case has after the move,
    ``holder_id`` who holds it then.
    """
    now, running = facts.now, facts.clock
    if isinstance(wanted, str) and wanted == "auto" and to_state == facts.state:
        wanted = "keep"
    match wanted:
        case "keep":
            return {}
        case "stop":
            return _stop(running, now, outcome)
        case "pause" | PauseClock():
            until = wanted.until if isinstance(wanted, PauseClock) else None
            return {"pause": {"until": until}}
        case "resume":
            return {"go_on": _go_on(city, facts, ChangeClock(resumed(city, facts), resume=True))}
        case ChangeClock() | LimitClock():
            return {"go_on": _go_on(city, facts, wanted)}
        case StartClock():
            return {**_stop(running, now, outcome), "start": started(city, wanted, now, holder_id)}
    category_id = category_id or facts.category.category_id
    following = belonging(city, to_state, facts.severity, condition, facts.area_grade, category_id)
    done = _stop(running, now, outcome)
    return done if following is None else {**done, "start": started(city, following, now, holder_id)}


def resumed(city: City, facts: Facts) -> datetime | None:
    """The deadline of a paused clock that goes on now: what was left of it when it was stopped is left again."""
    clock = facts.clock
    if clock is None or clock.deadline is None or clock.paused_at is None:
        return None if clock is None else clock.deadline
    return moved_by_pause(city, clock.unit, clock.paused_at, facts.now, clock.deadline, clock.organisation_id)


def moved_by_pause(
    city: City,
    unit: str | None,
    paused_at: datetime,
    now: datetime,
    ends: datetime,
    organisation_id: int | None = None,
) -> datetime:
    """Where a deadline lies after a pause: as much running time behind it as was left before it. One that was over
    already stays.
    """
    calendar = city.calendar_of(organisation_id)
    return clocks.paused(ends, paused_at, now, unit or "natural_day", calendar, city.work_day_mode)


def _stop(running: Clock | None, now: datetime, outcome: str) -> dict[str, Any]:
    if running is None:
        return {}
    if outcome == "done" and running.deadline is not None and now > running.deadline:
        outcome = "late"
    return {"stop": outcome}


def _go_on(city: City, facts: Facts, wanted: ChangeClock | LimitClock) -> dict[str, Any]:
    clock = facts.clock
    if clock is None:
        return {}
    if isinstance(wanted, LimitClock):
        names = ("step", "started_at", "unit", "value")
        limit: dict[str, Any] = {name: getattr(wanted, name) for name in names}
    else:
        limit = {"value": wanted.value if wanted.value is not None else clock.value}
    told = {"step": clock.step, "started_at": clock.started_at, "unit": clock.unit, **limit}
    row = {**told, "organisation_id": clock.organisation_id, "deadline": wanted.deadline}
    following = _next_of(city, row, facts.now, clock.level)
    return {
        **told,
        "value": None if told["value"] is None else float(told["value"]),
        "deadline": wanted.deadline,
        "resume": isinstance(wanted, ChangeClock) and wanted.resume,
        "due_at": following and following.at,
        "due_kind": following and following.kind,
    }


def _next_of(city: City, row: Mapping[str, Any], now: datetime, level: int) -> Due | None:
    """What is due of a clock that goes on. A reminder whose moment is over was given, or is pointless now: only what is
    ahead, or higher than it has gone.
    """
    return next((one for one in course(city, row) if one.at > now or one.level > level), None)


def start_beside(conn: Connection, facts: Facts, row: Mapping[str, Any], beside: Beside = "part") -> int:
    """Start a clock beside the one of the case (a row of `started`); returns its number."""
    found = conn.execute(_SQL["start_beside"], {**_key(facts), **row, "beside": beside}).fetchone()
    assert found is not None  # noqa: S101  (INSERT RETURNING)
    return int(found["clock_no"])


def pause_beside(conn: Connection, facts: Facts, seq: int) -> None:
    """The case stands still, and so does what every other organisation has to do in it (``Prepared.after``)."""
    conn.execute(_SQL["pause_beside"], _key(facts))


def go_on_beside(conn: Connection, city: City, facts: Facts) -> dict[int, datetime]:
    """The case goes on: to each clock beside its own as much is left as before, by the calendar of whose it is. Returns
    the new deadlines by the clocks' numbers.
    """
    ends: dict[int, datetime] = {}
    for row in conn.execute(_SQL["paused_beside"], _key(facts)).fetchall():
        then = row["deadline"]
        if then is not None:
            then = moved_by_pause(city, row["unit"], row["paused_at"], facts.now, then, row["organisation_id"])
            ends[row["clock_no"]] = then
        following = _next_of(city, {**row, "deadline": then}, facts.now, row["level"])
        told = {"deadline": then, "due_at": following and following.at, "due_kind": following and following.kind}
        conn.execute(_SQL["go_on_beside"], {**_key(facts), **told, "clock_no": row["clock_no"]})
    return ends


def stop_beside(conn: Connection, district_code: str, case_id: UUID, clock_no: int, outcome: str) -> None:
    """A clock beside the one of the case has ended."""
    told = {"district_code": district_code, "case_id": case_id, "clock_no": clock_no, "outcome": outcome}
    conn.execute(_SQL["stop_beside"], told)


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
