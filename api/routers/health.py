"""Is it alive, and can it work?"""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
from fastapi import APIRouter, Request, Response

from api import answers, problems
from gisops import events
from gisops.db import migrate
from gisops.db.pool import connect
from gisops.errors import GisopsError
from layers.catalog import view_sql

router = APIRouter(tags=["operations"])

# The relay leaves word every second; ten missed ones are no accident.
LONGEST_LAG_S = 10.0


@router.get("/healthz", openapi_extra={"x-permission": "public"})
async def healthz() -> Response:
    """The process answers."""
    return answers.json({"status": "ok"})


@router.get("/readyz", openapi_extra={"x-permission": "public"})
async def readyz(request: Request) -> Response:
    """The database answers, its schema is this release's, and the relay runs; else 503."""
    # Through a connection of its own, so that a full pool does not look like a dead database.
    state = await anyio.to_thread.run_sync(_look, request.app.state.url, limiter=request.app.state.looking)
    ready = state["database"] == "ok" and state["migrations"] == "current" and state["worker"] == "ok"
    if ready:
        return answers.json({"status": "ready", **state}, headers={"Cache-Control": "no-store"})
    detail = "Not ready: " + ", ".join(f"{name} {state[name]}" for name in ("database", "migrations", "worker")) + "."
    shown = problems.problem(503, "not_ready", detail, request.url.path, **state, retry_after_s=2)
    return problems.answer(shown)


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
