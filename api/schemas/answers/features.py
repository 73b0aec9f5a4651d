"""GeoJSON (RFC 7946), and what else looking at layers answers."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Bbox, Lat, Lon, Many, Metres, Share, closed

Position = Annotated[
    list[float], Field(description="Lon, lat (x, y of the system that was asked for).", min_length=2, max_length=3)
]
Value = Annotated[
    str | int | float | bool | None, Field(description="As its layer's fields say: GET /ogc/collections/{layer_id}.")
]


@closed
class Point(TypedDict):
    """A point."""

    type: Literal["Point"]
    coordinates: Position


@closed
class MultiPoint(TypedDict):
    """Points."""

    type: Literal["MultiPoint"]
    coordinates: list[Position]


@closed
class LineString(TypedDict):
    """A line."""

    type: Literal["LineString"]
    coordinates: list[Position]


@closed
class MultiLineString(TypedDict):
    """Lines."""

    type: Literal["MultiLineString"]
    coordinates: list[list[Position]]


@closed
class Polygon(TypedDict):
    """An area: its outline, counter-clockwise, and its holes."""

    type: Literal["Polygon"]
    coordinates: list[list[Position]]


@closed
class MultiPolygon(TypedDict):
    """An area of several pieces."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[list[Position]]]


Geometry = Point | MultiPoint | LineString | MultiLineString | Polygon | MultiPolygon


@closed
class Link(TypedDict):
    """A link (RFC 8288)."""

    href: str
    rel: str
    type: str
    title: NotRequired[str]
    templated: NotRequired[bool]


@closed
class Feature(TypedDict):
    """A feature of a layer, with the fields that are the caller's to see."""

    type: Literal["Feature"]
    id: str
    geometry: Geometry | None
    properties: dict[str, Value]


@closed
class OneFeature(Feature):
    """A feature of a collection, and where it is from."""

    links: list[Link]


@closed
class FeaturePage(TypedDict):
    """One page of a collection's features (OGC API - Features); ``next`` among its links leads on."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    numberReturned: Many
    numberMatched: NotRequired[Many]
    links: list[Link]


@closed
class NearFeature(Feature):
    """A feature near a point or a shape, and how far off it is."""

    layer: str
    distance_m: Metres


@closed
class BeneathFeature(NearFeature):
    """A feature that lies below; asked by a line or an area, what it has in common with that: its length or its area,
    as a share of what was asked by, and of the feature.
    """

    length_m: NotRequired[Metres | None]
    area_m2: NotRequired[Annotated[float | None, Field(description="Square metres.")]]
    share: NotRequired[Share | None]
    feature_share: NotRequired[Share | None]


@closed
class Nearest(TypedDict):
    """The features nearest to a point (WGS-84), the nearest first."""

    type: Literal["FeatureCollection"]
    features: list[NearFeature]
    lon: Lon
    lat: Lat


@closed
class Beneath(TypedDict):
    """What lies below; ``more`` where there is more than was asked for."""

    type: Literal["FeatureCollection"]
    features: list[BeneathFeature]
    numberReturned: Many
    more: bool


@closed
class Owner(TypedDict):
    """Whose things are that lie below: with the nearest of them, and how many there are."""

    code: str | None
    name_zh: str | None
    name_en: str | None
    layer: str
    key: str
    distance_m: Metres
    features: Many


@closed
class BeneathCase(TypedDict):
    """What lies under a case within ``within_m``, and whose it is; ``certain`` where all of it is one owner's."""

    case_no: str
    lon: Lon
    lat: Lat
    accuracy_m: Metres | None
    within_m: Metres
    layers: list[str]
    owner: Owner | None
    certain: bool
    owners: list[Owner]
    features: list[BeneathFeature]
    more: bool


@closed
class Hit(TypedDict):
    """A feature that was found: by what, how closely, and a point within it."""

    layer: str
    key: str
    label: str
    by: Literal["key", "name"]
    match: Literal["exact", "prefix", "contains"]
    lon: Lon
    lat: Lat
    bbox: Bbox


@closed
class Hits(TypedDict):
    """What was looked for, without what surrounds it, and what was found."""

    q: str
    hits: list[Hit]


@closed
class Group(TypedDict):
    """How many features have a value."""

    value: Value
    count: Many


@closed
class Count(TypedDict):
    """How many features there are. ``fewest``: the least that a number tells of, where there is such a limit."""

    layer: str
    count: Many
    bbox: Bbox | None
    fewest: int | None
    by: NotRequired[str]
    groups: NotRequired[list[Group]]
    rest: NotRequired[Annotated[int, Field(ge=0, description="Those of all other values.")]]


@closed
class SquareCount(TypedDict):
    """How many features are in a square."""

    count: Annotated[int, Field(ge=1)]


@closed
class Square(TypedDict):
    """A square of the grid."""

    type: Literal["Feature"]
    id: Annotated[str, Field(description="zoom/x/y of the tile that it is")]
    geometry: Polygon
    properties: SquareCount


@closed
class Heat(TypedDict):
    """Counts by the squares of a grid whose squares are tiles of the zoom ``cell``."""

    type: Literal["FeatureCollection"]
    layer: str
    cell: int
    fewest: int | None
    count: Many
    features: list[Square]


@closed
class Revealed(TypedDict):
    """The full values of a feature's masked fields."""

    layer: str
    key: str
    purpose: str
    values: dict[str, Value]
