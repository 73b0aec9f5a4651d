"""Tables without geometry of their own: CSV, plain or gzipped; points and shapes are made from their columns.

Read with the standard library, row by row: a table that people made has rows of the wrong length, quotes that never
end and marks of spreadsheets, and each must be told by its row. Values are text; a blank one is no value.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from gisops.loads import encodings
from gisops.loads.batches import Column, Finding, Options, Rows, Shapes
from gisops.loads.failures import MissingGeometry, UnreadableFile
from gisops.loads.findings import found
from gisops.loads.mending import Raw
from gisops.loads.readers import Facts, blocks
from gisops.loads.shapes import from_pairs, from_wkt
from gisops.loads.texts import too_long, with_nul

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_X = ("lon", "lng", "longitude", "long", "经度", "x")
_Y = ("lat", "latitude", "纬度", "y")
_WKT = ("wkt", "geom_wkt", "geometry", "geom", "the_geom")
# A polygon as text may be long; a quote that never ends must still be found out.
_LONGEST_FIELD = 64 << 20
_PER_ROUND = 5000


class TableReader:
    """A CSV file."""

    def __init__(self, path: Path, options: Options) -> None:
        self.path, self.options = path, options
        chosen = encodings.choose(lambda: blocks(path, options), None, options.encoding, path.name)
        self._codec = "utf-8-sig" if chosen.codec == "utf-8" else chosen.codec
        lines, self._nul = 0, False
        for block in blocks(path, options):
            lines += block.count(b"\n")
            self._nul = self._nul or b"\0" in block
        with self._text() as text:
            first = text.readline(1 << 20)
        self._separator = max(",\t;|", key=first.count)
        with self._text() as text:
            self.names = _header(path, next(self._records(text), (0, []))[1])
        self.place = Place.of(self.names, options, path.name)
        findings = chosen.findings
        if self.place is not None and self.place.guessed:
            findings.append(found(None, "geometry_columns", columns=", ".join(self.place.columns)))
        stem = path.name.split(".")[0]
        self.facts = Facts(
            driver="CSV",
            layer=stem,
            layers=[stem],
            columns=[Column(name, "string") for name in self.names],
            total_rows=None,
            about_rows=max(lines - 1, 0),
            crs=None,
            assumed=True,
            has_geometry=self.place is not None,
            encoding=encodings.shown(chosen.codec),
            findings=findings,
        )

    def _text(self) -> IO[str]:
        opened: Any = gzip.open if self.path.suffix.lower() == ".gz" else open
        return io.TextIOWrapper(opened(self.path, "rb"), encoding=self._codec, newline="")

    def _records(self, text: IO[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line it ends in and the fields of each record, the header first."""
        csv.field_size_limit(_LONGEST_FIELD)
        # Strict would refuse the quotes inside fields that many programs write; a quote without end is seen below.
        reader = csv.reader(text, delimiter=self._separator)
        try:
            for record in reader:
                yield reader.line_num, record
        except csv.Error as error:
            raise UnreadableFile(
                f"{self.path.name}, line {reader.line_num}: {error}; is a quotation mark opened and never closed?",
                file=self.path.name,
                line=reader.line_num,
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(f"{self.path.name} is cut off or damaged: {error}", file=self.path.name) from error

    def rows(self) -> Iterator[Raw]:
        """Yield the rows; a row of another length than the header is refused."""
        wanted, number = len(self.names), 0
        records: list[list[str]] = []
        numbers: list[int] = []
        ragged: list[Finding] = []
        with self._text() as text:
            source = self._records(text)
            next(source, None)
            for _, record in source:
                number += 1
                if not record:  # an empty line is no row, but it keeps its number
                    number -= 1
                    continue
                if len(record) == wanted:
                    records.append(record)
                    numbers.append(number)
                elif len(record) > wanted and not any(field.strip() for field in record[wanted:]):
                    records.append(record[:wanted])  # separators at the end, as spreadsheets leave them
                    numbers.append(number)
                else:
                    one = found(number, "ragged_row", len(record), wanted, count=len(record), wanted=wanted)
                    ragged.append(one)
                if len(records) >= self.options.batch_rows or len(ragged) >= _PER_ROUND:
                    yield self._raw(records, numbers, ragged)
                    records, numbers, ragged = [], [], []
        if records or ragged:
            yield self._raw(records, numbers, ragged)

    def _raw(self, records: list[list[str]], numbers: list[int], findings: list[Finding]) -> Raw:
        rows = np.array(numbers, dtype=np.int64)
        columns = list(zip(*records, strict=True)) if records else [()] * len(self.names)
        fields: dict[str, Sequence[Any]] = {}
        used = set(self.place.columns) if self.place is not None and self.options.expected != "none" else set()
        for name, values in zip(self.names, columns, strict=True):
            fields[name] = [value if value and not value.isspace() else None for value in values]
            if self._nul:
                findings += with_nul(values, name, rows)
            # The text of a shape may be long; its vertices are counted instead.
            if name not in used and values and max(map(len, values)) * 4 > self.options.max_text_bytes:
                findings += too_long(values, name, rows, self.options)
        shapes = None
        if self.place is not None and self.options.expected != "none":
            shapes, wrong = self.place.shapes(fields, rows)
            findings += wrong
        return Raw(rows, fields, shapes, findings)


class Place:
    """The columns a table's geometry is made from."""

    def __init__(self, columns: tuple[str, ...], guessed: bool) -> None:
        self.columns, self.guessed = columns, guessed

    @classmethod
    def of(cls, names: Sequence[str], options: Options, what: str) -> Place | None:
        """The columns named by the caller, else those whose names are plain; raises `MissingGeometry`."""
        given = [name for name in (options.x, options.y, options.wkt) if name is not None]
        if absent := [name for name in given if name not in names]:
            raise MissingGeometry(
                f"{what} has no column {', '.join(absent)}; it has {', '.join(names)}.", columns=list(names)
            )
        if options.wkt is not None and (options.x or options.y):
            raise MissingGeometry("Name either the columns for x and y or the one with well-known text, not both.")
        if bool(options.x) != bool(options.y):
            raise MissingGeometry("Name both columns, for x and for y.")
        if given:
            return cls(tuple(given), guessed=False)
        lower = {name.strip().lower(): name for name in reversed(names)}
        x, y, wkt = (next((lower[one] for one in known if one in lower), None) for known in (_X, _Y, _WKT))
        if x is not None and y is not None:
            return cls((x, y), guessed=True)
        if wkt is not None:
            return cls((wkt,), guessed=True)
        if options.expected in ("point", "line", "polygon") and options.required:
            raise MissingGeometry(
                f"{what} has no geometry; name its columns for x and y, or the one with well-known text. "
                f"It has {', '.join(names)}.",
                columns=list(names),
            )
        return None

    def shapes(self, fields: dict[str, Sequence[Any]], rows: Rows) -> tuple[Shapes, list[Finding]]:
        """The geometries of some rows."""
        if len(self.columns) == 1:
            return from_wkt(fields[self.columns[0]], rows)
        x, y = self.columns
        return from_pairs(fields[x], fields[y], (x, y), rows)


def _header(path: Path, names: list[str]) -> list[str]:
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    blank = [number for number, name in enumerate(names, 1) if not name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or blank or twice:
        what = f"the column {', '.join(twice)} stands twice" if twice else f"column {blank} has no name"
        raise UnreadableFile(
            f"{path.name}: the first line must name the columns, each once: {what if names else 'it is empty'}.",
            file=path.name,
        )
    return names
