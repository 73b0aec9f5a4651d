"""Who looks at the layers, as their routes ask it, and looks at personal data, as they write them down."""

from __future__ import annotations

from collections.abc import Iterable

from api.auth import Identity
from gisops import audit
from gisops.db.pool import Connection
from layers.catalog import Field, Layer
from layers.classes import PERSONAL
from layers.viewer import Viewer, viewer_of


def viewer_for(caller: Identity | None) -> Viewer:
    """The viewer that a caller is, signed in or not."""
    return viewer_of(caller.role if caller is not None else None)


def looked(
    conn: Connection,
    caller: Identity | None,
    layer: Layer,
    fields: Iterable[Field],
    place: str | None,
    rows: int,
    *,
    object: str | None = None,
) -> None:
    """Write down that so many rows of a layer were shown with these fields, where any of it is personal: in the
    transaction that read them, before anything is answered.
    """
    if PERSONAL in {layer.field_class, *(field.field_class for field in fields)}:
        key_id = caller.key_id if caller is not None else None
        audit.looked(conn, layer.id, place, rows, object=object, key_id=key_id)
