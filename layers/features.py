"""Reading a layer's features as GeoJSON.

Statements are composed with SQLAlchemy Core and GeoAlchemy2 and compiled once per shape of question (layer, classes,
which filters); psycopg's one connection executes them. The database builds the GeoJSON text: no Python object is
made per feature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy import DateTime as Timestamp
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound
from layers.catalog import Catalog, Layer, load_catalog
from layers.viewer import Viewer

BBox = tuple[float, float, float, float]
Interval = tuple[datetime | None, datetime | None]
MAX_LIMIT = 10_000
# 7 decimals of a degree are a centimetre: finer than any survey here, and half the text of a double.
_DECIMALS = 7
_TYPES: dict[str, Any] = {
    "text": String, "integer": Integer, "number": Double, "boolean": Boolean, "timestamp": Timestamp(timezone=True),
}  # fmt: skip
_DIALECT = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]


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
    """Read one page of a layer's features in the order of their keys.

    ``after`` is the ``after`` of the page before. Features that share a key are never parted, so a page may be a
    little longer than ``limit`` (1 to 10,000) and no feature is lost between pages. ``count`` also counts all that
    match. Fields that are not for this viewer are absent. Raises ``NotSignedIn``, ``NotAllowed`` or ``InvalidInput``.
    """
    fields = tuple(field.name for field in viewer.fields_of(layer))
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    if after is not None and ("\x00" in after or len(after) > 200):
        raise InvalidInput("after must be what the page before gave.", parameter="after")
    values: dict[str, Any] = {"limit": limit}
    if bbox is not None:
        check_bbox(bbox)
        values |= dict(zip(("west", "south", "east", "north"), bbox, strict=True))
    # A layer without a time of its own is the present: every datetime matches it (OGC API - Features, 7.15.4).
    timed = interval is not None and layer.time is not None
    if timed and interval is not None:
        values |= {"start": interval[0], "end": interval[1]}
    filters = (bbox is not None, timed)
    matched = None
    if count:
        row = conn.execute(_count_sql(layer.id, filters), values).fetchone()
        matched = int(row["matched"]) if row else 0
    row = conn.execute(_page_sql(layer.id, fields, filters, after is not None), values | {"after": after}).fetchone()
    if row is None or row["features"] is None:
        return FeaturePage("", 0, None, matched)
    return FeaturePage(row["features"], row["returned"], row["last"] if row["more"] else None, matched)


def one(conn: Connection, layer: Layer, viewer: Viewer, key: str) -> str:
    """Read one feature by its key, as GeoJSON text. Raises ``NotFound``, ``NotSignedIn`` or ``NotAllowed``."""
    fields = tuple(field.name for field in viewer.fields_of(layer))
    row = None
    if "\x00" not in key:
        row = conn.execute(_one_sql(layer.id, fields), {"key": key}).fetchone()
    if row is None:
        raise NotFound(f"The layer {layer.id} has no feature {key!r}.", layer=layer.id, key=key)
    return str(row["feature"])


def relation_of(layer: Layer) -> Table:
    """Return the layer's view as a SQLAlchemy table, as its folder describes it."""
    return Table(
        layer.relation,
        MetaData(),
        *(Column(field.name, _TYPES[field.type]) for field in layer.fields),
        Column("geom", Geometry(srid=4326, spatial_index=False)),
        Column("geom_3857", Geometry(srid=3857, spatial_index=False)),
    )


def _layer(layer_id: str) -> Layer:
    catalog: Catalog = load_catalog()
    return catalog[layer_id]


def _feature(table: Table, layer: Layer, fields: tuple[str, ...]) -> ColumnElement[str]:
    """One feature as text. Its id is its key."""
    pairs: list[Any] = []
    for name in fields:
        pairs += [literal_column(f"'{name}'"), table.c[name]]
    return cast(
        func.json_build_object(
            literal_column("'type'"),
            literal_column("'Feature'"),
            literal_column("'id'"),
            table.c[layer.key],
            literal_column("'geometry'"),
            cast(func.ST_AsGeoJSON(table.c.geom, literal_column(str(_DECIMALS))), JSON),
            literal_column("'properties'"),
            func.json_build_object(*pairs),
        ),
        String,
    )


def _where(table: FromClause, layer: Layer, filters: tuple[bool, bool]) -> list[ColumnElement[bool]]:
    boxed, timed = filters
    found: list[ColumnElement[bool]] = []
    if boxed:
        box = func.ST_MakeEnvelope(
            *(bindparam(side, type_=Double) for side in ("west", "south", "east", "north")), literal_column("4326")
        )
        # The operator finds candidates by index; the second test is the truth for anything that is not a point.
        found.append(table.c.geom.op("&&")(box))
        if layer.geometry != "point":
            found.append(func.ST_Intersects(table.c.geom, box))
    if timed and layer.time is not None:
        moment = table.c[layer.time]
        start, end = (bindparam(end, type_=Timestamp(timezone=True)) for end in ("start", "end"))
        found.append(
            or_(moment.is_(None), and_(or_(start.is_(None), moment >= start), or_(end.is_(None), moment <= end)))
        )
    return found


@lru_cache(maxsize=512)
def _page_sql(layer_id: str, fields: tuple[str, ...], filters: tuple[bool, bool], continued: bool) -> str:
    layer = _layer(layer_id)
    table = relation_of(layer)
    key = table.c[layer.key]
    where = _where(table, layer, filters)
    if continued:
        where.append(key > bindparam("after", type_=String))
    # Ties included, so that features which share a key are never parted by a page's end.
    page = (
        select(key.label("key"), _feature(table, layer, fields).label("feature"))
        .where(*where)
        .order_by(key)
        .fetch(bindparam("limit", type_=Integer), with_ties=True)
        .cte("page")
    )
    rest = table.alias("rest")
    last = select(func.max(page.c.key)).scalar_subquery()
    more: Select[Any] = (
        select(literal_column("1")).select_from(rest).where(*_where(rest, layer, filters), rest.c[layer.key] > last)
    )
    return _compiled(
        select(
            func.string_agg(page.c.feature, aggregate_order_by(literal_column("','"), page.c.key)).label("features"),
            func.count().label("returned"),
            func.max(page.c.key).label("last"),
            more.exists().label("more"),
        )
    )


@lru_cache(maxsize=512)
def _count_sql(layer_id: str, filters: tuple[bool, bool]) -> str:
    layer = _layer(layer_id)
    table = relation_of(layer)
    return _compiled(select(func.count().label("matched")).select_from(table).where(*_where(table, layer, filters)))


@lru_cache(maxsize=512)
def _one_sql(layer_id: str, fields: tuple[str, ...]) -> str:
    layer = _layer(layer_id)
    table = relation_of(layer)
    wanted = table.c[layer.key] == bindparam("key", type_=String)
    return _compiled(select(_feature(table, layer, fields).label("feature")).where(wanted).limit(literal_column("1")))


def _compiled(statement: Select[Any]) -> str:
    """Compile to psycopg's placeholders. Every value is a named parameter; anything else would be a literal left
    behind.
    """
    compiled = statement.compile(dialect=_DIALECT)
    left_behind = {name for name, value in compiled.params.items() if value is not None}
    if left_behind:
        raise AssertionError(f"a literal became a parameter: {left_behind}")
    return str(compiled)
