"""Bodies of sign-in and of an officer's position."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Discriminator, Field, Tag

from api.schemas.shapes import Body, Coordinate, Metres, Text


class DeviceIn(Body):
    """A phone: the public half of a key that never leaves it, as a JWK (EC, P-256)."""

    jwk: Annotated[dict[str, Any], Field(max_length=20)]


class SignInIn(Body):
    """A login and its password; of a phone, its key too."""

    login: Annotated[Text, Field(min_length=1, max_length=64)]
    password: Annotated[Text, Field(min_length=1, max_length=1024, repr=False)]
    device: DeviceIn | None = None


class RefreshIn(Body):
    """A phone's refresh token."""

    refresh_token: Annotated[Text, Field(min_length=1, max_length=256, repr=False)]


class PositionIn(Body):
    """Where an officer is; ``lon, lat`` in ``crs``."""

    lon: Coordinate
    lat: Coordinate
    crs: Text | None = None
    accuracy_m: Metres
    captured_at: AwareDatetime | None = None


class PositionThenIn(PositionIn):
    """Where an officer was; the moment is what tells it from the others."""

    captured_at: AwareDatetime


class TrackIn(Body):
    """Where an officer was while his device had no network."""

    positions: Annotated[list[PositionThenIn], Field(min_length=1, max_length=1000)]


def _form(body: Any) -> str:
    several = "positions" in body if isinstance(body, dict) else isinstance(body, TrackIn)
    return "track" if several else "position"


PositionsIn = Annotated[Annotated[PositionIn, Tag("position")] | Annotated[TrackIn, Tag("track")], Discriminator(_form)]
"""One position, or several with their moments."""
