"""Lives: a case that is being told, moved in memory by the table of moves and written once with where it ended.

A report that comes in begins one, and takes it as far as it gets by itself (`cases.intake`); the past is told as whole
ones (`past.tell`). Its clocks run by the same rules as those of a case that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gisops import clocks
from gisops.cases import case_clocks, new_limits
from gisops.cases.moves import STAGES, committed, rule_of
from gisops.city import City
from gisops.errors import InvalidInput
from gisops.keys import new_key


@dataclass(slots=True)
class Life:
    """A case that is being told: where it stands after its moves so far, and what is to be written of them.

    ``history``, ``decisions``, ``recipients``, ``clocks`` and ``texts`` are rows of their tables, in order. It begins
    at the desk; `go` adds.
    """

    city: City
    severity: str
    area_grade: str = ""
    category_id: int | None = None
    flow: str = "standard"
    assessed: bool = True
    organisation_id: int = 0
    state: str = ""
    handler_id: int | None = None
    superior_id: int | None = None
    filing_condition_id: int | None = None
    deadline: datetime | None = None
    filed_at: datetime | None = None
    dispatched_at: datetime | None = None
    acknowledged_at: datetime | None = None
    handled_at: datetime | None = None
    closed_at: datetime | None = None
    return_count: int = 0
    rework_count: int = 0
    extended_count: int = 0
    suspended_count: int = 0
    satisfaction: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    recipients: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the desk."""
        self.organisation_id = self.city.desk_id

    @property
    def stage(self) -> int:
        """Its stage, 1 to 7."""
        return STAGES[self.state]

    @property
    def version(self) -> int:
        """How many moves it has made."""
        return len(self.history)

    def has(self, action: str) -> bool:
        """Whether it has made such a move."""
        return any(entry["action"] == action for entry in self.history)

    def go(
        self,
        action: str,
        at: datetime,
        role: str | None = None,
        account_id: int | None = None,
        payload: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> None:
        """Make a move at a moment. Raises ``IllegalMove`` from a state that does not allow it, ``InvalidInput`` where
        it lies before the move it follows. What was written (``reason``) is kept beside the history.
        """
        rule = rule_of(action, self.state)
        if self.history and at < self.history[-1]["at"]:
            raise InvalidInput(
                f"The move {action!r} lies before the move it follows.",
                field="moves",
                at=at.isoformat(),
                after=self.history[-1]["at"].isoformat(),
            )
        if rule.to_desk:
            self.organisation_id, self.handler_id, self.superior_id = self.city.desk_id, None, None
        said = dict(payload or {})
        if reason.strip():
            salt, said["text"] = committed(reason)
            self.texts.append(
                {"text_id": new_key(), "seq": len(self.history) + 1, "salt": salt, "text": reason, "at": at}
            )
        self.history.append(
            {
                "seq": len(self.history) + 1,
                "action": action,
                "from_state": self.state or None,
                "to_state": rule.to_state,
                "at": at,
                "account_id": account_id,
                "role": role or rule.role,
                "organisation_id": self.organisation_id,
                "payload": said,
            }
        )
        before = self.deadline
        if action == "extend":
            self._extend(at)
        self._clocks(action, rule.to_state, at)
        if action in ("extend", "resume"):
            said |= new_limits.added(before, self.deadline)
        self.state = rule.to_state
        if action == "reopen" and self.filing_condition_id is not None:
            ends = case_clocks.deadline_of(self.city, at, self.filing_condition_id, self.area_grade)
            self.deadline = max((one for one in (self.deadline, ends) if one is not None), default=None)
        for moment in rule.stamps:
            setattr(self, moment, at)
        for moment in rule.clears:
            setattr(self, moment, None)
        self.return_count += action == "return"
        redone = action in ("fail", "to_rework", "reopen") or (action == "send_back" and role == "dispatcher")
        self.rework_count += redone
        self.extended_count += action == "extend"
        self.suspended_count += action == "suspend"

    def send(
        self,
        at: datetime,
        organisation_id: int,
        handler_id: int | None,
        superior_id: int | None,
        role: str | None = None,
        account_id: int | None = None,
        payload: Mapping[str, Any] | None = None,
        action: str = "dispatch",
        reason: str = "",
    ) -> None:
        """Dispatch it, or push it in the simple flow: who holds it now, and who is told."""
        self.organisation_id, self.handler_id, self.superior_id = organisation_id, handler_id, superior_id
        self.go(action, at, role, account_id, payload, reason)
        self.recipients += [
            {"seq": self.version, "staff_id": staff_id, "role": part, "notified_at": at, "acknowledged_at": None}
            for part, staff_id in (("handler", handler_id), ("superior", superior_id))
            if staff_id is not None
        ]

    def keep(self, decision: dict[str, Any], at: datetime) -> None:
        """Keep a decision with the move that was made last."""
        self.decisions.append({"seq": self.version, "at": at, **decision})

    def clock_rows(self, told_at: datetime | None = None) -> list[dict[str, Any]]:
        """The clocks as rows, with what is due next for the one that runs. Of a past that is told at a moment only
        what is due after it: nobody is reminded of what is over.
        """
        if self.clocks and told_at is not None and (running := self.clocks[-1])["stopped_at"] is None:
            self._due(running, told_at)
        return self.clocks

    def _clocks(self, action: str, to_state: str, at: datetime) -> None:
        running = self.clocks[-1] if self.clocks and self.clocks[-1]["stopped_at"] is None else None
        if running is not None:
            if action == "suspend":
                running |= {"paused_at": at, "due_at": None, "due_kind": None}
                return
            if action == "resume":
                self._resume(running, at)
                return
            if to_state == self.state:
                return
            if running["started_at"] == at:  # passed through by itself, in no time
                self.clocks.pop()
            running |= {"stopped_at": at, "outcome": _outcome(action, running, at), "due_at": None, "due_kind": None}
        following = case_clocks.belonging(
            self.city, to_state, self.severity, self.filing_condition_id, self.area_grade, self.category_id
        )
        if following is not None:
            row = case_clocks.started(self.city, following, at, self.organisation_id)
            empty: dict[str, Any] = {"paused_at": None, "stopped_at": None, "outcome": None, "level": 0, "paused": []}
            self.clocks.append({"clock_no": len(self.clocks) + 1, **row, **empty})

    def _extend(self, at: datetime) -> None:
        """Once more the original limit, from where it ended; as `approvals.extend` grants it, so before it ended."""
        running = self.clocks[-1] if self.clocks else None
        if running is None or running["deadline"] is None or running["unit"] is None or at > running["deadline"]:
            raise InvalidInput("More time is given before the time is over.", field="moves", at=at.isoformat())

        def again(ends: datetime) -> datetime:
            unit, value = running["unit"], running["value"]
            return clocks.extended(ends, unit, value, self.city.calendar, self.city.work_day_mode)

        running["deadline"] = again(running["deadline"])
        if self.deadline is not None:
            self.deadline = max(self.deadline, again(self.deadline))

    def _resume(self, running: dict[str, Any], at: datetime) -> None:
        paused_at, ends = running["paused_at"], running["deadline"]
        if ends is not None:
            running["deadline"] = case_clocks.moved_by_pause(self.city, running["unit"], paused_at, at, ends)
            if self.deadline is not None:
                self.deadline = case_clocks.moved_by_pause(self.city, running["unit"], paused_at, at, self.deadline)
        running["paused"].append([paused_at, at])
        running["paused_at"] = None
        self._due(running, at)

    def _due(self, running: dict[str, Any], told_at: datetime) -> None:
        steps = case_clocks.course(self.city, running)
        ahead = next((one for one in steps if one.at > told_at), None)
        if running["paused_at"] is not None:
            ahead = None
        running |= {
            "level": max((one.level for one in steps if one.at <= told_at), default=0),
            "due_at": ahead and ahead.at,
            "due_kind": ahead and ahead.kind,
        }


def _outcome(action: str, running: Mapping[str, Any], at: datetime) -> str:
    if action in ("return", "not_mine"):
        return "returned"
    if action in ("void", "link", "force_close"):
        return "cancelled"
    return "late" if running["deadline"] is not None and at > running["deadline"] else "done"
