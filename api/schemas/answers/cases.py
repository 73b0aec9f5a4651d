"""Answers about cases: in lists, whole, and what they may be duplicates of."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.agreements import Agreed, ApprovalRefused
from api.schemas.answers.city import HandbookEntry
from api.schemas.answers.decisions import Decision
from api.schemas.answers.messages import Message
from api.schemas.answers.shapes import (
    Action,
    ActorRole,
    CategoryNamed,
    Channel,
    Flow,
    Lat,
    Lon,
    Many,
    Metres,
    Moment,
    Named,
    Next,
    Person,
    Severity,
    Sha256,
    Share,
    Standing,
    State,
    Step,
    Unit,
    closed,
    one_of,
)
from gisops.cases.cases import PRIORITIES

Priority = Annotated[str, one_of(code for code, *_ in PRIORITIES)]
Version = Annotated[int, Field(ge=1, description="What an act is decided on: its expected_version.")]


@closed
class CaseSummary(Standing):
    """A case as lists show it."""

    case_no: str
    flow: Flow
    severity: Severity
    category: CategoryNamed
    organisation: Named
    zone: Named | None
    handler: Person | None
    grid_cell: str | None
    lon: Lon
    lat: Lat
    reported_at: Moment
    filed_at: Moment | None
    dispatched_at: Moment | None
    handled_at: Moment | None
    closed_at: Moment | None
    deadline: Moment | None
    ambiguous: bool
    priority: Priority
    priority_zh: str
    priority_en: str
    report_count: Many
    return_count: Many
    rework_count: Many
    extended_count: Many
    suspended_count: Many
    urged_count: Many
    is_rework: bool
    duplicate_of: Annotated[str | None, Field(description="Number of the case, where the caller sees that one too.")]
    recurrence_of: Annotated[str | None, Field(description="Likewise.")]
    version: Version


@closed
class Cases(TypedDict):
    """Cases, newest first."""

    cases: list[CaseSummary]
    next: Next


@closed
class ReportOfCase(TypedDict):
    """A report that is in a case; its ``text`` is for those whose work is with the case."""

    report_id: UUID
    channel: Channel
    text: NotRequired[str]
    received_at: Moment
    captured_at: Moment | None
    lon: Lon
    lat: Lat
    accuracy_m: Metres | None
    crs_in: str
    part_code: str | None
    photos: list[Sha256]


@closed
class ReportsOfCase(TypedDict):
    """A page of a case's reports in the order in which they came; ``crowd_count`` others were counted alone."""

    case_no: str
    report_count: Many
    crowd_count: Many
    reports: list[ReportOfCase]
    next: Next


@closed
class HistoryEntry(TypedDict):
    """One entry of a case's history; ``reason`` (what was written) is for those whose work is with the case."""

    seq: Annotated[int, Field(ge=1)]
    action: Action
    zh: str
    en: str
    from_state: State | None
    state: State
    at: Moment
    role: ActorRole | None
    organisation: str | None
    payload: Annotated[dict[str, Any], Field(description="What the action keeps: docs/reference/events.md")]
    hash: Annotated[str, Field(description="Of this entry and the one before it: SHA-256, hexadecimal.")]
    reason: NotRequired[str | None]


@closed
class Recipient(TypedDict):
    """Who was told of a case, as what; who that is for those alone who may know people."""

    role: Literal["handler", "superior", "assist", "copy", "verify", "check"]
    code: NotRequired[str]
    name: NotRequired[str]
    post_zh: str
    post_en: str
    notified_at: Moment | None
    acknowledged_at: Moment | None


@closed
class ClockOfCase(TypedDict):
    """A clock: of which step, whose, and what became of it (``outcome``, once it has stopped)."""

    step: Step
    organisation: str
    started_at: Moment
    unit: Unit | None
    value: float | None
    deadline: Moment | None
    paused_at: Moment | None
    stopped_at: Moment | None
    outcome: Annotated[str, one_of(("done", "late", "returned", "cancelled", "paused_out", "exempt"))] | None
    level: Annotated[int, Field(ge=0, description="How often it was escalated.")]


@closed
class CaseRead(CaseSummary):
    """A case with its first reports, history, recipients and clocks, and what the caller may do with it. Of more
    reports, ``reports_after`` asks for the next ones; ``crowd_count`` others were counted alone.
    """

    reports: list[ReportOfCase]
    reports_after: UUID | None
    crowd_count: Many
    history: list[HistoryEntry]
    recipients: list[Recipient]
    clocks: list[ClockOfCase]
    allowed: list[Action]


@closed
class CaseGone(Standing):
    """A case that the caller sees no more after what he did, as it was his only by being told of it."""

    case_no: str


CaseAfter = CaseRead | CaseGone


@closed
class PhotoOfCase(TypedDict):
    """A photograph of a case: by which entry of the history it came, and what it shows."""

    seq: int
    n: int
    sha256: Sha256
    phase: Literal["verify", "before", "after", "check"]
    captured_at: Moment | None
    accuracy_m: Metres | None


@closed
class HandbookOfCase(TypedDict):
    """What the handbook said when the case was filed and closed, and what there is to choose from now."""

    filed_under: HandbookEntry | None
    closed_under: HandbookEntry | None
    conditions: list[HandbookEntry]


@closed
class CasePage(CaseRead, Agreed):
    """A case, whole."""

    photos: list[PhotoOfCase]
    decisions: list[Decision]
    messages: list[Message]
    handbook: HandbookOfCase


@closed
class Likeness(TypedDict):
    """What a score is made of; ``likeness`` (of the texts) for those alone who may read them."""

    same_part: bool
    same_device: bool
    distance_m: Metres
    closeness: Share
    likeness: NotRequired[Share]


@closed
class Duplicate(Standing):
    """A case that another may be a duplicate of; text and photographs for those whose work is with it."""

    case_no: str
    version: Version
    category: CategoryNamed
    report_count: Many
    reported_at: Moment
    closed_at: Moment | None
    score: Share
    parts: Likeness
    text: NotRequired[str | None]
    photos: NotRequired[list[Sha256]]


@closed
class Duplicates(TypedDict):
    """What a case may be a duplicate of, the best first; looked for within ``radius_m`` and ``hours``."""

    case_no: str
    radius_m: Metres
    hours: float
    duplicates: list[Duplicate]


@closed
class TakenOut(TypedDict):
    """A report that has a case of its own now (``case_no``), and the case it was in (``from``)."""

    case_no: str
    from_case: Annotated[str, Field(alias="from")]
    report_id: UUID


# A request that is granted makes its move; one that is not leaves the case as it is.
ApprovalAnswered = CaseRead | CaseGone | ApprovalRefused
