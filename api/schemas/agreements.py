"""Bodies of what is agreed on beside the main line of a case."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.schemas.acts import PhotoIn, Reason, Version, Why
from api.schemas.reports import MOST_PHOTOS
from api.schemas.shapes import Body, Code
from gisops.clocks import Unit


class AskIn(Body):
    """Something asked for in a case: more time, a pause ``until`` a moment, a late return by one of its reasons, that
    it is taken back or ended by order.
    """

    kind: Literal["extend", "suspend", "return", "void", "force_close"]
    reason: Why
    reason_code: Code | None = None
    until: AwareDatetime | None = None


class AnswerIn(Body):
    """What is said to a request. ``expected_version`` is the case's."""

    granted: bool
    expected_version: Version
    reason: Reason = ""


class PartIn(Body):
    """A part in a case, for another organisation (its code). Its limit: in units, a deadline, or the case's own."""

    organisation: Code
    task: Why
    required: bool = True
    unit: Unit | None = None
    value: Annotated[float, Field(gt=0, le=10_000)] | None = None
    deadline: AwareDatetime | None = None


class PartActIn(Body):
    """What is done with a part: by its organisation, which shows what it finishes, or ``cancel`` by the desk."""

    action: Literal["ack", "finish", "return", "cancel"]
    text: Reason = ""
    reason_code: Code | None = None
    photos: list[PhotoIn] = Field(default=[], max_length=MOST_PHOTOS)


class LeadIn(Body):
    """Who leads instead of an organisation that did not take a case on."""

    organisation: Code
    staff: Code | None = None
    reason: Why
    expected_version: Version


class OrderIn(Body):
    """An order to get a case done: ``level`` 1 the organisation, 2 its head and the one above, 3 the city."""

    level: Annotated[int, Field(strict=True, ge=1, le=3)] = 1
    text: Why
    due_at: AwareDatetime | None = None


class OrderActIn(Body):
    """An order answered by whom it went to, or closed by who supervises."""

    action: Literal["answer", "close"]
    text: Reason = ""


class UrgingIn(Body):
    """Asking when it will be done."""

    text: Reason = ""


Score = Annotated[int, Field(strict=True, ge=1, le=5)]


class VisitIn(Body):
    """A follow-up: whether the reporter was reached, and how content he is, from 1 to 5."""

    method: Literal["phone", "visit"]
    reached: bool = True
    score: Score | None = None
    text: Reason = ""


class SatisfactionIn(Body):
    """How content a reporter is, from 1 (very dissatisfied) to 5 (very satisfied)."""

    score: Score
    text: Reason = ""


class ReopenIn(Body):
    """Why a reporter says that it is not done."""

    reason: Why
