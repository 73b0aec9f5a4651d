"""Adapters: one file for each way by which something leaves the house. Each sends one message, or says why not.

``Unreachable`` is about the other side (nobody there, a time-out, overloaded): the way is left in peace for a while and
the message waits. ``Refused`` is about the message: it was understood there, and not taken. Whoever adds an adapter
raises one of the two and nothing else; `gisops.deliveries` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


class Undelivered(Exception):
    """A message was not taken. ``said`` is short and holds no address and nothing of the message."""

    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(said)


class Unreachable(Undelivered):
    """Nobody was there to take it; ``retry_after_s`` is what the other side asked for, if it did."""

    def __init__(self, said: str, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(said)


class Refused(Undelivered):
    """It was understood, and not taken."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``delivery_id`` is the same at every try. ``facts`` are codes, the texts are made of them; ``to``
    is a telephone number, an e-mail address, or the URL of a webhook, which is signed with ``secret``.
    """

    delivery_id: UUID
    kind: str
    seq: int
    told_at: datetime
    facts: dict[str, Any]
    to: str
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    # stands in no log: what shows a message shows it without
    secret: bytes = field(default=b"", repr=False)


Send = Callable[[Message], None]
