"""Shapes that all bodies share. A schema knows types, sizes and nothing of the city; what a value means, the ground
checks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A request's body: no member that we do not know, so that a misspelt one is told and not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _storable(text: str) -> str:
    # PostgreSQL keeps no NUL, and half a surrogate pair is no character at all.
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must not contain half a surrogate pair") from None
    return text


def _of_our_time(at: datetime) -> datetime:
    if not _FIRST <= at < _LAST:
        raise ValueError(f"must lie between {_FIRST.year} and {_LAST.year}")
    return at


_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)

Text = Annotated[str, Field(strict=True), AfterValidator(_storable)]
"""A text that can be stored; its owner says how long it may be."""

Code = Annotated[Text, Field(min_length=1, max_length=128)]
"""A code of something: of a category, an organisation, a part."""

QueryText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_storable)]
"""A text in an address."""

QueryMoment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
"""A moment in an address, with its zone; of a time that keys and the database's clock can tell."""

Coordinate = Annotated[float, Field(strict=True)]
"""One coordinate, a JSON number. NaN and infinity get as far as the ground, which says what would be right."""

Metres = Annotated[float, Field(strict=True, ge=0, le=100_000, allow_inf_nan=False)]
"""A distance in metres."""
