"""Answers of what is agreed on beside the main line of a case."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import (
    CategoryNamed,
    Lat,
    Lon,
    Moment,
    Named,
    Person,
    Severity,
    State,
    StateNamed,
    closed,
)

ApprovalKind = Literal["extend", "suspend", "return", "void", "force_close"]
ApprovalState = Literal["requested", "granted", "refused", "withdrawn"]
PartState = Literal["open", "acknowledged", "done", "returned", "cancelled"]
OrderState = Literal["open", "answered", "closed"]
Number = Annotated[int, Field(ge=1, description="Its number within the case.")]


@closed
class AskedText(TypedDict):
    """What was written with a request, and with what was said to it."""

    request: NotRequired[str | None]
    decision: NotRequired[str | None]


@closed
class Approval(TypedDict):
    """Something that was asked for; ``texts`` for those whose work is with the case."""

    approval_no: Number
    kind: ApprovalKind
    state: ApprovalState
    reason_code: str | None
    until: Moment | None
    organisation: str
    requested_at: Moment
    decided_at: Moment | None
    seq: Annotated[int | None, Field(description="Entry of the history that granted it.")]
    texts: NotRequired[AskedText | None]


@closed
class PartText(TypedDict):
    """What a part was to be, and what came of it."""

    task: NotRequired[str | None]
    result: NotRequired[str | None]


@closed
class Subtask(TypedDict):
    """The part of another organisation in a case."""

    subtask_no: Number
    required: bool
    state: PartState
    organisation: str
    organisation_zh: str
    organisation_en: str | None
    deadline: Moment | None
    opened_at: Moment
    acknowledged_at: Moment | None
    ended_at: Moment | None
    reason_code: str | None
    texts: NotRequired[PartText | None]


@closed
class Dispute(TypedDict):
    """Whose a case is was in doubt: among whom, who has it meanwhile, and what was found."""

    dispute_no: Number
    opened_at: Moment
    interim_organisation: str | None
    decision: Literal["part_owner", "dispatch_rule", "co_ownership_area", "zone", "ownerless"] | None
    organisation: str | None
    effective_from: Moment | None
    decided_at: Moment | None
    parties: list[str]


@closed
class OrderText(TypedDict):
    """What was ordered, and what was answered."""

    order: NotRequired[str | None]
    answer: NotRequired[str | None]


@closed
class SupervisionOrder(TypedDict):
    """An order to get a case done."""

    order_no: Number
    level: Annotated[int, Field(ge=1, le=3)]
    state: OrderState
    organisation: str
    issued_at: Moment
    due_at: Moment | None
    answered_at: Moment | None
    closed_at: Moment | None
    texts: NotRequired[OrderText | None]


@closed
class Urging(TypedDict):
    """Somebody asked when it will be done."""

    urging_no: Number
    by_reporter: bool
    organisation: str
    at: Moment


@closed
class Appeal(TypedDict):
    """An appeal, and its two reviews."""

    state: Literal["lodged", "seconded", "granted", "refused", "lapsed"]
    organisation: str
    lodged_at: Moment
    first_at: Moment | None
    second_at: Moment | None


@closed
class FollowUp(TypedDict):
    """How content the reporter of a closed case is."""

    follow_up_no: Number
    method: Literal["phone", "visit", "reporter"]
    reached: bool
    score: Annotated[int, Field(ge=1, le=5)] | None
    at: Moment


@closed
class Agreed(TypedDict):
    """What was agreed on in a case."""

    approvals: list[Approval]
    subtasks: list[Subtask]
    disputes: list[Dispute]
    supervision_orders: list[SupervisionOrder]
    urgings: list[Urging]
    appeals: list[Appeal]
    follow_ups: list[FollowUp]


@closed
class ApprovalAsked(TypedDict):
    """A request that was taken in."""

    case_no: str
    approval_no: Number
    kind: ApprovalKind
    state: ApprovalState


@closed
class ApprovalRefused(TypedDict):
    """A request that was refused, or taken back."""

    case_no: str
    approval_no: Number
    state: ApprovalState


@closed
class PartGiven(TypedDict):
    """How a part stands."""

    case_no: str
    subtask_no: Number
    state: PartState


@closed
class OrderGiven(TypedDict):
    """How an order stands."""

    case_no: str
    order_no: Number
    state: OrderState


@closed
class Urged(TypedDict):
    """That it was asked when it will be done."""

    case_no: str
    urging_no: Number


@closed
class Visited(TypedDict):
    """That a follow-up was written down."""

    case_no: str
    follow_up_no: Number
    score: Annotated[int, Field(ge=1, le=5)] | None


@closed
class ReporterUrged(TypedDict):
    """That the reporter's asking was passed on; null where the case is another's."""

    case_no: str | None
    urged: Literal[True]


@closed
class ReporterSaid(TypedDict):
    """Whether it was kept: what he said first stands."""

    case_no: str | None
    kept: bool


@closed
class ReporterReopened(TypedDict):
    """Where the case stands that was opened again."""

    case_no: str
    state: State


@closed
class MyPart(TypedDict):
    """An open part of the caller's organisation in somebody's case, with what it takes to do it."""

    case_no: str
    subtask_no: Number
    required: bool
    state: PartState
    deadline: Moment | None
    opened_at: Moment
    acknowledged_at: Moment | None
    category: str
    category_zh: str
    category_en: str | None
    lon: Lon
    lat: Lat
    lead: str
    lead_zh: str
    lead_en: str | None
    task: str | None


@closed
class MyParts(TypedDict):
    """The open parts of the caller's organisation, those due first."""

    subtasks: list[MyPart]


@closed
class MyOrder(TypedDict):
    """An open order that went to the caller or his organisation."""

    case_no: str
    order_no: Number
    level: Annotated[int, Field(ge=1, le=3)]
    issued_at: Moment
    due_at: Moment | None
    category: str
    category_zh: str
    category_en: str | None
    lon: Lon
    lat: Lat
    text: str | None


@closed
class MyOrders(TypedDict):
    """The open orders that went to the caller or his organisation, those due first."""

    orders: list[MyOrder]


@closed
class GivenOrder(TypedDict):
    """An order that was given: to whom, about what, how far it is; ``own`` if the caller gave it."""

    case_no: str
    order_no: Number
    level: Annotated[int, Field(ge=1, le=3)]
    state: OrderState
    overdue: bool
    issued_at: Moment
    due_at: Moment | None
    answered_at: Moment | None
    closed_at: Moment | None
    own: bool
    organisation: str
    organisation_zh: str
    organisation_en: str | None
    category: str
    category_zh: str
    category_en: str | None


@closed
class OrderList(TypedDict):
    """The orders in the caller's scope, the newest first; ``next`` asks for the next page (``after``)."""

    orders: list[GivenOrder]
    next: str | None


@closed
class Waiting(TypedDict):
    """Something that was asked for and is the caller's to grant, or an appeal that is his to review (``step``);
    ``own`` where he asked for it himself, which somebody else grants.
    """

    case_no: str
    number: Number
    kind: Literal["extend", "suspend", "return", "void", "force_close", "appeal"]
    state: Literal["open", "requested", "granted", "refused", "withdrawn"]
    step: Literal["lodged", "seconded"] | None
    reason_code: str | None
    until: Moment | None
    own: bool
    requested_at: Moment
    deadline: Moment | None
    severity: Severity
    version: int
    organisation: Named
    category: CategoryNamed
    case: StateNamed


@closed
class WaitingList(TypedDict):
    """What is the caller's to grant, what has waited longest first; ``next`` asks for the next page (``after``)."""

    approvals: list[Waiting]
    next: str | None


@closed
class Ownerless(TypedDict):
    """What was determined to be nobody's: where it is, who looks after it meanwhile, who decided so and when."""

    case_no: str
    dispute_no: Number
    part: str | None
    lon: Lon
    lat: Lat
    scheme: str
    category: str
    category_zh: str
    category_en: str | None
    street: str | None
    organisation: str
    organisation_zh: str
    organisation_en: str | None
    fact: Literal["part", "dispatch_rule", "co_ownership_area", "zone"]
    fact_code: str
    effective_from: Moment
    decided_at: Moment
    decided_by: Person | None


@closed
class OwnerlessList(TypedDict):
    """What is nobody's, the newest first; ``next`` asks for the next page (``after``)."""

    ownerless: list[Ownerless]
    next: str | None
