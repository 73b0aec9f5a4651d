"""What every kind of file offers the one who reads it, and what all kinds share: digests, sizes, whole texts."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pyproj import CRS

from gisops.loads.batches import Column, Finding, Options
from gisops.loads.failures import LayerNotChosen, UnreadableFile, UnsafeArchive
from gisops.loads.mending import Raw

CHUNK = 1 << 20


@dataclass(slots=True)
class Facts:
    """What is known of an opened file before its rows are read.

    ``assumed``: the file states its system only because its format knows no other. ``has_geometry``: its rows have
    one, or columns it is made from.
    """

    driver: str
    layer: str
    layers: list[str]
    columns: list[Column]
    total_rows: int | None
    about_rows: int | None
    crs: CRS | None
    assumed: bool
    has_geometry: bool
    encoding: str | None
    findings: list[Finding] = field(default_factory=list)


class Reader(Protocol):
    """An opened file."""

    facts: Facts

    def rows(self) -> Iterator[Raw]:
        """Yield its rows, in batches, in its order; findings about the whole go to ``facts.findings``."""


def digest(paths: list[Path]) -> str:
    """SHA-256 of a file, or of several in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                total.update(block)
    return total.hexdigest()


def blocks(path: Path, options: Options) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked if it is a .gz; raises `UnreadableFile`, and `UnsafeArchive` for a bomb."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                yield block
        return
    packed, unpacked = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as file:
            while block := file.read(CHUNK):
                unpacked += len(block)
                if unpacked > options.max_unpacked_bytes or (
                    unpacked > 10_000_000 and unpacked > options.max_ratio * packed
                ):
                    raise UnsafeArchive(
                        f"{path.name} is not unpacked: it gives {unpacked} bytes and more from {packed}.",
                        file=path.name,
                    )
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(f"{path.name} is cut off or damaged: {error}", file=path.name) from error


def choose_layer(path: Path, layers: list[str], wanted: str | None) -> str:
    """The layer to read; raises `LayerNotChosen` with all there are."""
    if wanted is None and len(layers) == 1:
        return layers[0]
    if wanted in layers:
        return str(wanted)
    there = ", ".join(layers) or "none"
    raise LayerNotChosen(
        f"{path.name} holds the layers {there}; say which one." if wanted is None
        else f"{path.name} has no layer {wanted!r}; it holds {there}.",
        file=path.name,
        layers=layers,
    )  # fmt: skip
