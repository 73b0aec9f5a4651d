"""Bodies of sign-in and of an officer's position."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from api.schemas.shapes import Body, Coordinate, Metres, Text


class SignInIn(Body):
    """A login and its password."""

    login: Annotated[Text, Field(min_length=1, max_length=64)]
    password: Annotated[Text, Field(min_length=1, max_length=1024, repr=False)]


class PositionIn(Body):
    """Where an officer is; ``lon, lat`` in ``crs``."""

    lon: Coordinate
    lat: Coordinate
    crs: Text | None = None
    accuracy_m: Metres
    captured_at: AwareDatetime | None = None
