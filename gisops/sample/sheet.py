"""Rows on their way into a table: what a drawing ends in, and what a load copies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Sheet:
    """Rows of one table. Geometries are EWKB in hexadecimal; a category is its short code until it is written.

    ``rows`` may be a generator: a large city's parts are never all in memory at once. ``count`` says how many they
    are where that is known, for a progress bar.
    """

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]
    count: int | None = None
