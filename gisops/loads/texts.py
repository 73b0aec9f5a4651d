"""Values of a column as Python knows them, and the texts no database takes: NUL, too long, or in a strange encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gisops.loads.batches import Finding, Options, Rows
from gisops.loads.findings import found

# Stands for NUL in a copy of a JSON file, as GDAL would cut the text there without a word. Not a character of Unicode.
NUL_MARK = "\uffff"


def values_of(column: pa.Array, name: str, rows: Rows, options: Options) -> tuple[list[Any], list[Finding]]:
    """One Python value per row, None for NULL, of an Arrow column; findings for texts that cannot be kept."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    textual = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if not textual:
        return list(column.to_pylist()), []
    findings: list[Finding] = []
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = []
        for at, raw in enumerate(column.cast(pa.large_binary()).to_pylist()):
            value, finding = _decoded(raw, name, int(rows[at]))
            values.append(value)
            findings += [finding] if finding else []
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest > options.max_text_bytes:
        findings += too_long(values, name, rows, options)
    return values, findings + with_nul(values, name, rows)


def with_nul(values: Sequence[Any], name: str, rows: Rows) -> list[Finding]:
    """Refuse texts that hold U+0000, which PostgreSQL does not take."""
    return [
        found(int(rows[at]), "nul_in_text", column=name)
        for at, value in enumerate(values)
        if isinstance(value, str) and ("\0" in value or NUL_MARK in value)
    ]


def too_long(values: Sequence[Any], name: str, rows: Rows, options: Options) -> list[Finding]:
    """Refuse texts over the limit, which counts bytes of UTF-8."""
    limit = options.max_text_bytes
    return [
        found(int(rows[at]), "text_too_long", size, f"<= {limit}", column=name, bytes=size, limit=limit)
        for at, value in enumerate(values)
        if isinstance(value, str) and (size := len(value.encode("utf-8", "surrogatepass"))) > limit
    ]


def _decoded(raw: bytes | None, name: str, row: int) -> tuple[str | None, Finding | None]:
    if raw is None:
        return None, None
    try:
        return raw.decode(), None
    except UnicodeDecodeError as error:
        # A field of fixed width cuts in the middle of a character, and only there.
        if error.end == len(raw) and error.reason == "unexpected end of data":
            whole = raw[: error.start].decode()
            return whole, found(row, "cut_text", now=whole, column=name)
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return None, found(row, "unreadable_text", raw[:60], column=name)
    return text, found(row, "recoded_text", now=text, column=name, encoding="GB18030")
