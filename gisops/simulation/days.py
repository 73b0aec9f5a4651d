"""What comes next, in a heap, and the clock that goes straight to it: days of a city in seconds, and nobody sleeps.

A `World` is where it happens: on paper (`paper`) or in PostGIS (`town`). What people mean to do comes from `people`;
each case draws from a generator of its own, so that what happens to one changes nothing of what others draw.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from gisops.access.roles import ROLES
from gisops.cases import moves
from gisops.simulation import people
from gisops.simulation.people import Plan

# The answers to a move that was made, and to one that was not meant to be.
MADE = "made"
# A guard that says no is an answer too; who hears it this often in one state gives up and leaves it to the timers.
MOST_REFUSALS = 4
# The desk looks again at what nobody has touched for so long, so that nothing rests for ever.
LOOKED_AFTER = timedelta(hours=20)


class Broken(Exception):
    """Something that must hold does not. ``command`` plays it again."""

    def __init__(self, problem: str, command: str, step: int, at: datetime) -> None:
        super().__init__(f"{problem} (step {step:,}, {at.isoformat()}; again: {command})")
        self.problem, self.command, self.step, self.at = problem, command, step, at


@dataclass(frozen=True, slots=True)
class Seen:
    """How a case stands, as somebody who acts on it sees it."""

    state: str
    version: int


class World(Protocol):
    """Where cases live. A key is whatever names a case there."""

    def go_to(self, at: datetime) -> None:
        """Set the clock; it never goes back."""

    def report(self, n: int, rng: Random) -> Any:
        """The n-th report comes in; the key of its case."""

    def report_again(self, n: int) -> bool:
        """The n-th report once more under the same key of its sender; whether nothing came of it."""

    def act(self, key: Any, action: str, role: str, version: int, rng: Random) -> str:
        """Somebody acts on a case; ``MADE``, or the code of the error that refused it."""

    def seen(self, key: Any) -> Seen:
        """How a case stands."""

    def due(self) -> datetime | None:
        """When something is due next by the clocks of cases."""

    def fire(self) -> list[Any]:
        """Do what is due now; the keys of the cases that moved."""

    def broken(self, key: Any) -> str | None:
        """What does not hold of a case after a step; None where all does."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What kind of days these are: how many reports a day, how much goes wrong, when the worker is away, and when the
    clock leaps ahead (by how long).
    """

    a_day: float = 40.0
    trouble: float = 1.0
    away: Sequence[tuple[datetime, datetime]] = ()
    leaps: Sequence[tuple[datetime, timedelta]] = ()


def weather(seed: int, start: datetime, days: float, a_day: float, trouble: float = 1.0) -> Weather:
    """The weather of a seed: about once in ten days the worker is away, for hours or a day; once in twenty a leap."""
    rng = Random(f"{seed}/weather")  # noqa: S311 - a simulation is to be repeatable, not secret
    away, leaps = [], []
    if trouble:
        for _ in range(round(days / 10)):
            at = start + timedelta(days=rng.random() * days)
            away.append((at, at + rng.choice((timedelta(minutes=20), timedelta(hours=3), timedelta(days=1)))))
        for _ in range(round(days / 20)):
            at = start + timedelta(days=rng.random() * days)
            leaps.append((at, rng.choice((timedelta(hours=1), timedelta(days=1)))))
    return Weather(a_day, trouble, sorted(away), sorted(leaps))


@dataclass(slots=True)
class Tally:
    """What came of it."""

    steps: int = 0
    reports: int = 0
    timers: int = 0
    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ended_at: datetime | None = None


class Days:
    """One run: the heap, the clock and the tally."""

    def __init__(
        self, world: World, seed: int, start: datetime, days: float, zone: ZoneInfo, weather: Weather, command: str = ""
    ) -> None:
        self.world, self.seed, self.start, self.zone, self.weather = world, seed, start, zone, weather
        self.end = start + timedelta(days=days)
        self.command = command or f"gisops simulate --seed {seed}"
        self.now = start
        self.tally = Tally()
        # called after every step with the case's key, what was done, by whom and what came of it
        self.watch: Callable[[Any, str, str, str], None] | None = None
        self._heap: list[tuple[datetime, int, str, Any, Any]] = []
        self._order = itertools.count()
        self._rng: dict[Any, Random] = {}
        self._refusals: Counter[Any] = Counter()
        self._leaps = list(weather.leaps)
        rng = Random(f"{seed}/reports")  # noqa: S311
        for n, at in enumerate(people.reports(rng, start, days, weather.a_day, zone)):
            self._push(at, "report", n, None)
        for begins, ends in weather.away:
            self._push(ends, "back", None, begins)

    def run(self, most: int | None = None) -> Tally:
        """Go on until the end, or until so many steps are made; may be called again to go further."""
        until = None if most is None else self.tally.steps + most
        while until is None or self.tally.steps < until:
            due = self._due()
            if self._heap and (due is None or self._heap[0][0] < due):
                at, _, kind, key, more = heapq.heappop(self._heap)
                if at > self.end:
                    break
                self._go_to(at)
                if kind == "report":
                    self._report(key)
                elif kind == "act":
                    self._act(key, *more)
            elif due is not None and due <= self.end:
                self._go_to(due)
                self._fire()
            else:
                break
        self.tally.ended_at = self.now
        return self.tally

    def _push(self, at: datetime, kind: str, key: Any, more: Any) -> None:
        heapq.heappush(self._heap, (at, next(self._order), kind, key, more))

    def _go_to(self, at: datetime) -> None:
        while self._leaps and self._leaps[0][0] <= at:
            begins, by = self._leaps.pop(0)
            at = max(at, begins + by)
            self.tally.faults["leap"] += 1
        # after a leap others are late: they come at the moment it is now
        self.now = max(self.now, at)
        self.world.go_to(self.now)

    def _due(self) -> datetime | None:
        """When the worker does something next: not while it is away."""
        due = self.world.due()
        if due is None:
            return None
        due = max(due, self.now)
        for begins, ends in self.weather.away:
            if begins <= due < ends:
                due = ends
        return due

    def _report(self, n: int) -> None:
        rng = Random(f"{self.seed}/case/{n}")  # noqa: S311
        key = self.world.report(n, rng)
        self._rng[key] = rng
        self.tally.steps += 1
        self.tally.reports += 1
        self._check(key, "report", "public", MADE)
        if people.fault(rng, self.weather.trouble):
            # his network broke before the answer came, and he sends it again
            self.tally.faults["again"] += 1
            self.tally.steps += 1
            if not self.world.report_again(n):
                raise self._broken(f"report {n} was taken twice")
        self._plan(key)

    def _plan(self, key: Any) -> None:
        seen = self.world.seen(key)
        plan = people.next_plan(self._rng[key], seen.state, self.now, self.zone, self.weather.trouble)
        if plan is not None:
            self._push(plan.at, "act", key, (plan, seen.version))
        elif moves.STAGES[seen.state] < moves.OVER:
            self._push(self.now + LOOKED_AFTER, "act", key, (None, seen.version))

    def _act(self, key: Any, plan: Plan | None, version: int) -> None:
        seen = self.world.seen(key)
        if seen.version != version:
            return  # somebody or a timer was first; that made a plan of its own
        if plan is None:
            self._plan(key)
            return
        rng = self._rng[key]
        if plan.fault:
            self.tally.faults[plan.fault] += 1
        if plan.fault == "lost":
            again = Plan(plan.action, plan.role, self.now + timedelta(minutes=rng.randint(2, 40)))
            self._push(again.at, "act", key, (again, version))
            return
        if plan.fault == "stale" and version > 1:
            self._refused(key, plan.action, plan.role, version - 1, {"stale_version"})
        elif plan.fault == "foreign":
            role = rng.choice(_strangers(plan.action, seen.state))
            self._refused(key, plan.action, role, version, {"not_allowed", "not_found"})
        elif plan.fault == "senseless":
            action = rng.choice(_senseless(seen.state))
            self._refused(key, action, rng.choice(_whose(action)), version, {"illegal_move"})
        outcome = self._try(key, plan.action, plan.role, version)
        if outcome != MADE:
            self._refusals[key, version] += 1
            if self._refusals[key, version] < MOST_REFUSALS:
                self._plan(key)
            else:
                self._push(self.now + LOOKED_AFTER, "act", key, (None, version))
            return
        if plan.fault in ("twice", "unanswered"):
            # the second of two, or the same again because no answer came: the version it was meant for has gone
            self._refused(key, plan.action, plan.role, version, {"stale_version", "illegal_move"})
        self._plan(key)

    def _try(self, key: Any, action: str, role: str, version: int) -> str:
        outcome = self.world.act(key, action, role, version, self._rng[key])
        self.tally.steps += 1
        self._check(key, action, role, outcome)
        if outcome == MADE:
            self.tally.made[action] += 1
            now = self.world.seen(key)
            # the system's own moves may follow at once: the third return is a dispute
            if now.version <= version:
                raise self._broken(f"{key}: {action} led from version {version} to {now.version}")
        else:
            self.tally.refused[outcome] += 1
        return outcome

    def _refused(self, key: Any, action: str, role: str, version: int, codes: set[str]) -> None:
        before = self.world.seen(key)
        outcome = self.world.act(key, action, role, version, self._rng[key])
        self.tally.steps += 1
        self.tally.refused[outcome] += 1
        if outcome not in codes:
            raise self._broken(
                f"{key}: {action} by {role} at version {version} was answered {outcome!r}; expected {sorted(codes)}"
            )
        if self.world.seen(key) != before:
            raise self._broken(f"{key}: {action} was refused ({outcome}) and changed the case all the same")
        self._check(key, action, role, outcome)

    def _fire(self) -> None:
        moved = self.world.fire()
        self.tally.steps += max(len(moved), 1)
        self.tally.timers += 1
        for key in moved:
            self._check(key, "", "system", MADE)
            if key in self._rng:
                self._plan(key)

    def _check(self, key: Any, action: str, role: str, outcome: str) -> None:
        problem = self.world.broken(key)
        if problem:
            raise self._broken(f"{key}: after {action or 'a timer'} by {role} ({outcome}): {problem}")
        if self.watch is not None:
            self.watch(key, action, role, outcome)

    def _broken(self, problem: str) -> Broken:
        return Broken(problem, self.command, self.tally.steps, self.now.astimezone(UTC))


def _whose(action: str) -> list[str]:
    """Persons' roles that an action belongs to, from any state; the first of its rows' where only the system does."""
    found = sorted({role for rule in moves.TRANSITIONS if rule.action == action for role in rule.who if role in ROLES})
    return found or ["dispatcher"]


def _strangers(action: str, state: str) -> list[str]:
    """Roles that may not do an action from a state."""
    who = moves.rule_of(action, state).who
    return [role for role in ROLES if role not in who and role != "admin"]


def _senseless(state: str) -> list[str]:
    """Actions of persons that a state does not allow to anybody."""
    there = {rule.action for rule in moves.TRANSITIONS if state in rule.from_states}
    return sorted(
        {rule.action for rule in moves.TRANSITIONS if rule.from_states and any(role in ROLES for role in rule.who)}
        - there
    )
