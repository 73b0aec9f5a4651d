"""Reading a layer's features as GeoJSON: what may be asked, and the page that answers it.

The statements are those of `layers.statements`, imported at the first question: the libraries that compose them are a
third of all that a web process would import, and a start that waited for them would be late for the first report,
which needs neither. The database builds the GeoJSON text: no Python object is made per feature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound
from layers.catalog import Layer
from layers.viewer import Viewer

BBox = tuple[float, float, float, float]
Interval = tuple[datetime | None, datetime | None]
MAX_LIMIT = 10_000


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
    check_bbox((west, south, east, north))
    return west, south, east, north


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


def read(
    conn: Connection,
    layer: Layer,
    viewer: Viewer,
    *,
    bbox: BBox | None = None,
    interval: Interval | None = None,
    limit: int = 100,
    after: str | None = None,
    count: bool = False,
) -> FeaturePage:
    """Read one page of a layer's features in the order of their keys, on the viewer's own connection
    (``gisops.scopes.look_as``): what is out of their scope is not there, or without what is above the public class.

    ``after`` is the ``after`` of the page before. Features that share a key are never parted, so a page may be a
    little longer than ``limit`` (1 to 10,000) and no feature is lost between pages. ``count`` also counts all that
    match. Fields that are not for this viewer are absent. Raises ``NotSignedIn``, ``NotAllowed`` or ``InvalidInput``.
    """
    from layers import statements  # late: see above

    fields = tuple(field.name for field in viewer.fields_of(layer))
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    if after is not None and ("\x00" in after or len(after) > 200):
        raise InvalidInput("after must be what the page before gave.", parameter="after")
    values: dict[str, Any] = {"limit": limit, **corners(bbox)}
    # A layer without a time of its own is the present: every datetime matches it (OGC API - Features, 7.15.4).
    timed = interval is not None and layer.time is not None
    if timed and interval is not None:
        values |= {"start": interval[0], "end": interval[1]}
    filters = (bbox is not None, timed)
    window = not viewer.sees_public_only(layer)
    matched = None
    if count:
        row = conn.execute(statements.count_sql(layer, filters, window), values).fetchone()
        matched = int(row["matched"]) if row else 0
    # A window is told "from the beginning"; without one that is another statement.
    page_sql = statements.page_sql(layer, fields, filters, after is not None and not window, window)
    row = conn.execute(page_sql, values | {"after": after}).fetchone()
    if row is None or row["features"] is None:
        return FeaturePage("", 0, None, matched)
    return FeaturePage(row["features"], row["returned"], row["last"] if row["more"] else None, matched)


def one(conn: Connection, layer: Layer, viewer: Viewer, key: str) -> str:
    """Read one feature by its key, as GeoJSON text. Raises ``NotFound``, ``NotSignedIn`` or ``NotAllowed``.

    A feature out of scope is not found, in the very words of one that never was.
    """
    from layers import statements  # late: see above

    fields = tuple(field.name for field in viewer.fields_of(layer))
    row = None
    if "\x00" not in key:
        window = not viewer.sees_public_only(layer)
        row = conn.execute(statements.one_sql(layer, fields, window), {"key": key}).fetchone()
    if row is None:
        raise NotFound(f"The layer {layer.id} has no feature {key!r}.", layer=layer.id, key=key)
    return str(row["feature"])
