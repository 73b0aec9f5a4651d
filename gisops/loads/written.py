"""What a load found, as files: one JSON for programs, one CSV row by row for whoever mends the source."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gisops.db.pool import Connection
from gisops.loads import records
from gisops.loads.records import Load

HEADINGS = ("row", "kind", "code", "words_zh", "words_en", "was", "now")


def write(conn: Connection, load: Load, folder: Path) -> Path:
    """Write ``report.json`` and ``findings.csv`` into a folder, which is made; readable by its owner alone, for
    findings quote the file. Returns the folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = {**asdict(load), "findings": records.findings_by_code(conn, load.load_id)}
    with _own(folder / "report.json") as file:
        json.dump(told, file, ensure_ascii=False, indent=2, default=str)
    # With a mark at the beginning, for spreadsheets take a CSV without one for the machine's old encoding.
    with conn.transaction(), _own(folder / "findings.csv", "utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        for one in records.findings(conn, load.load_id):
            writer.writerow([one["row_no"], *(_plain(value) for name, value in one.items() if name != "row_no")])
    return folder


def _own(path: Path, encoding: str = "utf-8") -> Any:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding=encoding, newline="")


def _plain(value: Any) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    said = str(value)
    return f"'{said}" if said[:1] in "=+-@\t\r" and not said[1:2].isdigit() else said
