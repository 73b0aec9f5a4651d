"""Answers about who asks: sign-ins, the caller's own card, his zones and positions."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.features import MultiPolygon, Polygon
from api.schemas.answers.shapes import LayerClass, Many, Moment, Named, Role, closed, with_more


@closed
class AccountCard(TypedDict):
    """An account as a sign-in answers it: the names are those of its post, as an account is no person."""

    login: str
    role: Role
    name_zh: str
    name_en: str
    organisation: Named | None


@closed
class SignedIn(TypedDict):
    """A bearer token. A phone has ``refresh_token`` beside it, by which it gets the next one."""

    token: str
    expires_at: Moment
    account: AccountCard
    refresh_token: NotRequired[str]
    refresh_expires_at: NotRequired[Moment]


@closed
class Refreshed(TypedDict):
    """A phone's next two tokens."""

    token: str
    expires_at: Moment
    refresh_token: str
    refresh_expires_at: Moment


@closed
class StaffCard(TypedDict):
    """The caller's own staff code and post."""

    code: str
    post_zh: str
    post_en: str


@closed
class Me(TypedDict):
    """The caller's card, and which classes of fields he may see."""

    login: str
    role: Role
    classes: list[LayerClass]
    staff: NotRequired[StaffCard]
    organisation: NotRequired[Named]


@closed
class MyZone(TypedDict):
    """A zone somebody is assigned to, as what, and until when."""

    code: str
    name_zh: str
    name_en: str | None
    kind: Annotated[str, Field(description="territory, duty, corridor, site, water, special")]
    assignment: Literal["primary", "backup", "leader"]
    valid_until: Moment | None


@closed
class ZoneFeature(TypedDict):
    """A zone as GeoJSON."""

    type: Literal["Feature"]
    geometry: Polygon | MultiPolygon
    properties: MyZone


@closed
class MyZones(TypedDict):
    """The caller's zones as GeoJSON."""

    type: Literal["FeatureCollection"]
    features: list[ZoneFeature]


@with_more
class RefusedPosition(TypedDict):
    """The ``n``-th position sent (from 0), and what was wrong with it: a problem, with what it knows beside."""

    n: Many
    type: str
    title: str
    status: int
    detail: str
    code: str


@closed
class Track(TypedDict):
    """What became of positions that were sent together."""

    kept: Many
    known: Annotated[int, Field(ge=0, description="Those that were here already.")]
    late: Annotated[int, Field(ge=0, description="Those too old to be kept.")]
    refused: list[RefusedPosition]
