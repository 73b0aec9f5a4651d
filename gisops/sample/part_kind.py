"""What the sample says of a kind of part, whichever city it stands in."""

from __future__ import annotations

from typing import NamedTuple

CODE_SCHEME = "GB/T 30428.2-2013"


class Kind(NamedTuple):
    """A kind of part: category, name, who supervises, owns, maintains it (codes), positional class."""

    category: str
    name_zh: str
    supervising: str | None
    owner: str | None
    maintainer: str | None
    position_class: str = "A"
