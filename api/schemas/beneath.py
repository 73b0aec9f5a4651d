"""What is sent to be told what lies below."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.shapes import Body, Text
from layers.beneath import MAX_LIMIT, MAX_WITHIN_M


class BeneathIn(Body):
    """A GeoJSON geometry whose positions are x, y of ``crs``; how near is meant, and how many features at most."""

    geometry: dict[str, Any]
    crs: Annotated[Text, Field(max_length=64)] = ""
    within_m: Annotated[float, Field(strict=True, ge=0, le=MAX_WITHIN_M, allow_inf_nan=False)] | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_LIMIT)] = 100
