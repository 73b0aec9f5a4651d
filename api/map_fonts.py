"""The files of the map's font, as the built screens have them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from api.routers.screens import DIST

# Written by the screens' build: the address and the characters of each file.
LIST = "fonts.json"


def fonts(base: str) -> list[dict[str, Any]]:
    """Return the font's files (``url``, ``unicode-range``) under the server's address ``base``; none where the screens
    are not built: text is drawn from the reader's own fonts then.
    """
    path = DIST / LIST
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return []
    return [{**face, "url": base + face["url"]} for face in _read(path, stamp)]


@lru_cache(maxsize=2)
def _read(path: Path, stamp: int) -> tuple[dict[str, Any], ...]:
    """The list as it was at a moment (``stamp``): built anew, the files have other names."""
    return tuple(json.loads(path.read_text("utf-8")))
