"""What a layer's content is called, so that whoever keeps a copy knows when it is no longer the present one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import NotReady
from layers.catalog import Layer

_SQL = load("layers", "catalog.sql")


def version_of(conn: Connection, layer: Layer) -> str | None:
    """Return the name of a layer's present content, or None where it has none (a live layer, or one never loaded).

    It is made of the number of loads that changed something anybody may see (`layer_changed`), the fingerprint of the
    layer's folder and, where rows come into force by date, the city's date: whoever changes such rows within a day
    raises the number of loads.
    """
    return versions_of(conn, (layer,)).get(layer.id)


def versions_of(conn: Connection, layers: Iterable[Layer]) -> dict[str, str]:
    """Return the same of several layers, by their ids, as of one moment; those that have none are left out."""
    named = {layer.id: layer for layer in layers if not layer.live}
    if not named:
        return {}
    rows = conn.execute(_SQL["versions_of"], {"layers": list(named)})
    return {row["layer"]: _name(named[row["layer"]], row["version"], row["today"]) for row in rows}


def _name(layer: Layer, version: int, today: str) -> str:
    named = f"{version}.{layer.fingerprint}"
    return f"{named}.{today}" if layer.in_force else named


@dataclass(frozen=True, slots=True)
class Present:
    """What there was at one moment: loads of each layer, the city's date, a stamp for each of its own layers."""

    loads: Mapping[str, int]
    today: str
    stamps: Mapping[str, int]

    def of(self, layers: Iterable[Layer]) -> dict[str, str]:
        """Return the versions of layers as `versions_of` does."""
        told = ((layer, self.loads.get(layer.id)) for layer in layers if not layer.live)
        return {layer.id: _name(layer, loads, self.today) for layer, loads in told if loads is not None}


def present(conn: Connection) -> Present:
    """Return what a process that follows the catalogue looks at, in one small statement."""
    row = conn.execute(_SQL["present"]).fetchone()
    if row is None:  # it always has one
        raise NotReady
    return Present(row["loads"], row["today"], row["stamps"])


def joint(ids: Sequence[str], versions: Mapping[str, str]) -> str | None:
    """Return the name of several layers' content taken together, or None where one of them has none."""
    if any(layer_id not in versions for layer_id in ids):
        return None
    if len(ids) == 1:
        return versions[ids[0]]
    told = " ".join(f"{layer_id}={versions[layer_id]}" for layer_id in ids)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def extent_of_city(conn: Connection) -> tuple[float, float, float, float] | None:
    """Return the city's box (west, south, east, north in degrees), or None before a city is loaded."""
    row = conn.execute(_SQL["extent_of_city"]).fetchone()
    return (row["west"], row["south"], row["east"], row["north"]) if row else None
