"""Bodies of what can be done with a case, one for each action of the table of moves that somebody may send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from api.schemas.cases import DispatchIn
from api.schemas.reports import MOST_PHOTOS, Photo
from api.schemas.shapes import Body, Code, Coordinate, Metres, Text
from gisops.cases.moves import PUBLIC, SYSTEM, TRANSITIONS, rules_of

Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Number = Annotated[int, Field(strict=True, ge=1, le=32_767)]
Reason = Annotated[Text, Field(max_length=1000)]
Why = Annotated[Text, Field(min_length=1, max_length=1000)]


class Act(Body):
    """Something done with a case. ``expected_version`` is the case's version it was decided on; ``reason`` is kept
    beside the history and shown to those whose work is with cases.
    """

    expected_version: Version
    reason: Reason = ""


class SaysWhy(Act):
    """An act that needs a reason in words."""

    reason: Why


class ByCode(Act):
    """An act that needs one of the action's reasons."""

    reason_code: Code


class Position(Body):
    """Where somebody was who acts, or where a case is said to be. ``crs`` is never guessed."""

    lon: Coordinate
    lat: Coordinate
    crs: Code
    accuracy_m: Metres | None = None


class PhotoIn(Body):
    """A photograph that was sent in before (`POST /api/photos`), and when and where its device says it was taken."""

    sha256: Photo
    captured_at: AwareDatetime
    lon: Coordinate
    lat: Coordinate
    crs: Code
    accuracy_m: Metres | None = None
    phase: Literal["before", "after", "verify", "check"] | None = None


class Evidence(Act):
    """An act on site: with the photographs that show it, and perhaps a position."""

    position: Position | None = None
    photos: list[PhotoIn] = Field(default=[], max_length=MOST_PHOTOS)


class ReopenedIn(SaysWhy):
    """A case that is not done after all: why, and photographs of what is to be seen there."""

    photos: list[PhotoIn] = Field(default=[], max_length=MOST_PHOTOS)


class Failed(Evidence):
    """A check that failed: what is not done yet, in words."""

    reason: Why


class Verify(Evidence):
    """What somebody found who went to look before a case was accepted."""

    position: Position
    result: Literal["true", "false", "moved"]


class Accept(Act):
    """A report taken on, perhaps under another category than its sender chose."""

    category: Code | None = None


class CorrectIn(SaysWhy):
    """What a case is instead: another category, another place, the part it is about; what is left out stays."""

    category: Code | None = None
    position: Position | None = None
    part: Code | None = None


class FileIn(Act):
    """A case filed: under which of its category's conditions; without one, under the default."""

    filing_condition: Number | None = None


class ReturnIn(ByCode):
    """A case given back; ``suggests`` is the organisation (a code) whose it is instead."""

    suggests: Code | None = None


class AssignIn(Act):
    """A case handed to somebody else of the organisation: his code."""

    staff: Code


class CloseIn(Act):
    """A case closed: under which of its category's closing conditions."""

    closing_condition: Number | None = None


class LinkIn(Act):
    """A case made the duplicate of another: that one's number."""

    to: Code


class Granted(Act):
    """A request that is granted by the move it asked for: its number within the case."""

    approval: Number | None = None


class ReturnGranted(ReturnIn):
    """A case given back; ``approval`` is the number of the request by which it is, late."""

    approval: Number | None = None


class WhyGranted(SaysWhy):
    """A request that is granted by the move it asked for, which needs a reason in words."""

    approval: Number | None = None


class DisputeIn(Act):
    """A case whose owner is disputed: the parties (codes) beside those who returned it."""

    parties: list[Code] = Field(default=[], max_length=20)


class DetermineIn(Act):
    """Whose it is, and the fact that says so from a moment on: now or later. ``area`` (GeoJSON, WGS-84) is where an
    agreement holds; thirty metres around the case without it.
    """

    decision: Literal["part_owner", "dispatch_rule", "co_ownership_area", "zone", "ownerless"]
    organisation: Code
    staff: Code | None = None
    effective_from: AwareDatetime | None = None
    area: dict[str, Any] | None = None


class AppealIn(Act):
    """An appeal lodged, or reviewed: then ``granted`` says with which result."""

    granted: bool | None = None


# Action -> what is sent. What is not here and not another route of its own takes what the table says of it.
_OWN: Mapping[str, type[Body]] = {
    "verify": Verify,
    "accept": Accept,
    "to_acceptor": CorrectIn,
    "correct": CorrectIn,
    "file": FileIn,
    "dispatch": DispatchIn,
    "return": ReturnGranted,
    "assign": AssignIn,
    "finish": Evidence,
    "pass": Evidence,
    "fail": Failed,
    "close": CloseIn,
    "link": LinkIn,
    "extend": Granted,
    "suspend": Granted,
    "void": WhyGranted,
    "force_close": WhyGranted,
    "dispute": DisputeIn,
    "determine": DetermineIn,
    "reopen": ReopenedIn,
    "appeal": AppealIn,
}


def _plain(action: str) -> type[Body]:
    rules = rules_of(action)
    if any(rule.reasons for rule in rules):
        return ByCode
    return SaysWhy if any(rule.says_why for rule in rules) else Act


def roles_of(action: str) -> tuple[str, ...]:
    """The roles of accounts that an action is for, in the order of the table."""
    who = (role for rule in rules_of(action) if rule.from_states for role in rule.who)
    return tuple(dict.fromkeys(role for role in who if role not in (SYSTEM, PUBLIC)))


# Every action that some account may send, in the order of the table.
BODIES: Mapping[str, type[Body]] = {
    action: _OWN.get(action, _plain(action))
    for action in dict.fromkeys(rule.action for rule in TRANSITIONS)
    if roles_of(action)
}
