"""Answers about what happened where and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import CategoryNamed, Lat, Lon, Metres, Moment, Severity, Stage, State, closed


@closed
class Happening(TypedDict):
    """A case as a point with its moment."""

    case_no: str
    state: State
    stage: Stage
    severity: Severity
    category: CategoryNamed
    lon: Lon
    lat: Lat
    reported_at: Moment
    distance_m: Annotated[Metres | None, Field(description="From the point that was asked about; null without one.")]


@closed
class Happened(TypedDict):
    """What was reported in a period, the newest first."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    cases: list[Happening]
    more: Annotated[bool, Field(description="Whether there were more than were told.")]
