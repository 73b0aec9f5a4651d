"""A town's ground as arrays: what a drawn city and a real one have in common.

Whoever makes a town (``gisops.sample.made`` draws one, ``gisops.sample.osm`` reads one from OpenStreetMap) ends in a
``Town``; cells, zones, people, parts, pipes and past cases are laid over it without knowing which it is. Shapes lie
in metres of the town's own survey grid, x east and y north, and become degrees only on their way into a table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]
Texts = NDArray[np.object_]

ROAD_CLASSES = ("motorway", "trunk", "primary", "secondary", "tertiary", "residential", "service", "footway")
WATER_CLASSES = ("sea", "river", "canal", "lake", "pond")
GREEN_CLASSES = ("park", "forest", "farmland", "grass", "pitch", "cemetery", "wetland", "beach")


@dataclass(frozen=True)
class Profile:
    """What the town is called and where it lies. ``made_up`` is False where the ground is a real city's."""

    city_code: str
    city_zh: str
    city_en: str
    district_code: str
    district_zh: str
    district_en: str
    metric_srid: int
    timezone: str
    made_up: bool
    note_zh: str
    note_en: str
    attribution: str = ""


@dataclass(frozen=True)
class Roads:
    """Centre lines (LineString), split where roads of any class meet; full width in metres."""

    geom: Shapes
    road_class: Texts
    name_zh: Texts
    name_en: Texts
    oneway: NDArray[np.bool_]
    width_m: NDArray[np.float64]


@dataclass(frozen=True)
class Waters:
    """Water areas (Polygon or MultiPolygon), one of each named body; the sea too, clipped to the map's frame."""

    geom: Shapes
    water_class: Texts
    name_zh: Texts
    name_en: Texts


@dataclass(frozen=True)
class Greens:
    """Parks, woods, fields (Polygon); they may lie under buildings and paths."""

    geom: Shapes
    green_class: Texts
    name_zh: Texts


@dataclass(frozen=True)
class Buildings:
    """Footprints (Polygon) with what they are used for; ``households`` is 0 where nobody lives."""

    geom: Shapes
    use: Texts
    name_zh: Texts
    floors: NDArray[np.int64]
    height_m: NDArray[np.float64]
    households: NDArray[np.int64]


@dataclass(frozen=True)
class Spots:
    """Points of interest the source knows (Point); empty for a drawn town, whose places are made from its buildings."""

    geom: Shapes
    kind: Texts
    name_zh: Texts
    name_en: Texts


@dataclass(frozen=True)
class Fixtures:
    """Street furniture the source knows (Point): lamp, tree, bin, hydrant, ...; empty for a drawn town."""

    geom: Shapes
    kind: Texts


@dataclass(frozen=True)
class Town:
    """The ground of a town. ``outline`` is the city's border (land and the water inside it), ``land`` what is dry.

    ``blocks`` are the faces that streets, water and the border cut the land into (Polygon): together they tile
    ``outline`` without gaps, share every vertex with their neighbours (``shapely.coverage_is_valid``) and are the
    stuff that cells and areas are made of. ``urban`` says of each block how built up it is, from 0 (fields, water)
    to 1 (the centre).
    """

    profile: Profile
    outline: Any
    land: Any
    roads: Roads
    waters: Waters
    greens: Greens
    buildings: Buildings
    spots: Spots
    fixtures: Fixtures
    blocks: Shapes
    urban: NDArray[np.float64]
    # What the source says of its own age and making, for the city's settings.
    facts: dict[str, Any] = field(default_factory=dict)


@cache
def _to_degrees(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(srid, 4326, always_xy=True)


def to_degrees(geometry: Any, srid: int) -> Any:
    """Turn a geometry (or an array of them) from the survey grid's metres into WGS-84 degrees, SRID 4326.

    Every vertex is converted by itself and rounded to 9 decimals, so neighbours that share vertices in metres share
    them in degrees.
    """
    transformer = _to_degrees(srid)

    def place(xy: NDArray[np.float64]) -> Any:
        lon, lat = transformer.transform(xy[:, 0], xy[:, 1])
        return np.round(np.column_stack([lon, lat]), 9)

    return shapely.set_srid(shapely.transform(geometry, place), 4326)


def to_hex(geometries: Shapes, srid: int) -> list[str]:
    """Survey metres -> EWKB in hexadecimal, SRID 4326, as ``Sheet`` rows hold it."""
    return list(shapely.to_wkb(to_degrees(geometries, srid), hex=True, include_srid=True))
