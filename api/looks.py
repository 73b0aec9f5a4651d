"""Who looks at the layers, as their routes ask it, and looks at personal data, as they write them down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.auth import Identity
from gisops.access import audit
from gisops.db.pool import Connection
from layers.catalog import Catalog, Field, Layer
from layers.classes import PERSONAL
from layers.viewer import Viewer, viewer_of


def viewer_for(caller: Identity | None) -> Viewer:
    """The viewer that a caller is, signed in or not."""
    return viewer_of(caller.role if caller is not None else None)


def public_only(viewer: Viewer, layers: Iterable[Layer]) -> bool:
    """Whether a viewer sees no more of any of some layers than anybody does."""
    return all(viewer.sees_public_only(layer) for layer in layers)


def named(catalog: Catalog, ids: Sequence[str], viewer: Viewer) -> list[Layer]:
    """Return layers that were named, in the catalogue's order. Raises ``NotFound``, and ``NotSignedIn`` or
    ``NotAllowed`` for one that is not open to the viewer.
    """
    found = [catalog[each] for each in ids]
    for layer in found:
        viewer.require(layer)
    return sorted(found, key=lambda layer: layer.order)


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
