"""Masked values in full: for a purpose, so many an hour, each written down before it leaves."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api import answers
from api.deps import Layers, Seeing, SignedIn, database_of
from api.schemas.answers import answering
from api.schemas.answers.features import Revealed
from api.schemas.reveal import RevealIn
from gisops.access import limits
from layers import reveals
from layers.viewer import viewer_of

router = APIRouter(prefix="/api", tags=["audit"])


async def limit_reveals(request: Request, caller: SignedIn) -> None:
    """So many an hour for one account, in a transaction of its own: what is refused afterwards is counted too."""
    bucket = limits.key("reveal", None, str(caller.actor.account_id))
    await database_of(request).run(limits.take_hourly, bucket, reveals.PER_HOUR)


@router.post(
    "/reveal",
    dependencies=[Depends(limit_reveals)],
    openapi_extra={"x-permission": "signed_in", "x-scope": "reveal"},
    responses=answering(Revealed, _429="More than 60 in an hour"),
)
def reveal(body: RevealIn, caller: SignedIn, conn: Seeing, catalog: Layers) -> Response:
    """The full values of a feature's masked fields, for somebody who may see them masked, and says what for. That it
    was asked is in the audit before it is answered.
    """
    layer = catalog[body.layer]
    values = reveals.reveal(
        conn, layer, viewer_of(caller.role), body.key, body.fields, body.purpose, body.note, key_id=caller.key_id
    )
    shown = {"layer": layer.id, "key": body.key, "purpose": body.purpose, "values": values}
    return answers.json(shown, headers={"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie"})
