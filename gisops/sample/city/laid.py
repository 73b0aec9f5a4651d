"""The city laid over a town: what its parts, places and past cases are made from. Shapes in the town's metres."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gisops.sample.town import Shapes, Texts, Town


@dataclass(frozen=True)
class Area:
    """A street or town (9 digits) or a community or village (12): ``organisation`` is the code of its office.

    ``shape`` is a Polygon or MultiPolygon, the exact union of its grid cells. ``rural`` marks towns and villages.
    """

    code: str
    name_zh: str
    name_en: str
    organisation: str
    shape: Any
    rural: bool = False


@dataclass(frozen=True)
class Organisation:
    """An organisation; ``parent`` and ``lead`` are codes of an organisation and of one of the staff."""

    organisation_id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    parent: str | None
    phone: str
    lead: str | None = None


@dataclass(frozen=True)
class Person:
    """One of the staff. ``organisation`` is a code; ``rota`` names their pattern of shifts, ``turn`` their place in it.

    ``standing`` people are on the roster of the whole year, the others on that of the last weeks.
    """

    staff_id: int
    code: str
    name: str
    phone: str
    organisation: str
    post_zh: str
    post_en: str
    role: str
    max_open: int
    rota: str
    turn: int
    standing: bool


@dataclass
class Zone:
    """A zone before it is written: ``organisation`` a code, ``scope`` short category codes, ``area`` in metres.

    ``assigned`` is (staff_id, role: primary, backup or leader); ``until`` is None while it is in force.
    """

    zone_set: str
    code: str
    name_zh: str
    name_en: str
    kind: str
    organisation: str
    scope: tuple[str, ...]
    priority: int
    area: Any
    since: datetime
    until: datetime | None = None
    assigned: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Laid:
    """A town with its division, its people and its zones.

    ``cell_shapes`` (Polygon) tile the town's outline; each belongs to the community ``communities[cell_community]``.
    A community's street is the one whose code its own code begins with; ``community_street`` says its index.
    ``organisation_ids`` gives the database key of an organisation's code.
    """

    town: Town
    district_code: str
    cell_shapes: Shapes
    cell_codes: Texts
    cell_community: NDArray[np.int64]
    communities: tuple[Area, ...]
    community_street: NDArray[np.int64]
    streets: tuple[Area, ...]
    organisations: tuple[Organisation, ...]
    organisation_ids: dict[str, int]
    staff: tuple[Person, ...]
    zones: tuple[Zone, ...]
