"""What people write about a case beside its moves: with a request, an order, a visit. One table, so that it is read by
the same people and erased in one place; whoever points to a text keeps its key.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from gisops.cases import moves
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, TextTooLong
from gisops.keys import new_key

_SQL = queries.load("gisops.cases", "texts.sql")

LONGEST = 1_000


def keep(conn: Connection, district_code: str, case_id: UUID, kind: str, text: str) -> UUID | None:
    """Keep a text of a case and return its key; None for no text. Raises ``TextTooLong``, ``InvalidInput``."""
    told = kept_with(text)
    key: UUID | None = told["text_id"]
    if key is not None:
        conn.execute(_SQL["keep"], {"district_code": district_code, "case_id": case_id, "kind": kind, **told})
    return key


def kept_with(text: str) -> dict[str, Any]:
    """The same for a statement that keeps the text itself, beside what it belongs to: ``{text_id, salt, text}``, all
    of them None for no text. Raises ``TextTooLong``, ``InvalidInput``.
    """
    if not checked(text).strip():
        return {"text_id": None, "salt": None, "text": None}
    salt, _ = moves.committed(text)
    return {"text_id": new_key(), "salt": salt, "text": text}


def checked(text: str, *, needed: str | None = None) -> str:
    """A text that can be kept; ``needed`` says for what there must be one. Raises ``TextTooLong``, ``InvalidInput``."""
    if len(text) > LONGEST:
        raise TextTooLong(
            f"The text has {len(text)} characters; {LONGEST} is the most.", length=len(text), most=LONGEST
        )
    if "\x00" in text:
        raise InvalidInput("The text holds a NUL character, which no text column can keep.", field="text")
    if needed is not None and not text.strip():
        raise InvalidInput(f"{needed} needs its reason in words.", field="reason")
    return text
