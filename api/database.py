"""The doors' way to the database: one pool per process, and as many requests at it as it has connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool

from gisops.db.pool import Connection, open_pool
from gisops.errors import NotReady

P = ParamSpec("P")
T = TypeVar("T")

# Longer than any healthy request takes, shorter than anybody's patience.
WAIT_S = 5.0


class Database:
    """A pool, and the slots in front of it.

    A request takes a thread to fetch its connection, gives the thread back, and takes one again to do its work. With
    as many threads as connections, requests that wait *in a thread* for a connection would keep those that have one
    from ever getting a thread. So they wait here, in the event loop, for one of as many slots as there are connections.
    """

    def __init__(self, url: str, size: int, *, pooled: bool = False) -> None:
        self.pool = open_pool(url, size, pooled=pooled)
        self._slots = CapacityLimiter(size)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one slot; raises NotReady when none comes free in time."""
        borrower = object()
        try:
            with anyio.fail_after(WAIT_S):
                await self._slots.acquire_on_behalf_of(borrower)
        except TimeoutError:
            raise NotReady("All database connections are busy.", retry_after_s=1) from None
        try:
            yield
        finally:
            self._slots.release_on_behalf_of(borrower)

    async def run(self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one act in a thread, in a transaction of its own that is committed when this returns."""

        def in_transaction() -> T:
            with self.pool.connection() as conn:
                return act(conn, *args, **kwargs)

        async with self.slot():
            return await run_in_threadpool(in_transaction)

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()
