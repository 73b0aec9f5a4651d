"""Named SQL: each module keeps its statements in the ``.sql`` file beside it.

A file holds statements, each under ``-- name: words_of_the_act`` and at least one line that says what it is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_HEAD = re.compile(r"^-- name: *([a-z][a-z0-9_]*) *$", re.MULTILINE)


@cache
def load(package: str, filename: str) -> Mapping[str, str]:
    """Read one ``.sql`` file of a package into ``{name: statement}``.

    Raises ``ValueError`` for a name given twice or a statement without a describing comment.
    """
    pieces = _HEAD.split(files(package).joinpath(filename).read_text("utf-8"))
    found: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in found:
            raise ValueError(f"{filename}: the name {name} is given twice")
        if not body.lstrip().startswith("--"):
            raise ValueError(f"{filename}: {name} does not say what it is for")
        found[name] = body.strip().rstrip(";")
    return MappingProxyType(found)
