"""How many features there are: in a box, by the values of a field, and by the squares of a fixed grid.

Whoever may see a layer's features gets the true numbers of those he may see. Of a personal layer others learn how many
there are roughly where, if they may see the whole city: by squares of the tile grid, none of which tells of fewer than
`FEWEST`. The window ``squares_<layer>`` holds to that in the database; see `layers/windows.sql` for how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from gisops.crs import WORLD_M
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotAllowed
from layers.catalog import Layer
from layers.classes import PERSONAL, WORK
from layers.features import BBox, check_bbox, corners
from layers.seen import BOX, NO_BOX, by_window, inside, rows, window
from layers.viewer import Viewer

_SQL = load("layers", "counts.sql")
FEWEST = 5
COARSEST, FINEST = 14, 17
MAX_SQUARES, MAX_GROUPS = 65_536, 500
# Values of these types name a kind of thing; numbers and moments are told one by one by the features themselves.
_KINDS = ("text", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares of the tile grid of one zoom, from a box: columns eastward, rows southward, all ends included."""

    zoom: int
    west_x: int
    north_y: int
    east_x: int
    south_y: int

    def bounds(self) -> BBox:
        """Return the box they cover, in degrees."""
        west, north = _corner(self.zoom, self.west_x, self.north_y)
        east, south = _corner(self.zoom, self.east_x + 1, self.south_y + 1)
        return west, south, east, north

    def values(self) -> dict[str, Any]:
        """Return them as a statement's parameters."""
        numbers = {"west_x": self.west_x, "north_y": self.north_y, "east_x": self.east_x, "south_y": self.south_y}
        return {"zoom": self.zoom, "side": WORLD_M / (1 << self.zoom), **numbers, **corners(self.bounds())}


@dataclass(frozen=True, slots=True)
class Heat:
    """Counts by square: ``squares`` as (x, y, count), ``fewest`` the least any may tell of (None: no such limit)."""

    asked: Squares
    squares: tuple[tuple[int, int, int], ...]
    fewest: int | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many features: ``groups`` as (value, count), the most first, ``rest`` those of other values; ``bbox`` is
    what was counted, which for squares is more than was asked.
    """

    count: int
    bbox: BBox | None
    fewest: int | None
    groups: tuple[tuple[Any, int], ...] | None = None
    rest: int = 0


def count(conn: Connection, layer: Layer, viewer: Viewer, *, bbox: BBox | None = None, by: str | None = None) -> Count:
    """Count the features a viewer may see, in a box and by a field where asked for.

    Who may not see them one by one gets the sum of what `heat` shows at its coarsest. Raises ``InvalidInput``,
    ``NotSignedIn`` or ``NotAllowed``.
    """
    if not viewer.may_see(layer):
        _require_overview(conn, layer, viewer)
        if by is not None:
            raise NotAllowed(f"The layer {layer.id} is counted by squares for the role {viewer.role}, not by a field.")
        shown = heat(conn, layer, viewer, bbox=bbox, zoom=COARSEST)
        area = None if bbox is None else shown.asked.bounds()
        return Count(sum(each[2] for each in shown.squares), area, FEWEST)
    if by is None:
        row = conn.execute(_total(layer, viewer, bbox is not None), corners(bbox)).fetchone()
        return Count(row["count"] if row else 0, bbox, None)
    fields = [field.name for field in viewer.fields_of(layer) if _can_group(layer, field.name)]
    if by not in fields:
        raise InvalidInput(f"The layer {layer.id} is not counted by {by!r}.", parameter="by", fields=fields)
    statement = _by_field(layer, viewer, by, bbox is not None)
    found = conn.execute(statement, corners(bbox) | {"groups": MAX_GROUPS}).fetchall()
    groups = tuple((row["value"], row["count"]) for row in found if not row["rest"])
    rest = sum(row["count"] for row in found if row["rest"])
    return Count(sum(each[1] for each in groups) + rest, bbox, None, groups, rest)


def heat(conn: Connection, layer: Layer, viewer: Viewer, *, bbox: BBox | None, zoom: int) -> Heat:
    """Count a layer's features by the squares of the tile grid at a zoom (14 to 17, some 2 km to 300 m wide).

    The box chooses whole squares, so a box moved a little tells nothing new; without one it is the city's. A feature
    counts in the square that holds the middle of its box. Raises ``InvalidInput``, ``NotSignedIn``, ``NotAllowed``.
    """
    overview = not viewer.may_see(layer)
    if overview:
        _require_overview(conn, layer, viewer)
    if not COARSEST <= zoom <= FINEST:
        raise InvalidInput(f"cell must be a zoom, {COARSEST} to {FINEST}.", parameter="cell", cell=zoom)
    asked = squares_of(bbox if bbox is not None else _extent(conn), zoom)
    statement = _squares(layer, viewer, overview)
    found = conn.execute(statement, asked.values()).fetchall()
    shown = tuple((row["x"], row["y"], row["count"]) for row in found)
    return Heat(asked, shown, FEWEST if overview else None)


def squares_of(bbox: BBox, zoom: int) -> Squares:
    """Return the squares that a box (degrees) touches. Raises ``InvalidInput`` where they are too many."""
    check_bbox(bbox)
    west, south, east, north = bbox
    side = 1 << zoom
    (west_x, south_y), (east_x, north_y) = (_square(lon, lat, side) for lon, lat in ((west, south), (east, north)))
    many = (east_x - west_x + 1) * (south_y - north_y + 1)
    if many > MAX_SQUARES:
        raise InvalidInput(
            f"This box holds {many} squares of zoom {zoom}; at most {MAX_SQUARES} are counted at once.",
            parameter="bbox",
            squares=many,
            do="Ask for a smaller box, or for larger squares.",
        )
    return Squares(zoom, west_x, north_y, east_x, south_y)


def outline(zoom: int, x: int, y: int) -> list[list[float]]:
    """Return a square's ring as [lon, lat] in degrees, counter-clockwise from its south-western corner."""
    west, north = _corner(zoom, x, y)
    east, south = _corner(zoom, x + 1, y + 1)
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _require_overview(conn: Connection, layer: Layer, viewer: Viewer) -> None:
    """Let pass who may learn of a personal layer's numbers though not of its features: those whose work is the whole
    city. The window asks the same again.
    """
    if layer.field_class == PERSONAL and WORK in viewer.classes:
        row = conn.execute(_SQL["city_wide"]).fetchone()
        if row is not None and row["everywhere"]:
            return
    viewer.require(layer)


def _can_group(layer: Layer, name: str) -> bool:
    field = layer.field(name)
    return name != layer.key and field.type in _KINDS and field.mask is None


@lru_cache(maxsize=256)
def _total(layer: Layer, viewer: Viewer, boxed: bool) -> str:
    if by_window(layer, viewer):
        dots: sql.Composable = sql.SQL("{}({})").format(window(layer, "dots"), BOX if boxed else NO_BOX)
    else:
        dots = sql.SQL("(SELECT t.geom FROM {} AS t WHERE {})").format(sql.Identifier(layer.relation), inside(boxed))
    return sql.SQL(_SQL["total"]).format(dots=dots).as_string(None)


@lru_cache(maxsize=256)
def _by_field(layer: Layer, viewer: Viewer, by: str, boxed: bool) -> str:
    filled = sql.SQL(_SQL["by_field"]).format(
        field=sql.Identifier(by), rows=rows(layer, viewer, boxed), inside=inside(boxed)
    )
    return filled.as_string(None)


@lru_cache(maxsize=256)
def _squares(layer: Layer, viewer: Viewer, overview: bool) -> str:
    if overview:
        return sql.SQL(_SQL["squares_of_five"]).format(window=window(layer, "squares")).as_string(None)
    box = sql.SQL("ST_Transform({}, 3857)").format(BOX)
    if by_window(layer, viewer):
        dots: sql.Composable = sql.SQL("{}({})").format(window(layer, "dots"), box)
    else:
        dots = sql.SQL("(SELECT geom_3857 FROM {} WHERE geom_3857 && {})").format(sql.Identifier(layer.relation), box)
    return sql.SQL(_SQL["squares"]).format(dots=dots).as_string(None)


def _extent(conn: Connection) -> BBox:
    from layers.versions import extent_of_city

    found = extent_of_city(conn)
    if found is None:
        raise InvalidInput("There is no city yet, so heat needs a bbox.", parameter="bbox")
    return found


def _square(lon: float, lat: float, side: int) -> tuple[int, int]:
    lat = max(-85.05112878, min(85.05112878, lat))
    x = math.floor((lon + 180) / 360 * side)
    y = math.floor((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side)
    return max(0, min(side - 1, x)), max(0, min(side - 1, y))


def _corner(zoom: int, x: int, y: int) -> tuple[float, float]:
    side = 1 << zoom
    lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side))))
    return round(x / side * 360 - 180, 9), round(lat, 9)
