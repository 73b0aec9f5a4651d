"""Twins: the open and lately closed cases that a report may be about, and how sure that is (docs/decisions/0034).

The search runs in the database (`twin_cases`), one statement for one report or a thousand; scores and the choice among
what it finds are reckoned here. What becomes of the report is decided in `gisops.cases.duplicates`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from gisops import coordinates
from gisops.city import Category
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "twins.sql")

# From here on a case is proposed; from there on, and only where it is certain, a report joins it by itself.
PROPOSED_FROM, JOINED_FROM = 0.5, 0.85
# The same again within so long after its closing is a recurrence, or even work to be done again.
RECURRENCE, REWORK = timedelta(days=30), timedelta(days=7)
# A phone that knows no better than this would make the whole neighbourhood a duplicate.
WORST_FUZZ_M = 100.0
# So much of a text says what it is about.
LONGEST_COMPARED = 400
# What sees by itself, and says which device it is.
DEVICE_CHANNELS = frozenset({"video", "sensor"})

# Where a case stands and who may know of it, as the search brings it along.
_STANDING = (
    "case_no", "state", "stage", "report_count", "unit_id", "handler_id", "superior_id", "organisation_id", "public",
)  # fmt: skip

Kind = Literal["same_part", "same_device", "joined"]
Key = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Asked:
    """A report as the search is asked about it: WGS-84 degrees, metres; ``joins`` is the case its sender names."""

    lon: float
    lat: float
    accuracy_m: float
    category: Category
    part_id: UUID | None = None
    part_code: str | None = None
    source_ref: str | None = None
    text: str = ""
    joins: str | None = None
    district_code: str = ""

    @property
    def fuzz_m(self) -> float:
        """How wrong the position may be, as far as the search goes along with it."""
        return min(self.accuracy_m, WORST_FUZZ_M)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that a report may be about; ``score`` is 0.5 distance + 0.3 category + 0.2 text, 1 for the same part.
    ``standing`` is where it stands and who may know of it; of one too far off to be proposed or to recur, nothing.
    """

    district_code: str
    case_id: UUID
    is_open: bool
    same_part: bool
    named_part: bool
    same_device: bool
    closeness: float
    distance_m: float
    likeness: float
    score: float
    closed_at: datetime | None
    in_hours: bool
    standing: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> Key:
        """Its row's key."""
        return self.district_code, self.case_id

    @property
    def certain(self) -> Kind | None:
        """Why it is the same beyond doubt, if it is: a part that both reports name, or one device's own sighting."""
        if not self.is_open:
            return None
        if self.named_part and self.closeness > 0:
            return "same_part"
        return "same_device" if self.same_device else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the candidates of a report come to: the case it joins by itself, those to propose, the one it is again."""

    certain: Candidate | None
    proposed: tuple[Candidate, ...]
    recurrence: Candidate | None


def near(conn: Connection, asked: Sequence[Asked]) -> list[list[Candidate]]:
    """Search for the cases that reports may be about, in one statement; the nearest first, for each in order."""
    found: list[list[Candidate]] = [[] for _ in asked]
    rows = conn.execute(
        _SQL["near"],
        {
            "n": list(range(len(asked))),
            "lon": [one.lon for one in asked],
            "lat": [one.lat for one in asked],
            "reach_m": [one.category.twin_radius_m for one in asked],
            "fuzz_m": [one.fuzz_m for one in asked],
            "hours": [one.category.twin_hours for one in asked],
            "category_id": [one.category.category_id for one in asked],
            "part_id": [one.part_id for one in asked],
            "part_code": [one.part_code for one in asked],
            "source_ref": [one.source_ref for one in asked],
            "with_text": [bool(one.text) for one in asked],
        },
    )
    for row in rows:
        n = row.pop("n")
        base, said = row.pop("base"), row.pop("said")
        standing = {name: row.pop(name) for name in _STANDING}
        like = 0.0 if said is None else likeness(asked[n].text, said)
        found[n].append(Candidate(**row, likeness=like, score=scored(base, like), standing=standing))
    return found


def scored(base: float, like: float) -> float:
    """The score of a candidate, from what its place and category give (``base``) and how alike the texts are."""
    return round(min(1.0, base + 0.2 * like), 4)


def likeness(one: str, other: str) -> float:
    """How alike two texts are, 0 to 1: what their pairs of neighbouring characters share, of all that either has
    (Jaccard). Chinese has no spaces to find words by; spaces and case count for nothing.
    """
    a, b = _pairs(one), _pairs(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def _pairs(text: str) -> set[str]:
    word = "".join(text[:LONGEST_COMPARED].split()).lower()
    return {word[n : n + 2] for n in range(len(word) - 1)}


def choose(candidates: Iterable[Candidate], now: datetime, without: Collection[Key] = ()) -> Choice:
    """Choose by score, then by distance; what was closed longest ago comes last. ``without`` are cases to leave out."""
    ranked = sorted(
        (one for one in candidates if one.key not in without),
        key=lambda c: (c.certain is None, -c.score, c.distance_m, c.case_id),
    )
    certain = next((one for one in ranked if one.certain is not None), None)
    proposed = tuple(
        one for one in ranked if one.in_hours and one.score >= PROPOSED_FROM and (certain is None or one is not certain)
    )
    again = [
        one
        for one in ranked
        if one.closed_at is not None
        and not one.is_open
        and now - one.closed_at < RECURRENCE
        and ((one.same_part and one.closeness > 0) or one.closeness == 1)
    ]
    latest = max(again, key=lambda c: (c.closed_at, c.score, c.case_id), default=None)
    return Choice(certain, proposed, latest)


def closeness(one: Category, other: Category) -> float:
    """How near two categories of one scheme are: 1 the same minor class, 0.5 the same major class, else 0."""
    if one.category_id == other.category_id:
        return 1.0
    return 0.5 if (one.scheme, one.code[:3]) == (other.scheme, other.code[:3]) else 0.0


def distance_m(one: Asked, other: Asked) -> float:
    """Metres between two reports in the plane at the first, as `local_distance_m` has them."""
    return round(coordinates.distance_m((one.lon, one.lat), (other.lon, other.lat)), 3)
