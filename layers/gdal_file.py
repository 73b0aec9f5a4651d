"""Files that GDAL writes: FlatGeobuf with its spatial index, GeoPackage.

A web process hands the features to a program of their own, ``python -m layers.gdal_file``, as an Arrow stream: GDAL
holds the interpreter's lock while it writes and sorts, and what it does in another process delays no request.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import orjson
import pyarrow as pa

from layers.forms import GEOMETRY, Drawn
from layers.layer import Layer

_DRIVERS: Mapping[Drawn, str] = MappingProxyType({"fgb": "FlatGeobuf", "gpkg": "GPKG"})
# What it writes may take no more than this: a file system that is full stops the database.
_MOST_BYTES = 64 * 2**30


@dataclass(frozen=True, slots=True)
class Table:
    """One layer within a file: where, in which form, what it is called and of which shape it is."""

    form: Drawn
    name: str
    title: str
    description: str
    shape: str
    path: str = ""

    @classmethod
    def of(cls, layer: Layer, form: Drawn, shape: str) -> Self:
        """Describe a layer; ``shape`` is that of `layers.tables.shape_of`."""
        return cls(form, layer.id, f"{layer.title_zh} · {layer.title_en}", layer.description, shape)

    def at(self, path: Path) -> Self:
        """The same in a file."""
        return replace(self, path=str(path))

    def command(self) -> list[str]:
        """The program that writes it from an Arrow stream at its standard input."""
        return [sys.executable, "-m", "layers.gdal_file", orjson.dumps(asdict(self)).decode()]


def write(records: pa.RecordBatchReader, table: Table, *, beside: bool = False) -> None:
    """Write one layer; ``beside`` others that the file holds already. Raises pyogrio's errors."""
    from pyogrio.raw import write_arrow  # late: who only describes a file needs no GDAL

    options: dict[str, Any] = {}
    if table.form == "gpkg":
        options = {"IDENTIFIER": table.title, "DESCRIPTION": table.description}
    write_arrow(
        records,
        table.path,
        layer=table.name,
        driver=_DRIVERS[table.form],
        geometry_name=GEOMETRY,
        geometry_type=table.shape,
        crs="EPSG:4326",
        append=beside,
        layer_options=options,
    )


def main() -> None:
    """Write what comes in at standard input; what is answered in the meantime goes first."""
    os.nice(5)
    # pyogrio takes these where it finds them; writing Arrow needs none, and they are most of what would be imported.
    sys.modules |= dict.fromkeys(("geopandas", "pandas", "shapely", "pyproj"))  # type: ignore[arg-type]
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_BYTES, _MOST_BYTES))
    table = Table(**orjson.loads(sys.argv[1]))
    with pa.ipc.open_stream(sys.stdin.buffer) as records:
        write(records, table)


if __name__ == "__main__":
    main()
