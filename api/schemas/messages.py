"""Bodies of the thread of a case."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.shapes import Body, Code, Text


class MessageIn(Body):
    """A message: plain text, and the staff codes of whoever is to be told of it. The sender may give it a key, so that
    the same message sent again is the same.
    """

    text: Annotated[Text, Field(max_length=10_000)]
    mentions: Annotated[list[Code], Field(max_length=100, default_factory=list)]
    message_id: UUID | None = None
