"""What is sent to be shown a masked value in full."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.schemas.shapes import Body, Code, Text
from layers.reveals import MOST_NOTE


class RevealIn(Body):
    """Which feature of which layer, which of its masked fields (all of them where none is named), and what for."""

    layer: Code
    key: Code
    fields: Annotated[list[Code], Field(min_length=1, max_length=16)] | None = None
    purpose: Code
    note: Annotated[Text, Field(max_length=MOST_NOTE)] | None = None
