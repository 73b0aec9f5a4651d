"""What reading a file gives: batches of clean rows, and a finding for every row that was mended, refused or noted.

No row is ever dropped in silence: a row is in a batch's ``rows``, or it has a finding of the kind ``refused``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["mended", "refused", "noted"]
Expected = Literal["point", "line", "polygon", "any", "none"]
Shapes = npt.NDArray[np.object_]  # of shapely geometries, None where a row has none
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: ``row`` counts the file's data rows from 1; None is the whole file.

    ``code`` is stable (`gisops.loads.findings.CODES` lists all of reading's own); ``was`` and ``now`` show what was
    changed, or what was sent and what would be right.
    """

    row: int | None
    kind: Kind
    code: str
    zh: str
    en: str
    was: str = ""
    now: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a file that can be loaded, and the findings about these and about the refused rows among them.

    ``rows``: the row numbers (int64, from 1, rising). ``fields``: source column -> one Python value per row, None
    for NULL. ``geometry``: one shapely geometry per row in WGS-84 degrees: 2-D, SRID 4326, valid, not empty; None
    where the row has none (only if it is not required); the whole is None where the file has no geometry at all.
    A ``point`` is a Point, a ``line`` a MultiLineString, a ``polygon`` a MultiPolygon, ``any`` as it came.
    """

    rows: Rows
    fields: dict[str, Sequence[Any]]
    geometry: Shapes | None
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, and its type as the reader says (``int64``, ``string``, ``datetime64[ms]``)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read.

    ``layer``: of a file with several. ``crs``: the declared system, as in `gisops.crs` ("WGS84", "GCJ02", "BD09",
    "CGCS2000", "EPSG:n"); ``trust_declared`` lets it win over what the file itself says. ``encoding``: of the text,
    a Python codec's name. ``x``, ``y`` or ``wkt``: the columns of a table that hold its geometry. ``expected``: what
    the rows must be; with ``required`` a row without geometry is refused. ``extent``: the city's box (west, south,
    east, north, degrees), which only serves to recognise swapped pairs.
    """

    layer: str | None = None
    crs: str | None = None
    trust_declared: bool = False
    encoding: str | None = None
    x: str | None = None
    y: str | None = None
    wkt: str | None = None
    expected: Expected = "any"
    required: bool = True
    extent: tuple[float, float, float, float] | None = None
    batch_rows: int = 5000
    # A larger one is refused with its count, a large one noted: it would stall every tile it touches.
    max_vertices: int = 1_000_000
    large_vertices: int = 100_000
    max_text_bytes: int = 100_000
    # What an archive may unpack to.
    max_unpacked_bytes: int = 8 << 30
    max_ratio: float = 250.0
