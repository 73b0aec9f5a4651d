"""Masked values in full, one feature at a time: for a purpose, so many an hour, never without an entry in the audit.

Whoever may see personal fields sees them masked; that is enough to know that there is somebody to call. The full value
is asked for by its key. The database function that gives it out writes the entry first, in the same transaction, so
neither a route that forgot nor a full disk parts the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotFound
from layers import windows
from layers.classes import PERSONAL
from layers.layer import Field, Layer
from layers.viewer import Viewer

_SQL = load("layers", "reveals.sql")
PER_HOUR = 60
MOST_NOTE = 200

# What a value may be shown in full for; a layer lists those that count for it (layer.toml: reveal).
PURPOSES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "case_handling": ("案件处置", "to handle a case"),
    "relief_visit": ("走访帮扶", "to visit a household"),
    "emergency": ("紧急情况", "in an emergency"),
    "supervision": ("督查", "to supervise"),
    "correction": ("更正资料", "to correct the record"),
})  # fmt: skip


def masked(layer: Layer) -> tuple[str, ...]:
    """The fields of a layer that have a full value beside the one shown."""
    return tuple(field.name for field in layer.fields if field.mask is not None)


def reveal(
    conn: Connection,
    layer: Layer,
    viewer: Viewer,
    key: str,
    fields: Sequence[str] | None,
    purpose: str,
    note: str | None = None,
    *,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Read the full values of masked fields (all, or those named) of one feature, on the viewer's own connection, and
    write down that it was done. Fields without a value are left out.

    Raises ``NotSignedIn`` or ``NotAllowed`` (a layer, or personal fields, not open to the role), ``InvalidInput`` (no
    such masked field, or not a purpose of this layer) and ``NotFound``, whose words are the same for a feature that
    is not there, is out of scope, or has nothing that could be shown.
    """
    layer_fields = masked(layer)
    viewer.require_class(layer, PERSONAL)
    if not layer_fields:
        raise InvalidInput(f"Nothing in the layer {layer.id} is masked.", field="layer", layer=layer.id)
    if unknown := sorted(set(fields or ()) - set(layer_fields)):
        raise InvalidInput(f"Not masked fields: {', '.join(unknown)}.", field="fields", fields=list(layer_fields))
    if purpose not in layer.reveal:
        raise InvalidInput(
            f"{purpose!r} is not a purpose for which the layer {layer.id} is shown in full.",
            field="purpose",
            purposes=[{"code": code, "zh": PURPOSES[code][0], "en": PURPOSES[code][1]} for code in layer.reveal],
        )
    statement = sql.SQL("SELECT {}(%(key)s, %(fields)s, %(purpose)s, %(note)s, %(key_id)s) AS found").format(
        _function(layer)
    )
    asked = {
        "key": key, "fields": list(fields or layer_fields), "purpose": purpose, "note": note or None, "key_id": key_id,
    }  # fmt: skip
    row = conn.execute(statement, asked).fetchone()
    if row is None:
        raise NotFound(f"The layer {layer.id} has nothing to show of {key!r}.", layer=layer.id, key=key)
    found: dict[str, Any] = row["found"]
    return found


def sql_of(layer: Layer) -> str:
    """Return the statements that make a layer's window for full values, once its view is there; none without masks."""
    fields = [field for field in layer.fields if field.mask is not None]
    if not fields:
        return ""

    def pairs(told: Sequence[Field]) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{}, {}").format(sql.Literal(field.name), windows.field_of(layer, field)) for field in told
        )

    unmasked = [
        field for field in layer.fields if field.field_class == PERSONAL and field.mask is None and field.type == "text"
    ]
    made = sql.SQL(_SQL["reveal"]).format(
        reveal=_function(layer),
        layer=sql.Literal(layer.id),
        key=sql.Identifier(layer.key),
        whole=pairs([replace(field, mask=None) for field in fields]),
        masked=pairs(fields),
        unmasked=pairs(unmasked),
        purposes=sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, layer.reveal))),
        **windows.parts(layer),
    )
    return f"{made.as_string(None)};\n{windows.given_away(_function(layer))}\n"


def _function(layer: Layer) -> sql.Identifier:
    return sql.Identifier(f"reveal_{layer.id}")
