"""Keys of operational rows: UUIDv7, made anywhere, sorted by time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import uuid6

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_key() -> UUID:
    """A fresh UUIDv7 as the standard library's own type, which JSON writers and psycopg know."""
    return UUID(int=uuid6.uuid7().int)


def derived_key(at: datetime, name: str) -> UUID:
    """The UUIDv7 of a moment in the past: the same for the same moment and name, by the name's SHA-256."""
    millis = int((at - _EPOCH).total_seconds() * 1000) & (1 << 48) - 1
    chance = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10])
    return UUID(int=millis << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64 | 2 << 62 | chance & (1 << 62) - 1)
