"""Looks at personal data, as the routes that show layers write them down."""

from __future__ import annotations

from collections.abc import Iterable

from api.auth import Identity
from gisops import audit
from gisops.db.pool import Connection
from layers.catalog import Field, Layer
from layers.classes import PERSONAL


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
