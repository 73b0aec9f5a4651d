"""What a route may ask for: the request's one transaction, the caller, the city.

A route that reads takes ``Seeing`` (or ``Looking``): the transaction is the viewer's, and what he may not see is not
there. A route that acts takes ``Tx`` (or ``Working``): the system's, which asks for itself what the caller may act on.

``Tx`` commits before the answer is sent (scope "function"): what was answered 201 is there. FastAPI's default would
commit after the answer.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from api.auth import Identities, Identity, identify
from api.catalogs import Catalogs
from api.database import Database
from gisops import city as cities
from gisops import photos
from gisops.access import limits, scopes
from gisops.cases import joining
from gisops.cases.duplicates import NotJoinable
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import NotAllowed, NotSignedIn
from gisops.photos import Stranger
from gisops.settings import Settings
from layers.catalog import Catalog

CITY_KEPT_S = 30.0
# How often somebody without a sign-in asks what is near: in an hour, times what he may in a minute.
NEAR_PER_HOUR = 4
# And how often he may be wrong about what he joins.
MISSED_JOINS_PER_HOUR = 12
# Of a route that is open to everybody: the layer asked for decides.
PUBLIC_ROUTE = {"x-permission": "public", "x-scope": "read:layers"}

P = ParamSpec("P")
T = TypeVar("T")


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


def _look_as(request: Request, conn: Connection, account_id: int | None) -> None:
    scopes.look_as(conn, account_id)
    room = request.app.state.watch.look()
    if room is not None and room.full:
        # Reading goes on, but for what must be written down: a look at personal data fails here, and is refused.
        conn.execute("SET LOCAL transaction_read_only = on")


def seeing(
    request: Request, caller: Caller, _slot: Annotated[None, Depends(_slot, scope="function")]
) -> Iterator[Connection]:
    """The request's transaction as the viewer: it reads what the caller may see, whatever a statement forgets."""
    with database_of(request).pool.connection() as conn:
        _look_as(request, conn, _account_of(caller))
        yield conn


Seeing = Annotated[Connection, Depends(seeing, scope="function")]


async def catalog(request: Request) -> Catalog:
    """The layers there are: shipped, and the city's own."""
    catalogs: Catalogs = request.app.state.catalogs
    return await catalogs.present()


Layers = Annotated[Catalog, Depends(catalog)]


def _account_of(caller: Identity | None) -> int | None:
    return None if caller is None else caller.actor.account_id


def _city(request: Request, conn: Connection) -> City:
    state = request.app.state
    read_at, known = getattr(state, "city", (0.0, None))
    if known is None or time.monotonic() - read_at >= CITY_KEPT_S:
        now = time.monotonic()
        known = cities.load(conn)
        state.city = (now, known)
    kept: City = known
    return kept


async def city(request: Request, conn: Tx) -> City:
    """The city, as it was at most half a minute ago."""
    return await run_in_threadpool(_city, request, conn)


Ctx = Annotated[City, Depends(city)]


async def seeing_city(request: Request, conn: Seeing) -> City:
    """The same beside ``Seeing``, so that a request has one transaction and not two."""
    return await run_in_threadpool(_city, request, conn)


SeeingCtx = Annotated[City, Depends(seeing_city)]


class Work:
    """One act in one thread: connection, transaction, city, act and commit without going back to the event loop.

    What ``Tx`` and ``Ctx`` spread over four visits to a thread takes one here. Each visit waits for the interpreter's
    lock twice, which under load is most of a short request's time; so the busiest routes work this way.
    """

    def __init__(self, request: Request, _caller: Caller) -> None:
        self._request = request

    async def __call__(
        self, act: Callable[Concatenate[Connection, City, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``act(conn, city, ...)``; it is committed when this returns."""

        def with_city(conn: Connection) -> T:
            return act(conn, _city(self._request, conn), *args, **kwargs)

        return await database_of(self._request).run(with_city)


Working = Annotated[Work, Depends()]


class Look:
    """The same for one act that reads: its transaction is the viewer's, as with ``Seeing``."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self._request, self._account_id = request, _account_of(caller)

    async def __call__(
        self, act: Callable[Concatenate[Connection, City, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``act(conn, city, ...)`` as the viewer."""
        return await self.at(lambda conn: act(conn, _city(self._request, conn), *args, **kwargs))

    async def at(self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``act(conn, ...)`` as the viewer, where no city is needed."""

        def as_viewer(conn: Connection) -> T:
            _look_as(self._request, conn, self._account_id)
            return act(conn, *args, **kwargs)

        return await database_of(self._request).run(as_viewer)


Looking = Annotated[Look, Depends()]


def address(request: Request) -> str | None:
    """The network address the request came from. ``X-Forwarded-For`` is asked only where the peer is a proxy of
    ``GISOPS_TRUSTED_PROXIES`` (api.app): anybody can write one.
    """
    return request.client.host if request.client is not None else None


async def limit_anonymous_reports(request: Request, caller: Caller) -> None:
    """Let somebody without a sign-in report only so often per minute; in a transaction of its own."""
    if caller is not None:
        return
    bucket = limits.key("report", address(request))
    await database_of(request).run(limits.take, bucket, settings_of(request).anonymous_reports_per_minute)


async def limited_joining(request: Request, caller: Identity | None) -> bytes:
    """The same for asking what was reported near by, each address and each account as often as somebody may report, and
    an address four times that in an hour: enough for a walk, and too little for a map of the city. Returns what the
    words to join by are sealed with.
    """
    per_minute = settings_of(request).anonymous_reports_per_minute
    of_account = limits.key("near of account", None, str(caller.actor.account_id)) if caller is not None else None

    def key(conn: Connection) -> bytes:
        if of_account is not None:
            limits.take(conn, of_account, per_minute)
        else:
            limits.take(conn, limits.key("near", address(request)), per_minute)
            limits.take_hourly(conn, limits.key("near in an hour", address(request)), NEAR_PER_HOUR * per_minute)
        return joining.key(conn)

    return await database_of(request).run(key)


def joiner(request: Request, caller: Identity | None) -> str | None:
    """By what it is known that somebody without a sign-in joined a case before: a digest of his address."""
    return limits.key("join", address(request)) if caller is None else None


@asynccontextmanager
async def trying_to_join(request: Request, caller: Identity | None, joins: str | None) -> AsyncIterator[None]:
    """Let an address without a sign-in name a case it cannot join only so often an hour: what is refused and what is
    not would tell, try by try, where a case is.
    """
    if caller is not None or joins is None:
        yield
        return
    run, bucket = database_of(request).run, limits.key("missed join", address(request))
    await run(limits.take_hourly, bucket, MISSED_JOINS_PER_HOUR)
    try:
        yield
    except NotJoinable:
        raise
    except BaseException:
        await run(limits.give_back, bucket, MISSED_JOINS_PER_HOUR)
        raise
    await run(limits.give_back, bucket, MISSED_JOINS_PER_HOUR)


async def limit_anonymous_photos(request: Request, caller: Caller) -> None:
    """The same for photographs, before anything of one is read; and only while not too much lies here unnamed."""
    if caller is None:
        database, settings = database_of(request), settings_of(request)
        await database.run(limits.take, limits.key("photo", address(request)), settings.anonymous_photos_per_minute)
        await database.run(photos.check_quota, photo_stranger(request))


def photo_stranger(request: Request) -> Stranger:
    """By what photographs of somebody without a sign-in are counted: a digest, so that no table holds his address."""
    settings = settings_of(request)
    most = settings.anonymous_photo_bytes_per_address, settings.anonymous_photo_bytes
    return Stranger(limits.key("photo bytes", address(request)), *most)
