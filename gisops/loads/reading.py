"""Opening a file: which kind it is, which layer, which system, which encoding; and its rows as clean batches.

    with open_source(path, Options(crs="WGS84", expected="point")) as source:
        for batch in source.batches():
            ...

Memory stays bounded whatever the file's size: rows come in batches, a batch of large shapes holds fewer of them.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from gisops.errors import GisopsError
from gisops.loads import archives, parquet, systems, tables, vectors
from gisops.loads.batches import Batch, Column, Finding, Options
from gisops.loads.failures import MissingGeometry, UnreadableFile
from gisops.loads.findings import found
from gisops.loads.mending import clean
from gisops.loads.readers import Reader, digest
from gisops.loads.systems import System, name_of

FORMATS = (*vectors.SUFFIXES, *parquet.SUFFIXES, *tables.SUFFIXES, ".zip", ".shp.zip")
_ALL_SWAPPED = 0.5


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
    has_geometry: bool
    file_findings: list[Finding] = field(default_factory=list)
    _first: list[Batch] = field(default_factory=list, repr=False)
    _rest: Iterator[Batch] = field(default_factory=lambda: iter(()), repr=False)
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and take away what was unpacked."""
        ends = getattr(self._rest, "close", None)
        if ends is not None:
            ends()
        if self._folder is not None:
            self._folder.cleanup()

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, in the file's order; once only. Raises `gisops.errors.LoadError` where reading must end."""
        while self._first:
            yield self._first.pop()
        yield from self._rest


def open_source(path: Path, options: Options) -> Source:
    """Open a file and read its first batch, so that most of what can be wrong with the whole is said at once.

    Raises the kinds of `gisops.loads.failures.LoadError`, and UnknownCrs for a declared system that is none.
    """
    return _open(Path(path), options)


def look(path: Path, options: Options) -> dict[str, Any]:
    """What is known of a file without deciding anything: `describe`, and whether its system must be declared.

    ``must_declare`` is the reason in words where loading its geometry needs a declared system, else None. Reads the
    first batch only. Raises as `open_source` does, except for what a declaration would settle.
    """
    with _open(Path(path), replace(options, expected="none")) as source:
        facts = describe(source)
    reason = None
    if facts["geometry"]:
        try:
            _open(Path(path), replace(options, expected="any", required=False)).close()
        except GisopsError as error:
            reason = error.message
    return facts | {"must_declare": reason}


def describe(source: Source) -> dict[str, Any]:
    """What is known of an open file, JSON-ready: names, columns, rows, systems, encoding, digest, findings so far."""
    return {
        "file": source.path.name,
        "driver": source.driver,
        "layer": source.layer,
        "layers": source.layers,
        "columns": {column.name: column.type for column in source.columns},
        "rows": source.total_rows,
        "about_rows": source.about_rows,
        "geometry": source.has_geometry,
        "crs": source.crs,
        "chosen_crs": source.chosen_crs,
        "encoding": source.encoding,
        "sha256": source.sha256,
        "findings": [{"kind": one.kind, "code": one.code, "zh": one.zh, "en": one.en} for one in source.file_findings],
    }


def _open(path: Path, options: Options) -> Source:
    if not path.is_file():
        what = "is a folder; name a file in it, or zip it" if path.is_dir() else "is not there"
        raise UnreadableFile(f"{path} {what}.", file=path.name)
    folder = tempfile.TemporaryDirectory(prefix="gisops-load-")
    try:
        return _opened(path, options, folder)
    except BaseException:
        folder.cleanup()
        raise


def _opened(path: Path, options: Options, folder: tempfile.TemporaryDirectory[str]) -> Source:
    file, inner, findings, datasets = path.resolve(), options, [], None
    if path.suffix.lower() == ".zip":
        unpacked = archives.unpack(path, options, Path(folder.name))
        file, findings, datasets = unpacked.path, unpacked.findings, unpacked.datasets
        if len(datasets) > 1:
            inner = replace(options, layer=None)  # it has chosen the file
    reader = _reader(file, inner, Path(folder.name))
    facts = reader.facts
    facts.findings[:0] = findings
    system = None
    if options.expected != "none" and facts.has_geometry:
        system, told = systems.choose(facts.crs, options, path.name, assumed=facts.assumed)
        facts.findings += told
    elif options.expected in ("point", "line", "polygon") and options.required:
        raise MissingGeometry(f"{path.name}, layer {facts.layer}, has no geometry.", file=path.name)
    source = Source(
        path=path,
        options=options,
        driver=facts.driver,
        layer=facts.layer,
        layers=datasets if datasets and len(datasets) > 1 else facts.layers,
        columns=facts.columns,
        total_rows=facts.total_rows,
        about_rows=facts.about_rows,
        crs=name_of(facts.crs),
        chosen_crs=system.name if system else None,
        encoding=facts.encoding,
        sha256=digest(vectors.parts_of(path)),
        has_geometry=facts.has_geometry,
        file_findings=facts.findings,
        _folder=folder,
    )
    cleaned = _cleaned(reader, system, options)
    first = list(itertools.islice(cleaned, 1))
    source._rest = cleaned
    source._first = first
    return source


def _reader(file: Path, options: Options, folder: Path) -> Reader:
    name = file.name.lower()
    if file.suffix.lower() in vectors.SUFFIXES:
        return vectors.VectorReader(file, options, folder)
    if file.suffix.lower() in parquet.SUFFIXES:
        return parquet.ParquetReader(file, options)
    if name.endswith(tables.SUFFIXES):
        return tables.TableReader(file, options)
    raise UnreadableFile(
        f"{file.name} is of no kind that can be loaded; these are: {', '.join(FORMATS)}.",
        file=file.name,
        accepted=list(FORMATS),
    )


def _cleaned(reader: Reader, system: System | None, options: Options) -> Iterator[Batch]:
    """Clean batch by batch; at the end say once what was counted over all of them."""
    tally: Counter[str] = Counter()
    for raw in reader.rows():
        batch = clean(raw, system, options, tally)
        tally["rows"] += len(raw.rows)
        tally["swapped"] += sum(one.code == "swapped_coordinate" for one in batch.findings)
        yield batch
    findings = reader.facts.findings
    for code in ("heights_dropped", "measures_dropped", "without_geometry"):
        if tally[code]:
            findings.append(found(None, code, count=tally[code]))
    if tally["repeated_points"]:
        count, points = tally["rows_with_repeated_points"], tally["repeated_points"]
        findings.append(found(None, "repeated_points", count=count, points=points))
    if tally["swapped"] > _ALL_SWAPPED * tally["rows"]:
        findings.append(found(None, "all_swapped", count=tally["swapped"]))
