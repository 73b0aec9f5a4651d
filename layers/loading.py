"""Loading a vector file into a layer's table: by hand, never while a request waits.

geopandas and pyogrio read any format GDAL knows. What is loaded says in which reference system it is (a file that
does not is refused, never guessed at), is brought to EPSG:4326, and its geometries are valid: what can be repaired
is, the rest is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import shapely

from gisops.access import scopes
from gisops.db.copying import copy_rows
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, UnknownCrs

_GEOMETRY = """
SELECT postgis_typmod_type(a.atttypmod) AS type
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%(relation)s) AND a.attname = 'geom'
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: rows appended, and the row numbers (from 0) that were repaired or left out, with the reason."""

    rows: int
    repaired: Mapping[int, str]
    left_out: Mapping[int, str]


def read_file(path: Path | str, layer: str | None = None) -> geopandas.GeoDataFrame:
    """Read a vector file as WGS-84 longitude and latitude (EPSG:4326).

    Raises ``InvalidInput`` for a file that is absent or unreadable and ``UnknownCrs`` for one that does not say
    where it is.
    """
    try:
        frame = geopandas.read_file(path, layer=layer, engine="pyogrio")
    except Exception as error:
        # pyogrio has errors of many families; every one of them means that this file cannot be read.
        raise InvalidInput(f"{path} cannot be read as a vector file: {error}", file=str(path)) from error
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.active_geometry_name is None:
        raise InvalidInput(f"{path} has no geometry.", file=str(path))
    if frame.crs is None:
        raise UnknownCrs(
            f"{path} does not say its coordinate reference system; add it (a .prj file, or ogr2ogr -a_srs).",
            file=str(path),
        )
    return frame.to_crs(4326)


def load_file(
    owner: Connection,
    layer: str,
    table: str,
    path: Path | str,
    mapping: Mapping[str, str],
    file_layer: str | None = None,
) -> Loaded:
    """Append a vector file to a layer's table and give the layer's content a new version, in the caller's transaction.

    ``mapping`` is ``{column of the table: column of the file}``; other columns of the file are left where they are.
    Raises ``InvalidInput`` for a file, column or table that is not there, and ``UnknownCrs``.
    """
    frame = read_file(path, file_layer)
    absent = sorted(set(mapping.values()) - set(frame.columns))
    if absent:
        raise InvalidInput(
            f"{path} has no column {', '.join(absent)}.", file=str(path), columns=[str(name) for name in frame.columns]
        )
    row = owner.execute(_GEOMETRY, {"relation": table}).fetchone()
    if row is None:
        raise InvalidInput(f"There is no table {table} with a column geom.", table=table)
    geometries, repaired, left_out = _fitting(frame.geometry.to_numpy(), str(row["type"]))
    columns = list(mapping)
    values = frame[[mapping[column] for column in columns]].astype(object)
    values = values.where(values.notna(), None)
    told = zip(values.itertuples(index=False, name=None), range(len(frame)), strict=True)
    copy_rows(owner, table, [*columns, "geom"], ((*row, geometries[n]) for row, n in told if n not in left_out))
    if table in scopes.SCOPED | scopes.GROUND:
        scopes.settle(owner, tables=None if table in scopes.GROUND else [table])
    owner.execute("SELECT layer_changed(%s)", (layer,))
    return Loaded(len(frame) - len(left_out), repaired, left_out)


def _fitting(shapes: object, wanted: str) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    """Bring each geometry to the column's type, as EWKB in hexadecimal; say what was repaired and what cannot be
    used.
    """
    geometries: dict[int, str] = {}
    repaired: dict[int, str] = {}
    left_out: dict[int, str] = {}
    for number, given in enumerate(shapes):  # type: ignore[arg-type, var-annotated]
        if given is None or given.is_empty:
            left_out[number] = "empty"
            continue
        shape = shapely.force_2d(given)
        if not shape.is_valid:
            repaired[number] = shapely.is_valid_reason(shape)
            shape = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        if wanted.startswith("Multi") and shape.geom_type == wanted.removeprefix("Multi"):
            shape = {"MultiPolygon": shapely.multipolygons, "MultiLineString": shapely.multilinestrings}[wanted](
                [shape]
            )
        if shape.is_empty or wanted not in ("Geometry", shape.geom_type):
            left_out[number] = f"{shape.geom_type} where {wanted} is wanted"
            repaired.pop(number, None)
            continue
        geometries[number] = shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True)
    return geometries, repaired, left_out
