"""The files of the map's font, as the built screens have them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

# Written by the screens' build: the address and the characters of each file.
_LIST = Path(__file__).parent / "screens" / "dist" / "fonts.json"


def fonts(base: str) -> list[dict[str, Any]]:
    """Return the font's files (``url``, ``unicode-range``) under the server's address ``base``; none where the screens
    are not built: text is drawn from the reader's own fonts then.
    """
    try:
        stamp = _LIST.stat().st_mtime_ns
    except OSError:
        return []
    return [{**face, "url": base + face["url"]} for face in _read(stamp)]


@lru_cache(maxsize=2)
def _read(stamp: int) -> tuple[dict[str, Any], ...]:
    """The list as it was at a moment (``stamp``): built anew, the files have other names."""
    return tuple(json.loads(_LIST.read_text("utf-8")))
