"""A layer as Arrow tables, page by page: what the viewer may see of it, for files that have types.

Read like the pages of text (`layers.export`): one after the other in the order of keys, each as the viewer is then.
Shapes are WKB in the column ``geom``, in degrees (EPSG:4326, longitude first).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.catalog import Field, Layer
from layers.export import Asked, page_sql
from layers.features import BBox
from layers.forms import GEOMETRY
from layers.viewer import Viewer

if TYPE_CHECKING:
    from layers.filters import Filter

# As many as are some megabytes as Python objects.
PAGE = 5_000
_CATALOG = load("layers", "catalog.sql")
_TYPES: Mapping[str, pa.DataType] = MappingProxyType({
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
})  # fmt: skip
# A file knows no end of time: it is nothing there.
_COLUMNS: Mapping[str, str] = MappingProxyType({
    "text": "t.{name}::text",
    "integer": "t.{name}::bigint",
    "number": "t.{name}",
    "boolean": "t.{name}",
    "timestamp": "CASE WHEN isfinite(t.{name}) THEN t.{name} END",
})  # fmt: skip
# Numbers are read as the database writes them: a short float is not lengthened on its way.
_READ: Mapping[str, Callable[[Any], Any]] = MappingProxyType({"number": float})


@dataclass(frozen=True, slots=True)
class Page:
    """Some features as a batch of records, and what to go on ``after`` (None: it is all)."""

    records: pa.RecordBatch
    after: str | None

    @property
    def rows(self) -> int:
        """How many features they are."""
        return int(self.records.num_rows)


def schema(layer: Layer, viewer: Viewer) -> pa.Schema:
    """Return the columns of a layer's table: the viewer's fields, then the shape. Raises ``NotSignedIn`` or
    ``NotAllowed``.
    """
    return _schema(viewer.fields_of(layer))


def page(
    conn: Connection,
    layer: Layer,
    viewer: Viewer,
    *,
    bbox: BBox | None = None,
    passing: Filter | None = None,
    after: str | None = None,
    patience_s: float | None = None,
) -> Page:
    """Read the page behind ``after`` in the order of keys; as `layers.export.page` does."""
    fields = viewer.fields_of(layer)
    asked = Asked(layer, viewer, bbox, passing, PAGE, patience_s)
    found, last = asked.rows(conn, _statement(*asked.shape, after is not None, fields), after)
    columns: list[Any] = list(zip(*found, strict=True)) or [()] * (len(fields) + 2)
    arrays = [_array(field, values) for field, values in zip(fields, columns[1:-1], strict=True)]
    arrays.append(pa.array(columns[-1], pa.binary()))
    records = pa.RecordBatch.from_arrays(arrays, schema=_schema(fields))
    return Page(records, last)


def shape_of(conn: Connection, layer: Layer) -> str:
    """Return what all of a layer's shapes are, as its relation declares it (``Point``, ``MultiPolygon``), or
    ``Unknown`` where they differ.
    """
    columns = conn.execute(_CATALOG["columns_of"], {"relation": layer.relation}).fetchall()
    declared = next((row["type"] for row in columns if row["name"] == "geom"), "geometry(Geometry,4326)")
    shape = str(declared).partition("(")[2].partition(",")[0]
    return "Unknown" if shape in ("", "Geometry") else shape


@lru_cache(maxsize=256)
def _schema(fields: tuple[Field, ...]) -> pa.Schema:
    columns = [pa.field(field.name, _TYPES[field.type]) for field in fields]
    return pa.schema([*columns, pa.field(GEOMETRY, pa.binary())])


def _array(field: Field, values: tuple[Any, ...]) -> pa.Array:
    read = _READ.get(field.type)
    told = values if read is None else [None if value is None else read(value) for value in values]
    return pa.array(told, _TYPES[field.type])


@lru_cache(maxsize=256)
def _statement(
    layer: Layer, viewer: Viewer, boxed: bool, passing: Filter | None, continued: bool, fields: tuple[Field, ...]
) -> str:
    columns: list[sql.Composable] = [
        sql.SQL(_COLUMNS[field.type] + " AS {told}").format(
            name=sql.Identifier(field.name), told=sql.Identifier(f"f{n}")
        )
        for n, field in enumerate(fields)
    ]
    columns.append(sql.SQL("ST_AsBinary(t.geom) AS shape"))
    return page_sql(layer, viewer, boxed, passing, continued, sql.SQL(", ").join(columns))
