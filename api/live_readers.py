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
    """An account that looks, through one stream or many; its scope, which may hold thousands of units, is kept once.
    ``words`` are those by which events are addressed to it alone.
    """

    account_id: int
    scope: Scope
    words: frozenset[str] = frozenset()
    numbers: set[int] = field(default_factory=set)


class Addressed:
    """By which words events reach which accounts, so that what is for one costs nothing for all the others."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[Account]] = {}

    def keep(self, account: Account, words: frozenset[str]) -> None:
        """An account is addressed by these words from here on, and by no others."""
        for word in account.words - words:
            self._by_word[word].remove(account)
            if not self._by_word[word]:
                del self._by_word[word]
        for word in words - account.words:
            self._by_word.setdefault(word, []).append(account)
        account.words = words

    def streams(self, recipient: str) -> list[int]:
        """The numbers of the streams of those to whom an event is addressed."""
        return [number for account in self._by_word.get(recipient, ()) for number in account.numbers]


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
