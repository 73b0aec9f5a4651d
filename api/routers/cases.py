"""Cases: the list, one with its story, and why it went where it went."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SeeingCtx, SignedIn, Tx, requires
from api.schemas.acts import BODIES, roles_of
from api.schemas.answers import answering
from api.schemas.answers import cases as described
from api.schemas.answers import decisions as of_dispatch
from api.schemas.answers import rules as of_rules
from api.schemas.shapes import Body, QueryText
from gisops import operations, wording
from gisops.cases import case_pages, cases, rerouting
from gisops.cases.acts import Sent
from gisops.errors import InvalidInput
from layers.features import parse_bbox

router = APIRouter(prefix="/api/cases", tags=["cases"])
# Apart, for an address that is no case's.
previews = APIRouter(prefix="/api", tags=["cases"])

# As many as a list shows at once.
MOST_NUMBERS = 100
_DESK = roles_of("correct")
_DESK_ROLES = "roles:" + ",".join(_DESK)


@router.get(
    "", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"}, responses=answering(described.Cases)
)
def find(
    request: Request,
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    state: QueryText | None = None,
    category: QueryText | None = None,
    organisation: QueryText | None = None,
    bbox: QueryText | None = None,
    case_no: Annotated[
        list[QueryText], Query(max_length=MOST_NUMBERS, description="These alone, of them what the caller may see")
    ] = [],  # noqa: B006
    mine: Annotated[Literal["0", "1", "true", "false"], Query()] = "false",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: UUID | None = None,
) -> Response:
    """Cases, newest first. ``next`` is the address of the next page, or null."""
    handler_id = None
    if mine in ("1", "true"):
        if caller.actor.staff_id is None:
            raise InvalidInput("This account is no member of staff, so no case is its own.", field="mine")
        handler_id = caller.actor.staff_id
    found = cases.find(
        conn,
        city,
        state=state,
        category=category,
        organisation=organisation,
        bbox=parse_bbox(bbox) if bbox is not None else None,
        handler_id=handler_id,
        numbers=case_no,
        limit=limit,
        after=after,
        to=caller.actor,
        key_id=caller.key_id,
    )
    following = None
    if found["after"] is not None:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
        following = f"{request.url.path}?{urlencode([*asked, ('after', str(found['after']))])}"
    return answers.json({"cases": found["cases"], "next": following})


@router.get(
    "/{case_no}",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.CasePage),
)
def read(case_no: str, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """One case, whole: reports, history, recipients, clocks, decisions, photographs, what was agreed on, messages, what
    the handbook says of it, and what the caller may do; persons are posts for those whose work is not with cases.
    """
    return answers.json(case_pages.page(conn, city, case_no, caller.actor, caller.key_id))


@router.get(
    "/{case_no}/dispatch",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(of_dispatch.Decisions),
)
def decisions(case_no: str, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """Every dispatch decision of a case: what was asked, what was answered, why."""
    return answers.json(cases.decisions(conn, city, case_no, caller.actor))


@router.get(
    "/{case_no}/reroute",
    openapi_extra={"x-permission": _DESK_ROLES, "x-scope": "read:cases"},
    responses=answering(of_rules.Reroute),
)
def reroute(
    case_no: str,
    _caller: Annotated[Identity, Depends(requires(*_DESK))],
    conn: Seeing,
    city: SeeingCtx,
    category: QueryText | None = None,
    lon: float | None = None,
    lat: float | None = None,
    crs: QueryText | None = None,
    part: QueryText | None = None,
) -> Response:
    """What correcting a case's class or place would come to: who has it, who would be responsible and why, and whether
    it must be returned first. Nothing changes. `lon`, `lat` and `crs` go together.
    """
    point = None
    if (lon, lat, crs) != (None, None, None):
        if lon is None or lat is None or crs is None:
            raise InvalidInput("A place is lon, lat and crs together.", field="lon")
        point = (lon, lat, crs)
    return answers.json(rerouting.preview(conn, city, case_no, category, point, part))


@previews.get(
    "/reroute-preview",
    openapi_extra={"x-permission": _DESK_ROLES, "x-scope": "read:cases"},
    responses=answering(of_rules.DifferingCases),
)
def reroute_preview(
    _caller: Annotated[Identity, Depends(requires(*_DESK))],
    conn: Seeing,
    city: SeeingCtx,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=rerouting.MOST_ROWS)] = 100,
) -> Response:
    """Open cases that would go elsewhere by the zones and rules in force now; publishing zones moves none by itself.

    `limit` cases are looked at, newest first; `after` asks for those behind them.
    """
    return answers.json(rerouting.differing(conn, city, after, limit))


def _route(action: str, body_of: type[Body]) -> None:
    """Open the route of an action: one path each, so that each says who may use it and what it takes."""
    roles = roles_of(action)

    def act(case_no: str, body: Body, caller: Identity, conn: Tx, city: Ctx) -> Response:
        values = body.model_dump()
        sent = Sent(values.pop("expected_version"), values.pop("reason"), values.pop("reason_code", None), values)
        return answers.json(operations.act_on_case(conn, city, case_no, action, sent, caller.actor, caller.key_id))

    act.__annotations__ |= {"body": body_of, "caller": Annotated[Identity, Depends(requires(*roles))]}
    zh, en = wording.ACTIONS[action]
    act.__doc__ = f"{zh} / {en}. Answers the case as the caller sees it then, with what he may do next."
    router.add_api_route(
        f"/{{case_no}}/{action}",
        act,
        methods=["POST"],
        name=action,
        openapi_extra={"x-permission": "roles:" + ",".join(roles), "x-scope": "write:cases"},
        responses=answering(described.CaseAfter),
    )


for _action, _body in BODIES.items():
    _route(_action, _body)
