"""The forms in which a layer is handed out as a file: how each is called, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# Text is made page by page; Parquet by groups of rows; the others by GDAL, whole, before the first byte can be sent.
Text = Literal["geojsonseq", "csv"]
Drawn = Literal["fgb", "gpkg"]
# The column of the shapes, in files that have columns; no field may be called so.
GEOMETRY = "geom"
Form = Literal["geojsonseq", "csv", "parquet", "fgb", "gpkg"]


@dataclass(frozen=True, slots=True)
class About:
    """A form's suffix, media type and name."""

    suffix: str
    media_type: str
    title: str


FORMS: Mapping[Form, About] = MappingProxyType({
    # RFC 8142; RFC 4180, with the mark by which spreadsheets know UTF-8.
    "geojsonseq": About("geojsons", "application/geo+json-seq", "GeoJSON"),
    "csv": About("csv", "text/csv; charset=utf-8; header=present", "CSV"),
    "parquet": About("parquet", "application/vnd.apache.parquet", "GeoParquet"),
    "fgb": About("fgb", "application/flatgeobuf", "FlatGeobuf"),
    "gpkg": About("gpkg", "application/geopackage+sqlite3", "GeoPackage"),
})  # fmt: skip
