"""When layers were last loaded, and whether that is longer ago than their cycle allows.

That a layer was loaded is a fact about all of it. So who is shown all of it is told when it was; who sees a part of
a public layer, when that part last became another: a load that changed hidden fields alone leaves no trace there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.layer import UNIT, Layer
from layers.viewer import Viewer

_SQL = load("layers", "catalog.sql")


@dataclass(frozen=True, slots=True)
class Freshness:
    """``loaded_at``: when what anybody may see last became another; ``confirmed_at``: when the layer was last loaded;
    ``now``: when it was asked.
    """

    version: int
    loaded_at: datetime
    confirmed_at: datetime
    now: datetime

    def stale(self, layer: Layer) -> bool:
        """Whether the last load is longer ago than the layer's cycle."""
        return layer.fresh_for is not None and self.now - self.confirmed_at > layer.fresh_for

    def told(self, layer: Layer, viewer: Viewer) -> dict[str, Any]:
        """What a viewer is told of it: ``updated_at``, and ``stale`` where it can be said; nothing of what he may not
        see, of a live layer, or of one that was never loaded.
        """
        if layer.live or not viewer.may_see(layer):
            return {}
        # Whether there is nothing in it that he is not shown: no field, no row, no digit behind a mask.
        whole = (
            viewer.fields_of(layer) == layer.fields
            and layer.scope != UNIT
            and not any(field.mask for field in layer.fields)
        )
        if not whole and not layer.public:
            return {}
        told: dict[str, Any] = {"updated_at": (self.confirmed_at if whole else self.loaded_at).isoformat()}
        if layer.fresh_for is None:
            return told
        if whole:
            return {**told, "stale": self.stale(layer)}
        # Long unchanged is not long unlooked at.
        return {**told, "stale": False} if self.now - self.loaded_at <= layer.fresh_for else told


def read(conn: Connection) -> dict[str, Freshness]:
    """Read it for all layers that were ever loaded, by their ids."""
    return {
        row["layer"]: Freshness(row["version"], row["loaded_at"], row["confirmed_at"], row["now"])
        for row in conn.execute(_SQL["loads"])
    }


def told(conn: Connection, layers: Iterable[Layer], viewer: Viewer) -> Mapping[str, dict[str, Any]]:
    """What a viewer is told of each of some layers, by their ids; an empty dict where there is nothing to tell."""
    known = read(conn)
    return {layer.id: known[layer.id].told(layer, viewer) if layer.id in known else {} for layer in layers}


def stale(conn: Connection, layers: Iterable[Layer]) -> list[str]:
    """The ids of layers whose last load is longer ago than their cycle."""
    known = read(conn)
    return [layer.id for layer in layers if layer.id in known and known[layer.id].stale(layer)]
