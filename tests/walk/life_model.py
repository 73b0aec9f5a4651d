"""The life of a case, written down a second time, from the paper and not from the code: the oracle of the life tests.

It imports nothing of the project. One row for each kind of move (its number is the paper's), what each does to the
counters, and which clock belongs to which state. Where this project lets more people do it, or from more states, than
the paper says, that is a line of ``OTHERWISE`` with its reason. `Case.make` says what a move does; `Case.refusal` why
it is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

OVER = frozenset({"closed", "force_closed", "not_accepted", "not_filed", "duplicate", "voided"})
AFTER_FILING = frozenset(
    {"filed", "dispatched", "handling", "suspended", "returned", "disputed", "handled", "checking", "to_close"}
)
OPEN = AFTER_FILING | {"reported", "verifying", "accepted", "simple_open"}


@dataclass(frozen=True)
class Row:
    """From where, to where, by whom."""

    number: int
    action: str
    before: frozenset[str]
    after: str
    who: frozenset[str]


def _row(number: int, action: str, before: str, after: str, who: str) -> Row:
    return Row(number, action, frozenset(before.split()), after, frozenset(who.split()))


PAPER: tuple[Row, ...] = (
    _row(1, "report", "", "reported", "public"),
    _row(2, "push", "reported", "simple_open", "system"),
    _row(3, "file", "reported", "filed", "system"),
    _row(4, "order_verify", "reported", "verifying", "acceptor"),
    _row(5, "verify", "verifying", "reported", "supervisor"),
    _row(6, "accept", "reported", "accepted", "acceptor"),
    _row(7, "refuse", "reported", "not_accepted", "acceptor"),
    _row(8, "link", "reported accepted", "duplicate", "acceptor system"),
    _row(9, "file", "accepted", "filed", "shift_leader system"),
    _row(10, "reject", "accepted", "not_filed", "shift_leader"),
    _row(11, "dispatch", "filed returned", "dispatched", "dispatcher system"),
    _row(12, "ack", "dispatched", "handling", "handler department"),
    _row(13, "escalate", "dispatched", "dispatched", "system"),
    _row(14, "return", "dispatched handling", "returned", "department"),
    _row(15, "to_acceptor", "returned", "accepted", "dispatcher"),
    _row(16, "dispute", "returned", "disputed", "dispatcher system"),
    _row(17, "determine", "disputed", "dispatched", "coordinator"),
    _row(18, "assign", "handling", "handling", "department"),
    _row(19, "extend", "handling", "handling", "department"),
    _row(20, "suspend", "handling", "suspended", "department dispatcher"),
    _row(21, "resume", "suspended", "handling", "dispatcher system"),
    _row(22, "step_done", "handling", "handling", "department"),
    _row(23, "finish", "handling", "handled", "handler"),
    _row(24, "send_back", "handled", "handling", "department dispatcher"),
    _row(25, "order_check", "handled", "checking", "acceptor system"),
    _row(26, "skip_check", "handled", "to_close", "acceptor system"),
    _row(27, "pass", "checking", "to_close", "supervisor"),
    _row(28, "fail", "checking", "handling", "supervisor"),
    _row(29, "close", "to_close", "closed", "shift_leader system"),
    _row(30, "to_rework", "to_close", "handling", "shift_leader"),
    _row(31, "force_close", " ".join(sorted(AFTER_FILING)), "force_closed", "leader"),
    _row(32, "void", "accepted filed dispatched handling", "voided", "shift_leader"),
    _row(33, "finish", "simple_open", "closed", "officer"),
    _row(34, "promote", "simple_open", "filed", "system"),
    _row(35, "not_mine", "simple_open", "reported", "officer"),
    _row(36, "reopen", "closed", "filed", "public inspector"),
    _row(37, "appeal", "closed", "closed", "department"),
    _row(38, "unlink", "duplicate", "reported", "acceptor"),
    # c.12: another class or place; it stays in its state
    _row(
        39,
        "correct",
        "reported accepted filed returned dispatched handling",
        "reported",
        "acceptor dispatcher shift_leader",
    ),
)

ALL = (
    "public system admin acceptor shift_leader dispatcher supervisor handler officer inspector leader planner"
    " department coordinator"
)
# By number: from which states beside the paper's, and by whom in place of the paper's; why.
OTHERWISE: Mapping[int, tuple[str, str]] = {
    # "anyone, device"
    1: ("", ALL),
    # a grid officer walks the ground as a patroller does
    5: ("", "supervisor officer"), 27: ("", "supervisor officer"), 28: ("", "supervisor officer"),
    # what filed and sent itself was seen by nobody who could have found its twin
    8: ("filed dispatched", "acceptor system"),
    # a small centre's desk is one person
    11: ("", "dispatcher acceptor shift_leader admin system"),
    # who holds it: "org/handler"; the guard asks whether it is his organisation
    12: ("", "handler officer department"),
    # the dispatcher calls back what nobody takes on, and grants a late return that was asked for
    14: ("", "handler officer department dispatcher"),
    18: ("", "handler officer department"), 22: ("", "handler officer department"),
    23: ("", "handler officer department"), 33: ("", "handler officer department"),
    35: ("", "handler officer department"),
    # asked for by the organisation, made by who approves
    19: ("", "dispatcher"), 20: ("", "dispatcher"),
    # lodged by the department, reviewed by the two others: each is the same move
    37: ("", "department dispatcher acceptor"),
    # what was linked for certain by the system is unlinked by it where that was wrong
    38: ("", "acceptor system"),
}  # fmt: skip


def _as_here(row: Row) -> Row:
    states, who = OTHERWISE.get(row.number, ("", ""))
    return Row(row.number, row.action, row.before | set(states.split()), row.after, frozenset(who.split()) or row.who)


TABLE: tuple[Row, ...] = tuple(_as_here(row) for row in PAPER)

# Entries that are no moves: the case stays where it is while reports come into it or leave it.
NOTES = frozenset({"take_in", "give_up"})

# The clock that runs while a case is in a state. None: none of its own (disputed: the case's deadline goes on).
CLOCKS: Mapping[str, str | None] = {
    "reported": "accept", "verifying": "verify", "accepted": "file", "simple_open": "simple", "filed": "dispatch",
    "returned": "dispatch", "dispatched": "ack", "handling": "handle", "suspended": "handle", "handled": "check",
    "checking": "check", "to_close": "close", "disputed": None,
}  # fmt: skip

# What a move adds to the counters of a case. `send_back` is rework where the dispatcher says it, after the
# organisation's own word that it was done; a `return` by which he takes back what nobody took on is none.
COUNTS: Mapping[str, str] = {
    "return": "return_count", "fail": "rework_count", "to_rework": "rework_count", "reopen": "rework_count",
    "extend": "extended_count", "suspend": "suspended_count",
}  # fmt: skip


def rows_of(action: str) -> tuple[Row, ...]:
    """The rows of an action: two where it means something else from another state."""
    return tuple(row for row in TABLE if row.action == action)


def row_of(action: str, state: str) -> Row | None:
    """The row of an action from a state, or None: the move is illegal."""
    return next((row for row in rows_of(action) if state in row.before), None)


def allowed(state: str, role: str) -> set[str]:
    """What somebody may do with a case in a state, by the table alone."""
    return {row.action for row in TABLE if state in row.before and role in row.who}


@dataclass
class Case:
    """A case as the paper has it."""

    state: str
    at: datetime
    version: int = 1
    flow: str = "standard"
    assessed: bool = True
    deadline: datetime | None = None
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(set(COUNTS.values()), 0))
    report_count: int = 1
    # Seconds by state: what the clocks must add up to.
    spent: dict[str, timedelta] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def clock(self) -> str | None:
        """The step of the one clock that is not stopped."""
        return CLOCKS[self.state] if self.is_open else None

    def refusal(self, action: str, role: str, version: int | None) -> str | None:
        """Why a move is refused before any guard is asked: its error's code; None: it is for the guard to say."""
        if all(role not in row.who for row in rows_of(action)):
            return "not_allowed"
        if version is not None and version != self.version:
            return "stale_version"
        row = row_of(action, self.state)
        if row is None:
            return "illegal_move"
        return None if role in row.who else "not_allowed"

    def make(self, action: str, at: datetime, *, role: str = "", taken_back: bool = False) -> None:
        """Make a move that was not refused."""
        row = Row(0, action, frozenset(), self.state, frozenset()) if action in NOTES else row_of(action, self.state)
        assert row is not None, (action, self.state)
        assert at >= self.at, (action, at, self.at)
        self.spent[self.state] = self.spent.get(self.state, timedelta()) + (at - self.at)
        if action == "finish" and self.state == "simple_open":
            self.assessed = False
        if action == "promote":
            self.flow, self.assessed = "standard", True
        if action == "push":
            self.flow, self.assessed = "simple", False
        if action in ("not_mine", "reopen", "fail", "to_rework"):
            self.flow, self.assessed = "standard", True
        if action == "send_back" and role == "dispatcher":
            self.counters["rework_count"] += 1
        if action in COUNTS and not taken_back:
            self.counters[COUNTS[action]] += 1
        after = self.state if action == "correct" else row.after
        self.state, self.at, self.version = after, at, self.version + 1

    @property
    def lasted(self) -> timedelta:
        """How long clocks have run for it (those that were paused too), until its last move."""
        return sum((span for state, span in self.spent.items() if CLOCKS.get(state)), timedelta())
