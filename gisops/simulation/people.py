"""Who does what next with a case, and when: the tempers of a city's people, as weights and times.

Nothing here is measured of a real city; the weights are chosen so that each kind of move happens, the rare ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from random import Random
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Habit:
    """One thing that may be done in a state: by whom, how often beside the others, after how long (median, minutes)."""

    action: str
    role: str
    weight: float
    minutes: float
    spread: float = 0.6


def _habits(*rows: tuple[str, str, float, float]) -> tuple[Habit, ...]:
    return tuple(Habit(*row) for row in rows)


HABITS: Mapping[str, tuple[Habit, ...]] = {
    "reported": _habits(
        ("accept", "acceptor", 74, 6),
        ("correct", "acceptor", 4, 7),
        ("order_verify", "acceptor", 14, 8),
        ("refuse", "acceptor", 3, 10),
        ("link", "acceptor", 5, 5),
    ),
    "verifying": _habits(("verify", "supervisor", 100, 20)),
    "accepted": _habits(
        ("file", "shift_leader", 94, 5),
        ("reject", "shift_leader", 2, 8),
        ("link", "acceptor", 2, 6),
        ("void", "shift_leader", 2, 9),
    ),
    "filed": _habits(
        ("dispatch", "dispatcher", 95, 5), ("void", "shift_leader", 2, 20), ("force_close", "leader", 1, 60),
        ("correct", "dispatcher", 2, 8),
    ),
    "dispatched": _habits(
        ("ack", "handler", 70, 8), ("ack", "department", 18, 14), ("return", "department", 11, 15),
        ("void", "shift_leader", 1, 30),
    ),
    "returned": _habits(
        ("dispatch", "dispatcher", 78, 10), ("to_acceptor", "dispatcher", 6, 12), ("dispute", "dispatcher", 12, 15),
        ("correct", "dispatcher", 4, 9),
    ),
    "disputed": _habits(("determine", "coordinator", 95, 1200), ("force_close", "leader", 5, 3000)),
    "handling": _habits(
        ("finish", "handler", 71, 150),
        ("assign", "department", 7, 15),
        ("extend", "dispatcher", 6, 60),
        ("suspend", "dispatcher", 4, 90),
        ("step_done", "department", 4, 60),
        ("return", "department", 5, 25),
        ("void", "shift_leader", 1, 60),
        ("force_close", "leader", 2, 600),
    ),
    "suspended": _habits(("resume", "dispatcher", 50, 4000), ("", "", 50, 0)),
    "handled": _habits(
        ("order_check", "acceptor", 80, 8),
        ("skip_check", "acceptor", 14, 8),
        ("send_back", "department", 3, 20),
        ("send_back", "dispatcher", 3, 20),
    ),
    "checking": _habits(("pass", "supervisor", 88, 25), ("fail", "supervisor", 12, 25)),
    "to_close": _habits(("close", "shift_leader", 96, 6), ("to_rework", "shift_leader", 4, 8)),
    "simple_open": _habits(("finish", "officer", 84, 35), ("not_mine", "officer", 9, 10), ("", "", 7, 0)),
    "closed": _habits(
        ("appeal", "dispatcher", 1, 1200),
        ("appeal", "acceptor", 1, 1200),
        ("reopen", "inspector", 1, 1500), ("reopen", "public", 1, 1500), ("appeal", "department", 3, 600),
        ("", "", 95, 0),
    ),
    "duplicate": _habits(("unlink", "acceptor", 25, 120), ("", "", 75, 0)),
}  # fmt: skip

# Some of those who are asked take ten times as long; that is what reminders and superiors are for.
SLOW = 0.06
SLOW_FACTOR = 10.0
# A desk is manned day and night; others sleep.
AWAKE_HOURS = {"handler": (7, 22), "department": (8, 20), "supervisor": (7, 21), "public": (7, 23), "leader": (8, 18)}

# What goes wrong on the way, of a thousand acts.
FAULTS: Mapping[str, int] = {
    "lost": 12,  # it never arrives; he tries again later
    "unanswered": 12,  # it arrives and the answer does not: he sends it again
    "stale": 15,  # he saw the case as it was one move ago
    "twice": 12,  # two do the same at once
    "foreign": 8,  # somebody tries who may not
    "senseless": 10,  # a move that the state does not allow
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody means to do with a case, at a moment, and what goes wrong with it."""

    action: str
    role: str
    at: datetime
    fault: str = ""


def next_plan(rng: Random, state: str, now: datetime, zone: ZoneInfo, trouble: float = 1.0) -> Plan | None:
    """What is done next with a case in a state; None: nobody means to do anything. ``trouble`` scales the faults."""
    habits = HABITS.get(state)
    if habits is None:
        return None
    habit = rng.choices(habits, [one.weight for one in habits])[0]
    if not habit.action:
        return None
    minutes = rng.lognormvariate(log(habit.minutes), habit.spread)
    if rng.random() < SLOW:
        minutes *= SLOW_FACTOR
    at = awake(habit.role, now + timedelta(seconds=round(minutes * 60)), zone)
    return Plan(habit.action, habit.role, at, fault(rng, trouble))


def awake(role: str, at: datetime, zone: ZoneInfo) -> datetime:
    """The moment itself, or the next at which somebody in that role is up."""
    hours = AWAKE_HOURS.get(role)
    if hours is None:
        return at
    local = at.astimezone(zone)
    opens, closes = hours
    if opens <= local.hour < closes:
        return at
    day = local if local.hour < opens else local + timedelta(days=1)
    return day.replace(hour=opens, minute=at.minute, second=at.second).astimezone(at.tzinfo)


def fault(rng: Random, trouble: float) -> str:
    """What goes wrong with an act; nearly always nothing."""
    drawn = rng.random() * 1000
    for name, share in FAULTS.items():
        drawn -= share * trouble
        if drawn < 0:
            return name
    return ""


def reports(rng: Random, start: datetime, days: float, a_day: float, zone: ZoneInfo) -> Iterator[datetime]:
    """When reports come in: evenly by chance, four times as many in the day as at night."""
    at, end = start, start + timedelta(days=days)
    # Thinned: drawn at the rate of the day, and three of four dropped at night; 15 h of day and 9 h of night.
    by_day = a_day / (15 * 60 + 9 * 60 / 4)
    while True:
        at += timedelta(minutes=rng.expovariate(by_day))
        if at >= end:
            return
        if 7 <= at.astimezone(zone).hour < 22 or rng.random() < 0.25:
            yield at
