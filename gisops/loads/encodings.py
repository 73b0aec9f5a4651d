"""In which encoding a file's text is: what decodes strictly, weighed against what the file says of itself.

Chinese files come as UTF-8 or as GBK (of which GB18030 is the whole), and what a Shapefile's ``.cpg`` or a dBASE
header says of that is wrong often enough. The rule, over all of the file's text and not a sample of it:

1. What the caller names is taken, if the text is that.
2. A byte order mark decides.
3. Text that is strictly UTF-8 is UTF-8: no other encoding's text is that by chance.
4. What the file says of itself, if the text is that, unless it names a Western encoding, which fits any bytes at all.
5. GB18030, if the text is strictly that and mostly of common characters (GB 2312); a Western word is not.
6. The Western encoding the file named. Else nobody can know, and the caller must name it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gisops.loads.batches import Finding
from gisops.loads.failures import UnknownEncoding, UnreadableFile
from gisops.loads.findings import found

# Pieces of a text: of one running text (a character may span two of them), or single values (one may be cut off at
# its field's end).
Pieces = Callable[[], Iterable[bytes]]

_WESTERN = {"cp1252", "iso8859-1", "iso8859-15", "cp437", "cp850", "ascii"}
_GBK = {"gbk", "gb2312", "gb18030", "cp936"}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Language drivers of dBASE headers (byte 29) that say which code page; others say nothing useful.
_LANGUAGE_DRIVERS = {0x03: "cp1252", 0x57: "cp1252", 0x02: "cp850", 0x01: "cp437", 0x4D: "gb18030", 0x4F: "big5",
                     0x78: "big5", 0x7A: "gb18030", 0x13: "cp932", 0x4E: "cp949"}  # fmt: skip
COMMON_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Chosen:
    """A Python codec's name, and what was found on the way to it."""

    codec: str
    findings: list[Finding]


def named(text: str) -> str:
    """Return the Python codec a name stands for ("GBK", "936", "ANSI 1252", "UTF-8"); raises `UnknownEncoding`."""
    name = text.strip().strip("\0")
    digits = re.fullmatch(r"(?:(?:ANSI|OEM|CP|LDID/)\s*)?(\d+)", name, re.IGNORECASE)
    tries = [name, name.replace(" ", "-")]
    if digits:
        number = digits[1]
        tries = [
            {"65001": "utf-8", "936": "gb18030", "54936": "gb18030", "88591": "latin-1"}.get(number, f"cp{number}")
        ]
    for one in tries:
        try:
            codec = codecs.lookup(one).name
        except LookupError:
            continue
        return "gb18030" if codec in _GBK else codec
    raise UnknownEncoding(
        f"{text!r} names no encoding known here; right are e.g. UTF-8, GB18030, GBK, Big5.", given=text[:60]
    )


def choose(pieces: Pieces, claimed: str | None, declared: str | None, what: str, *, values: bool = False) -> Chosen:
    """Choose the codec of a text. ``pieces`` gives it anew each time; ``values``: they are single values.

    ``claimed`` is what the file says, ``declared`` what the caller says. Raises `UnknownEncoding`.
    """
    if declared is not None:
        codec = named(declared)
        if not _decodes(pieces, codec, values):
            raise UnknownEncoding(f"{what}: the text is not {declared}.", given=declared)
        return Chosen(codec, [])
    first = b"" if values else next(iter(pieces()), b"")
    for mark, codec in _BOMS:
        if first.startswith(mark):
            if _decodes(pieces, codec, values):
                return Chosen(codec, [])
            raise UnknownEncoding(f"{what} begins with the mark of {codec}, but its text is not that.")
    says = _claim(claimed)
    if _decodes(pieces, "ascii", values):
        return Chosen("utf-8", [])
    if _decodes(pieces, "utf-8", values):
        codec = "utf-8"
    elif says is not None and says not in _WESTERN and _decodes(pieces, says, values):
        codec = says
    elif _is_chinese(pieces, values):
        codec = "gb18030"
    elif says in _WESTERN and _decodes(pieces, says, values):
        codec = says
    else:
        claim = f" nor {claimed}, as the file says" if claimed else ""
        raise UnknownEncoding(
            f"{what}: the text is neither UTF-8 nor Chinese GB18030{claim}; name its encoding (e.g. Big5, cp1252).",
            claimed=claimed,
        )
    if claimed and says != codec:
        return Chosen(codec, [found(None, "wrong_encoding", claimed, codec, claimed=claimed, encoding=shown(codec))])
    if not claimed and codec != "utf-8":
        return Chosen(codec, [found(None, "encoding_chosen", "", codec, encoding=shown(codec))])
    return Chosen(codec, [])


def shown(codec: str) -> str:
    """A codec as people (and GDAL) write it."""
    return {"utf-8-sig": "UTF-8", "iso8859-1": "ISO-8859-1"}.get(codec, codec.upper())


def _claim(claimed: str | None) -> str | None:
    try:
        return named(claimed) if claimed else None
    except UnknownEncoding:
        return None


def _decodes(pieces: Pieces, codec: str, values: bool) -> bool:
    if codec == "ascii":
        return all(piece.isascii() for piece in pieces())
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for piece in pieces():
            decoder.decode(piece)  # not final: a value may be cut off in the middle of a character
            if values:
                decoder.reset()
        decoder.decode(b"", final=not values)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(pieces: Pieces, values: bool) -> bool:
    """Strictly GB18030, and mostly of GB 2312's characters: what is Western text comes out as rare ones."""
    decoder = codecs.getincrementaldecoder("gb18030")()
    foreign = common = 0
    try:
        for piece in pieces():
            text = decoder.decode(piece)
            if values:
                decoder.reset()
            odd = re.sub(r"[\x00-\x7f]+", "", text)
            foreign += len(odd)
            common += len(odd.encode("gb2312", "ignore")) // 2
    except UnicodeDecodeError:
        return False
    return foreign > 0 and common >= COMMON_SHARE * foreign


# dBASE: the attributes of a Shapefile ---------------------------------------------------------------------------------


def dbase_claim(dbf: Path) -> str | None:
    """What a Shapefile says of its encoding: its .cpg file, else its table's language driver."""
    for suffix in (".cpg", ".CPG", ".cst", ".CST"):
        page = dbf.with_suffix(suffix)
        if page.is_file() and (text := page.read_bytes()[:60].decode("ascii", "replace").strip()):
            return text
    with dbf.open("rb") as file:
        head = file.read(32)
    return _LANGUAGE_DRIVERS.get(head[29]) if len(head) == 32 else None


def dbase_texts(dbf: Path) -> Iterator[bytes]:
    """Yield the names of the columns and every text value of a dBASE table that is not plain ASCII.

    Read here and not by GDAL, because GDAL converts by what the file claims before anybody can look.
    """
    with dbf.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            raise UnreadableFile(f"{dbf.name} is cut off in its header.", file=dbf.name)
        header, width = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        spans, at = [], 1  # the first byte of a record says whether it is deleted
        for _ in range((header - 33) // 32):
            one = file.read(32)
            if len(one) < 32 or one[0] == 0x0D:
                break
            if one[11:12] == b"C":
                spans.append((at, at + one[16] + (one[17] << 8)))
                yield one[:11].partition(b"\0")[0]
            else:
                yield one[:11].partition(b"\0")[0]
            at += one[16] + (one[17] << 8 if one[11:12] == b"C" else 0)
        file.seek(header)
        while width and (block := file.read(width * 20_000)):
            usable = len(block) // width
            table = np.frombuffer(block, np.uint8, usable * width).reshape(usable, width)
            for start, end in spans:
                part = table[:, start:end]
                for row in np.flatnonzero((part & 0x80).any(axis=1)):
                    yield part[row].tobytes().rstrip(b" \0")


def dbase_deleted(dbf: Path) -> int:
    """How many records of a dBASE table are marked as deleted: they are still in the file, and are no rows."""
    with dbf.open("rb") as file:
        head = file.read(32)
        records, header, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        file.seek(header)
        deleted = 0
        while width and records > 0 and (block := file.read(width * min(records, 20_000))):
            deleted += block[::width].count(b"*")
            records -= len(block) // width or 1
    return deleted
