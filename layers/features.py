"""Reading a layer's features as GeoJSON: what may be asked, and the page that answers it.

The statements are those of `layers.statements`, imported at the first question: the libraries that compose them are a
third of all that a web process would import, and a start that waited for them would be late for the first report,
which needs neither. The database builds the GeoJSON text: no Python object is made per feature.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import psycopg

from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound, NotReady
from layers.catalog import Layer
from layers.viewer import Viewer

if TYPE_CHECKING:
    from layers.filters import Filter
    from layers.reference_systems import ReferenceSystem
    from layers.statements import Order

BBox = tuple[float, float, float, float]
Interval = tuple[datetime | None, datetime | None]
MAX_LIMIT = 10_000
T = TypeVar("T")
# How many features of a window are looked at first for those that pass, and how many times more each further time.
_FIRST_LOOK, _LOOK_FURTHER = 1_000, 5
_MOST_SORTS = 4


class TooSlow(NotReady):
    """The question takes longer than one may; ask for less: a smaller box, a filter by what is indexed."""

    code = "too_slow"


@dataclass(frozen=True, slots=True)
class FeaturePage:
    """One page of features: ``features`` is GeoJSON text, the features joined by commas; ``after`` continues, or is
    None.
    """

    features: str
    returned: int
    after: str | None
    matched: int | None


def parse_bbox(text: str) -> BBox:
    """Read ``west,south,east,north`` (degrees, WGS-84). Raises ``InvalidInput`` that says what would be right."""
    west, south, east, north = _four_numbers(text)
    check_bbox((west, south, east, north))
    return west, south, east, north


def _four_numbers(text: str) -> tuple[float, float, float, float]:
    right = "bbox is west,south,east,north in degrees, for example 110.30,20.00,110.36,20.05"
    try:
        numbers = [float(piece) for piece in text.split(",")]
    except ValueError:
        raise InvalidInput(f"{right}; {text!r} is not four numbers.", parameter="bbox") from None
    if len(numbers) == 6:
        # OGC allows heights in a box; our layers are flat, so they are left out.
        del numbers[5], numbers[2]
    if len(numbers) != 4:
        raise InvalidInput(f"{right}; {len(numbers)} numbers were sent.", parameter="bbox")
    west, south, east, north = numbers
    return west, south, east, north


def parse_box(text: str, system: ReferenceSystem) -> tuple[BBox | None, Filter | None]:
    """Read a box of a system, its lower corner and its upper in the order of the system's axes.

    It is a box in degrees where it is one, and a condition where it is none: in a system that is bent against degrees,
    and across the 180th meridian (west greater than east), where it is two. Raises ``InvalidInput``.
    """
    first, second, third, fourth = _four_numbers(text)
    west, south, east, north = (second, first, fourth, third) if system.north_first else (first, second, third, fourth)
    if not all(map(math.isfinite, (west, south, east, north))):
        raise InvalidInput("bbox must be finite numbers.", parameter="bbox")
    if system.geographic and not (west > east and south < north and west <= 180 and east >= -180):
        check_bbox((west, south, east, north))
        if system.srid == 4326:
            return (west, south, east, north), None
    elif not system.geographic and (west > east or south >= north):
        raise InvalidInput(
            "bbox must have its lower corner first, in the order of the axes of bbox-crs.",
            parameter="bbox",
            bbox=[first, second, third, fourth],
        )
    from layers import filters  # late: see above

    boxes = [(west, south, east, north)]
    if west > east:
        # Each half is a box that must be right by itself.
        boxes = [(west, south, 180.0, north), (-180.0, south, east, north)]
        for box in boxes:
            check_bbox(box)
    return None, filters.inside(boxes, system)


def check_bbox(bbox: BBox) -> None:
    """Raise ``InvalidInput`` unless the box is finite, in range and in order; a swapped order is named as such."""
    west, south, east, north = bbox
    if not all(math.isfinite(number) for number in bbox):
        raise InvalidInput("bbox must be finite numbers.", parameter="bbox", bbox=[str(number) for number in bbox])
    sent = list(bbox)
    if not (-90 <= south <= 90 and -90 <= north <= 90 and -180 <= west <= 180 and -180 <= east <= 180):
        facts: dict[str, Any] = {"parameter": "bbox", "bbox": sent}
        if abs(west) <= 90 and abs(east) <= 90 and abs(south) <= 180 and abs(north) <= 180:
            facts["suggestion"] = [south, west, north, east]
            raise InvalidInput("bbox looks swapped: it is west,south,east,north, longitude before latitude.", **facts)
        raise InvalidInput("bbox is out of range: longitude -180 to 180, latitude -90 to 90.", **facts)
    if west > east or south >= north:
        raise InvalidInput(
            "bbox must have west <= east and south < north.",
            parameter="bbox",
            bbox=sent,
            suggestion=[min(west, east), min(south, north), max(west, east), max(south, north)],
        )


def corners(bbox: BBox | None) -> dict[str, Any]:
    """Return a box as a statement's parameters, none where there is no box. Raises ``InvalidInput`` as `check_bbox`."""
    if bbox is None:
        return {}
    check_bbox(bbox)
    return dict(zip(("west", "south", "east", "north"), bbox, strict=True))


def parse_interval(text: str) -> Interval:
    """Read an RFC 3339 instant or interval ``start/end``; ``..`` or nothing leaves an end open. Raises
    ``InvalidInput``.
    """
    pieces = text.split("/")
    right = "datetime is an RFC 3339 instant or start/end, for example 2026-03-01T00:00:00Z/.."
    if len(pieces) > 2 or text.strip() in {"", "/", "../..", "..", "/..", "../"}:
        raise InvalidInput(right, parameter="datetime", datetime=text)
    ends: list[datetime | None] = []
    for piece in pieces:
        if len(pieces) == 2 and piece in {"", ".."}:
            ends.append(None)
            continue
        try:
            moment = datetime.fromisoformat(piece)
        except ValueError:
            raise InvalidInput(right, parameter="datetime", datetime=text) from None
        # RFC 3339 instants carry an offset; a bare date means its midnight in UTC.
        ends.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    start, end = (ends[0], ends[-1])
    if start and end and start > end:
        raise InvalidInput("datetime must have its start before its end.", parameter="datetime", datetime=text)
    return start, end


def parse_order(text: str, layer: Layer, viewer: Viewer) -> Order:
    """Read ``field,-field``: what features are sorted by, ``-`` for the greatest first. Raises ``InvalidInput`` for
    what is no field of the viewer's, or one that he is shown in part only.
    """
    known = {field.name: field for field in viewer.fields_of(layer) if field.mask is None}
    found: dict[str, bool] = {}
    for piece in text.split(","):
        name = piece.strip().lstrip("+-")
        if name not in known or name in found or len(found) == _MOST_SORTS:
            raise InvalidInput(
                f"sortby is up to {_MOST_SORTS} different properties, for example {layer.key} or -{layer.key};"
                f" {piece.strip()[:64]!r} is none.",
                parameter="sortby",
                properties=list(known),
            )
        found[name] = piece.strip().startswith("-")
    return tuple(found.items())


def read(
    conn: Connection,
    layer: Layer,
    viewer: Viewer,
    *,
    bbox: BBox | None = None,
    interval: Interval | None = None,
    filters: tuple[Filter, ...] = (),
    order: Order = (),
    system: ReferenceSystem | None = None,
    limit: int = 100,
    after: str | None = None,
    count: bool = False,
    patience_s: float | None = None,
) -> FeaturePage:
    """Read one page of a layer's features, in the order of their keys if in no other, on the viewer's own connection
    (``scopes.look_as``): what is out of their scope is not there, or without what is above the public class.

    ``filters`` are of `layers.filters`, each under names of its own; ``system`` is that of the geometries told (CRS84).
    ``after`` is the ``after`` of the page before. Features that share a key are never parted, so a page may be a
    little longer than ``limit`` (1 to 10,000) and no feature is lost between pages. ``count`` also counts all that
    match. Fields that are not for this viewer are absent. ``patience_s`` is how long each statement may take.

    Raises ``NotSignedIn``, ``NotAllowed``, ``InvalidInput``, or ``TooSlow`` when the patience is at its end.
    """
    from layers import statements  # late: see above
    from layers.reference_systems import CRS84

    fields = tuple(field.name for field in viewer.fields_of(layer))
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    if after is not None and ("\x00" in after or len(after) > 2_000):
        raise InvalidInput("after must be what the page before gave.", parameter="after")
    # Where there is no box, what passes a filter may have one: the index finds by it.
    around = bbox or next((each.box for each in filters if each.box is not None), None)
    values: dict[str, Any] = {"limit": limit, **corners(around)}
    for each in filters:
        values |= each.values
    # A layer without a time of its own is the present: every datetime matches it (OGC API - Features, 7.15.4).
    timed = interval is not None and layer.time is not None
    if timed and interval is not None:
        values |= {"start": interval[0], "end": interval[1]}
    asked = _Asked(
        conn, layer, fields, (around is not None, timed), filters, order, system or CRS84,
        not viewer.sees_public_only(layer), values,
    )  # fmt: skip
    with patient(conn, patience_s):
        matched = None
        if count:
            counting = statements.count_sql(layer, asked.narrowed, asked.window, filters)
            row = conn.execute(counting, values, prepare=asked.prepare).fetchone()
            matched = int(row["matched"]) if row else 0
        if order or (filters and not asked.window):
            return _in_order(asked, limit, after, matched)
        if filters:
            return _passing(asked, limit, after, matched, patience_s)
        # A window is told "from the beginning"; without one that is another statement.
        page_sql = statements.page_sql(
            layer, fields, asked.narrowed, after is not None and not asked.window, asked.window, asked.system
        )
        # Planned for its own box: for any box at all the order of keys looks as good a way, and is twice as long.
        anew = False if asked.narrowed[0] and not asked.window else None
        row = conn.execute(page_sql, values | {"after": after}, prepare=anew).fetchone()
    if row is None or row["features"] is None:
        return FeaturePage("", 0, None, matched)
    return FeaturePage(row["features"], row["returned"], row["last"] if row["more"] else None, matched)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, read and checked: ``narrowed`` is whether by a box and whether by a time."""

    conn: Connection
    layer: Layer
    fields: tuple[str, ...]
    narrowed: tuple[bool, bool]
    filters: tuple[Filter, ...]
    order: Order
    system: ReferenceSystem
    window: bool
    values: dict[str, Any]

    @property
    def prepare(self) -> bool | None:
        """Filters have as many shapes as there are askers: none is kept prepared, so that those of pages are."""
        return False if self.filters or self.order else None


def _in_order(asked: _Asked, limit: int, after: str | None, matched: int | None) -> FeaturePage:
    from layers import statements

    behind, values = None, asked.values | {"most": limit + 1}
    if after is not None:
        *places, key = _place(after, len(asked.order))
        behind = tuple(place is None for place in places)
        values |= {"after": key} | {f"after{n}": place for n, place in enumerate(places)}
    statement = statements.rows_sql(
        asked.layer, asked.fields, asked.narrowed, asked.window, asked.system, asked.filters, asked.order, behind
    )
    rows = asked.conn.execute(statement, values, prepare=False).fetchall()
    kept = _whole(rows, limit, lambda row: (row["place"], row["key"]))
    last = None
    if len(rows) > limit:
        last = kept[-1]["key"] if not asked.order else _token([*orjson.loads(kept[-1]["place"]), kept[-1]["key"]])
    if last is not None and len(kept) == len(rows) and not _in_order(asked, 1, last, None).returned:
        # One more shared the last one's place, and behind them there is nothing.
        last = None
    return FeaturePage(",".join(row["feature"] for row in kept), len(kept), last, matched)


def _passing(
    asked: _Asked, limit: int, after: str | None, matched: int | None, patience_s: float | None
) -> FeaturePage:
    """A page of what passes behind a window: so many features are looked at at a time, until there are enough."""
    from layers import statements

    statement = statements.chunk_sql(asked.layer, asked.fields, asked.narrowed, asked.system, asked.filters)
    until = time.monotonic() + patience_s if patience_s is not None else math.inf
    found: list[tuple[str, str]] = []
    chunk = max(_FIRST_LOOK, limit)
    while True:
        values = asked.values | {"after": after, "chunk": chunk, "most": max(1, limit + 1 - len(found))}
        row = asked.conn.execute(statement, values, prepare=False).fetchone()
        if row is None:
            raise AssertionError("an aggregate has a row")
        passed = list(zip(row["keys"] or (), row["features"] or (), strict=True))
        found += passed
        # Where one too many shared the last one's key, what is behind them may be in what was looked at already.
        shared = len(found) > limit and bool(passed)
        if len(_whole(found, limit, _key)) < len(found) or (row["looked"] < chunk and not shared):
            break
        after, chunk = (found[-1][0] if shared else row["last"]), chunk * _LOOK_FURTHER
        if time.monotonic() > until:
            raise TooSlow(retry_after_s=5)
    kept = _whole(found, limit, _key)
    last = kept[-1][0] if len(kept) < len(found) else None
    return FeaturePage(",".join(feature for _, feature in kept), len(kept), last, matched)


def _key(each: tuple[str, str]) -> str:
    return each[0]


def _whole(rows: list[T], limit: int, place: Callable[[T], Any]) -> list[T]:
    """The first of some rows, so many and those that share the last one's place."""
    if len(rows) <= limit:
        return rows
    end = limit
    while end < len(rows) and place(rows[end]) == place(rows[limit - 1]):
        end += 1
    return rows[:end]


def _token(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _place(token: str, sorts: int) -> list[str | None]:
    """Read where the page before ended: the value of each of what is sorted by, as text, then the key."""
    if not sorts:
        return [token]
    try:
        place = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error):
        place = None
    if not isinstance(place, list) or len(place) != sorts + 1 or not isinstance(place[-1], str):
        raise InvalidInput("after must be what the page before gave, in the same order.", parameter="after")
    told: list[str | None] = []
    for each in place:
        if not isinstance(each, str | int | float | None) or "\x00" in str(each):
            raise InvalidInput("after must be what the page before gave, in the same order.", parameter="after")
        told.append(each if each is None or isinstance(each, str) else orjson.dumps(each).decode())
    return told


@contextmanager
def patient(conn: Connection, patience_s: float | None) -> Iterator[None]:
    """What is asked may take so long, and may be what the database cannot work out."""
    if patience_s is not None:
        conn.execute(f"SET LOCAL statement_timeout = {max(1, int(patience_s * 1000))}")
    try:
        yield
    except psycopg.errors.QueryCanceled:
        raise TooSlow(retry_after_s=5) from None
    except (psycopg.DataError, psycopg.InternalError) as error:
        # A place that no page gave, a geometry that PostGIS has no answer for. What it says is about its own insides.
        raise InvalidInput(
            "The question cannot be worked out as it stands: look at filter, after and the types of the properties.",
            parameter="filter",
            reason=type(error).__name__,
        ) from None


def one(conn: Connection, layer: Layer, viewer: Viewer, key: str, *, system: ReferenceSystem | None = None) -> str:
    """Read one feature by its key, as GeoJSON text. Raises ``NotFound``, ``NotSignedIn`` or ``NotAllowed``.

    A feature out of scope is not found, in the very words of one that never was.
    """
    from layers import statements  # late: see above
    from layers.reference_systems import CRS84

    fields = tuple(field.name for field in viewer.fields_of(layer))
    row = None
    if "\x00" not in key:
        window = not viewer.sees_public_only(layer)
        row = conn.execute(statements.one_sql(layer, fields, window, system or CRS84), {"key": key}).fetchone()
    if row is None:
        raise NotFound(f"The layer {layer.id} has no feature {key!r}.", layer=layer.id, key=key)
    return str(row["feature"])
