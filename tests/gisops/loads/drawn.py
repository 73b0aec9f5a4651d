"""Files made for a test, by GDAL, pyarrow or byte by byte, and a short way to read them."""

from __future__ import annotations

import csv
import json
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from gisops.loads.batches import Finding, Options
from gisops.loads.reading import Source, open_source

DRIVERS = {".shp": "ESRI Shapefile", ".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"}


@dataclass
class Read:
    """All of a file at once."""

    source: Source
    rows: list[int]
    fields: dict[str, list[Any]]
    shapes: list[Any]
    findings: list[Finding]
    sizes: list[int]

    def codes(self) -> list[tuple[int | None, str]]:
        """Row and code of every finding about a row."""
        return sorted((one.row or 0, one.code) for one in self.findings)

    def file_codes(self) -> set[str]:
        return {one.code for one in self.source.file_findings}

    def one(self, code: str) -> Finding:
        (found,) = [one for one in [*self.findings, *self.source.file_findings] if one.code == code]
        return found


def read(path: Path, **options: Any) -> Read:
    """Read a file to its end. Every row of every batch has all its values, and its geometry is clean."""
    got = Read(None, [], {}, [], [], [])  # type: ignore[arg-type]
    with open_source(path, Options(**options)) as got.source:
        for batch in got.source.batches():
            got.sizes.append(len(batch.rows))
            got.rows += batch.rows.tolist()
            got.findings += batch.findings
            for name, values in batch.fields.items():
                assert len(values) == len(batch.rows)
                got.fields.setdefault(name, []).extend(values)
            if batch.geometry is not None:
                got.shapes += _checked(batch.geometry, len(batch.rows))
    assert got.rows == sorted(set(got.rows))
    refused = {one.row for one in got.findings if one.kind == "refused"}
    assert not refused & set(got.rows), "a refused row is in no batch"
    return got


def _checked(shapes: Any, count: int) -> list[Any]:
    there = shapes[~shapely.is_missing(shapes)]
    assert len(shapes) == count
    assert (shapely.get_srid(there) == 4326).all()
    assert shapely.is_valid(there).all()
    assert not (shapely.is_empty(there) | shapely.has_z(there) | shapely.has_m(there)).any()
    return list(shapes)


def write(
    path: Path,
    shapes: Sequence[Any],
    crs: str | None = "EPSG:4326",
    kind: str | None = None,
    layer: str | None = None,
    append: bool = False,
    encoding: str | None = None,
    **columns: Sequence[Any],
) -> Path:
    """Write a vector file by its suffix; ``kind`` is the geometry type the layer declares."""
    wkb = np.array([None if shape is None else shapely.to_wkb(shape, flavor="iso") for shape in shapes], dtype=object)
    names = list(columns) or ["code"]
    data = [np.array(values) for values in columns.values()] or [np.arange(1, len(shapes) + 1)]
    data = [values.astype(object) if values.dtype.kind in "UO" else values for values in data]
    options = {"encoding": encoding} if encoding else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
        str(path), wkb, data, names, geometry_type=kind or "Unknown", crs=crs, driver=DRIVERS[path.suffix], layer=layer,
        append=append, **options,
        )  # fmt: skip
    return path


def write_parquet(path: Path, shapes: Sequence[Any], crs: Any = "absent", **columns: Sequence[Any]) -> Path:
    """Write GeoParquet; ``crs`` as in its record, "absent" leaves it out."""
    geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": []}
    if crs != "absent":
        geometry["crs"] = crs
    record = {"version": "1.1.0", "primary_column": "geom", "columns": {"geom": geometry}}
    wkb = [None if shape is None else shapely.to_wkb(shape) for shape in shapes]
    table = pa.table({**columns, "geom": pa.array(wkb, pa.binary())})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(record)}), path)
    return path


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def zipped(path: Path, *names: Path, under: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(name, under + name.name)
    return path


def shapefile_parts(path: Path) -> list[Path]:
    return [part for part in sorted(path.parent.glob(path.stem + ".*")) if part.suffix != ".zip"]


def collection(*features: tuple[Any, dict[str, Any]], **members: Any) -> dict[str, Any]:
    """A GeoJSON feature collection of (geometry, properties)."""
    listed = [{"type": "Feature", "properties": told, "geometry": geometry} for geometry, told in features]
    return {"type": "FeatureCollection", **members, "features": listed}


def write_json(path: Path, document: Any, encoding: str = "utf-8") -> Path:
    path.write_bytes(json.dumps(document, ensure_ascii=False).encode(encoding))
    return path
