"""The body of a report."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.schemas.shapes import Body, Code, Coordinate, Metres, Text
from gisops.cases.reports import NewReport

MOST_PHOTOS = 9
MOST_IN_BATCH = 1_000

Photo = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ReportIn(Body):
    """A report as it is sent. ``lon, lat`` are in ``crs``, which is never guessed; for a projected system they are
    x (east) and y (north).
    """

    client_uid: UUID = Field(description="Made by the sender; the same one again gets the same answer.")
    channel: Literal["citizen", "officer", "hotline", "video", "sensor", "open311", "feed"]
    category: Code = Field(description="E04-05, or with its scheme: GB/T 30428.2-2013:E04-05.")
    lon: Coordinate
    lat: Coordinate
    crs: Text | None = Field(default=None, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n. Mandatory.")
    accuracy_m: Metres | None = None
    text: Text = ""
    part_code: Code | None = None
    place_id: UUID | None = None
    photos: list[Photo] = Field(default=[], max_length=MOST_PHOTOS)
    captured_at: AwareDatetime | None = None
    source_ref: Annotated[Code, Field(max_length=200)] | None = Field(
        default=None, description="Which device saw it, by its operator's own name; for the channels video and sensor."
    )
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="How sure the device is of what it saw, 0 to 1; for the channels video and sensor."
    )
    joins: Code | None = Field(
        default=None,
        description="An open case near by that this is about: its number, as `suggested` has it, or a word of `near`.",
    )
    outside: Literal["refuse", "desk"] = Field(
        default="refuse", description="What becomes of a point outside the city; a feed may ask for the duty desk."
    )

    def to_report(self) -> NewReport:
        """Hand the report to the ground, which says what of it cannot be."""
        return NewReport(
            client_uid=self.client_uid,
            channel=self.channel,
            category=self.category,
            x=self.lon,
            y=self.lat,
            crs=self.crs or "",
            accuracy_m=self.accuracy_m,
            text=self.text,
            part_code=self.part_code,
            place_id=self.place_id,
            photos=tuple(self.photos),
            captured_at=self.captured_at,
            outside=self.outside,
            source_ref=self.source_ref,
            joins=self.joins,
            confidence=self.confidence,
        )


class BatchIn(Body):
    """Many reports. Each is looked at on its own, so here they are anything."""

    reports: list[Any] = Field(min_length=1, max_length=MOST_IN_BATCH)
