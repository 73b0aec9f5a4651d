"""Opening a file: which kind it is, which layer, which system, which encoding; and its rows as clean batches.

with open_source(path, Options(crs="WGS84", expected="point")) as source:
    for batch in source.batches():
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from gisops.loads.batches import Batch, Column, Finding, Options


@dataclass
class Source:
    """An open file. ``file_findings`` (about the file as a whole) is complete once `batches` is exhausted.

    ``crs`` is what the file says of itself, ``chosen_crs`` what its coordinates are taken for; both None without
    geometry. ``total_rows`` is what the file states, None where only reading tells; ``about_rows`` is then an upper
    guess for a progress bar. ``sha256`` is of the file as it was given (of a Shapefile: of all its parts).
    """

    path: Path
    options: Options
    driver: str
    layer: str
    layers: list[str]
    columns: list[Column]
    total_rows: int | None
    about_rows: int | None
    crs: str | None
    chosen_crs: str | None
    encoding: str | None
    sha256: str
    file_findings: list[Finding] = field(default_factory=list)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and take away what was unpacked."""

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, in the file's order; once only."""
        raise NotImplementedError


def open_source(path: Path, options: Options) -> Source:
    """Open a file; raises `gisops.errors.LoadError` and its kinds."""
    raise NotImplementedError


def describe(source: Source) -> dict[str, Any]:
    """What is known of an open file, JSON-ready."""
    raise NotImplementedError
