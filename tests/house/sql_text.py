"""Reading our own SQL as text: files, calls with their arguments, statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gisops", "layers", "tiles", "api", "bench")


def files(*endings: str) -> list[Path]:
    """Shipped files by ending, without what Node installed."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in endings)
    return sorted(path for path in found if "node_modules" not in path.parts)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_comments(text: str) -> str:
    """SQL without its ``--`` comments; line numbers stay."""
    return re.sub(r"--[^\n]*", "", text)


def arguments(text: str, start: int) -> list[str]:
    """The arguments of the call whose opening bracket is at ``start``, split at the commas of the call itself."""
    depth, quoted, piece, found = 0, "", "", []
    for sign in text[start:]:
        if quoted:
            quoted = "" if sign == quoted else quoted
        elif sign in "'\"":
            quoted = sign
        elif sign in "([{":
            depth += 1
            if depth == 1:
                continue
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                break
        elif sign == "," and depth == 1:
            found.append(piece.strip())
            piece = ""
            continue
        piece += sign
    return [*found, piece.strip()] if piece.strip() else found


def calls(text: str, function: str) -> Iterator[tuple[int, list[str]]]:
    """Line and arguments of each call of a function."""
    for match in re.finditer(rf"\b{function}\s*\(", text, re.IGNORECASE):
        yield text.count("\n", 0, match.start()) + 1, arguments(text, match.end() - 1)


def statement_from(text: str, start: int) -> str:
    """The statement that begins at ``start``: to its semicolon, or to the bracket that closes the one it stands in."""
    depth, quoted = 0, ""
    for n, sign in enumerate(text[start:]):
        if quoted:
            quoted = "" if sign == quoted else quoted
        elif sign == "'":
            quoted = sign
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0:
                return text[start : start + n]
        elif sign == ";" and depth == 0:
            return text[start : start + n]
    return text[start:]
