"""Where a viewer's features are read from, as pieces of SQL: the layer's own view where nothing is looked for that
is not open to anybody, and the layer's window (`layers.windows`) where there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from layers.catalog import Layer
from layers.viewer import Viewer

BOX = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)")
NO_BOX = sql.SQL("NULL::geometry")


def by_window(layer: Layer, viewer: Viewer) -> bool:
    """Whether this viewer may see more of a layer than anybody does, so that each row is asked whether it is his."""
    return not viewer.sees_public_only(layer)


def window(layer: Layer, kind: str) -> sql.Identifier:
    """The name of one of a layer's windows: ``see``, ``dots``, ``near`` or ``squares``."""
    return sql.Identifier(f"{kind}_{layer.id}")


def rows(layer: Layer, viewer: Viewer, boxed: bool) -> sql.Composable:
    """The features a viewer may see, for a FROM; a box narrows them by index, `inside` is the truth of it."""
    if not by_window(layer, viewer):
        return sql.Identifier(layer.relation)
    return sql.SQL("{}(box => {})").format(window(layer, "see"), BOX if boxed else NO_BOX)


def inside(boxed: bool) -> sql.Composable:
    """The condition that a feature, called ``t``, lies in the box, if there is one; as for pages of features."""
    return sql.SQL("t.geom && {} AND ST_Intersects(t.geom, {})").format(BOX, BOX) if boxed else sql.SQL("true")


def turned(layer: Layer) -> sql.Composable:
    """The geometry of a feature, called ``t``, with its rings as RFC 7946 (3.1.6) has them: the outer ones turn left.
    The function would turn lines round as well.
    """
    if layer.geometry == "polygon":
        return sql.SQL("ST_ForcePolygonCCW(t.geom)")
    if layer.geometry == "mixed":
        return sql.SQL("CASE WHEN ST_Dimension(t.geom) = 2 THEN ST_ForcePolygonCCW(t.geom) ELSE t.geom END")
    return sql.SQL("t.geom")


def properties(fields: Sequence[str]) -> sql.Composable:
    """The names and values of fields of a feature, called ``t``, as json_build_object takes them."""
    return sql.SQL(", ").join(sql.SQL("{}, t.{}").format(sql.Literal(name), sql.Identifier(name)) for name in fields)
