"""Shapefile, GeoPackage, GeoJSON and FlatGeobuf: GDAL reads them (through pyogrio), streaming, in Arrow batches.

GDAL is asked only after the file has shown that it is what its name says: it opens by content, and content can name
other files and addresses. It forgives a file that ends too early, so ends are looked at here, and rows are counted.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from gisops.loads import encodings
from gisops.loads.batches import Column, Finding, Options
from gisops.loads.failures import UnreadableFile
from gisops.loads.findings import found
from gisops.loads.mending import Raw
from gisops.loads.readers import Facts, blocks, choose_layer
from gisops.loads.shapes import Linearise, from_wkb
from gisops.loads.systems import name_of, read_definition
from gisops.loads.texts import NUL_MARK, values_of

SUFFIXES = {".shp": "ESRI Shapefile", ".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".fgb": "FlatGeobuf"}
# Layers of GeoPackages that hold a program's own affairs.
_NOT_DATA = {"layer_styles", "qgis_projects"}
# A batch of very large polygons must not fill the memory: it holds fewer rows.
_BATCH_BYTES = 32 << 20
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_MOST_WARNINGS = 10
_TYPES = {"object": "string"}


class VectorReader:
    """A file that GDAL reads."""

    def __init__(self, path: Path, options: Options, folder: Path) -> None:
        self.path, self.options, self.driver = path, options, SUFFIXES[path.suffix.lower()]
        findings: list[Finding] = []
        encoding = None
        if self.driver == "ESRI Shapefile":
            encoding = _check_shapefile(path, options, findings)
        elif self.driver == "GeoJSON":
            path = _plain_json(path, options, folder, findings)
        else:
            _check_whole(path, self.driver)
        self._size = path.stat().st_size
        # The prefix keeps GDAL to the one driver.
        path = _plain_path(path, folder)
        self._source = f"GeoJSON:{path}" if self.driver == "GeoJSON" else str(path)
        self._encoding = None if encoding is None else encodings.shown(encoding)
        self._warned: list[str] = []
        try:
            with _listening(self._warned):
                layers = [str(name) for name, _ in pyogrio.list_layers(self._source) if name not in _NOT_DATA]
                layer = choose_layer(path, layers, options.layer if self.driver == "GPKG" else None)
                info = pyogrio.read_info(self._source, layer=layer, encoding=self._encoding)
        except (DataSourceError, DataLayerError, UnicodeDecodeError) as error:
            raise _unreadable(self.path, error) from error
        crs = read_definition(info["crs"])
        columns = [
            Column(str(n), _TYPES.get(str(t), str(t))) for n, t in zip(info["fields"], info["dtypes"], strict=True)
        ]
        # A GeoPackage's key and a GeoJSON feature's own number are no columns to GDAL, but they may be all there is.
        self._key = {"GPKG": info["fid_column"] or "fid", "GeoJSON": "id"}.get(self.driver)
        if self._key is not None and self._key not in {column.name for column in columns}:
            columns.insert(0, Column(self._key, "int64"))
        else:
            self._key = None
        stated = int(info["features"])
        self._where: str | None = None
        if self.driver == "ESRI Shapefile" and (dbf := _part(path, ".dbf")) is not None:
            stated -= encodings.dbase_deleted(dbf)  # counted by GDAL, but not given
        elif self.driver == "GPKG" and (counted := _counted(path, layer)) not in (None, stated):
            # GDAL trusts a GeoPackage's own note of its number of rows, and makes rows up where the note is wrong. A
            # condition that always holds makes it look for itself.
            stated, self._where = counted, "1 = 1"
        self.facts = Facts(
            driver=self.driver,
            layer=layer,
            layers=layers,
            columns=columns,
            total_rows=stated if stated >= 0 else None,
            about_rows=stated if stated >= 0 else None,
            crs=crs,
            assumed=self.driver == "GeoJSON" and name_of(crs) == "EPSG:4326",
            has_geometry=info["geometry_type"] is not None,
            encoding=encodings.shown(encoding) if encoding else "UTF-8",
            findings=findings,
        )

    def rows(self) -> Iterator[Raw]:
        """Yield the rows; raises `UnreadableFile` where the file is damaged or holds fewer than it says."""
        total = self.facts.total_rows
        each = self._size // max(total or 1, 1)
        rows = max(1, min(self.options.batch_rows, _BATCH_BYTES // max(each, 1)))
        extra = {"DATE_AS_STRING": "YES"} if self.driver == "GeoJSON" else {}
        read = 0
        try:
            with ExitStack() as stack:
                with _listening(self._warned):
                    opened = pyogrio.raw.open_arrow(
                        self._source, layer=self.facts.layer, encoding=self._encoding, where=self._where,
                        return_fids=True, batch_size=rows, use_pyarrow=True, **extra,
                    )  # fmt: skip
                    meta, reader = stack.enter_context(opened)
                while (batch := self._next(reader)) is not None:
                    yield self._raw(batch, meta, read)
                    read += batch.num_rows
        except (DataSourceError, DataLayerError, pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error
        if total is not None and read != total:
            raise UnreadableFile(
                f"{self.path.name} says it holds {total} rows, but only {read} can be read: it is cut off or damaged.",
                file=self.path.name,
            )
        self.facts.findings += [found(None, "reader_warning", words=words) for words in self._warned]

    def _next(self, reader: Any) -> pa.RecordBatch | None:
        with _listening(self._warned):
            try:
                return reader.read_next_batch()
            except StopIteration:
                return None

    def _raw(self, batch: pa.RecordBatch, meta: dict[str, Any], read: int) -> Raw:
        rows = np.arange(read + 1, read + batch.num_rows + 1, dtype=np.int64)
        # The rows' own numbers come first, and may be called like a column.
        places = {name: at for at, name in enumerate(batch.schema.names) if at > 0}
        geometry = (meta["geometry_name"] or "wkb_geometry") if self.facts.has_geometry else None
        fields: dict[str, Any] = {}
        findings: list[Finding] = []
        for column in self.facts.columns:
            place = 0 if column.name == self._key else places.get(column.name)
            if place is not None:
                values, wrong = values_of(batch.column(place), column.name, rows, self.options)
                fields[column.name] = values
                findings += wrong
        shapes = None
        if geometry is not None and geometry in places and self.options.expected != "none":
            shapes, wrong = from_wkb(batch.column(places[geometry]).to_pylist(), rows, self._straight(batch.column(0)))
            findings += wrong
        return Raw(rows, fields, shapes, findings)

    def _straight(self, numbers: pa.Array) -> Linearise:
        """How a curve is had with straight lines: pyogrio turns it where single rows are asked for."""

        def linearise(at: int) -> bytes | None:
            with _listening(self._warned):
                made = pyogrio.raw.read(self._source, layer=self.facts.layer, columns=[], fids=[numbers[at].as_py()])
            return None if made[2][0] is None else bytes(made[2][0])

        return linearise


@contextmanager
def _listening(heard: list[str]) -> Iterator[None]:
    """Collect what GDAL warns of, each once: a warning of a file's content is a finding and no matter of the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for one in caught:
        words = str(one.message)[:300]
        if words not in heard and len(heard) < _MOST_WARNINGS:
            heard.append(words)


def _unreadable(path: Path, error: Exception) -> UnreadableFile:
    return UnreadableFile(f"{path.name} cannot be read: {str(error)[:300]}", file=path.name)


# What a file must be before GDAL sees it ------------------------------------------------------------------------------


def _check_shapefile(path: Path, options: Options, findings: list[Finding]) -> str:
    """Hold a Shapefile's parts against each other; returns its text's encoding."""
    parts = {suffix: _part(path, suffix) for suffix in (".shp", ".shx", ".dbf")}
    absent = [suffix for suffix, part in parts.items() if part is None]
    if absent:
        raise UnreadableFile(
            f"{path.name} is only a part of a Shapefile: {', '.join(absent)} is missing. "
            "Ask for .shp, .shx, .dbf and .prj of the same name, best as one zip.",
            file=path.name,
            missing=absent,
        )
    shp, shx, dbf = (part for part in parts.values() if part is not None)
    for part in (shp, shx):
        with part.open("rb") as file:
            head = file.read(100)
        stated = int.from_bytes(head[24:28], "big") * 2
        if head[:4] != b"\x00\x00\x27\x0a" or len(head) < 100:
            raise UnreadableFile(f"{part.name} is no part of a Shapefile, whatever its name says.", file=part.name)
        if stated > part.stat().st_size:
            raise UnreadableFile(
                f"{part.name} is cut off: it says {stated} bytes and has {part.stat().st_size}.", file=part.name
            )
    with dbf.open("rb") as file:
        head = file.read(32)
    records, header, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    if len(head) < 32 or header + records * width > dbf.stat().st_size:
        raise UnreadableFile(f"{dbf.name} is cut off: it says {records} rows.", file=dbf.name)
    shapes = (shx.stat().st_size - 100) // 8
    if shapes != records:
        raise UnreadableFile(
            f"{path.name} has {shapes} shapes and {records} rows of attributes: its parts do not belong together.",
            file=path.name,
        )
    chosen = encodings.choose(
        lambda: encodings.dbase_texts(dbf), encodings.dbase_claim(dbf), options.encoding, dbf.name, values=True
    )
    findings += chosen.findings
    return chosen.codec


def _part(path: Path, suffix: str) -> Path | None:
    return next((one for one in (path.with_suffix(suffix), path.with_suffix(suffix.upper())) if one.is_file()), None)


def parts_of(path: Path) -> list[Path]:
    """All files a path stands for: of a Shapefile its parts, else the file itself."""
    if path.suffix.lower() != ".shp":
        return [path]
    found_parts = [_part(path, suffix) for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg")]
    return [part for part in found_parts if part is not None]


def _counted(path: Path, layer: str) -> int | None:
    """The rows of a GeoPackage's layer by counting; None where Python's SQLite cannot open it."""
    name = layer.replace('"', '""')
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608
    except sqlite3.Error:
        return None


def _plain_path(path: Path, folder: Path) -> Path:
    """A path without the sign that pyogrio takes for the way into an archive: links to the file's parts, if need be."""
    if "!" not in str(path):
        return path
    for part in parts_of(path):
        (folder / part.name.replace("!", "_")).symlink_to(part)
    return folder / path.name.replace("!", "_")


def _check_whole(path: Path, driver: str) -> None:
    with path.open("rb") as file:
        head = file.read(100)
    if driver == "FlatGeobuf":
        if head[:3] != b"fgb" or head[4:7] != b"fgb":
            raise UnreadableFile(f"{path.name} is no FlatGeobuf, whatever its name says.", file=path.name)
        return
    if head[:16] != b"SQLite format 3\0":
        raise UnreadableFile(f"{path.name} is no GeoPackage, whatever its name says.", file=path.name)
    page = int.from_bytes(head[16:18], "big")
    stated = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
    if stated > path.stat().st_size:
        raise UnreadableFile(
            f"{path.name} is cut off: it says {stated} bytes and has {path.stat().st_size}.", file=path.name
        )


def _plain_json(path: Path, options: Options, folder: Path, findings: list[Finding]) -> Path:
    """The file itself where it is UTF-8, as it should be; else, or where a text holds NUL, a copy that can be read."""
    first = next(blocks(path, options), b"")
    if first.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1] != b"{":
        raise UnreadableFile(f"{path.name} is no GeoJSON, whatever its name says.", file=path.name)
    chosen = encodings.choose(lambda: blocks(path, options), "UTF-8", options.encoding, path.name)
    findings += chosen.findings
    with_nul = any(b"\\u0000" in block for block in _overlapping(path, options))
    if chosen.codec in ("utf-8", "utf-8-sig") and not with_nul:
        return path
    with (
        path.open(encoding=chosen.codec, newline="") as source,
        tempfile.NamedTemporaryFile(dir=folder, suffix=".geojson", delete=False) as copy,
    ):
        rest = b""
        while block := source.read(1 << 20):
            text = rest + block.encode()
            # Cut where no escape can begin or end.
            cut = max(text.rfind(sign) for sign in b'",]}') + 1
            copy.write(_without_nul(text[:cut]))
            rest = text[cut:]
        copy.write(_without_nul(rest))
    return Path(copy.name)


def _without_nul(text: bytes) -> bytes:
    mark = NUL_MARK.encode()
    return _NUL.sub(lambda match: match[1] + mark, text)


def _overlapping(path: Path, options: Options) -> Iterator[bytes]:
    rest = b""
    for block in blocks(path, options):
        yield rest + block
        rest = block[-8:]
