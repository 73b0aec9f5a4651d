"""What an act is made of: what is known of a case before it (`Facts`), what was sent (`Sent`), and what is to be
written (`Prepared`). Preparers import these from here, `gisops.cases.acts` imports the preparers.

A preparer is ``def action(conn, city, facts, sent, by) -> Prepared``. It raises a ``GuardFailed``, or what else is
wrong, before anything was written; what it returns is written by one statement (`moves.move`); ``Prepared.after`` runs
in the same transaction behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from gisops.access.people import Actor
from gisops.cases.moves import Addressee
from gisops.city import Category, City
from gisops.db.pool import Connection
from gisops.errors import Conflict


class GuardFailed(Conflict):
    """The case is not as this move needs it."""

    code = "guard_failed"

    def __init__(self, guard: str | None = None, zh: str = "", en: str = "", **facts: Any) -> None:
        """``guard`` is a stable word for what does not hold; ``zh``, ``en`` say it, and what would be right."""
        if zh:
            super().__init__(f"{zh} / {en}", guard=guard, zh=zh, en=en, **facts)
        else:
            super().__init__(guard, **facts)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock of a case that runs or stands still (a row of ``case_clocks``). ``value`` is in ``unit``; both, and the
    deadline, are None where there is no limit.
    """

    clock_no: int
    step: str
    organisation_id: int
    started_at: datetime
    unit: str | None
    value: Decimal | None
    deadline: datetime | None
    paused_at: datetime | None
    level: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A case as it is when somebody wants to act on it; ``now`` is the database's clock. Keys and codes, no texts.

    ``clock`` is the one that runs or is paused, None where none does; ``began_work`` says that its organisation has
    shown work (a stage done, a suspension, an extension, handled once) since it took it on.
    """

    district_code: str
    case_id: UUID
    case_no: str
    state: str
    stage: int
    version: int
    now: datetime
    flow: str
    severity: str
    category: Category
    filing_condition_id: int | None
    closing_condition_id: int | None
    organisation_id: int
    desk_id: int
    handler_id: int | None
    superior_id: int | None
    unit_id: int | None
    part_id: UUID | None
    lon: float
    lat: float
    accuracy_m: float | None
    report_count: int
    reported_at: datetime
    filed_at: datetime | None
    dispatched_at: datetime | None
    acknowledged_at: datetime | None
    handled_at: datetime | None
    closed_at: datetime | None
    deadline: datetime | None
    assessed: bool
    return_count: int
    rework_count: int
    extended_count: int
    suspended_count: int
    escalation: int
    timeout_exempt: bool
    duplicate_of: UUID | None
    recurrence_of: UUID | None
    excluded: tuple[int, ...]
    area_grade: str
    satisfaction: int | None
    channel: str | None
    photos: tuple[str, ...]
    clock: Clock | None
    handle_deadline: datetime | None
    began_work: bool
    open_subtasks: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent: the version he saw (None for the system, which acts on what is), why, in words and as a
    code, and the action's own values.
    """

    expected_version: int | None
    reason: str = ""
    reason_code: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartClock:
    """A clock to be started, in place of the one that belongs to the state. Without a ``deadline`` it is reckoned from
    ``unit`` and ``value``; ``organisation_id`` None is who it belongs to by its step; ``starts_at`` lies ahead for a
    limit that waits, as does one with a ``season`` outside of it.
    """

    step: str
    unit: str | None = None
    value: float | Decimal | None = None
    deadline: datetime | None = None
    organisation_id: int | None = None
    starts_at: datetime | None = None
    season: str = ""


@dataclass(frozen=True, slots=True)
class PauseClock:
    """The running clock stands still, until it is resumed: by itself at ``until``, if there is one."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangeClock:
    """The clock goes on with another deadline. What is due follows; a paused one runs again with ``resume``."""

    deadline: datetime | None
    value: float | Decimal | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class LimitClock:
    """The clock goes on under another limit: another step of handling it may be, with what is due by it. It begins when
    it did, or when the limit's season opens; without ``unit`` there is no limit.
    """

    step: str
    started_at: datetime
    unit: str | None = None
    value: float | Decimal | None = None
    deadline: datetime | None = None


# auto: stop the running clock and start the one that belongs to the new state; where the state stays, keep it.
# pause and resume: the running clock as it is; to pause until a day, PauseClock(until).
ClockChange = Literal["auto", "keep", "stop", "pause", "resume"] | StartClock | PauseClock | ChangeClock | LimitClock


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody to be told beside those that the rule names: a kind of notice, and who (exactly one of the three)."""

    kind: str
    staff_id: int | None = None
    organisation_id: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a move writes. ``sets`` are columns of the case, ``adds`` are added to its counters; ``payload`` goes into
    the history (codes and figures, no person's text); ``outcome`` is how the clock that stops ended ("done" becomes
    "late" by itself behind the deadline); ``to_state`` takes one of the rule's ``or_to``; ``told`` is told beside what
    every move of its kind tells (`notices.of_move`).
    """

    payload: Mapping[str, Any] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    adds: Mapping[str, int] = field(default_factory=dict)
    to: Addressee | None = None
    clock: ClockChange = "auto"
    outcome: str = "done"
    to_state: str | None = None
    after: tuple[After, ...] = ()
    told: tuple[Told, ...] = ()
    # actions that the system does right behind it, in the same transaction
    follows: tuple[str, ...] = ()


# What is to be done behind the move, in its transaction: the case as it was, and the number of the move's entry.
After = Callable[[Connection, Facts, int], None]
Preparer = Callable[[Connection, City, Facts, Sent, Actor | None], Prepared]
