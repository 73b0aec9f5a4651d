"""Documents that maps read: TileJSON, sprites, styles."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Bbox, closed, with_more

Zoom = Annotated[int, Field(ge=0, le=30)]


@with_more
class VectorLayer(TypedDict):
    """What lies in a tile: a layer, and what its attributes mean."""

    id: str
    fields: dict[str, str]
    description: NotRequired[str]
    minzoom: NotRequired[Zoom]
    maxzoom: NotRequired[Zoom]


@closed
class TileJson(TypedDict):
    """TileJSON 3.0.0; ``promoteId``: by which attribute a feature is known, of one layer or of each."""

    tilejson: Literal["3.0.0"]
    name: str
    description: NotRequired[str]
    attribution: NotRequired[str]
    scheme: Literal["xyz"]
    tiles: Annotated[list[str], Field(min_length=1)]
    minzoom: Zoom
    maxzoom: Zoom
    bounds: Bbox
    center: Annotated[list[float], Field(description="Lon, lat, zoom.", min_length=3, max_length=3)]
    vector_layers: NotRequired[list[VectorLayer]]
    promoteId: NotRequired[str | dict[str, str]]


@closed
class Icon(TypedDict):
    """Where an icon is in the sprite, in pixels."""

    x: int
    y: int
    width: int
    height: int
    pixelRatio: Literal[1, 2]
    sdf: bool


@with_more
class Style(TypedDict):
    """A style of the MapLibre Style Specification, version 8."""

    version: Literal[8]
    sources: dict[str, dict[str, Any]]
    layers: list[dict[str, Any]]
