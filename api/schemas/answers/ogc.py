"""Documents of OGC API, as the standards have them (17-069r4, 20-057, 17-083r4), with what is ours beside."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.features import Link
from api.schemas.answers.shapes import Moment, Words, closed, with_more


@closed
class Landing(TypedDict):
    """The landing page."""

    title: str
    description: str
    links: list[Link]


@closed
class Conformance(TypedDict):
    """The conformance classes that are met."""

    conformsTo: list[str]
    links: list[Link]


@closed
class CollectionField(TypedDict):
    """A field that the caller gets, and what it means."""

    name: str
    type: Literal["text", "integer", "number", "boolean", "timestamp"]
    title_zh: str
    title_en: str
    meaning: str


@closed
class SpatialExtent(TypedDict):
    """Boxes in which everything lies."""

    bbox: list[list[float]]
    crs: str


@closed
class TemporalExtent(TypedDict):
    """Intervals in which everything lies; open ends are null."""

    interval: list[list[str | None]]
    trs: str


@closed
class CollectionExtent(TypedDict):
    """Where and when everything of a collection is."""

    spatial: NotRequired[SpatialExtent]
    temporal: NotRequired[TemporalExtent]


@closed
class Collection(TypedDict):
    """A layer as a collection of features."""

    id: str
    title: str
    description: str
    itemType: Literal["feature"]
    crs: list[str]
    storageCrs: str
    family: Words
    update_cycle: str
    updated_at: NotRequired[Moment]
    stale: NotRequired[bool]
    fields: list[CollectionField]
    links: list[Link]
    extent: NotRequired[CollectionExtent]


@closed
class Collections(TypedDict):
    """The collections that are open to the caller."""

    crs: list[str]
    links: list[Link]
    collections: list[Collection]


@with_more
class Queryables(TypedDict):
    """A JSON Schema: by what a collection's features can be asked for."""

    schema_: Annotated[str, Field(alias="$schema")]
    id_: Annotated[str, Field(alias="$id")]
    type: Literal["object"]
    title: str
    properties: dict[str, dict[str, Any]]


@with_more
class Description(TypedDict):
    """An API described in OpenAPI 3.0."""

    openapi: Annotated[str, Field(pattern=r"^3\.0\.")]
    info: dict[str, Any]
    paths: dict[str, dict[str, Any]]
    components: dict[str, Any]


@closed
class MatrixSetListed(TypedDict):
    """A tiling scheme there is."""

    id: str
    title: str
    uri: str
    crs: str
    links: list[Link]


@closed
class MatrixSets(TypedDict):
    """The tiling schemes there are."""

    links: list[Link]
    tileMatrixSets: list[MatrixSetListed]


@closed
class Matrix(TypedDict):
    """One zoom of a tiling scheme; ``cellSize`` in metres."""

    id: str
    scaleDenominator: float
    cellSize: float
    cornerOfOrigin: Literal["topLeft"]
    pointOfOrigin: Annotated[list[float], Field(min_length=2, max_length=2)]
    tileWidth: int
    tileHeight: int
    matrixWidth: int
    matrixHeight: int


@closed
class MatrixSet(TypedDict):
    """A tiling scheme, as it is registered."""

    id: str
    title: str
    uri: str
    crs: str
    orderedAxes: list[str]
    wellKnownScaleSet: str
    tileMatrices: list[Matrix]


@closed
class MatrixLimits(TypedDict):
    """Rows and columns that there are at a zoom."""

    tileMatrix: str
    minTileRow: int
    maxTileRow: int
    minTileCol: int
    maxTileCol: int


@closed
class TilesetListed(TypedDict):
    """A tileset in a list."""

    title: str
    dataType: Literal["vector"]
    crs: str
    tileMatrixSetURI: str
    tileMatrixSetId: str
    tileMatrixSetLimits: list[MatrixLimits]
    links: list[Link]


@closed
class Tilesets(TypedDict):
    """The tilesets there are."""

    links: list[Link]
    tilesets: list[TilesetListed]


@with_more
class TilesetLayer(TypedDict):
    """A layer in a tileset, and a schema of its attributes."""

    id: str
    title: str
    dataType: Literal["vector"]
    propertiesSchema: dict[str, Any]
    links: list[Link]


@closed
class BoundingBox(TypedDict):
    """The box in which all tiles lie."""

    lowerLeft: list[float]
    upperRight: list[float]
    crs: str


@closed
class CenterPoint(TypedDict):
    """Where to look first."""

    coordinates: list[float]
    crs: str
    tileMatrix: str


@closed
class Tileset(TilesetListed):
    """A tileset, as the caller gets it."""

    description: NotRequired[str]
    attribution: NotRequired[str]
    boundingBox: BoundingBox
    mediaTypes: list[str]
    version: NotRequired[str]
    layers: NotRequired[list[TilesetLayer]]
    centerPoint: NotRequired[CenterPoint]
