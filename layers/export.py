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
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.catalog import Layer
from layers.features import BBox, corners, patient
from layers.forms import Text
from layers.seen import BOX, NO_BOX, by_window, inside, properties, turned, window
from layers.viewer import Viewer

if TYPE_CHECKING:
    from layers.filters import Filter

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
    conn: Connection,
    layer: Layer,
    viewer: Viewer,
    form: Text,
    *,
    bbox: BBox | None = None,
    passing: Filter | None = None,
    after: str | None = None,
    patience_s: float | None = None,
) -> Page:
    """Read the page behind ``after`` in the order of keys: what touches the box and passes a filter of this viewer's
    (`layers.filters`), which may take so long. Raises ``InvalidInput``, ``NotSignedIn``, ``NotAllowed``, ``TooSlow``.
    """
    fields = tuple(field.name for field in viewer.fields_of(layer))
    asked = Asked(layer, viewer, bbox, passing, PAGE, patience_s)
    found, last = asked.rows(conn, _statement(*asked.shape, after is not None, form, fields), after)
    if form == "geojsonseq":
        body = b"".join(b"\x1e%b\n" % row[1].encode() for row in found)
    else:
        texts = [layer.field(name).type == "text" for name in fields] + [False] * len(_places(layer))
        body = _lines([[_cell(*each) for each in zip(row[1:], texts, strict=True)] for row in found])
    return Page(body, len(found), last)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a layer page by page: its viewer, a box, a filter, how many at a time, and how long each page
    may take where there is a filter.
    """

    layer: Layer
    viewer: Viewer
    bbox: BBox | None
    passing: Filter | None
    most: int
    patience_s: float | None = None

    @property
    def box(self) -> BBox | None:
        """Where to look: where there is no box, what passes the filter may have one."""
        return self.bbox or (self.passing.box if self.passing is not None else None)

    @property
    def shape(self) -> tuple[Layer, Viewer, bool, Filter | None]:
        """What its statement depends on."""
        return self.layer, self.viewer, self.box is not None, self.passing

    def rows(self, conn: Connection, statement: str, after: str | None) -> tuple[list[tuple[Any, ...]], str | None]:
        """Run a statement of `page_sql`: rows of the key and the columns, and what to go on after. Raises
        ``InvalidInput`` and ``TooSlow``.
        """
        values: dict[str, Any] = corners(self.box) | {"after": after, "most": self.most}
        with conn.cursor(row_factory=tuple_row) as cursor:
            if self.passing is None:
                found = cursor.execute(statement, values).fetchall()
                return found, found[-1][0] if len(found) >= self.most else None
            with patient(conn, self.patience_s):
                # Filters have as many shapes as there are askers: none is kept prepared.
                found = cursor.execute(statement, values | dict(self.passing.values), prepare=False).fetchall()
        if not by_window(self.layer, self.viewer):
            return found, found[-1][0] if len(found) >= self.most else None
        looked, last = found[-1][-2:]
        return [row[:-2] for row in found if row[0] is not None], last if looked >= self.most else None


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
def _statement(
    layer: Layer,
    viewer: Viewer,
    boxed: bool,
    passing: Filter | None,
    continued: bool,
    form: Text,
    fields: tuple[str, ...],
) -> str:
    columns = _feature(layer, fields) if form == "geojsonseq" else _cells(layer, fields)
    return page_sql(layer, viewer, boxed, passing, continued, columns)


def page_sql(
    layer: Layer, viewer: Viewer, boxed: bool, passing: Filter | None, continued: bool, columns: sql.Composable
) -> str:
    """The statement of one page of a file: ``key`` and these columns of the features, called ``t``, that the viewer
    may see; its parameters are those of a box, if it is ``boxed``, of the filter, ``after`` and ``most``.
    """
    condition = sql.SQL("true") if passing is None else sql.SQL("({})").format(sql.SQL(passing.text))
    windowed = by_window(layer, viewer)
    if windowed:
        rows: sql.Composable = sql.SQL("{}(box => {}, after => %(after)s, most => %(most)s) AS t").format(
            window(layer, "see"), BOX if boxed else NO_BOX
        )
    else:
        rows = sql.SQL("{} AS t").format(sql.Identifier(layer.relation))
    key = sql.SQL("t.{}").format(sql.Identifier(layer.key))
    filled = sql.SQL(_SQL["passing" if windowed and passing is not None else "page"]).format(
        key=sql.Identifier(layer.key),
        columns=columns,
        rows=rows,
        passing=condition,
        inside=inside(boxed and not windowed),
        onward=sql.SQL("{} > %(after)s").format(key) if continued and not windowed else sql.SQL("true"),
    )
    return filled.as_string(None)


def _feature(layer: Layer, fields: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(
        "json_build_object('type', 'Feature', 'id', t.{key}, 'geometry', ST_AsGeoJSON({geom}, 7)::json,"
        " 'properties', json_build_object({pairs}))::text AS feature"
    ).format(key=sql.Identifier(layer.key), geom=turned(layer), pairs=properties(fields))


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
