"""Who reads the live stream: subscribers with their boxes and queues, and the accounts whose scope they share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from gisops.access.scopes import Scope

Box = tuple[float, float, float, float]
WORLD: Box = (-180.0, -90.0, 180.0, 90.0)

QUEUE = 256


@dataclass(eq=False)
class Account:
    """An account that looks, through one stream or many; its scope, which may hold thousands of units, is kept once."""

    account_id: int
    scope: Scope
    numbers: set[int] = field(default_factory=set)


@dataclass(eq=False)
class Subscriber:
    """Somebody looking at a box. ``None`` in the queue is the end."""

    number: int
    box: Box
    token_hash: bytes
    account: Account
    start: int
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    ended: str | None = None

    @property
    def tail(self) -> bytes:
        """What ends each frame: the id names the scope that it was told in, so that nobody resumes into another."""
        return b".%d\n\n" % self.account.scope.version

    def offer(self, frame: bytes) -> bool:
        """Queue a frame; says whether there was room."""
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            return False
        return True

    def end(self, why: str) -> None:
        """Stop the stream as soon as its client takes anything; what is queued is dropped."""
        self.ended = why
        self.drop()
        self.queue.put_nowait(None)

    def drop(self) -> None:
        """Forget what is queued."""
        while not self.queue.empty():
            self.queue.get_nowait()
