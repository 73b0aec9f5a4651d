"""What a route may ask for: the request's one transaction, the caller, the city.

``Tx`` commits before the answer is sent (scope "function"): what was answered 201 is there. FastAPI's default would
commit after the answer.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from api.auth import Identities, Identity, identify
from api.database import Database
from gisops import city as cities
from gisops import limits
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import NotAllowed, NotSignedIn
from gisops.settings import Settings

CITY_KEPT_S = 30.0


def settings_of(request: Request) -> Settings:
    """The settings this process was started with."""
    settings: Settings = request.app.state.settings
    return settings


def database_of(request: Request) -> Database:
    """This process's database."""
    database: Database = request.app.state.database
    return database


def identities_of(request: Request) -> Identities:
    """What this process knows of sign-ins."""
    identities: Identities = request.app.state.identities
    return identities


async def identity(request: Request) -> Identity | None:
    """The caller, or ``None``. In the event loop, as a remembered sign-in needs no thread."""
    return await identify(request, identities_of(request))


Caller = Annotated[Identity | None, Depends(identity)]


async def signed_in(caller: Caller) -> Identity:
    """The caller, who must be signed in."""
    if caller is None:
        raise NotSignedIn
    return caller


SignedIn = Annotated[Identity, Depends(signed_in)]


def requires(*roles: str) -> Callable[[Identity], Coroutine[Any, Any, Identity]]:
    """Make a dependency that lets in only these roles: ``Annotated[Identity, Depends(requires("admin"))]``."""

    async def required(caller: SignedIn) -> Identity:
        if caller.role not in roles:
            raise NotAllowed(roles=list(roles), role=caller.role)
        return caller

    return required


async def _slot(request: Request, _caller: Caller) -> AsyncIterator[None]:
    # The caller is found before the slot is taken: looking a sign-in up takes a slot of its own for a moment.
    async with database_of(request).slot():
        yield


def transaction(request: Request, _slot: Annotated[None, Depends(_slot, scope="function")]) -> Iterator[Connection]:
    """The request's transaction: committed when the route returns, rolled back when it raises."""
    with database_of(request).pool.connection() as conn:
        yield conn


Tx = Annotated[Connection, Depends(transaction, scope="function")]


async def city(request: Request, conn: Tx) -> City:
    """The city, as it was at most half a minute ago."""
    state = request.app.state
    read_at, known = getattr(state, "city", (0.0, None))
    if known is not None and time.monotonic() - read_at < CITY_KEPT_S:
        kept: City = known
        return kept
    now = time.monotonic()
    read = await run_in_threadpool(cities.load, conn)
    state.city = (now, read)
    return read


Ctx = Annotated[City, Depends(city)]


def address(request: Request) -> str | None:
    """The network address the request came from. ``X-Forwarded-For`` is not asked: anybody can write one."""
    return request.client.host if request.client is not None else None


async def limit_anonymous_reports(request: Request, caller: Caller) -> None:
    """Let somebody without a sign-in report only so often per minute; in a transaction of its own."""
    if caller is not None:
        return
    bucket = limits.key("report", address(request))
    await database_of(request).run(limits.take, bucket, settings_of(request).anonymous_reports_per_minute)
