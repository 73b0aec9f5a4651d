"""Bodies that concern cases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.schemas.shapes import Body, Code, Text


class DispatchIn(Body):
    """A dispatch by hand. ``expected_version`` is the case's version the decision was made on."""

    organisation: Code
    staff: Code | None = None
    reason: Annotated[Text, Field(min_length=1, max_length=1000)]
    expected_version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class ReplayIn(Body):
    """A decision to be made again."""

    case_no: Code
    mode: Literal["as_recorded", "as_of"]
    at: AwareDatetime | None = None
    positions: Literal["recorded", "none"] = "recorded"
