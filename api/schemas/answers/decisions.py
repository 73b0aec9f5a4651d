"""Answers of dispatch: who is responsible, why, and the same again."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.features import MultiPolygon, Polygon
from api.schemas.answers.shapes import (
    CategoryNamed,
    Lat,
    Lon,
    Metres,
    Moment,
    Named,
    Person,
    Share,
    Words,
    closed,
    one_of,
)
from gisops import wording

Mode = Annotated[
    str,
    one_of(
        ("part", "co_ownership", "place", "fixed", "zone", "snapped", "territorial", "desk", "by_hand", "joined"),
        "By which of the rules: docs/reference/dispatch.md",
    ),
]
ReasonCode = Annotated[str, one_of(wording.REASONS)]


@closed
class Reason(TypedDict):
    """Why, in code and words."""

    code: ReasonCode
    zh: str
    en: str


@closed
class ZoneNamed(Named):
    """A zone of responsibility."""

    kind: Annotated[str, one_of(("territory", "duty", "corridor", "site", "water", "special"))]


@closed
class PartNamed(TypedDict):
    """A part, and how far from the point it is."""

    code: str
    name_zh: str
    distance_m: Metres | None


@closed
class AreasNamed(TypedDict):
    """In which areas a point lies."""

    district: Named | None
    street: Named | None
    community: Named | None


@closed
class Candidate(TypedDict):
    """A zone (with its set, how it covers the point and what ranks it) or a part that came into question."""

    organisation: Named | None
    distance_m: Metres
    zone: NotRequired[Named]
    set: NotRequired[str]
    covers: NotRequired[bool]
    specificity: NotRequired[int]
    priority: NotRequired[int]
    edge: NotRequired[bool]
    area_m2: NotRequired[float]
    part: NotRequired[str]
    rank: NotRequired[int]


@closed
class Dispatch(TypedDict):
    """Who is responsible, and why."""

    mode: Mode
    organisation: Named
    zone: ZoneNamed | None
    part: PartNamed | None
    handler: Person | None
    superior: Person | None
    grid_cell: str | None
    areas: AreasNamed
    ambiguous: bool
    confidence: Share
    question: Annotated[Words | None, Field(description="What would settle it, where it is ambiguous.")]
    candidates: list[Candidate]
    reasons: list[Reason]
    auto_dispatched: Annotated[bool, Field(description="Whether it goes there without a person looking at it first.")]


@closed
class Located(Dispatch):
    """Who is responsible at a point, the polygon in which that holds, and until when."""

    lon: Lon
    lat: Lat
    crs_in: str
    accuracy_m: Metres
    category: CategoryNamed
    boundary: Polygon | MultiPolygon | None
    valid_until: Moment | None


@closed
class Asked(TypedDict):
    """What dispatch was asked, as it is on record; of one by hand ``organisation`` and ``staff``, whom it named."""

    lon: NotRequired[Lon]
    lat: NotRequired[Lat]
    accuracy_m: NotRequired[Metres]
    category: NotRequired[str]
    at: NotRequired[Moment]
    part_code: NotRequired[str | None]
    place_id: NotRequired[UUID | None]
    organisation: NotRequired[str]
    staff: NotRequired[str | None]


@closed
class KeptCandidate(TypedDict):
    """A zone or a part that came into question, in codes."""

    organisation: str | None
    distance_m: Metres
    zone: NotRequired[str]
    set: NotRequired[str]
    covers: NotRequired[bool]
    specificity: NotRequired[int]
    priority: NotRequired[int]
    edge: NotRequired[bool]
    area_m2: NotRequired[float]
    part: NotRequired[str]
    rank: NotRequired[int]


@closed
class KeptDispatch(TypedDict):
    """A decision as it is on record, in codes; ``reasons`` in today's words. ``handler`` and ``superior`` (staff codes)
    for those alone who may know people. Of one by hand there is no more than whom it names.
    """

    organisation: str
    reasons: list[Reason]
    mode: NotRequired[Mode]
    zone: NotRequired[str | None]
    zone_set: NotRequired[str | None]
    part: NotRequired[str | None]
    part_distance_m: NotRequired[Metres | None]
    reclassify: NotRequired[str | None]
    place: NotRequired[str | None]
    rule: NotRequired[str | None]
    co_ownership: NotRequired[str | None]
    grid_cell: NotRequired[str | None]
    district: NotRequired[str | None]
    street: NotRequired[str | None]
    community: NotRequired[str | None]
    handler: NotRequired[str | None]
    superior: NotRequired[str | None]
    ambiguous: NotRequired[bool]
    confidence: NotRequired[Share]
    candidates: NotRequired[list[KeptCandidate]]


@closed
class Decision(TypedDict):
    """A decision on record: of the rules, or of a person (``by_hand``)."""

    seq: Annotated[int, Field(ge=1, description="Entry of the history that it belongs to.")]
    at: Moment
    by_hand: bool
    input: Asked
    dispatch: KeptDispatch


@closed
class Decisions(TypedDict):
    """Every decision of a case, oldest first."""

    case_no: str
    decisions: list[Decision]


@closed
class Difference(TypedDict):
    """A field in which two decisions differ."""

    field: str
    recorded: Any
    replayed: Any


@closed
class Replay(TypedDict):
    """A decision taken again, and where it differs from the one on record."""

    mode: Literal["as_recorded", "as_of"]
    at: Moment
    same: bool
    recorded: KeptDispatch
    replayed: KeptDispatch
    differences: list[Difference]
    notes: list[Words]
