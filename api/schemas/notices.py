"""Bodies about notices and deliveries."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.shapes import Body


class ReadIn(Body):
    """Notices that were read: these, or all up to one of them (``until``)."""

    notices: Annotated[list[UUID], Field(max_length=1000, default_factory=list)]
    until: UUID | None = None


class RetryIn(Body):
    """Deliveries that are to be tried again: these, or all that were given up (null)."""

    deliveries: Annotated[list[UUID], Field(max_length=1000)] | None = None
