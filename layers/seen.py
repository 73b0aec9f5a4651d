"""Where a viewer's features are read from, as pieces of SQL: the layer's own view where nothing is looked for that
is not open to anybody, and the layer's window (`layers.windows`) where there is.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from layers.catalog import Layer
from layers.features import BBox, check_bbox
from layers.viewer import Viewer

BOX = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)")
NO_BOX = sql.SQL("NULL::geometry")


def by_window(layer: Layer, viewer: Viewer) -> bool:
    """Whether this viewer may see more of a layer than anybody does, so that each row is asked whether it is his."""
    return not viewer.sees_public_only(layer)


def window(layer: Layer, kind: str) -> sql.Identifier:
    """The name of one of a layer's windows: ``see``, ``dots``, ``near`` or ``squares``."""
    return sql.Identifier(f"{kind}_{layer.id}")


def rows(layer: Layer, viewer: Viewer, bbox: BBox | None) -> sql.Composable:
    """The features a viewer may see, for a FROM; a box narrows them by index, `inside` is the truth of it."""
    if not by_window(layer, viewer):
        return sql.Identifier(layer.relation)
    return sql.SQL("{}(box => {})").format(window(layer, "see"), BOX if bbox is not None else NO_BOX)


def inside(bbox: BBox | None) -> sql.Composable:
    """The condition that a feature, called ``t``, lies in the box; as for pages of features."""
    if bbox is None:
        return sql.SQL("true")
    return sql.SQL("t.geom && {} AND ST_Intersects(t.geom, {})").format(BOX, BOX)


def corners(bbox: BBox | None) -> dict[str, Any]:
    """The values of a box's parameters. Raises ``InvalidInput`` for a box that cannot be."""
    if bbox is None:
        return {}
    check_bbox(bbox)
    return dict(zip(("west", "south", "east", "north"), bbox, strict=True))
