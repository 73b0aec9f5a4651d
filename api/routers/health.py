"""Is it alive, and can it work?"""

from __future__ import annotations

from secrets import compare_digest
from typing import Annotated, Any

import anyio
import psycopg
from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api import answers, metrics, problems
from api.auth import identify
from api.deps import database_of, identities_of, requires, settings_of, signed_in
from api.schemas.answers import answering
from api.schemas.answers import city as described
from gisops import events, vitals
from gisops.access import scopes
from gisops.db import migrate
from gisops.db.pool import connect
from gisops.errors import GisopsError, NotAllowed
from layers.catalog import view_sql

router = APIRouter(tags=["operations"])

# The relay leaves word every second; ten missed ones are no accident.
LONGEST_LAG_S = 10.0


@router.get(
    "/healthz", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(described.Alive)
)
async def healthz() -> Response:
    """The process answers."""
    return answers.json({"status": "ok"})


@router.get(
    "/readyz",
    openapi_extra={"x-permission": "public", "x-scope": "none"},
    responses=answering(described.Ready, _503="Something that is needed does not work"),
)
async def readyz(request: Request) -> Response:
    """The database answers, its schema is this release's, the relay runs, and the disk has room; else 503."""
    # Through a connection of its own, so that a full pool does not look like a dead database.
    state = await anyio.to_thread.run_sync(_look, request.app.state.url, limiter=request.app.state.looking)
    seen = request.app.state.watch.look()
    state["disk"] = "ok" if seen is None else seen.state
    fine = {"database": "ok", "migrations": "current", "worker": "ok", "disk": "ok"}
    ready = all(state[name] == value for name, value in fine.items())
    if ready:
        return answers.json({"status": "ready", **state}, headers={"Cache-Control": "no-store"})
    detail = "Not ready: " + ", ".join(f"{name} {state[name]}" for name in fine if state[name] != fine[name]) + "."
    shown = problems.problem(503, "not_ready", detail, request.url.path, **state, retry_after_s=2)
    return problems.answer(shown)


async def _monitor(request: Request) -> None:
    """Let in the monitor by its token, and administrators of the whole city: it is the whole that is counted."""
    token = settings_of(request).metrics_token
    given = request.headers.get("Authorization", "")
    if token is not None and compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
        return
    caller = await requires("admin")(await signed_in(await identify(request, identities_of(request))))
    if not (await database_of(request).run(scopes.scope_of, caller.actor.account_id)).everywhere:
        raise NotAllowed("These figures are of the whole city, and this account sees a part of it.")


@router.get(
    "/metrics",
    openapi_extra={"x-permission": "roles:admin", "x-scope": "admin"},
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def read_metrics(request: Request, _monitor: Annotated[None, Depends(_monitor)]) -> Response:
    """Figures in Prometheus' text format, for administrators and for the token in ``GISOPS_METRICS_TOKEN``."""
    taken = await anyio.to_thread.run_sync(_vitals, request.app.state.url, limiter=request.app.state.looking)
    request.app.state.tally.add_up()
    text = await run_in_threadpool(metrics.exposition, taken, request.app.state.watch.look())
    return Response(text, media_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _vitals(url: str) -> vitals.Vitals | None:
    try:
        with connect(url, autocommit=True, connect_timeout=2) as conn:
            return vitals.take(conn)
    except psycopg.Error:
        return None


def _look(url: str) -> dict[str, Any]:
    state: dict[str, Any] = {"database": "away", "migrations": "unknown", "worker": "unknown", "worker_lag_s": None}
    try:
        with connect(url, autocommit=True, connect_timeout=2) as conn:
            state["database"] = "ok"
            try:
                state["migrations"] = "current" if migrate.status(conn, view_sql()).up_to_date else "pending"
            except GisopsError:
                state["migrations"] = "broken"
            lag_s = events.standing(conn).lag_s
    except psycopg.Error:
        return state
    state["worker_lag_s"] = None if lag_s is None else round(lag_s, 3)
    state["worker"] = "ok" if lag_s is not None and lag_s <= LONGEST_LAG_S else "away"
    return state
