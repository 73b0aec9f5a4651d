"""Indicators: what is counted of the cases a caller may see, and the cases behind each number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api import answers
from api.deps import Looking, SignedIn
from api.schemas.answers import answering
from api.schemas.answers import indicators as described
from api.schemas.shapes import QueryText
from gisops.indicators import asking, counting
from gisops.indicators.asking import Asked

router = APIRouter(prefix="/api", tags=["indicators"])

OPEN = {"x-permission": "signed_in", "x-scope": "read:cases"}
PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie"}


def asked(
    caller: SignedIn,
    since: Annotated[QueryText | None, Query(alias="from", description="A date or a moment, RFC 3339")] = None,
    until: Annotated[QueryText | None, Query(alias="to", description="The first moment not counted")] = None,
    month: Annotated[QueryText | None, Query(description="Instead of both: 2026-10")] = None,
    by: Annotated[QueryText | None, Query(description=", ".join(counting.BY))] = None,
    where: Annotated[list[QueryText] | None, Query(description="street:460107001; each must hold")] = None,
    choice: Annotated[QueryText | None, Query(description="Another way of counting that the indicator has")] = None,
) -> Asked:
    """What the query asks."""
    return Asked(since, until, month, by, asking.parse_where(where or ()), choice, caller.key_id)


Question = Annotated[Asked, Depends(asked)]


@router.get("/indicators", openapi_extra=OPEN, responses=answering(described.Meanings))
def meanings(_caller: SignedIn) -> Response:
    """Every indicator there is, with what it counts; the composite scores, the grades, and what can be counted by."""
    return answers.plain(asking.meanings(), headers=PRIVATE)


@router.get("/indicators/{codes}", openapi_extra=OPEN, responses=answering(described.Numbers))
async def numbers(codes: str, caller: SignedIn, look: Looking, question: Question) -> Response:
    """What one indicator, several (with commas between) or `all` came to over a period: of all that the caller may see,
    and of each thing by which it is counted. Rates come with what they are of and the interval they lie in (Wilson,
    95 %), durations with median and p90 beside the mean. By staff only those whom the caller may know. `cases` leads to
    the cases behind a number.
    """
    told = await look(asking.numbers, codes, question, caller.actor)
    for code, value in told["total"].items():
        value["cases"] = _link(code, question, told["from"], told["to"], {})
    for row in told["rows"]:
        key = row["subject"]["key"] or ""
        own = {question.by: key} if question.by is not None and question.by in counting.DIMENSIONS else {}
        since, until = row.get("from", told["from"]), row.get("to", told["to"])
        for code, value in row["values"].items():
            value["cases"] = _link(code, question, since, until, own)
    return answers.json(told, headers=PRIVATE)


@router.get("/indicators/{code}/cases", openapi_extra=OPEN, responses=answering(described.CasesBehind))
async def behind(
    code: str,
    caller: SignedIn,
    look: Looking,
    question: Question,
    part: Annotated[
        QueryText, Query(description="counted, base (what it is out of) or rest (base but not counted)")
    ] = ("counted"),
    after: Annotated[UUID | None, Query(description="As given by the page before, in `next`")] = None,
    limit: Annotated[int, Query(ge=1, le=counting.MOST_LISTED)] = 100,
) -> Response:
    """The numbers of the cases behind a number, newest first, of those that the caller may see."""
    told = await look(asking.cases_behind, code, part, question, after, limit, caller.actor)
    return answers.json(told, headers=PRIVATE)


@router.get("/scores/{code}", openapi_extra=OPEN, responses=answering(described.ScoreTold))
async def score(code: str, caller: SignedIn, look: Looking, question: Question) -> Response:
    """A composite score of organisations, people or streets, the best first: its points term by term, its grade, and
    which terms had nothing to count. The weights are one source's convention; `GET /api/indicators` has them.
    """
    return answers.json(await look(asking.score, code, question, caller.actor), headers=PRIVATE)


def _link(code: str, question: Asked, since: datetime, until: datetime, own: Mapping[str, str]) -> str:
    query: list[tuple[str, str]] = [("from", since.isoformat()), ("to", until.isoformat())]
    query += [("where", f"{by}:{key}") for by, key in {**question.where, **own}.items()]
    if question.choice is not None:
        query.append(("choice", question.choice))
    return f"/api/indicators/{code}/cases?{urlencode(query)}"
