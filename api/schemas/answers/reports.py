"""Answers to reports."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.decisions import Dispatch, Mode
from api.schemas.answers.shapes import (
    Action,
    CategoryNamed,
    Coded,
    Flow,
    Lat,
    Lon,
    Many,
    Metres,
    Moment,
    Named,
    Post,
    PublicStep,
    Standing,
    State,
    closed,
    with_more,
)


@closed
class ReportReceived(TypedDict):
    """A report as it was taken in."""

    client_uid: UUID
    report_id: UUID
    received_at: Moment
    lon: Lon
    lat: Lat
    crs_in: str
    accuracy_m: Metres


@closed
class CaseOfReport(Standing):
    """The case that a report is in. One without a sign-in that joined another's is told how far that is: no number, no
    flow and no deadline, and the state that the public's step begins with.
    """

    case_no: str | None
    flow: Flow | None
    deadline: Moment | None
    category: CategoryNamed


@closed
class Suggested(Standing):
    """A case near by that it may be about, as somebody signed in is told."""

    case_no: str
    report_count: Many
    distance_m: Metres


@closed
class NearReport(PublicStep):
    """An open case near by, as anybody may be told of it."""

    joins: Annotated[str, Field(description="What a report sends to be one more of this case; another one each time.")]
    valid_until: Annotated[Moment, Field(description="So long `joins` holds.")]
    category: CategoryNamed
    distance_m: Annotated[float, Field(description="Metres, to ten.")]
    age_hours: Annotated[int, Field(description="Reported so many hours ago; from a day on, in whole days.", ge=0)]
    reports_at_least: Annotated[int, Field(description="1, or how many there are at least: 5, 10, 20, 50, 100.")]


@closed
class NearReports(TypedDict):
    """Open cases near a point, the likeliest first; and the point, as it was understood."""

    lon: Lon
    lat: Lat
    near: Annotated[list[NearReport], Field(max_length=3)]


@closed
class JoinedDispatch(TypedDict):
    """Who has the case that a report joined; without a sign-in, whose such a report is here."""

    mode: Mode
    organisation: Named
    handler: Post | None
    auto_dispatched: bool


@closed
class Joined(Coded):
    """Why a report is in a case that was there; where that had its fill within the hour, or was joined from the same
    address today, that it was counted alone.
    """

    counted_only: NotRequired[Literal[True]]
    counted_zh: NotRequired[str]
    counted_en: NotRequired[str]


@closed
class ReportAnswer(TypedDict):
    """The answer to a report, the same for ever: its case, who is responsible and why. ``joined`` says why it is in a
    case that was there; ``suggested`` are cases near by that it may be about, and ``near`` the same without a sign-in,
    as ``GET /api/reports/near`` tells them.
    """

    report: ReportReceived
    case: CaseOfReport
    dispatch: Dispatch | JoinedDispatch
    joined: NotRequired[Joined]
    suggested: NotRequired[list[Suggested]]
    near: NotRequired[list[NearReport]]


@with_more
class RefusedReport(TypedDict):
    """What was wrong with a report: a problem, with what it knows beside."""

    type: str
    title: str
    status: int
    code: str


@closed
class BatchAnswer(TypedDict):
    """The answer to one of many reports: 201, 200 for one that was answered before, or the status of its refusal."""

    client_uid: str | None
    status: int
    body: ReportAnswer | RefusedReport


@closed
class Batch(TypedDict):
    """The answers to many reports, in order."""

    accepted: Many
    rejected: Many
    answers: list[BatchAnswer]


@closed
class FollowedCase(Standing):
    """Where the case of a report stands; ``step`` of four, as the public is told. Of another's case, which this report
    joined without a sign-in, ``state`` is the one that its step begins with.
    """

    case_no: Annotated[str | None, Field(description="Null where it was not told when the report came in.")]
    step: Annotated[int, Field(ge=1, le=4)]
    step_zh: str
    step_en: str
    deadline: Moment | None
    closed_at: Moment | None
    category: CategoryNamed


@closed
class ReporterMay(TypedDict):
    """What the holder of a report's key may do now."""

    urge: bool
    rate: bool
    reopen: bool
    reopen_until: Annotated[Moment | None, Field(description="Null where it is not his to open again.")]


@closed
class FollowedEntry(TypedDict):
    """What happened, when."""

    at: Moment
    action: Action
    state: State
    zh: str
    en: str


@closed
class Followed(TypedDict):
    """What became of a report: nothing personal."""

    client_uid: UUID
    received_at: Moment
    case: FollowedCase
    counted_only: Annotated[bool, Field(description="It came when the case had its fill: it counts, and has no word.")]
    photos: Annotated[list[str], Field(description="SHA-256 of those of the report itself.")]
    result_photos: Annotated[list[str], Field(description="Of what shows that it is done, once that is over.")]
    score: Annotated[int | None, Field(description="How content the reporter said he is.")]
    may: ReporterMay
    organisation: Annotated[Named | None, Field(description="Null where the case is another's.")]
    post: Annotated[Post | None, Field(description="Who handles it, by post.")]
    history: Annotated[list[FollowedEntry], Field(description="Empty of another's case, and where it is not public.")]
