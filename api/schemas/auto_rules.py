"""The body of a rule by which reports file themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.schemas.acts import Why
from api.schemas.shapes import Body, Code
from gisops.cases.auto_rules import Wanted

Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1)]


class AutoRuleIn(Body):
    """A rule as it is to be, and why. What is left out stays as it is; ``min_confidence`` "any" takes a device's word
    again. ``changed_at`` is that of the rule as it was read, null where the district had none.
    """

    enabled: bool
    reason: Why
    changed_at: AwareDatetime | None
    min_confidence: Share | Literal["any"] | None = None
    channels: list[Code] | None = Field(default=None, min_length=1, max_length=20)
    min_photos: Annotated[int, Field(strict=True, ge=0, le=9)] | None = None
    alone: bool | None = None
    certain: bool | None = None
    max_overturn: Share | None = None
    window_cases: Annotated[Count, Field(le=10_000)] | None = None
    window_days: Annotated[Count, Field(le=366)] | None = None
    min_cases: Annotated[Count, Field(le=10_000)] | None = None

    def wanted(self) -> Wanted:
        """Hand it to the ground."""
        said = self.model_dump(exclude={"min_confidence", "channels"})
        sure = self.min_confidence
        return Wanted(
            **said,
            min_confidence=sure if isinstance(sure, float | int) else None,
            any_confidence=sure == "any",
            channels=None if self.channels is None else tuple(self.channels),
        )
