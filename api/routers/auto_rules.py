"""Rules by which reports file themselves: what they are, what came of it, and how an administrator sets one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SeeingCtx, Tx, requires
from api.schemas.answers import answering
from api.schemas.answers import rules as described
from api.schemas.auto_rules import AutoRuleIn
from api.schemas.shapes import QueryText
from gisops.cases import auto_rules

router = APIRouter(prefix="/api/auto-rules", tags=["cases"])

# Whose work is with what is filed, and who answers for it.
_READERS = ("acceptor", "shift_leader", "dispatcher", "coordinator", "inspector", "leader", "admin")


@router.get(
    "",
    openapi_extra={"x-permission": "roles:" + ",".join(_READERS), "x-scope": "read:cases"},
    responses=answering(described.AutoRules),
)
def listed(
    caller: Annotated[Identity, Depends(requires(*_READERS))],
    conn: Seeing,
    city: SeeingCtx,
    district: QueryText | None = None,
    after: QueryText | None = None,
    limit: Annotated[int, Query(ge=1, le=auto_rules.MOST_ROWS)] = 100,
) -> Response:
    """The rules of districts that the caller has as a whole, and how many of the cases they filed were overturned."""
    return answers.json(auto_rules.listed(conn, city, caller.actor, district, after, limit))


@router.put(
    "/{district}/{code}",
    openapi_extra={"x-permission": "roles:admin", "x-scope": "admin"},
    responses=answering(described.AutoRule),
)
def put(
    district: str,
    code: str,
    body: AutoRuleIn,
    caller: Annotated[Identity, Depends(requires("admin"))],
    conn: Tx,
    city: Ctx,
    scheme: QueryText | None = None,
) -> Response:
    """Set a district's rule for a category (`E04-05`) or a whole major class (`E04`); switched on, its window starts
    anew. `scheme` is the city's own where it is not said.
    """
    named = code if scheme is None else f"{scheme}:{code}"
    return answers.json(
        auto_rules.set_rule(conn, city, district, named, body.wanted(), caller.actor, caller.key_id),
    )
