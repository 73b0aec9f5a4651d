"""Where officers are and were: the last position, which dispatch asks for, and the track, which it does not.

A track is about a person. It is written and, at the doors, read by nobody; whole months of it are dropped when the
city's time for it is over (``partitions.forget_positions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from gisops import coordinates
from gisops.access.people import Actor
from gisops.cases.reports import EXTENT_MARGIN
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import GisopsError, InvalidInput, OutsideCity

_SQL = queries.load("gisops", "positions.sql")

# What a phone may have kept while it had no network; an older one is of no use to anybody but the curious.
LONGEST_KEPT = timedelta(days=7)
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """A position as it was sent: ``x, y`` in ``crs``, east first; without ``captured_at`` it is of this moment."""

    x: float
    y: float
    crs: str
    accuracy_m: float
    captured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of positions: how many are new, how many were known, how many came too late to be kept, and what is
    wrong with the others, by their number in the list.
    """

    fresh: int
    known: int
    late: int
    refused: dict[int, GisopsError]


def keep(conn: Connection, city: City, by: Actor, sent: Sequence[Sent]) -> Kept:
    """Keep where a member of staff was. The same moment sent again changes nothing, and one that is wrong leaves the
    others alone. Raises ``InvalidInput`` where the account is no member of staff.
    """
    if by.staff_id is None:
        raise InvalidInput("This account is no member of staff, so it has no position.", login=by.login)
    row = conn.execute(_SQL["clock"]).fetchone()
    assert row is not None  # noqa: S101
    rows, refused, late = [], {}, 0
    for n, one in enumerate(sent):
        try:
            lon, lat = _checked(one, city, row["now"])
            at = one.captured_at or row["now"]
            if at < row["now"] - LONGEST_KEPT:
                late += 1
                continue
            rows.append({"lon": lon, "lat": lat, "accuracy_m": one.accuracy_m, "captured_at": at})
        except GisopsError as error:
            refused[n] = error
    fresh = conn.execute(_SQL["keep"], {"rows": Jsonb(rows), "staff_id": by.staff_id}).rowcount if rows else 0
    return Kept(fresh, len(rows) - fresh, late, refused)


def _checked(one: Sent, city: City, now: datetime) -> tuple[float, float]:
    lon, lat = coordinates.to_wgs84(one.x, one.y, one.crs, city.extent)
    west, south, east, north = city.extent
    margin = EXTENT_MARGIN
    if not (west - margin < lon < east + margin and south - margin < lat < north + margin):
        raise OutsideCity(
            f"The position lies outside {city.name_zh} ({city.name_en}).", lon=lon, lat=lat, extent=list(city.extent)
        )
    if one.captured_at is not None and one.captured_at > now + _CLOCKS_DIFFER:
        raise InvalidInput("captured_at lies in the future.", captured_at=one.captured_at.isoformat())
    return lon, lat
