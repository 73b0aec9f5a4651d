"""Answers of the desk: what there is to do, and what is late."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.cases import CaseSummary
from api.schemas.answers.shapes import Action, Many, Moment, Next, StateNamed, Step, closed, one_of
from gisops.cases.desk import LIGHTS

By = Annotated[str, one_of(("organisation", "street", "category"))]


@closed
class Running(TypedDict):
    """The clock that runs in a case: of which step, whose, until when, how much of it has run (1: all)."""

    step: Step | None
    organisation: str | None
    started_at: Moment | None
    deadline: Moment | None
    light: Annotated[str, one_of(LIGHTS)]
    light_zh: str
    light_en: str
    level: int | None
    share: Annotated[float | None, Field(ge=0, description="1 is all of the limit; null where it says nothing.")]
    left_s: Annotated[int | None, Field(description="Seconds left; negative once it is over, null while it is paused.")]


@closed
class DeskCase(CaseSummary):
    """A case with the clock that runs in it, and what the caller may do."""

    clock: Running
    allowed: list[Action]


@closed
class StateCount(StateNamed):
    """How many cases are in a state; with ``more`` at least so many."""

    count: Many
    more: bool


@closed
class Inbox(TypedDict):
    """Open cases, by priority, and within one what runs out first."""

    counts: list[StateCount]
    cases: list[DeskCase]
    next: Next


@closed
class Task(DeskCase):
    """A case that is work of the caller's."""

    asked: Annotated[bool, Field(description="Whether the caller was asked by name to look at it.")]


@closed
class Tasks(TypedDict):
    """The caller's open work, in the same order."""

    tasks: list[Task]
    next: Next


@closed
class Late(TypedDict):
    """How much is late (red) and soon will be (yellow), of one of the things it is counted by."""

    code: Annotated[str, Field(description="Empty for what has none.")]
    name_zh: str | None
    name_en: str | None
    red: Many
    yellow: Many
    longest_since: Annotated[Moment | None, Field(description="The deadline that has been over for the longest.")]


@closed
class Overdue(TypedDict):
    """What is late, counted, and the cases, the latest first. ``groups`` is null on every page but the first."""

    by: By
    groups: list[Late] | None
    cases: list[DeskCase]
    next: Next
