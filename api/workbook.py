"""A workbook (XLSX) as its rows come: written to a file without a name, which is gone when it is closed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime
from typing import IO

import xlsxwriter

from gisops.cases.ledger import MOST_IN_SHEET, Cell
from gisops.errors import InvalidInput


class Workbook:
    """One sheet with a first line that stays in sight. Nothing in it is a formula or a link, whatever it looks like."""

    def __init__(self, title: str, head: Sequence[str], folder: str | None = None) -> None:
        """Begin a sheet."""
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by who sends it)
        # Rows are on the disk as soon as the next one begins.
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(self.file, {**options, **({"tmpdir": folder} if folder else {})})
        self._sheet = self._book.add_worksheet(title)
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        bold = self._book.add_format({"bold": True})
        self._sheet.freeze_panes(1, 1)
        self._sheet.set_column(0, len(head) - 1, 16)
        for n, name in enumerate(head):
            self._sheet.write_string(0, n, name, bold)
        self._rows = 0

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows. Raises ``InvalidInput`` where a sheet cannot hold more."""
        if self._rows + len(rows) > MOST_IN_SHEET:
            raise InvalidInput(
                f"A sheet holds at most {MOST_IN_SHEET:,} cases: take CSV, or ask for fewer (from, to, category).",
                most=MOST_IN_SHEET,
            )
        for row in rows:
            self._rows += 1
            for n, cell in enumerate(row):
                self._write(self._rows, n, cell)

    def _write(self, row: int, n: int, cell: Cell) -> None:
        if cell is None:
            return
        if isinstance(cell, bool):
            self._sheet.write_string(row, n, "是" if cell else "否")
        elif isinstance(cell, datetime):
            # A sheet knows no time zones: what the city's clocks said.
            self._sheet.write_datetime(row, n, cell.replace(tzinfo=None), self._moment)
        elif isinstance(cell, str):
            self._sheet.write_string(row, n, cell)
        else:
            self._sheet.write_number(row, n, cell)

    def end(self) -> IO[bytes]:
        """Finish it; returns the file, at its beginning."""
        self._book.close()
        self.file.seek(0)
        return self.file
