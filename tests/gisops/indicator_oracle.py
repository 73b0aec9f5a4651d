"""Every indicator counted a second time, in plain Python, from what its page and the field's definitions say of it.

Nothing here is taken from counting.sql or indicators.toml: an indicator is a function of what is true of a case, a
clock, an act, a report or a visit, written by hand below. Slow, and meant to be read beside the page.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from gisops.clocks import WorkCalendar
from tests.gisops.random_lives import DISTRICT, ZONE, Case, Entry, Ground, Patrol

PUBLIC = ("citizen", "hotline", "open311")
NO_CASE = ("voided", "duplicate", "not_accepted", "not_filed")
DONE = ("handled", "checking", "to_close", "closed")
HANDLING = ("handle", "stop", "penalise", "restore")
HOUR = 3600.0


@dataclass(frozen=True)
class City:
    """What counting needs to know of the city: codes of keys, and when it works."""

    categories: Mapping[int, tuple[str, str, str]]  # kind, major, minor as patterns
    kinds: Mapping[int, str]
    zones: Mapping[int, str]
    organisations: Mapping[int, str]
    staff: Mapping[int, str]
    calendar: WorkCalendar
    ground: Ground


@dataclass
class Number:
    """A count (n), a rate (k of n), or a duration's values."""

    n: int = 0
    k: int = 0
    values: list[float] | None = None


class Fact:
    """One thing that is counted: what it is counted by, and what is true of it."""

    def __init__(self, city: City, case: Case, staff: int | None) -> None:
        _, major, minor = city.categories[case.category.category_id]
        self.case = case
        self.staff = staff
        self.keys: dict[str, str | None] = {
            "kind": city.kinds[case.category.category_id],
            "major": major, "category": minor,
            "zone": city.zones[case.zone_id] if case.zone_id else None,
            "grid_cell": case.place.grid_cell, "community": case.place.community, "street": case.place.street,
            "district": DISTRICT, "road": case.place.road,
            "organisation": city.organisations[case.paper.organisation_id],
            "channel": first_channel(case),
            "hour": f"{case.history[0].at.astimezone(ZONE):%H}",
        }  # fmt: skip
        self.true: dict[str, bool] = {}
        self.lasted: dict[str, float] = {}


def first_channel(case: Case) -> str | None:
    """How a case came: by its first report."""
    told = sorted(case.reports, key=lambda one: (one[1], one[2].bytes))
    return told[0][0] if told else None


def patroller(city: City, case: Case) -> int | None:
    """Who answers for the ground a case lies on: of the duty zones there and then, that are for its kind of thing, the
    one of highest priority, the smallest, the first by code; of its primary people the first.
    """
    at = case.history[0].at
    patterns = city.categories[case.category.category_id]
    kind = patterns[1][:-2]
    found: list[tuple[int, float, str, int]] = []
    for zone in city.ground.patrols:
        if not _covers(zone, case) or not zone.since <= at < zone.until:
            continue
        if zone.scope and not set(zone.scope) & {kind, *patterns[1:]}:
            continue
        west, south, east, north = zone.box
        found += [(-zone.priority, (east - west) * (north - south), zone.code, staff) for staff in zone.staff]
    return min(found)[3] if found else None


def _covers(zone: Patrol, case: Case) -> bool:
    west, south, east, north = zone.box
    return west <= case.place.lon <= east and south <= case.place.lat <= north


def _worked(calendar: WorkCalendar, since: datetime, until: datetime) -> float:
    """Seconds the city worked between two moments, day by day."""
    if until < since:
        return -_worked(calendar, until, since)
    first, last = since.astimezone(ZONE), until.astimezone(ZONE)
    day, total = first.date(), 0.0
    while day <= last.date():
        if _works(calendar, day):
            for opens, closes in calendar.windows:
                begins = max(first, _local(day, opens))
                ends = min(last, _local(day, closes))
                total += max(0.0, (ends - begins).total_seconds())
        day += timedelta(days=1)
    return total


def _local(day: date, at: time) -> datetime:
    return datetime.combine(day, at, ZONE)


def _works(calendar: WorkCalendar, day: date) -> bool:
    kind = calendar.days.get(day)
    return day.weekday() in calendar.weekdays if kind is None else kind != "holiday"


def _first(entries: Iterable[Entry], *states: str) -> datetime | None:
    return next((one.at for one in entries if one.to_state in states), None)


def case_facts(city: City, cases: Sequence[Case], since: datetime, until: datetime, own: bool) -> Iterator[Fact]:
    """Of cases. ``own`` goes by the organisation's own clock."""
    again: dict[int, list[Case]] = defaultdict(list)
    for one in cases:
        if one.again_of and one.is_rework and one.paper.state not in NO_CASE:
            again[one.again_of].append(one)
    for case in cases:
        told = [one for one in case.history if one.at < until]
        if not told:
            continue
        yield _case_fact(city, case, told, again[case.number], since, until, own)


def _held(told: Sequence[Entry], due: datetime | None) -> bool:
    """Whether it was on hold at a moment."""
    before = [one.to_state for one in told if due and one.at <= due]
    return bool(before) and before[-1] == "suspended"


def _case_fact(
    city: City, case: Case, told: list[Entry], again: list[Case], since: datetime, until: datetime, own: bool
) -> Fact:
    fact = Fact(city, case, case.handler)
    patrols = patroller(city, case)
    state, last = case.paper.state, told[-1].to_state
    reported = case.history[0].at
    filed, dispatched = _first(told, "filed"), _first(told, "dispatched")
    finishes = [one.at for one in told if one.action == "finish"]
    done = finishes[-1] if finishes and last in DONE else None
    closings = [one.at for one in told if one.to_state == "closed" and one.from_state != "closed"]
    over = closings[-1] if closings and last == "closed" else None
    its_own = [
        clock
        for clock in case.clocks
        if clock.step in HANDLING and clock.organisation_id == case.paper.organisation_id and clock.started_at < until
    ]
    # its last clock is what it is measured by, as appeals measure it
    own_due = max(its_own, key=lambda clock: clock.clock_no).deadline if its_own else None
    due = own_due if own and own_due else case.paper.deadline
    real = state not in NO_CASE
    counts = real and state != "force_closed" and case.paper.assessed and filed is not None
    held, held_by_own = _held(told, due), _held(told, own_due)
    exempt = case.paper.timeout_exempt
    public = first_channel(case) in PUBLIC
    in_period: Callable[[datetime | None], bool] = lambda at: at is not None and since <= at < until  # noqa: E731
    to_handle = counts and not held and (in_period(due) or in_period(done))
    in_time = done is not None and (exempt or due is None or done <= due)
    fact.true = {
        "reported": in_period(reported),
        "accepted": in_period(_first(told, "accepted", "filed")),
        "filed": in_period(filed),
        "was_filed": filed is not None,
        "voided": state == "voided",
        "dispatched": in_period(dispatched),
        "handled": counts and in_period(done),
        "solved": real and in_period(done),
        "closed": counts and in_period(over),
        "to_handle": to_handle,
        "to_close": counts and not held and (in_period(due) or in_period(over)),
        "to_answer": counts and not held_by_own and own_due is not None and (in_period(own_due) or in_period(done)),
        "in_hand": to_handle or (counts and last == "suspended"),
        "on_hold": counts and last == "suspended",
        "done": done is not None,
        "in_time": in_time,
        "late": done is not None and not in_time,
        "answered": done is not None and own_due is not None and (exempt or done <= own_due),
        "answered_exempt": done is not None and exempt,
        "over": over is not None,
        "over_by_deadline": over is not None and (exempt or due is None or over <= due),
        "exempt": exempt,
        "forced": state == "force_closed",
        "duplicate": state == "duplicate",
        "extended": any(one.action == "extend" for one in told),
        "suspended": any(one.to_state == "suspended" for one in told),
        "returned": any(one.to_state == "returned" and one.reason != "not_acknowledged" for one in told),
        "reworked": any(
            one.action in ("fail", "to_rework", "reopen") or (one.action == "send_back" and one.role == "dispatcher")
            for one in told
        )
        or any(other.history[0].at < until for other in again),
        "reopened": any(one.action == "reopen" for one in told),
        "recurrence": case.again_of is not None,
        "joint": any(how != "cancelled" and opened < until for how, opened in case.subtasks),
        "urgent": case.severity in ("urgent", "danger"),
        "public": public and state != "voided",
        "missed": public and state != "voided" and patrols is not None,
        "simple": any(one.to_state == "simple_open" for one in told) and not case.paper.assessed,
    }
    fact.keys["patroller"] = str(patrols) if patrols else None
    if dispatched:
        fact.lasted["to_dispatch"] = (dispatched - reported).total_seconds()
    if done:
        # nobody is charged with the time that another one had it
        to_it = [
            one.at
            for one in told
            if one.to_state == "dispatched"
            and one.from_state != "dispatched"
            and one.organisation_id == case.paper.organisation_id
        ]
        begun = to_it[-1] if own and to_it else dispatched
        begins = begun or reported
        fact.true |= {f"within_{hours}": (done - begins).total_seconds() <= hours * HOUR for hours in (2, 5)}
        if begun:
            fact.lasted["to_handle"] = (done - begun).total_seconds()
        day_s = sum(
            (_local(reported.date(), b) - _local(reported.date(), a)).total_seconds() for a, b in city.calendar.windows
        )
        fact.lasted["days"] = _worked(city.calendar, reported, done) / day_s
    if over:
        fact.lasted["to_close"] = (over - reported).total_seconds()
    return fact


def clock_facts(city: City, cases: Sequence[Case], since: datetime, until: datetime, own: bool) -> Iterator[Fact]:
    """Of clocks of the centre's stages: ended in the period, or run out in it and still running at its end."""
    for case in cases:
        if case.paper.state in ("voided", "duplicate"):
            continue
        for clock in case.clocks:
            if (
                clock.step not in ("accept", "verify", "file", "dispatch", "ack", "check", "close")
                or not clock.deadline
            ):
                continue
            stopped = clock.stopped_at
            ended = stopped is not None and since <= stopped < until
            ran_out = (stopped is None or stopped >= until) and since <= clock.deadline < until
            if clock.outcome == "cancelled" or not clock.started_at < until or not (ended or ran_out):
                continue
            by = case.ended_by.get(clock.clock_no)
            fact = Fact(city, case, by.staff if by else None)
            during = by.from_state if by else case.paper.state
            fact.true = {
                clock.step: True,
                "in_time": clock.outcome == "exempt"
                or (stopped is not None and stopped < until and stopped <= clock.deadline),
                "order_verify": clock.step == "accept" and by is not None and by.action == "order_verify",
                "order_check": clock.step == "check" and during == "handled",
                "checking": clock.step == "check" and during == "checking",
            }
            yield fact


def act_facts(city: City, cases: Sequence[Case], since: datetime, until: datetime, own: bool) -> Iterator[Fact]:
    """Of acts: acceptances, filings, dispatches."""
    for case in cases:
        for n, entry in enumerate(case.history):
            if entry.action not in ("accept", "file", "dispatch") or not since <= entry.at < until:
                continue
            after = next(
                (
                    one
                    for one in case.history[n + 1 :]
                    if one.at < until
                    and one.from_state != one.to_state
                    and one.to_state in ("returned", "dispatched", "handled")
                ),
                None,
            )
            back = (
                after is not None
                and after.to_state == "returned"
                and after.reason not in ("already_done", "not_acknowledged")
            )
            fact = Fact(city, case, entry.staff)
            fact.true = {entry.action: True, "back": back, "voided": case.paper.state == "voided"}
            yield fact


def report_facts(city: City, cases: Sequence[Case], since: datetime, until: datetime, own: bool) -> Iterator[Fact]:
    """Of reports. Who sent another than a case's first is told to nobody."""
    for case in cases:
        told = [one for one in case.history if one.at < until]
        work = any(
            one.to_state == "filed" or (one.from_state == "simple_open" and one.to_state == "closed") for one in told
        )
        for n, (channel, received, _) in enumerate(sorted(case.reports, key=lambda one: (one[1], one[2].bytes))):
            if not since <= received < until:
                continue
            fact = Fact(city, case, case.history[0].staff if n == 0 else None)
            fact.keys["channel"] = channel
            fact.true = {
                "valid": work and case.paper.state not in NO_CASE,
                "public": channel in PUBLIC,
                "joined": n > 0,
            }
            yield fact


def visit_facts(city: City, cases: Sequence[Case], since: datetime, until: datetime, own: bool) -> Iterator[Fact]:
    """Of follow-up visits."""
    for case in cases:
        for score, at in case.visits:
            if since <= at < until:
                fact = Fact(city, case, case.handler)
                fact.true = {"reached": score is not None, "satisfied": score is not None and score >= 4}
                yield fact


Facts = Callable[[City, Sequence[Case], datetime, datetime, bool], Iterator[Fact]]
Is = Callable[[Fact], bool]


def _is(*names: str) -> Is:
    """All of these hold; one with a minus holds not."""
    return lambda fact: all(
        not fact.true.get(name[1:], False) if name[0] == "-" else fact.true.get(name, False) for name in names
    )


def _always(fact: Fact) -> bool:
    return True


# code or code/choice: whose facts, what is counted, out of what (None: a count), or which duration.
_CASES, _CLOCKS, _ACTS, _REPORTS, _VISITS = case_facts, clock_facts, act_facts, report_facts, visit_facts
RULES: dict[str, tuple[Facts, Is | str, Is | None]] = {
    "report_count": (_REPORTS, _always, None),
    "valid_report_count": (_REPORTS, _is("valid"), None),
    "valid_report_rate": (_REPORTS, _is("valid"), _always),
    "public_report_count": (_REPORTS, _is("public"), None),
    "repeats_avoided_rate": (_REPORTS, _is("joined"), _always),
    "case_count": (_CASES, _is("reported"), None),
    "accepted_count": (_CASES, _is("accepted"), None),
    "duplicate_count": (_CASES, _is("reported", "duplicate"), None),
    "missed_report_rate": (_CASES, _is("missed"), _is("filed", "-voided")),
    "public_report_rate": (_CASES, _is("public"), _is("filed", "-voided")),
    "verify_on_time_rate": (_CLOCKS, _is("in_time"), _is("verify")),
    "check_on_time_rate": (_CLOCKS, _is("in_time"), _is("checking")),
    "accept_on_time_rate": (_CLOCKS, _is("in_time"), _is("accept")),
    "verify_sent_on_time_rate": (_CLOCKS, _is("in_time"), _is("order_verify")),
    "check_sent_on_time_rate": (_CLOCKS, _is("in_time"), _is("order_check")),
    "file_on_time_rate": (_CLOCKS, _is("in_time"), _is("file")),
    "dispatch_on_time_rate": (_CLOCKS, _is("in_time"), _is("dispatch")),
    "ack_on_time_rate": (_CLOCKS, _is("in_time"), _is("ack")),
    "close_on_time_rate": (_CLOCKS, _is("in_time"), _is("close")),
    "acceptance_count": (_ACTS, _is("accept"), None),
    "dispatch_count": (_ACTS, _is("dispatch"), None),
    "accurate_dispatch_rate": (_ACTS, _is("-back"), _is("dispatch")),
    "accurate_filing_by_leader_rate": (_ACTS, _is("-voided"), _is("file")),
    "filed_count": (_CASES, _is("filed", "-voided"), None),
    "filing_rate": (_CASES, _is("was_filed"), _is("accepted")),
    "filing_rate/reported": (_CASES, _is("was_filed"), _is("reported")),
    "accurate_filing_rate": (_CASES, _is("-voided"), _is("filed")),
    "voided_count": (_CASES, _is("filed", "voided"), None),
    "should_be_handled_count": (_CASES, _is("to_handle"), None),
    "handled_count": (_CASES, _is("to_handle", "done"), None),
    "handled_in_time_count": (_CASES, _is("to_handle", "in_time"), None),
    "handled_late_count": (_CASES, _is("to_handle", "late"), None),
    "overdue_unhandled_count": (_CASES, _is("to_handle", "-done"), None),
    "handling_rate": (_CASES, _is("done"), _is("to_handle")),
    "on_time_handling_rate": (_CASES, _is("in_time"), _is("to_handle")),
    "late_handling_rate": (_CASES, _is("late"), _is("to_handle")),
    "overdue_unhandled_rate": (_CASES, _is("-done"), _is("to_handle")),
    "extension_rate": (_CASES, _is("extended"), _is("to_handle")),
    "deferral_rate": (_CASES, _is("suspended"), _is("to_handle")),
    "suspension_rate": (_CASES, _is("on_hold"), _is("in_hand")),
    "return_rate": (_CASES, _is("returned"), _is("dispatched")),
    "rework_rate": (_CASES, _is("reworked"), _is("to_close")),
    "rework_rate/handled": (_CASES, _is("reworked"), _is("handled")),
    "reopening_rate": (_CASES, _is("reopened"), _is("to_close")),
    "exempted_count": (_CASES, _is("to_handle", "exempt"), None),
    "should_be_closed_count": (_CASES, _is("to_close"), None),
    "closed_count": (_CASES, _is("to_close", "over"), None),
    "closings": (_CASES, _is("closed"), None),
    "closing_rate": (_CASES, _is("over"), _is("to_close")),
    "on_time_closing_rate": (_CASES, _is("over", "in_time"), _is("to_close")),
    "on_time_closing_rate/deadline": (_CASES, _is("over_by_deadline"), _is("to_close")),
    "forced_closing_count": (_CASES, _is("filed", "forced"), None),
    "satisfaction_rate": (_VISITS, _is("satisfied"), _is("reached")),
    "urgent_count": (_CASES, _is("filed", "urgent", "-voided"), None),
    "simple_count": (_CASES, _is("solved", "simple"), None),
    "recurrence_rate": (_CASES, _is("recurrence"), _is("filed", "-voided")),
    "handling_time": (_CASES, "to_handle", _is("handled")),
    "closing_time": (_CASES, "to_close", _is("closed")),
    "solved_within_2_hours_rate": (_CASES, _is("within_2"), _is("solved")),
    "solved_within_5_hours_rate": (_CASES, _is("within_5"), _is("solved")),
    "on_time_feedback_rate": (_CASES, _is("answered"), _is("to_answer")),
    "mean_working_days": (_CASES, "days", _is("handled")),
    "joint_share": (_CASES, _is("joint"), _is("dispatched", "-voided")),
    "intake_to_dispatch": (_CASES, "to_dispatch", _is("dispatched", "-voided")),
}  # fmt: skip
# Whose a number is by staff, where it is not the family's own.
OF_PATROLLERS = frozenset({"missed_report_rate"})


def count(
    city: City,
    cases: Sequence[Case],
    codes: Iterable[str],
    since: datetime,
    until: datetime,
    by: str | None = None,
    where: Mapping[str, str | None] | None = None,
) -> dict[str | None, dict[str, Number]]:
    """Numbers by key of ``by`` (of everything under None where there is none)."""
    own = bool({by, *(where or {})} & {"organisation", "staff"})

    @cache
    def facts(family: Facts) -> list[Fact]:
        return list(family(city, cases, since, until, own))

    found: dict[str | None, dict[str, Number]] = defaultdict(dict)
    for code in codes:
        family, what, out_of = RULES[code]
        for fact in facts(family):
            keys = _keys(city, fact, code)
            if any(keys[name] != key for name, key in (where or {}).items()):
                continue
            number = found[keys[by] if by else None].setdefault(code, Number())
            if isinstance(what, str):
                assert out_of is not None
                if out_of(fact) and what in fact.lasted:
                    number.values = [*(number.values or []), fact.lasted[what]]
            elif out_of is None:
                number.n += what(fact)
            else:
                number.n += out_of(fact)
                number.k += out_of(fact) and what(fact)
    return found


def behind(city: City, cases: Sequence[Case], code: str, since: datetime, until: datetime) -> set[str]:
    """The numbers of the cases that are counted."""
    family, what, out_of = RULES[code]
    assert not isinstance(what, str)
    return {
        fact.case.no
        for fact in family(city, cases, since, until, False)
        if what(fact) and (out_of is None or out_of(fact))
    }


def _keys(city: City, fact: Fact, code: str) -> Mapping[str, str | None]:
    staff: Hashable = fact.staff
    if code in OF_PATROLLERS:
        staff = int(fact.keys["patroller"]) if fact.keys["patroller"] else None
    return {**fact.keys, "staff": city.staff[staff] if isinstance(staff, int) else None}


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return math.fsum(values) / len(values)


def share(values: Sequence[float], part: float) -> float:
    """The value below which a part of them lies, between two neighbours in proportion."""
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
