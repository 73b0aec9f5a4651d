"""Answers about notices and deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Many, Moment, closed

NextKey = Annotated[UUID | None, Field(description="What the next page is asked for by (`before`); null on the last.")]


@closed
class Notice(TypedDict):
    """Something that the caller was told: ``told_as`` says as whom."""

    notice_id: UUID
    kind: str
    told_as: str
    created_at: Moment
    read_at: Moment | None
    facts: Annotated[dict[str, Any], Field(description="What it is about: docs/reference/notices.md")]
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str


@closed
class Notices(TypedDict):
    """What the caller was told, newest first; ``unread`` counts the newest thousand."""

    notices: list[Notice]
    next: NextKey
    unread: Many


@closed
class Marked(TypedDict):
    """How many were unread until now."""

    marked: Many


@closed
class Delivery(TypedDict):
    """A message that was given up, or waits; ``last_error`` says what stood in the way."""

    delivery_id: UUID
    lane: str
    state: Literal["dead", "waiting"]
    attempts: Many
    refusals: Many
    next_try_at: Moment | None
    last_error: str | None
    created_at: Moment
    expires_at: Moment | None
    kind: str
    case_no: str | None


@closed
class Deliveries(TypedDict):
    """Messages that were given up, or wait, newest first."""

    deliveries: list[Delivery]
    next: NextKey


@closed
class Retried(TypedDict):
    """How many are tried again."""

    retried: Many
