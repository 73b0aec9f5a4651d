"""A layer as a file, page by page: what the viewer may see of it, as GeoJSON text sequences or as CSV.

Pages are read one after the other, each as the viewer is then, so that a long download holds no connection while its
reader is slow, and ends for whoever may no longer see it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.catalog import Layer
from layers.features import BBox, corners
from layers.forms import Text
from layers.seen import BOX, NO_BOX, by_window, inside, properties, window
from layers.viewer import Viewer

_SQL = load("layers", "export.sql")
PAGE = 2_000
# What a spreadsheet takes for a formula when a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a file: its bytes, how many features they hold, and what to go on ``after`` (None: it is all)."""

    body: bytes
    rows: int
    after: str | None


def head(layer: Layer, viewer: Viewer, form: Text) -> bytes:
    """Return what stands before the first page. Raises ``NotSignedIn`` or ``NotAllowed``."""
    names = [field.name for field in viewer.fields_of(layer)]
    return b"" if form == "geojsonseq" else b"\xef\xbb\xbf" + _lines([[*names, *_places(layer)]])


def page(
    conn: Connection, layer: Layer, viewer: Viewer, form: Text, *, bbox: BBox | None = None, after: str | None = None
) -> Page:
    """Read the page behind ``after`` in the order of keys. Raises ``InvalidInput``, ``NotSignedIn``, ``NotAllowed``."""
    fields = tuple(field.name for field in viewer.fields_of(layer))
    statement = _statement(layer, viewer, form, fields, bbox is not None, after is not None)
    found = conn.execute(statement, corners(bbox) | {"after": after, "most": PAGE}).fetchall()
    if form == "geojsonseq":
        body = b"".join(b"\x1e%b\n" % row["feature"].encode() for row in found)
    else:
        columns = [*(f"f{n}" for n in range(len(fields))), *_places(layer)]
        texts = {f"f{n}" for n, name in enumerate(fields) if layer.field(name).type == "text"}
        body = _lines([[_cell(row[each], each in texts) for each in columns] for row in found])
    return Page(body, len(found), found[-1]["key"] if len(found) >= PAGE else None)


def _cell(value: str | None, text: bool) -> str:
    """A value as a spreadsheet takes it for what it is: a text that looks like a formula is marked as text."""
    if value is None:
        return ""
    return f"'{value}" if text and value.startswith(_FORMULA) else value


def _places(layer: Layer) -> tuple[str, ...]:
    return ("lon", "lat") if layer.geometry == "point" else ("wkt",)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\r\n").writerows(rows)
    return made.getvalue().encode()


@lru_cache(maxsize=256)
def _statement(layer: Layer, viewer: Viewer, form: Text, fields: tuple[str, ...], boxed: bool, continued: bool) -> str:
    columns = _feature(layer, fields) if form == "geojsonseq" else _cells(layer, fields)
    return page_sql(layer, viewer, columns, boxed, continued)


def page_sql(layer: Layer, viewer: Viewer, columns: sql.Composable, boxed: bool, continued: bool) -> str:
    """The statement of one page of a file: ``key`` and these columns of the features, called ``t``, that the viewer
    may see; its parameters are those of a box, if it is ``boxed``, ``after`` and ``most``.
    """
    windowed = by_window(layer, viewer)
    if windowed:
        rows: sql.Composable = sql.SQL("{}(box => {}, after => %(after)s, most => %(most)s) AS t").format(
            window(layer, "see"), BOX if boxed else NO_BOX
        )
    else:
        rows = sql.SQL("{} AS t").format(sql.Identifier(layer.relation))
    key = sql.SQL("t.{}").format(sql.Identifier(layer.key))
    filled = sql.SQL(_SQL["page"]).format(
        key=sql.Identifier(layer.key),
        columns=columns,
        rows=rows,
        inside=inside(boxed and not windowed),
        onward=sql.SQL("{} > %(after)s").format(key) if continued and not windowed else sql.SQL("true"),
    )
    return filled.as_string(None)


def _feature(layer: Layer, fields: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(
        "json_build_object('type', 'Feature', 'id', t.{key}, 'geometry', ST_AsGeoJSON(t.geom, 7)::json,"
        " 'properties', json_build_object({pairs}))::text AS feature"
    ).format(key=sql.Identifier(layer.key), pairs=properties(fields))


def _cells(layer: Layer, fields: tuple[str, ...]) -> sql.Composable:
    """Every value as text, as JSON writes it: moments as ISO 8601."""
    cells: list[sql.Composable] = [
        sql.SQL("to_json(t.{}) #>> '{{}}' AS {}").format(sql.Identifier(name), sql.Identifier(f"f{n}"))
        for n, name in enumerate(fields)
    ]
    if layer.geometry == "point":
        cells += [
            sql.SQL("round(ST_{}(t.geom)::numeric, 7)::text AS {}").format(sql.SQL(axis), sql.Identifier(name))
            for axis, name in (("X", "lon"), ("Y", "lat"))
        ]
    else:
        cells.append(sql.SQL("ST_AsText(t.geom, 7) AS wkt"))
    return sql.SQL(", ").join(cells)
