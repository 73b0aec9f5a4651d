"""A city of one square, far from anybody's, and files for it that are written where they are needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gisops.db.pool import Connection
from tests.walk import real_city

PROFILE = """
name_zh = "方城"
name_en = "Square City"
code = "990100"
extent = [10.0, 50.0, 10.2, 50.1]
metric_srid = 25832
timezone = "Europe/Berlin"

[district]
code = "990108"

[calendar]
days = "none"
"""


def found(conn: Connection, folder: Path) -> None:
    real_city.found_city(conn, folder, PROFILE)


def table(folder: Path, name: str, *lines: str) -> Path:
    """A CSV of these lines."""
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def square(west: float, south: float, side: float = 0.02, more: tuple[tuple[float, float], ...] = ()) -> dict[str, Any]:
    """A square as GeoJSON; ``more`` are vertices on its western edge, from north to south."""
    east, north = west + side, south + side
    ring = [(west, south), (east, south), (east, north), (west, north), *more, (west, south)]
    return {"type": "Polygon", "coordinates": [ring]}


def shapes(folder: Path, name: str, *rows: tuple[dict[str, Any], dict[str, Any]]) -> Path:
    """A GeoJSON of (geometry, properties)."""
    features = [{"type": "Feature", "geometry": shape, "properties": told} for shape, told in rows]
    path = folder / f"{name}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path
