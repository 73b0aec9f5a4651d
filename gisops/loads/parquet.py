"""GeoParquet, by pyarrow: batches out of row groups, the geometry as the file's own ``geo`` record describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from gisops.loads.batches import Column, Finding, Options
from gisops.loads.failures import UnreadableFile
from gisops.loads.mending import Raw
from gisops.loads.readers import Facts
from gisops.loads.shapes import from_wkb
from gisops.loads.systems import name_of, read_definition
from gisops.loads.tables import Place
from gisops.loads.texts import values_of

SUFFIXES = (".parquet", ".geoparquet")


class ParquetReader:
    """A Parquet file, with a geometry by the GeoParquet specification or columns to make one from."""

    def __init__(self, path: Path, options: Options) -> None:
        self.path, self.options = path, options
        with path.open("rb") as file:
            head = file.read(4)
        if head != b"PAR1":
            raise UnreadableFile(f"{path.name} is no Parquet file, whatever its name says.", file=path.name)
        try:
            with pq.ParquetFile(path) as opened:
                schema, total = opened.schema_arrow, opened.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(f"{path.name} is cut off or damaged: {str(error)[:200]}", file=path.name) from error
        self.geometry, crs, assumed = _geometry(path, schema)
        names = [name for name in schema.names if name != self.geometry]
        self.place = Place.of(names, options, path.name) if self.geometry is None else None
        self.facts = Facts(
            driver="Parquet",
            layer=path.stem,
            layers=[path.stem],
            columns=[Column(name, str(schema.field(name).type)) for name in names],
            total_rows=total,
            about_rows=total,
            crs=crs,
            assumed=assumed,
            has_geometry=self.geometry is not None or self.place is not None,
            encoding="UTF-8",
        )

    def rows(self) -> Iterator[Raw]:
        """Yield the rows; raises `UnreadableFile` where a page is damaged."""
        read = 0
        try:
            # Neither buffered ahead nor all columns of a row group at once: a row group may be the whole file.
            with pq.ParquetFile(self.path, buffer_size=1 << 20, pre_buffer=False) as opened:
                for batch in opened.iter_batches(batch_size=self.options.batch_rows):
                    yield self._raw(batch, read)
                    read += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(f"{self.path.name} is damaged: {str(error)[:200]}", file=self.path.name) from error

    def _raw(self, batch: pa.RecordBatch, read: int) -> Raw:
        rows = np.arange(read + 1, read + batch.num_rows + 1, dtype=np.int64)
        fields: dict[str, Sequence[Any]] = {}
        findings: list[Finding] = []
        for column in self.facts.columns:
            fields[column.name], wrong = values_of(batch.column(column.name), column.name, rows, self.options)
            findings += wrong
        shapes = None
        if self.options.expected != "none":
            if self.geometry is not None:
                column_of = batch.column(self.geometry)
                wkb = (column_of.storage if isinstance(column_of, pa.ExtensionArray) else column_of).to_pylist()
                shapes, wrong = from_wkb(wkb, rows)
                findings += wrong
            elif self.place is not None:
                shapes, wrong = self.place.shapes(fields, rows)
                findings += wrong
        return Raw(rows, fields, shapes, findings)


def _geometry(path: Path, schema: pa.Schema) -> tuple[str | None, CRS | None, bool]:
    """The geometry's column, its system, and whether that is only the specification's default (OGC:CRS84)."""
    record = (schema.metadata or {}).get(b"geo")
    if record is None:
        return None, None, True
    try:
        told = json.loads(record)
        name = told["primary_column"]
        column = told["columns"][name]
        encoding = column["encoding"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{path.name} has a broken record of its geometry ('geo').", file=path.name) from error
    if encoding != "WKB" or name not in schema.names:
        raise UnreadableFile(
            f"{path.name} keeps its geometry as {encoding!r} in {name!r}; here only WKB is read: write it anew so.",
            file=path.name,
        )
    if "crs" in column and column["crs"] is None:
        return name, None, False  # null means: not known
    crs = read_definition(json.dumps(column["crs"]) if "crs" in column else "OGC:CRS84")
    return name, crs, "crs" not in column or name_of(crs) == "EPSG:4326"
