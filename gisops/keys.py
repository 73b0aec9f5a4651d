"""Keys of operational rows: UUIDv7, made anywhere, sorted by time."""

from __future__ import annotations

from uuid import UUID

import uuid6


def new_key() -> UUID:
    """A fresh UUIDv7 as the standard library's own type, which JSON writers and psycopg know."""
    return UUID(int=uuid6.uuid7().int)
