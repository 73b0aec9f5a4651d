"""The features nearest to a point, of those the viewer may see, with their distance in metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput
from layers.catalog import Layer
from layers.seen import by_window, properties, window
from layers.viewer import Viewer

_SQL = load("layers", "nearest.sql")
MAX_LIMIT, MAX_WITHIN_M = 100, 20_000.0


@dataclass(frozen=True, slots=True)
class Near:
    """One feature near the point. ``feature`` is GeoJSON text, with ``layer`` and ``distance_m`` as members of it."""

    layer: str
    key: str
    distance_m: float
    feature: str


def nearest(
    conn: Connection,
    layers: Sequence[Layer],
    viewer: Viewer,
    lon: float,
    lat: float,
    *,
    within_m: float = 1_000.0,
    limit: int = 10,
) -> list[Near]:
    """Find the nearest features of some layers together, the nearest first: at most ``limit`` (1 to 100), no farther
    than ``within_m`` metres (above 0, to 20,000) by geodesic distance; 0 for what the point lies in.

    ``lon`` and ``lat`` are WGS-84 degrees. Raises ``InvalidInput``, ``NotSignedIn`` or ``NotAllowed``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    if not 0 < within_m <= MAX_WITHIN_M:
        raise InvalidInput(
            f"within_m must be above 0 and at most {MAX_WITHIN_M:g} metres.",
            parameter="within_m",
            within_m=str(within_m),
        )
    values: dict[str, Any] = {
        "lon": lon,
        # Web Mercator ends there; nothing of a city lies beyond.
        "lat": max(-85.0, min(85.0, lat)),
        "within_m": within_m,
        "limit": limit,
        # Some more than are wanted: what is equally far but for a few centimetres may change places by true metres.
        "candidates": 2 * limit + 20,
    }
    found: list[tuple[float, int, str, Near]] = []
    for place, layer in enumerate(layers):
        fields = tuple(field.name for field in viewer.fields_of(layer))
        statement = _statement(layer, fields, by_window(layer, viewer))
        for row in conn.execute(statement, values | {"reach": _reach(within_m, values["lat"])}):
            near = Near(layer.id, row["key"], row["distance_m"], row["feature"])
            found.append((near.distance_m, place, near.key, near))
    return [near for *_, near in sorted(found, key=lambda each: each[:3])[:limit]]


def _reach(within_m: float, lat: float) -> float:
    """Units of Web Mercator that hold ``within_m`` metres here, with room for its scale to change on the way."""
    farthest = min(86.0, abs(lat) + math.degrees(within_m / 6_350_000))
    return within_m / math.cos(math.radians(farthest)) * 1.01


@lru_cache(maxsize=256)
def _statement(layer: Layer, fields: tuple[str, ...], windowed: bool) -> str:
    candidates = sql.SQL(_SQL["candidates_seen" if windowed else "candidates_open"]).format(
        columns=sql.SQL(", ").join(sql.SQL("o.{}").format(sql.Identifier(name)) for name in fields),
        relation=sql.Identifier(layer.relation),
        window=window(layer, "near"),
    )
    filled = sql.SQL(_SQL["nearest"]).format(
        key=sql.Identifier(layer.key),
        layer=sql.Literal(layer.id),
        pairs=properties(fields),
        candidates=candidates,
    )
    return filled.as_string(None)
