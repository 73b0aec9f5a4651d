"""Shapes that many answers share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from gisops import wording
from gisops.access.roles import ROLES
from gisops.cases.moves import PUBLIC, SYSTEM

# No member that is not described, so that a client may count on what is.
closed = with_config(ConfigDict(extra="forbid", defer_build=True))
# What others describe, or what is told beside: the members that are said here are there, and there are more.
with_more = with_config(ConfigDict(extra="allow", defer_build=True))


def one_of(words: Iterable[str], description: str | None = None) -> Any:
    """A text that is one of a closed set, which is written where it belongs and not here again."""
    return Field(description=description, json_schema_extra={"enum": list(words)})


Moment = Annotated[datetime, Field(description="A moment, RFC 3339, with its zone.")]
Lon = Annotated[float, Field(description="Degrees east, WGS-84.", ge=-180, le=180)]
Lat = Annotated[float, Field(description="Degrees north, WGS-84.", ge=-90, le=90)]
Metres = Annotated[float, Field(description="Metres.")]
Many = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(description="From 0 to 1.", ge=0, le=1)]
Bbox = Annotated[
    list[float], Field(description="West, south, east, north, degrees, WGS-84.", min_length=4, max_length=4)
]
Next = Annotated[str | None, Field(description="Address of the next page; null on the last.")]

State = Annotated[str, one_of(wording.STATES, "State of a case.")]
Stage = Annotated[int, Field(description="Which of the seven steps the state belongs to.", ge=1, le=7)]
Severity = Annotated[str, one_of(("danger", "urgent", "normal", "minor"))]
Flow = Annotated[str, one_of(("simple", "standard"))]
Role = Annotated[str, one_of(ROLES, "Role of an account.")]
ActorRole = Annotated[str, one_of((*ROLES, PUBLIC, SYSTEM), "Role of who acted: an account's, the public, the system.")]
Action = Annotated[str, one_of(wording.ACTIONS)]
Channel = Annotated[str, one_of(wording.CHANNELS)]
Unit = Annotated[
    str, one_of(("urgent_hour", "work_hour", "work_day", "natural_day", "minute"), "The kind of time a limit is in.")
]
Step = Annotated[
    str,
    one_of(
        (
            "accept", "verify", "file", "dispatch", "ack", "simple", "handle", "stop", "penalise", "restore", "check",
            "close", "subtask", "appeal",
        ),
        "What a clock is of.",
    ),
]  # fmt: skip
LayerClass = Annotated[str, one_of(("public", "work", "personal"))]
Certainty = Annotated[str, one_of(("V2", "V", "I", "P", "M"), "How sure the source is: GET /api/handbook has words.")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@closed
class Words(TypedDict):
    """The same in Chinese and in English."""

    zh: str
    en: str


@closed
class Named(TypedDict):
    """Something by its code and its names."""

    code: str
    name_zh: str
    name_en: str | None


@closed
class Coded(TypedDict):
    """A code and what it says in words."""

    code: str
    zh: str
    en: str


@closed
class PublicStep(TypedDict):
    """How far a case is, as the public is told: 1 received, 2 taken up, 3 being handled, 4 over."""

    step: Annotated[int, Field(ge=1, le=4)]
    step_zh: str
    step_en: str


@closed
class CategoryNamed(TypedDict):
    """A category, by the code it has in its scheme."""

    code: Annotated[str, Field(description="E04-05")]
    scheme: str
    name_zh: str
    name_en: str | None


@closed
class Person(TypedDict):
    """A post; ``code`` and ``name`` of who holds it for those alone who may know people."""

    post_zh: str
    post_en: str
    code: NotRequired[str]
    name: NotRequired[str]


@closed
class Post(TypedDict):
    """A post, and never who holds it."""

    post_zh: str
    post_en: str


@closed
class StateNamed(TypedDict):
    """A state in code and words."""

    state: State
    state_zh: str
    state_en: str


@closed
class Standing(StateNamed):
    """Where a case stands."""

    stage: Stage
