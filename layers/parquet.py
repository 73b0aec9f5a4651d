"""GeoParquet 1.1, written piece by piece: a file of any size in the memory of one group of rows.

The box of each feature stands in a column of its own, so that a reader who asks for a place reads the groups that touch
it and no other.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from layers.forms import GEOMETRY

ROWS_IN_GROUP = 25_000
_BOX = f"{GEOMETRY}_bbox"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX_TYPE = pa.struct([(side, pa.float64()) for side in _SIDES])
# Shapely's names in GeoParquet's spelling.
_SHAPES = {
    "POINT": "Point",
    "LINESTRING": "LineString",
    "POLYGON": "Polygon",
    "MULTIPOINT": "MultiPoint",
    "MULTILINESTRING": "MultiLineString",
    "MULTIPOLYGON": "MultiPolygon",
    "GEOMETRYCOLLECTION": "GeometryCollection",
}


class Drain(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._told = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were written, taken away or not."""
        return self._told

    def write(self, data: Any) -> int:
        """Keep some bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._told += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """Take away what was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class GeoParquet:
    """One file in the making: `add` batches of `layers.tables`, then `end`; each returns the bytes that are ready."""

    def __init__(self, schema: pa.Schema) -> None:
        self._seen: tuple[float, float, float, float] | None = None
        self._shapes: set[str] = set()
        self._waiting: list[pa.RecordBatch] = []
        self._sink = Drain()
        self._schema = schema.append(pa.field(_BOX, _BOX_TYPE))
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, "w"), self._schema, compression="zstd")

    def add(self, records: pa.RecordBatch) -> bytes:
        """Take some features; returns what is ready of the file, often nothing."""
        self._waiting.append(records)
        if sum(each.num_rows for each in self._waiting) >= ROWS_IN_GROUP:
            self._write()
        return self._sink.take()

    def end(self) -> bytes:
        """Return the rest of the file."""
        self._write()
        # Only now is it known what there is; readers look at the end of the file first.
        self._writer.add_key_value_metadata({"geo": orjson.dumps(self._about()).decode()})
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        self._waiting.clear()
        shapes = shapely.from_wkb(table[GEOMETRY].to_numpy())
        boxes = shapely.bounds(shapes)
        if len(boxes) and not np.isnan(boxes).all():
            low, high = np.nanmin(boxes, axis=0), np.nanmax(boxes, axis=0)
            found = (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
            seen = self._seen or found
            self._seen = (*map(min, seen[:2], found[:2]), *map(max, seen[2:], found[2:]))  # type: ignore[assignment]
        self._shapes |= {
            shapely.GeometryType(kind).name for kind in np.unique(shapely.get_type_id(shapes)).tolist() if kind >= 0
        }
        columns = [pa.array(boxes[:, side], mask=np.isnan(boxes[:, side])) for side in range(4)]
        box = pa.StructArray.from_arrays(columns, fields=list(_BOX_TYPE))
        self._writer.write_table(table.append_column(self._schema.field(_BOX), box))

    def _about(self) -> dict[str, Any]:
        """The file's metadata, as GeoParquet 1.1.0 has it."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(_SHAPES[shape] for shape in self._shapes),
            "crs": _crs(),
            "covering": {"bbox": {side: [_BOX, side] for side in _SIDES}},
        }
        if self._seen is not None:
            column["bbox"] = list(self._seen)
        return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


@cache
def _crs() -> Any:
    """EPSG:4326 as PROJJSON. Whatever order of axes it says, GeoParquet's is longitude first."""
    return pyproj.CRS.from_epsg(4326).to_json_dict()
