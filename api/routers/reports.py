"""Reports come in here, one by one or a thousand at a time."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ValidationError

from api import answers, problems
from api.auth import Identity
from api.deps import (
    Caller,
    Looking,
    Seeing,
    SeeingCtx,
    SignedIn,
    Working,
    joiner,
    limit_anonymous_reports,
    limited_joining,
    trying_to_join,
)
from api.schemas.answers import answering
from api.schemas.answers import reports as described
from api.schemas.reports import BatchIn, ReportIn
from api.schemas.shapes import QueryText
from gisops import operations
from gisops.access import audit
from gisops.cases.reports import NewReport, Receipt
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import GisopsError, InvalidInput, NotSignedIn

router = APIRouter(prefix="/api/reports", tags=["reports"])

BATCH_BYTES = 1_000_000
# What somebody may say of himself without a sign-in; the other channels are systems and staff.
ANYBODYS_CHANNELS = frozenset({"citizen", "open311"})


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(limit_anonymous_reports)],
    openapi_extra={"x-permission": "public", "x-scope": "write:reports"},
    responses=answering(
        described.ReportAnswer, status=201, again="The same report was answered before: the same answer again."
    ),
)
async def report(request: Request, body: ReportIn, caller: Caller, work: Working) -> Response:
    """Report a problem at a point; the answer says who is responsible and why."""
    told = _told(body, caller)
    async with trying_to_join(request, caller, told.joins):
        receipt = await work(_receive, told, caller, joiner(request, caller))
    return answers.raw(receipt.answer, 201 if receipt.fresh else 200)


def _receive(conn: Connection, city: City, told: NewReport, caller: Identity | None, sender: str | None) -> Receipt:
    receipt = operations.receive_report(conn, city, told, caller.actor if caller else None, sender)
    _write_down(conn, caller, int(receipt.fresh))
    return receipt


def _write_down(conn: Connection, caller: Identity | None, fresh: int) -> None:
    """Who reported is nobody's to know from the report; that an account did is in the audit, once for a batch."""
    if caller is not None and fresh:
        audit.add(conn, "report", "reports", rows=fresh, account_id=caller.actor.account_id, key_id=caller.key_id)


@router.post(
    "/batch",
    openapi_extra={"x-permission": "signed_in", "x-scope": "write:reports"},
    responses=answering(described.Batch),
)
async def batch(body: BatchIn, caller: SignedIn, work: Working) -> Response:
    """Report up to 1,000 problems; each is answered on its own, in order."""
    return await work(_batch, body, caller)


def _batch(conn: Connection, city: City, body: BatchIn, caller: Identity) -> Response:
    sent: list[NewReport | GisopsError] = []
    for item in body.reports:
        try:
            sent.append(_told(ReportIn.model_validate(item), caller))
        except ValidationError as error:
            sent.append(_misshapen(error))
        except GisopsError as error:
            sent.append(error)
    outcomes = operations.receive_batch(conn, city, sent, caller.actor)
    fresh = sum(not isinstance(outcome, GisopsError) and outcome.fresh for outcome in outcomes)
    _write_down(conn, caller, fresh)
    parts = [_part(item, outcome) for item, outcome in zip(body.reports, outcomes, strict=True)]
    accepted = sum(not isinstance(outcome, GisopsError) for outcome in outcomes)
    head = f'{{"accepted":{accepted},"rejected":{len(parts) - accepted},"answers":['.encode()
    return answers.raw(head + b",".join(parts) + b"]}")


@router.get(
    "/near",
    openapi_extra={"x-permission": "public", "x-scope": "write:reports"},
    responses=answering(described.NearReports),
)
async def near(
    request: Request,
    caller: Caller,
    look: Looking,
    lon: Annotated[float, Query(description="In crs; east for a projected system.")],
    lat: Annotated[float, Query(description="In crs; north for a projected system.")],
    category: QueryText,
    crs: Annotated[str, Query(max_length=64, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n. Mandatory.")] = "",
    accuracy_m: Annotated[float | None, Query()] = None,
) -> Response:
    """Open cases near a point that a report may be about, as anybody may be told of them: three at most, none of a
    category that is not public; ``joins`` is what a report sends to be one more of that case.
    """
    sealed_with = await limited_joining(request, caller)
    return answers.json(await look(operations.near_reports, lon, lat, crs, accuracy_m, category, sealed_with))


@router.get(
    "/{client_uid}",
    openapi_extra={"x-permission": "public", "x-scope": "write:reports"},
    responses=answering(described.Followed),
)
def follow(client_uid: UUID, conn: Seeing, city: SeeingCtx) -> Response:
    """What became of a report. Its ``client_uid`` is the key; nothing personal is told."""
    return answers.json(operations.follow_report(conn, city, client_uid))


def _told(body: ReportIn, caller: Identity | None) -> NewReport:
    if caller is None and body.channel not in ANYBODYS_CHANNELS:
        raise NotSignedIn(
            f"The channel {body.channel} needs a sign-in; without one it is citizen.",
            channels=sorted(ANYBODYS_CHANNELS),
        )
    if body.outside == "desk" and body.channel != "feed":
        raise InvalidInput("Only a feed may ask outside=desk.", field="outside", channel=body.channel)
    return body.to_report()


class _Misshapen(InvalidInput):
    """The report does not have the right shape."""

    code = "invalid_body"


def _misshapen(error: ValidationError) -> InvalidInput:
    shown = problems.of_shape(error.errors(include_url=False, include_context=False, include_input=False))
    return _Misshapen(shown["detail"], errors=shown["errors"])


def _part(item: Any, outcome: Any) -> bytes:
    uid = item.get("client_uid") if isinstance(item, dict) else None
    # As a JSON text whatever it is: half a surrogate pair, which orjson refuses, is no reason to lose the whole batch.
    known = json.dumps(uid).encode() if isinstance(uid, str) else b"null"
    if isinstance(outcome, GisopsError):
        status = problems.status_of(outcome)
        body = problems.told(problems.of_error(outcome))
    else:
        status, body = (201 if outcome.fresh else 200), outcome.answer
    return b'{"client_uid":%b,"status":%d,"body":%b}' % (known, status, body)
