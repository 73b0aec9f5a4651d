"""Layers written to a file whole, on one connection: what a viewer may see of them, in any form of `layers.forms`.

For the command line. What a server hands out it reads page by page, asking anew each time (`api.routers.downloads`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from gisops.db.pool import Connection
from gisops.errors import InvalidInput
from layers import export
from layers.features import BBox
from layers.forms import FORMS, Form
from layers.layer import Layer
from layers.viewer import Viewer


class _Page(Protocol):
    @property
    def after(self) -> str | None: ...


P = TypeVar("P", bound=_Page)
T = TypeVar("T")

# How many features have been written.
Told = Callable[[int], None]


def write(
    conn: Connection,
    layers: Sequence[Layer],
    viewer: Viewer,
    path: Path,
    form: Form,
    *,
    bbox: BBox | None = None,
    told: Told = lambda _rows: None,
) -> dict[str, int]:
    """Write layers to a file that is not there yet; returns how many features of each. All pages are of one moment if
    the connection's transaction is (REPEATABLE READ).

    Raises ``InvalidInput`` for several layers in a form that holds one, ``NotSignedIn``, ``NotAllowed``, ``OSError``,
    and GDAL's errors.
    """
    if len(layers) > 1 and form != "gpkg":
        raise InvalidInput(
            f"A file of the form {FORMS[form].title} holds one layer, not {len(layers)}; a GeoPackage (.gpkg) or an "
            "archive of tiles (.pmtiles) holds several.",
            layers=[layer.id for layer in layers],
        )
    for layer in layers:
        viewer.require(layer)
    if form == "geojsonseq" or form == "csv":
        counted = _Counted(told)
        with path.open("xb") as file:
            file.write(export.head(layers[0], viewer, form))
            for text in _pages(lambda after: export.page(conn, layers[0], viewer, form, bbox=bbox, after=after)):
                file.write(text.body)
                counted.add(text.rows)
        return {layers[0].id: counted.rows}
    return _write_tables(conn, layers, viewer, path, form, bbox, told)


def _write_tables(
    conn: Connection,
    layers: Sequence[Layer],
    viewer: Viewer,
    path: Path,
    form: Form,
    bbox: BBox | None,
    told: Told,
) -> dict[str, int]:
    import pyarrow as pa

    from layers import gdal_file, parquet, tables

    before, rows = 0, {}
    for number, layer in enumerate(layers):
        counted, schema = _Counted(told, before), tables.schema(layer, viewer)
        raised: list[BaseException] = []

        def records(layer: Layer = layer, counted: _Counted = counted) -> Iterator[pa.RecordBatch]:
            for page in _pages(lambda after: tables.page(conn, layer, viewer, bbox=bbox, after=after)):
                yield page.records
                counted.add(page.rows)

        if form == "parquet":
            file = parquet.GeoParquet(schema)
            with path.open("xb") as out:
                for each in records():
                    out.write(file.add(each))
                out.write(file.end())
        elif form == "fgb" or form == "gpkg":
            table = gdal_file.Table.of(layer, form, tables.shape_of(conn, layer)).at(path)
            stream = pa.RecordBatchReader.from_batches(schema, _kept(records(), raised))
            try:
                gdal_file.write(stream, table, beside=number > 0)
            except Exception:
                # GDAL tells of a reader that failed, not of why.
                if raised:
                    raise raised[0] from None
                raise
        rows[layer.id] = counted.rows
        before += counted.rows
    return rows


class _Counted:
    def __init__(self, told: Told, before: int = 0) -> None:
        self.rows, self._told, self._before = 0, told, before

    def add(self, rows: int) -> None:
        self.rows += rows
        self._told(self._before + self.rows)


def _pages(read: Callable[[str | None], P]) -> Iterator[P]:
    page = read(None)
    yield page
    while page.after is not None:
        page = read(page.after)
        yield page


def _kept(found: Iterator[T], raised: list[BaseException]) -> Iterator[T]:
    """The same, with what was raised on the way kept."""
    try:
        yield from found
    except BaseException as error:
        raised.append(error)
        raise
