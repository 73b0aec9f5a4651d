"""Answers about rules for filing, and about what other zones or another class would change."""

from __future__ import annotations

from typing import Annotated, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.decisions import Dispatch, Mode, Reason, ZoneNamed
from api.schemas.answers.shapes import (
    CategoryNamed,
    Channel,
    Lat,
    Lon,
    Many,
    Moment,
    Named,
    Share,
    Standing,
    StateNamed,
    closed,
)


@closed
class Measured(TypedDict):
    """What came of a rule: cases it filed, those of them that people decided on, and how many were overturned."""

    filed: Many
    decided: Many
    overturned: Many
    share: Share
    since: Annotated[Moment | None, Field(description="Filing of the first that counts.")]


@closed
class SwitchedOff(TypedDict):
    """Why a rule went off by itself: so many of those decided on were overturned."""

    decided: Many
    overturned: Many
    share: Share
    max_overturn: NotRequired[Share]


@closed
class AutoRule(TypedDict):
    """A district's rule by which reports of a category (or a major class) file themselves; ``reason`` for
    administrators. Of a category that is there no more it says so much only.
    """

    district: str
    scheme: str
    code: str
    enabled: bool
    own: Annotated[bool, Field(description="Set by the district; otherwise the one that was shipped.")]
    district_zh: NotRequired[str | None]
    district_en: NotRequired[str | None]
    name_zh: NotRequired[str | None]
    name_en: NotRequired[str | None]
    min_confidence: NotRequired[Share | None]
    max_overturn: NotRequired[Share]
    channels: NotRequired[list[Channel]]
    min_photos: NotRequired[Many]
    alone: NotRequired[bool]
    certain: NotRequired[bool]
    window_cases: NotRequired[int]
    window_days: NotRequired[int]
    min_cases: NotRequired[int]
    switched_off_at: NotRequired[Moment | None]
    switched_off_because: NotRequired[SwitchedOff | None]
    changed_at: NotRequired[Moment | None]
    measured: NotRequired[Measured]
    reason: NotRequired[str]


@closed
class AutoRules(TypedDict):
    """The rules of districts; ``after`` asks for the next page."""

    rules: list[AutoRule]
    after: str | None


@closed
class RerouteNow(TypedDict):
    """What a case is now."""

    category: CategoryNamed | None
    organisation: Named
    deadline: Moment | None


@closed
class RerouteThen(TypedDict):
    """What it would be."""

    category: CategoryNamed
    lon: Lon
    lat: Lat
    dispatch: Dispatch
    deadline: Moment | None


@closed
class Reroute(StateNamed):
    """What correcting a case would come to, and whether it has to be returned first."""

    case_no: str
    version: int
    now: RerouteNow
    then: RerouteThen
    organisation_changes: bool
    needs_return: bool


@closed
class AnsweredThen(TypedDict):
    """What the rules said last."""

    organisation: Named | None
    zone: str | None
    at: Moment


@closed
class AnsweredNow(TypedDict):
    """What they would say now."""

    mode: Mode
    organisation: Named
    zone: ZoneNamed | None
    ambiguous: bool
    reasons: list[Reason]


@closed
class Differing(Standing):
    """A case that would go elsewhere by the zones and rules in force now."""

    case_no: str
    held_by: Named
    answered: AnsweredThen
    now: AnsweredNow
    organisation_changes: bool


@closed
class DifferingCases(TypedDict):
    """Of so many cases that were ``checked`` those that would go elsewhere; ``after`` asks for those behind them."""

    checked: Many
    cases: list[Differing]
    after: UUID | None
