"""Answers about the city: itself, its categories, its handbook, its days; and whether the service works."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import (
    Bbox,
    CategoryNamed,
    Coded,
    LayerClass,
    Many,
    Moment,
    Severity,
    Step,
    Unit,
    Words,
    closed,
)


@closed
class CityLayer(TypedDict):
    """A layer, and whether it is open to the caller (``allowed``)."""

    id: str
    title_zh: str
    title_en: str
    family: Words
    layer_class: Annotated[LayerClass, Field(alias="class")]
    geometry: Literal["point", "line", "polygon", "mixed"]
    minzoom: Annotated[int, Field(ge=0, le=24)]
    maxzoom: Annotated[int, Field(ge=0, le=24)]
    allowed: bool
    updated_at: NotRequired[Moment]
    stale: NotRequired[Annotated[bool, Field(description="Its last load is longer ago than its cycle.")]]


@closed
class Sample(TypedDict):
    """That the city is a sample, and whether its ground is made up."""

    made_up: bool


@closed
class City(TypedDict):
    """The city, and its layers."""

    code: str
    name_zh: str
    name_en: str
    bbox: Bbox
    center: Annotated[list[float], Field(description="Lon, lat.", min_length=2, max_length=2)]
    crs: Literal["EPSG:4326"]
    timezone: str
    attribution: Annotated[str | None, Field(description="Who drew the ground, where the map must say so.")]
    sample: Annotated[Sample | None, Field(description="Null for a city of one's own.")]
    layers: list[CityLayer]


@closed
class Category(TypedDict):
    """A category that can be reported: a part (P) or an event (E)."""

    code: str
    kind: Literal["P", "E"]
    name_zh: str
    name_en: str
    severity: Severity


@closed
class Categories(TypedDict):
    """The categories of the city's scheme."""

    scheme: str
    categories: list[Category]


@closed
class Limit(TypedDict):
    """A time limit of one step, in areas of a grade and a season where it is not for all (empty)."""

    step: Step
    unit: Unit
    value: float
    season: str
    area_grade: str
    step_zh: str
    step_en: str
    zh: str
    en: str


@closed
class HandbookEntry(TypedDict):
    """What the handbook says of one condition of a category, for as long as it holds."""

    condition_id: int
    category: CategoryNamed
    severity: Severity
    seq: int
    is_default: bool
    text_zh: str
    text_en: str
    evidence_zh: str
    closing_zh: str
    closing_en: str
    min_photos: Many
    limits: list[Limit]
    handling_zh: str
    handling_en: str
    supervising_zh: str
    responsible_zh: str
    legal_zh: str
    collection_zh: str
    collection_en: str
    certainty: Coded
    source: Literal["shipped", "city"]
    valid_from: Moment | None
    valid_until: Moment | None


@closed
class Handbook(TypedDict):
    """The handbook, as it was at a moment, or now (null)."""

    at: Moment | None
    entries: list[HandbookEntry]


@closed
class Window(TypedDict):
    """Hours of work in a day, local time."""

    opens: Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
    closes: Annotated[str, Field(pattern=r"^\d\d:\d\d$")]


@closed
class Day(TypedDict):
    """One day, and whether it is worked on."""

    date: date
    works: bool
    kind: Literal["work", "holiday", "in_lieu", "weekday", "weekend"]
    note: str


@closed
class Calendar(TypedDict):
    """The working hours, and day by day whether it works; after ``known_until`` days go by their weekday alone."""

    timezone: str
    windows: list[Window]
    known_until: date | None
    days: list[Day]


@closed
class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


@closed
class Ready(TypedDict):
    """Everything that is needed works."""

    status: Literal["ready"]
    database: Literal["ok"]
    migrations: Literal["current"]
    worker: Literal["ok"]
    worker_lag_s: Annotated[float | None, Field(description="Seconds since the worker last left word.")]
    disk: Literal["ok"]


@closed
class Photo(TypedDict):
    """A photograph that was taken in."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    type: Literal["image/jpeg", "image/png", "image/webp"]
    bytes: Many
    width: Annotated[int, Field(description="Pixels.", ge=1)]
    height: Annotated[int, Field(description="Pixels.", ge=1)]
