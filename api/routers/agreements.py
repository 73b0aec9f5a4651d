"""What is agreed on beside the main line of a case: approvals, parts of joint cases, orders, urging, follow-up visits;
and what a reporter may do by the key of his report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SignedIn, Tx, limit_anonymous_reports, requires
from api.schemas.agreements import (
    AnswerIn,
    AskIn,
    LeadIn,
    OrderActIn,
    OrderIn,
    PartActIn,
    PartIn,
    ReopenIn,
    SatisfactionIn,
    UrgingIn,
    VisitIn,
)
from api.schemas.answers import agreements as described
from api.schemas.answers import answering
from api.schemas.answers.cases import ApprovalAnswered, CaseAfter
from gisops import agreeing
from gisops.access.people import Actor
from gisops.cases import appeals, approvals, disputes, joint, supervision
from gisops.cases.moves import rule_of
from gisops.city import City
from gisops.db.pool import Connection

router = APIRouter(tags=["cases"])

_ASK = tuple(dict.fromkeys(role for roles in approvals.ASKERS.values() for role in roles))
# who asked may take it back, so that whoever may ask may answer; what is granted, the move's own role decides
_ANSWER = tuple(dict.fromkeys([*(role for kind in approvals.ASKERS for role in rule_of(kind).who), *_ASK]))
_GRANT = tuple(
    dict.fromkeys([*(r for kind in approvals.ASKERS for r in approvals.granters(kind)), *appeals.REVIEWERS.values()])
)
_OWNERLESS = ("coordinator", "dispatcher", "acceptor", "shift_leader", "inspector", "leader", "admin")
_PARTS = tuple(dict.fromkeys((*joint.OPENERS, *joint.ASSISTANTS)))
_ORDERED = tuple(dict.fromkeys((*supervision.SUPERVISORS, *joint.ASSISTANTS)))
_LEAD = ("dispatcher",)
_VISITS = ("acceptor", "shift_leader", "inspector")

Number = Annotated[int, Path(ge=1, le=32_767)]


@dataclass(frozen=True, slots=True)
class OnCase:
    """Somebody acts on a case: what the routes here need of a request. ``where`` and ``who`` are what `agreeing` takes
    first and last.
    """

    case_no: str
    caller: Identity
    conn: Connection
    city: City

    @property
    def where(self) -> tuple[Connection, City, str]:
        """The transaction, the city, and the case's number."""
        return self.conn, self.city, self.case_no

    @property
    def who(self) -> tuple[Actor, int | None]:
        """The caller, and by which key."""
        return self.caller.actor, self.caller.key_id


def _acting(*roles: str) -> Any:
    """A dependency that lets these roles act on the case of the path."""

    def on_case(case_no: str, caller: Identity, conn: Tx, city: Ctx) -> OnCase:
        return OnCase(case_no, caller, conn, city)

    on_case.__annotations__ |= {"caller": Annotated[Identity, Depends(requires(*roles))]}
    return Depends(on_case)


def _roles(*roles: str) -> dict[str, str]:
    return {"x-permission": "roles:" + ",".join(roles), "x-scope": "write:cases"}


_BY_KEY = {"x-permission": "public", "x-scope": "write:reports"}


@router.get(
    "/api/me/subtasks",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.MyParts),
)
def subtasks(caller: SignedIn, conn: Seeing) -> Response:
    """The open parts in joint cases of the caller's organisation, those due first."""
    return answers.json({"subtasks": joint.mine(conn, caller.key_id)})


@router.get(
    "/api/me/orders",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.MyOrders),
)
def orders(caller: SignedIn, conn: Seeing) -> Response:
    """The open supervision orders that went to the caller or his organisation, those due first."""
    return answers.json({"orders": supervision.mine(conn, caller.key_id)})


@router.get(
    "/api/orders",
    openapi_extra={"x-permission": "roles:" + ",".join(supervision.SUPERVISORS), "x-scope": "read:cases"},
    responses=answering(described.OrderList),
)
def given(
    caller: Annotated[Identity, Depends(requires(*supervision.SUPERVISORS))],
    conn: Seeing,
    state: Literal["open", "overdue", "answered", "closed"] = "open",
    own: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """The supervision orders in the caller's scope, the newest first; with ``own`` those that he gave himself."""
    return answers.json(supervision.given(conn, caller.actor, state, limit, after, own=own))


@router.get(
    "/api/approvals",
    openapi_extra={"x-permission": "roles:" + ",".join(_GRANT), "x-scope": "read:cases"},
    responses=answering(described.WaitingList),
)
def waiting(
    caller: Annotated[Identity, Depends(requires(*_GRANT))],
    conn: Seeing,
    state: Literal["open", "granted", "refused", "withdrawn"] = "open",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What was asked for and is the caller's to grant, what has waited longest first; appeals that wait for his review
    among it.
    """
    return answers.json(approvals.waiting(conn, caller.actor, state, limit, after))


@router.get(
    "/api/ownerless",
    openapi_extra={"x-permission": "roles:" + ",".join(_OWNERLESS), "x-scope": "read:cases"},
    responses=answering(described.OwnerlessList),
)
def ownerless(
    caller: Annotated[Identity, Depends(requires(*_OWNERLESS))],
    conn: Seeing,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What was determined to be nobody's and is nobody's still, the newest first; each with its place."""
    return answers.json(disputes.ownerless(conn, caller.actor, after, limit, caller.key_id))


@router.post(
    "/api/cases/{case_no}/approvals",
    status_code=201,
    openapi_extra=_roles(*_ASK),
    responses=answering(described.ApprovalAsked, status=201),
)
def ask(body: AskIn, on: Annotated[OnCase, _acting(*_ASK)]) -> Response:
    """Ask for something that needs somebody else's yes."""
    told = (*on.where, body.kind, body.reason, body.reason_code, body.until, *on.who)
    return answers.json(agreeing.ask(*told), status=201)


@router.post(
    "/api/cases/{case_no}/approvals/{approval_no}",
    openapi_extra=_roles(*_ANSWER),
    responses=answering(ApprovalAnswered),
)
def answer(approval_no: Number, body: AnswerIn, on: Annotated[OnCase, _acting(*_ANSWER)]) -> Response:
    """Grant a request, which makes the move it asks for; refuse it; or take one's own back."""
    told = (*on.where, approval_no, body.granted, body.reason, body.expected_version, *on.who)
    return answers.json(agreeing.answer(*told))


@router.post(
    "/api/cases/{case_no}/subtasks",
    status_code=201,
    openapi_extra=_roles(*joint.OPENERS),
    responses=answering(described.PartGiven, status=201),
)
def give_part(body: PartIn, on: Annotated[OnCase, _acting(*joint.OPENERS)]) -> Response:
    """Ask another organisation for its part in a case."""
    told = (*on.where, body.model_dump(), *on.who)
    return answers.json(agreeing.give_part(*told), status=201)


@router.post(
    "/api/cases/{case_no}/subtasks/{subtask_no}",
    openapi_extra=_roles(*_PARTS),
    responses=answering(described.PartGiven),
)
def act_on_part(subtask_no: Number, body: PartActIn, on: Annotated[OnCase, _acting(*_PARTS)]) -> Response:
    """Take a part on, finish or return it, as its organisation; or call it off, as the desk."""
    told = (*on.where, subtask_no, body.action, body.reason_code, body.text, *on.who)
    photos = [photo.model_dump(exclude_none=True) for photo in body.photos]
    return answers.json(agreeing.act_on_part(*told, photos))


@router.post("/api/cases/{case_no}/lead", openapi_extra=_roles(*_LEAD), responses=answering(CaseAfter))
def lead(body: LeadIn, on: Annotated[OnCase, _acting(*_LEAD)]) -> Response:
    """Name another organisation to lead, where the one that was to did not take the case on."""
    told = (*on.where, body.organisation, body.staff, body.reason, body.expected_version, *on.who)
    return answers.json(agreeing.another_lead(*told))


@router.post(
    "/api/cases/{case_no}/orders",
    status_code=201,
    openapi_extra=_roles(*supervision.SUPERVISORS),
    responses=answering(described.OrderGiven, status=201),
)
def order(body: OrderIn, on: Annotated[OnCase, _acting(*supervision.SUPERVISORS)]) -> Response:
    """Order that a case be done."""
    told = (*on.where, body.level, body.due_at, body.text, *on.who)
    return answers.json(agreeing.order(*told), status=201)


@router.post(
    "/api/cases/{case_no}/orders/{order_no}", openapi_extra=_roles(*_ORDERED), responses=answering(described.OrderGiven)
)
def act_on_order(order_no: Number, body: OrderActIn, on: Annotated[OnCase, _acting(*_ORDERED)]) -> Response:
    """Answer an order, as the organisation it went to; or close it, as who supervises."""
    told = (*on.where, order_no, body.action, body.text, *on.who)
    return answers.json(agreeing.act_on_order(*told))


@router.post(
    "/api/cases/{case_no}/urgings",
    status_code=201,
    openapi_extra=_roles(*supervision.URGERS),
    responses=answering(described.Urged, status=201),
)
def urge(body: UrgingIn, on: Annotated[OnCase, _acting(*supervision.URGERS)]) -> Response:
    """Ask when a case will be done."""
    told = (*on.where, body.text, *on.who)
    return answers.json(agreeing.urge(*told), status=201)


@router.post(
    "/api/cases/{case_no}/follow-ups",
    status_code=201,
    openapi_extra=_roles(*_VISITS),
    responses=answering(described.Visited, status=201),
)
def visit(body: VisitIn, on: Annotated[OnCase, _acting(*_VISITS)]) -> Response:
    """Write down how content the reporter of a closed case is, or that he was not reached."""
    told = (*on.where, body.method, body.reached, body.score, body.text, *on.who)
    return answers.json(agreeing.visit(*told), status=201)


@router.post(
    "/api/reports/{client_uid}/urgings",
    dependencies=[Depends(limit_anonymous_reports)],
    openapi_extra=_BY_KEY,
    responses=answering(described.ReporterUrged),
)
def reporter_urges(client_uid: UUID, body: UrgingIn, conn: Tx, city: Ctx) -> Response:
    """Ask when it will be done, by the key of one's report."""
    return answers.json(agreeing.reporter_urges(conn, city, client_uid, body.text))


@router.post(
    "/api/reports/{client_uid}/satisfaction",
    dependencies=[Depends(limit_anonymous_reports)],
    openapi_extra=_BY_KEY,
    responses=answering(described.ReporterSaid),
)
def reporter_says(client_uid: UUID, body: SatisfactionIn, conn: Tx, city: Ctx) -> Response:
    """Say how content one is, once, by the key of one's report."""
    return answers.json(agreeing.reporter_says(conn, city, client_uid, body.score, body.text))


@router.post(
    "/api/reports/{client_uid}/reopen",
    dependencies=[Depends(limit_anonymous_reports)],
    openapi_extra=_BY_KEY,
    responses=answering(described.ReporterReopened),
)
def reporter_reopens(client_uid: UUID, body: ReopenIn, conn: Tx, city: Ctx) -> Response:
    """Say within seven days that it is not done, by the key of one's report."""
    return answers.json(agreeing.reporter_reopens(conn, city, client_uid, body.reason))
