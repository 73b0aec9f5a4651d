"""What a layer's content is called, so that whoever keeps a copy knows when it is no longer the present one."""

from __future__ import annotations

from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.catalog import Layer

_SQL = load("layers", "catalog.sql")


def version_of(conn: Connection, layer: Layer) -> str | None:
    """Return the name of a layer's present content, or None where it has none (a live layer, or one never loaded).

    It is made of the number of loads that changed something anybody may see (`layer_changed`), the fingerprint of the
    layer's folder and, where rows come into force by date, the city's date: whoever changes such rows within a day
    raises the number of loads.
    """
    if layer.live:
        return None
    row = conn.execute(_SQL["version_of"], {"layer": layer.id}).fetchone()
    if row is None:
        return None
    version = f"{row['version']}.{layer.fingerprint}"
    return f"{version}.{row['today']}" if layer.in_force else version


def extent_of_city(conn: Connection) -> tuple[float, float, float, float] | None:
    """Return the city's box (west, south, east, north in degrees), or None before a city is loaded."""
    row = conn.execute(_SQL["extent_of_city"]).fetchone()
    return (row["west"], row["south"], row["east"], row["north"]) if row else None
