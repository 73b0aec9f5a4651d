"""Finding a feature by its key or its name, in the layers that are open to the viewer.

A layer says in ``search`` by which of its fields it is found. They are of the layer's own class or below and never
masked (the catalogue sees to it): whoever sees the layer sees them as they are, so nobody learns by guessing what he
is not shown. A key is found as it is written or in capitals, and by its beginning; a name by any part of it, whatever
its case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput
from layers.catalog import Layer
from layers.features import BBox, corners
from layers.seen import BOX, NO_BOX, by_window, inside, rows, window
from layers.viewer import ANYBODY, Viewer

_SQL = load("layers", "search.sql")
_SHORTEST, _LONGEST, MAX_LIMIT = 2, 64, 100
_MATCHES = ("exact", "prefix", "contains")
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Hit:
    """One feature that was found: ``by`` key or name, ``match`` how closely; a point within it, and its box."""

    layer: str
    key: str
    label: str
    by: str
    match: str
    lon: float
    lat: float
    bbox: tuple[float, float, float, float]


def searchable(layers: Sequence[Layer], viewer: Viewer) -> list[Layer]:
    """Return the layers among ``layers`` that are open to the viewer and can be searched."""
    return [layer for layer in layers if layer.search and viewer.may_see(layer)]


def check_asked(asked: str) -> str:
    """Return what is looked for without the space around it. Raises ``InvalidInput``."""
    trimmed = asked.strip()
    if not _SHORTEST <= len(trimmed) <= _LONGEST or "\x00" in trimmed:
        raise InvalidInput(f"q is {_SHORTEST} to {_LONGEST} characters.", parameter="q", length=len(trimmed))
    return trimmed


def search(
    conn: Connection, layers: Sequence[Layer], viewer: Viewer, asked: str, *, bbox: BBox | None = None, limit: int = 20
) -> list[Hit]:
    """Find features by key or name: exact keys first, then exact names, then beginnings, then any part.

    At most ``limit`` (1 to 100), those of equal closeness in the order of layers. Raises ``InvalidInput``,
    ``NotSignedIn``, ``NotAllowed``.
    """
    asked = check_asked(asked)
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be 1 to {MAX_LIMIT}.", parameter="limit", limit=limit)
    found: list[tuple[int, int, int, Hit]] = []
    for place, layer in enumerate(layers):
        viewer.require(layer)
        for n, (rank, hit) in enumerate(_in_layer(conn, layer, viewer, asked, bbox, limit)):
            found.append((2 * rank + (hit.by == "name"), place, n, hit))
    best: dict[tuple[str, str], Hit] = {}
    for _, _, _, hit in sorted(found, key=lambda each: each[:3]):
        best.setdefault((hit.layer, hit.key), hit)
    return list(best.values())[:limit]


def _in_layer(
    conn: Connection, layer: Layer, viewer: Viewer, asked: str, bbox: BBox | None, limit: int
) -> list[tuple[int, Hit]]:
    values: dict[str, Any] = {"limit": limit, **corners(bbox)}
    # What a layer is found by is of its own class: of an open one anybody may read it, without a window.
    viewer = ANYBODY if layer.public else viewer
    found: list[tuple[int, Hit]] = []
    if layer.key in layer.search:
        statement = _statement("by_key_seen" if by_window(layer, viewer) else "by_key", layer, viewer, bbox is not None)
        for spelt in dict.fromkeys((asked, asked.upper())):
            for row in conn.execute(statement, values | {"asked": spelt, "beyond": spelt + _LAST}):
                found.append((int(row["key"] != spelt), _hit(layer, row, "key", int(row["key"] != spelt))))
    if _names(layer):
        statement = _statement("by_name", layer, viewer, bbox is not None)
        plain = asked.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        for row in conn.execute(statement, values | {"asked": asked, "begins": f"{plain}%", "contains": f"%{plain}%"}):
            found.append((row["rank"], _hit(layer, row, "name", row["rank"])))
    return found


def _hit(layer: Layer, row: dict[str, Any], by: str, rank: int) -> Hit:
    box = (row["west"], row["south"], row["east"], row["north"])
    return Hit(layer.id, row["key"], row["label"], by, _MATCHES[rank], row["lon"], row["lat"], box)


def _names(layer: Layer) -> list[str]:
    return [name for name in layer.search if name != layer.key]


@lru_cache(maxsize=256)
def _statement(name: str, layer: Layer, viewer: Viewer, boxed: bool) -> str:
    columns = [sql.SQL("t.{}").format(sql.Identifier(each)) for each in _names(layer)]
    key = sql.Identifier(layer.key)
    filled = sql.SQL(_SQL[name]).format(
        key=key,
        label=sql.SQL("coalesce({})").format(sql.SQL(", ").join([*columns, sql.SQL("t.{}").format(key)])),
        places=sql.SQL(
            "round(ST_X(p)::numeric, 7)::float8 AS lon, round(ST_Y(p)::numeric, 7)::float8 AS lat,"
            " ST_XMin(t.geom) AS west, ST_YMin(t.geom) AS south, ST_XMax(t.geom) AS east, ST_YMax(t.geom) AS north"
        ),
        rows=rows(layer, viewer, boxed),
        window=window(layer, "see"),
        box=BOX if boxed else NO_BOX,
        inside=inside(boxed),
        lowered=sql.SQL(", ").join(sql.SQL("lower({})").format(column) for column in columns),
        begins=sql.SQL(" OR ").join(sql.SQL("{} ILIKE %(begins)s").format(column) for column in columns),
        contains=sql.SQL(" OR ").join(sql.SQL("{} ILIKE %(contains)s").format(column) for column in columns),
    )
    return filled.as_string(None)
