"""A world in memory: cases that move by the project's table of moves and its rules of clocks, and by no database.

What is real here: `moves` (who may do what from where), `case_clocks` (which clock belongs to a state, what a move does
to it, what is due when) and `clocks` (when limits end). What is not: the guards that ask the database; those that need
only the case are repeated below, in one dictionary. It is for the millions of steps that PostGIS would take hours for;
`town` is for the real thing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from gisops.cases import case_clocks, moves
from gisops.cases.facts import ChangeClock, Clock, ClockChange, Facts, PauseClock
from gisops.city import Category, City
from gisops.simulation.days import MADE, Seen

_NOBODY = UUID(int=0)
_LONGEST_SUSPENSION = timedelta(days=365)
# Of the reports of a day: how many come by a camera, an officer or a sensor, and may go the short way.
_CERTAIN = 0.4
# What the course of a clock is reckoned from.
_COURSE = ("step", "organisation_id", "started_at", "unit", "value", "deadline")


@dataclass(slots=True)
class Ticking:
    """A clock of a case, as its row is."""

    clock_no: int
    step: str
    organisation_id: int
    started_at: datetime
    unit: str | None
    value: Decimal | None
    deadline: datetime | None
    due_at: datetime | None = None
    due_kind: str | None = None
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    outcome: str | None = None
    level: int = 0


@dataclass(slots=True)
class OnPaper:
    """A case in memory."""

    n: int
    category: Category
    severity: str
    state: str
    at: datetime
    organisation_id: int
    version: int = 1
    flow: str = "standard"
    assessed: bool = True
    deadline: datetime | None = None
    condition: int | None = None
    acknowledged_at: datetime | None = None
    began_work: bool = False
    filed_at: datetime | None = None
    closed_at: datetime | None = None
    return_count: int = 0
    rework_count: int = 0
    extended_count: int = 0
    suspended_count: int = 0
    escalation: int = 0
    timeout_exempt: bool = False
    appealed: bool = False
    excluded: tuple[int, ...] = ()
    clocks: list[Ticking] = field(default_factory=list)
    # time in states that have a clock, and time that clocks have run: one must be the other
    lasted: timedelta = timedelta()
    ran: timedelta = timedelta()
    lowest_deadline: datetime | None = None
    fired: set[tuple[int, str, datetime]] = field(default_factory=set)
    twice: str | None = None

    @property
    def clock(self) -> Ticking | None:
        """The clock that has not stopped."""
        return self.clocks[-1] if self.clocks and self.clocks[-1].stopped_at is None else None


Guard = Callable[[OnPaper, datetime], bool]


def _before_work(case: OnPaper, now: datetime) -> bool:
    if case.state == "dispatched":
        return True
    return not case.began_work and case.acknowledged_at is not None and now - case.acknowledged_at <= timedelta(hours=2)


# What the case alone must fulfil for a move, as docs/reference/moves.md has it.
GUARDS: Mapping[str, Guard] = {
    "return": _before_work,
    "extend": lambda case, now: (
        case.extended_count < 2
        and case.clock is not None
        and case.clock.deadline is not None
        and now <= case.clock.deadline
    ),
    "suspend": lambda case, now: case.suspended_count < 1,
    "reopen": lambda case, now: case.closed_at is not None and now - case.closed_at <= timedelta(days=7),
    "appeal": lambda case, now: (
        not case.appealed and case.assessed and any(clock.outcome == "late" for clock in case.clocks)
    ),
    "step_done": lambda case, now: case.clock is not None and case.clock.step in case_clocks.STAGED[:-1],
    "finish": lambda case, now: case.clock is None or case.clock.step not in case_clocks.STAGED[:-1],
    "dispute": lambda case, now: case.return_count >= 1,
}


class Paper:
    """Cases in memory, and what is due by their clocks."""

    def __init__(self, city: City, organisations: int = 12) -> None:
        self.city, self.organisations = city, organisations
        self.now = datetime.min
        self.cases: list[OnPaper] = []
        # who wants to hear of every move: the case as it stands then, and what was done
        self.moved: Callable[[OnPaper, str], None] | None = None
        self._due: list[tuple[datetime, int, int]] = []
        self._pool = sorted(
            (one for one in city.categories.values() if one.filing_condition_id is not None),
            key=lambda one: (one.scheme, one.code),
        )

    def go_to(self, at: datetime) -> None:
        """Set the clock."""
        self.now = at

    def seen(self, key: int) -> Seen:
        """How a case stands."""
        return Seen(self.cases[key].state, self.cases[key].version)

    def report(self, n: int, rng: Random) -> int:
        """A report comes in: the short way where the category allows it and the channel is certain, filed by rule where
        it says so, else it waits for somebody.
        """
        category = rng.choice(self._pool)
        case = OnPaper(len(self.cases), category, category.severity, "", self.now, self.city.desk_id, version=0)
        case.condition = category.filing_condition_id
        self.cases.append(case)
        self._go(case, "report", "reported", "auto")
        certain = rng.random() < _CERTAIN
        if certain and category.simple_allowed and category.severity == "minor":
            self._go(case, "push", moves.rule_of("push", "reported").to_state, "auto")
        elif certain and category.auto_file:
            for action in ("accept", "file", "dispatch"):
                self._effects(case, action, rng)
                self._go(case, action, moves.rule_of(action, case.state).to_state, "auto")
        return case.n

    def report_again(self, n: int) -> bool:
        """On paper a sender's key is its number: nothing comes of it."""
        return True

    def act(self, key: int, action: str, role: str, version: int, rng: Random) -> str:
        """Somebody acts: refused as `acts.act` refuses, in its order."""
        case = self.cases[key]
        if all(role not in rule.who for rule in moves.rules_of(action)):
            return "not_allowed"
        if version != case.version:
            return "stale_version"
        rule = next((one for one in moves.rules_of(action) if case.state in one.from_states), None)
        if rule is None:
            return "illegal_move"
        if role not in rule.who:
            return "not_allowed"
        guard = GUARDS.get(action)
        if guard is not None and not guard(case, self.now):
            return "guard_failed"
        wanted = self._effects(case, action, rng)
        # what is corrected stays where it is
        to_state = case.state if action == "correct" else rule.to_state
        self._go(case, action, to_state, wanted, "returned" if action == "return" else "done")
        return MADE

    def due(self) -> datetime | None:
        """When something is due next."""
        while self._due and not self._is_due(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def fire(self) -> list[int]:
        """Do what is due: remind, tell that it is overdue, escalate, promote, resume."""
        moved = []
        while (at := self.due()) is not None and at <= self.now:
            _, n, _ = heapq.heappop(self._due)
            case = self.cases[n]
            if self._fire(case):
                moved.append(n)
        return moved

    def broken(self, key: int) -> str | None:
        """What does not hold of a case."""
        case = self.cases[key]
        clock, step = case.clock, case_clocks.STEPS.get(case.state)
        if case.twice:
            return f"{case.twice} fell due twice"
        if sum(one.stopped_at is None for one in case.clocks) != (step is not None):
            return f"{case.state} with {sum(one.stopped_at is None for one in case.clocks)} clocks"
        if clock is not None:
            if (clock.paused_at is not None) != (case.state == "suspended"):
                return f"{case.state} with a clock that {'stands' if clock.paused_at else 'runs'}"
            if clock.step != step and not (step == "handle" and clock.step in case_clocks.STAGED):
                return f"{case.state} with the clock {clock.step}"
        if any(one.due_at is not None for one in case.clocks[:-1]):
            return "something is due by a clock that has stopped"
        if case.ran + (case.at - clock.started_at if clock else timedelta()) != case.lasted:
            return f"clocks ran {case.ran}, the case lasted {case.lasted}"
        if case.lowest_deadline is not None and (case.deadline is None or case.deadline < case.lowest_deadline):
            return f"its deadline went back from {case.lowest_deadline} to {case.deadline}"
        case.lowest_deadline = case.deadline
        if case.state == "dispatched" and case.organisation_id in case.excluded:
            return "it was sent to an organisation that had returned it as not its own"
        return None

    def _is_due(self, at: datetime, n: int, clock_no: int) -> bool:
        clock = self.cases[n].clock
        return clock is not None and clock.clock_no == clock_no and clock.due_at == at

    def _fire(self, case: OnPaper) -> bool:
        clock = case.clock
        assert clock is not None  # noqa: S101 - `_is_due` said so
        kind = clock.due_kind
        assert kind is not None  # noqa: S101
        if kind == "resume":
            self._go(case, "resume", "handling", "resume")
            return True
        # What was passed meanwhile (the worker was away, the clock leapt) is one: the highest.
        due = [one for one in self._course(clock) if one.at <= self.now][-1]
        mark = (clock.clock_no, due.kind, due.at)
        if mark in case.fired:
            case.twice = f"{due.kind} of {clock.step} for {due.at}"
        case.fired.add(mark)
        if due.kind == "promote":
            self._effects(case, "promote", Random(case.n))  # noqa: S311 - nothing is drawn for it
            self._go(case, "promote", "filed", "auto")
            return True
        clock.level = due.level
        following = next((one for one in self._course(clock) if one.at > self.now), None)
        self._next(case, clock, following.at if following else None, following.kind if following else None)
        if clock.step == "ack" and due.kind == "escalate":
            case.escalation = due.level
            self._go(case, "escalate", "dispatched", "keep")
            return True
        return False

    def _course(self, clock: Ticking) -> list[case_clocks.Due]:
        row = {name: getattr(clock, name) for name in _COURSE}
        return case_clocks.course(self.city, row)

    def _effects(self, case: OnPaper, action: str, rng: Random) -> ClockChange:
        """What a move does to the case beside its state; what it does to the clock."""
        match action:
            case "dispatch" | "determine":
                free = [n for n in range(1, self.organisations + 1) if n not in case.excluded]
                case.organisation_id = rng.choice(free) if free else self.organisations + 1
                case.acknowledged_at, case.began_work, case.escalation = None, False, 0
            case "ack":
                case.acknowledged_at = self.now
            case "file" | "promote" | "reopen":
                case.filed_at = self.now
                # filed anew is a limit anew; within one filing a deadline only moves on
                case.deadline = case.lowest_deadline = None
                self._set_deadline(case)
                if action == "promote":
                    case.assessed, case.flow = True, "standard"
                if action == "reopen":
                    case.rework_count += 1
                    case.closed_at = None
                    case.organisation_id = self.city.desk_id
            case "return":
                case.return_count += 1
                if rng.random() < 0.7:
                    case.excluded = (*case.excluded, case.organisation_id)
                case.organisation_id = self.city.desk_id
            case "fail" | "to_rework":
                case.rework_count += 1
            case "finish":
                case.began_work = True
                if case.state == "simple_open":
                    case.assessed = False
            case "not_mine":
                case.flow, case.organisation_id = "standard", self.city.desk_id
            case "unlink":
                case.closed_at = None
            case "suspend":
                case.suspended_count += 1
                case.began_work = True
                return PauseClock(self.now + timedelta(days=rng.randint(1, 60)))
            case "resume":
                return "resume"
            case "extend":
                return self._extend(case)
            case "correct":
                self._correct(case, rng)
                return "keep"
            case "appeal":
                case.appealed, case.timeout_exempt = True, rng.random() < 0.5
        return "auto"

    def _correct(self, case: OnPaper, rng: Random) -> None:
        """It is of another class: once it is filed, with that one's limit from the filing, which may be a shorter."""
        case.category = rng.choice(self._pool)
        case.severity, case.condition = case.category.severity, case.category.filing_condition_id
        if case.deadline is not None and case.filed_at is not None:
            case.deadline = case_clocks.deadline_of(self.city, case.filed_at, case.condition)
            case.lowest_deadline = None

    def _set_deadline(self, case: OnPaper) -> None:
        _, limit = case_clocks.handling(self.city, case.condition)
        if limit is not None:
            case.deadline = case_clocks.deadline(self.city, self.now, limit.unit, limit.value)

    def _extend(self, case: OnPaper) -> ClockChange:
        case.extended_count += 1
        case.began_work = True
        clock = case.clock
        if clock is None or clock.deadline is None or clock.unit is None or clock.value is None:
            return "keep"
        later = case_clocks.deadline(self.city, clock.deadline, clock.unit, clock.value)
        if case.deadline is not None:
            case.deadline += later - clock.deadline
        return ChangeClock(later)

    def _go(self, case: OnPaper, action: str, to_state: str, wanted: ClockChange, outcome: str = "done") -> None:
        facts = self._facts(case)
        what = case_clocks.change(self.city, facts, to_state, case.organisation_id, wanted, outcome, case.condition)
        if case_clocks.STEPS.get(case.state):
            case.lasted += self.now - case.at
        self._apply(case, what)
        case.state, case.at, case.version = to_state, self.now, case.version + 1
        if moves.STAGES[to_state] == moves.OVER and case.closed_at is None:
            case.closed_at = self.now
        if self.moved is not None:
            self.moved(case, action)

    def _apply(self, case: OnPaper, what: Mapping[str, Any]) -> None:
        """What the statement `move` does with the clocks."""
        clock = case.clock
        if clock is not None:
            if "stop" in what:
                clock.stopped_at, clock.outcome, clock.due_at, clock.due_kind = self.now, what["stop"], None, None
                clock.paused_at = None
                case.ran += self.now - clock.started_at
            if "pause" in what:
                clock.paused_at = self.now
                self._next(case, clock, what["pause"]["until"], "resume")
            if "go_on" in what:
                change = what["go_on"]
                clock.deadline, clock.value = change["deadline"], change["value"]
                if change["resume"]:
                    clock.paused_at = None
                self._next(case, clock, change["due_at"], change["due_kind"])
        if "start" in what:
            started = Ticking(clock_no=len(case.clocks) + 1, **what["start"])
            case.clocks.append(started)
            self._next(case, started, started.due_at, started.due_kind)

    def _next(self, case: OnPaper, clock: Ticking, at: datetime | None, kind: str | None) -> None:
        clock.due_at, clock.due_kind = at, kind if at is not None else None
        if at is not None:
            heapq.heappush(self._due, (at, case.n, clock.clock_no))

    def _facts(self, case: OnPaper) -> Facts:
        clock = case.clock
        ticking = None if clock is None else Clock(
            clock.clock_no, clock.step, clock.organisation_id, clock.started_at, clock.unit, clock.value,
            clock.deadline, clock.paused_at, clock.level,
        )  # fmt: skip
        return Facts(
            district_code="", case_id=_NOBODY, case_no=str(case.n), state=case.state,
            stage=moves.STAGES.get(case.state, 0), version=case.version, now=self.now, flow=case.flow,
            severity=case.severity, category=case.category, filing_condition_id=case.condition,
            closing_condition_id=None, organisation_id=case.organisation_id, desk_id=self.city.desk_id,
            handler_id=None, superior_id=None, unit_id=None, part_id=None, lon=0.0, lat=0.0, accuracy_m=None,
            report_count=1, reported_at=case.at, filed_at=case.filed_at, dispatched_at=None,
            acknowledged_at=case.acknowledged_at, handled_at=None, closed_at=case.closed_at, deadline=case.deadline,
            assessed=case.assessed, return_count=case.return_count, rework_count=case.rework_count,
            extended_count=case.extended_count, suspended_count=case.suspended_count, escalation=case.escalation,
            timeout_exempt=case.timeout_exempt, duplicate_of=None, recurrence_of=None, excluded=case.excluded,
            area_grade="", satisfaction=None, channel=None, photos=(), clock=ticking,
            handle_deadline=case.deadline, began_work=case.began_work, open_subtasks=0,
        )  # fmt: skip
