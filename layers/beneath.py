"""What lies under a point, a line or an area: whose pipe is under this report, which cells does this route cross, how
much of this block is green.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg import sql

from gisops.coordinates import local_metres
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput
from layers.catalog import Layer
from layers.features import BBox, TooSlow
from layers.seen import inside, properties
from layers.seen import rows as seen_rows
from layers.shapes import Shape
from layers.viewer import Viewer

_SQL = load("layers", "beneath.sql")
MAX_LIMIT, MAX_WITHIN_M = 1_000, 1_000.0
# A line has no width: what is meant to lie on it is a few metres beside it.
LINE_M = 5.0
# Where a layer says whose a thing is: who is asked to act before who owns.
WHOSE = ("maintainer", "owner", "organisation")


@dataclass(frozen=True, slots=True)
class Below:
    """One feature below: ``feature`` is GeoJSON text, with ``layer`` and ``distance_m`` as members of it and, where
    what was asked is no point, ``length_m`` or ``area_m2`` of what they have in common, ``share`` (of what was asked)
    and ``feature_share`` (of the feature).
    """

    layer: str
    key: str
    distance_m: float
    share: float
    feature: str


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below, the nearest first, then the largest share; ``more`` says whether a limit left some out."""

    features: tuple[Below, ...]
    more: bool


def beneath(
    conn: Connection,
    layers: Sequence[Layer],
    viewer: Viewer,
    asked: Shape,
    *,
    within_m: float | None = None,
    limit: int = 100,
) -> Found:
    """Find what of some layers lies under a shape, or no farther from it than ``within_m`` (metres, at most 1,000).

    Without ``within_m``, under a point or a line: areas that hold it, and lines and points at most 5 m beside it; under
    an area, what touches it. With 0 m, of areas that meet at a point those on one side of the edge: of a tiling exactly
    one. ``limit`` is 1 to 1,000, of all layers together. Raises ``InvalidInput``, ``NotSignedIn``, ``NotAllowed``, or
    ``TooSlow`` after 8 s.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    if within_m is not None and not 0 <= within_m <= MAX_WITHIN_M:
        raise InvalidInput(
            f"within_m must be 0 to {MAX_WITHIN_M:g} metres.", parameter="within_m", within_m=str(within_m)
        )
    conn.execute(_SQL["hurry"])
    found: list[tuple[float, float, int, bytes, Below]] = []
    for place, layer in enumerate(layers):
        fields = tuple(field.name for field in viewer.fields_of(layer))
        near = _reach(layer, asked) if within_m is None else within_m
        west, south, east, north = _box(asked.bbox, near)
        values: dict[str, Any] = {
            "shape": asked.wkb,
            "lat": asked.middle[1],
            "within_m": near,
            "limit": limit + 1,
            "west": west,
            "south": south,
            "east": east,
            "north": north,
        }
        statement = _statement(layer, viewer, fields, asked.dimension, near == 0)
        try:
            rows = conn.execute(statement, values).fetchall()
        except psycopg.errors.QueryCanceled:
            raise TooSlow("This takes too long; ask with a smaller shape.", retry_after_s=5) from None
        for row in rows:
            below = Below(layer.id, row["key"], row["distance_m"], row["share"], row["feature"])
            found.append((below.distance_m, -below.share, place, below.key.encode(), below))
    ordered = [below for *_, below in sorted(found, key=lambda each: each[:4])]
    return Found(tuple(ordered[:limit]), len(ordered) > limit)


def whose(feature: str, layer: Layer) -> dict[str, Any] | None:
    """Whose a feature is, as its layer tells: code and names of who maintains it, else owns it, else answers for it;
    None where that is not known, or not told to the viewer.
    """
    told = orjson.loads(feature)["properties"]
    for name in WHOSE:
        if told.get(name) is not None or told.get(f"{name}_zh") is not None:
            return {"code": told.get(name), "name_zh": told.get(f"{name}_zh"), "name_en": told.get(f"{name}_en")}
    return None


def _reach(layer: Layer, asked: Shape) -> float:
    return 0.0 if asked.dimension == 2 or layer.geometry == "polygon" else LINE_M


def _box(bbox: BBox, within_m: float) -> BBox:
    """The box in degrees that holds what is so near, with a decimetre to spare."""
    west, south, east, north = bbox
    reach = within_m * 1.01 + 0.1
    # A degree of longitude is shortest at the end that is farther from the equator.
    kx, ky = local_metres(max(abs(south), abs(north)))
    return (
        max(-180.0, west - reach / max(kx, 1.0)),
        max(-90.0, south - reach / ky),
        min(180.0, east + reach / max(kx, 1.0)),
        min(90.0, north + reach / ky),
    )


@lru_cache(maxsize=512)
def _statement(layer: Layer, viewer: Viewer, fields: tuple[str, ...], dimension: int, exactly: bool) -> str:
    key = sql.Identifier(layer.key)
    sort = "a_point" if dimension == 0 else "a_shape"
    filled = sql.SQL(_SQL["beneath"]).format(
        columns=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in fields),
        touches=sql.SQL(_SQL[f"touches_{sort}"]),
        rows=seen_rows(layer, viewer, True),
        inside=inside(True),
        found=sql.SQL(_SQL["half_open" if dimension == 0 and exactly else "all_held"]).format(key=key),
        key=key,
        layer=sql.Literal(layer.id),
        overlap=sql.SQL(_SQL["overlap"] if dimension else ""),
        shares=sql.SQL(_SQL[f"shares_of_{sort}"]),
        pairs=properties(fields),
    )
    return filled.as_string(None)
