"""The ground: what a case, grid cell, part, zone and officer is, what may happen to it, and the SQL that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gisops.notebook import CityData

__version__ = "0.1.0"
__all__ = ["connect"]


def connect(url: str | None = None, *, server: str | None = None, login: str | None = None) -> CityData:
    """Open the city's data for reading, as data frames and maps: see :mod:`gisops.notebook`."""
    # Here and not above: no request, and no command, pays for importing data frames.
    from gisops.notebook import connect as opened

    return opened(url, server=server, login=login)
