"""Answers of the thread of a case."""

from __future__ import annotations

from typing import Annotated, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Moment, Named, Next, Person, Role, closed


@closed
class Message(TypedDict):
    """A message; ``text`` (null once it was erased) and ``mentions`` (staff codes) for whose work is with the case."""

    message_id: UUID
    at: Moment
    role: Role
    author: Person | None
    organisation: Named | None
    mine: bool
    erased_at: Moment | None
    text: NotRequired[str | None]
    mentions: NotRequired[list[str]]


@closed
class Thread(TypedDict):
    """The newest messages of a case, oldest first; ``next`` is the address of those before them."""

    case_no: str
    messages: list[Message]
    next: Next


@closed
class Written(TypedDict):
    """The key of what was written."""

    case_no: str
    message_id: Annotated[UUID, Field(description="The sender's own, where one was sent.")]
