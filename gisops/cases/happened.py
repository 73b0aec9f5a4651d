"""What happened where and when: the cases of a period as points, for maps that play a day and for "what was here"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gisops.city import City
from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "happened.sql")

MOST_ROWS = 10_000
MOST_WITHIN_M = 2_000.0
LONGEST = timedelta(days=400)
_USUAL = timedelta(hours=24)
# A box in which a circle lies is a little larger than it need be.
_AROUND = 1.02


def happened(
    conn: Connection,
    city: City,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    category: str | None = None,
    bbox: Sequence[float] | None = None,
    near: tuple[float, float, float] | None = None,
    limit: int = MOST_ROWS,
) -> dict[str, Any]:
    """List what was reported in a period (the last 24 hours unless told), newest first, as far as the connection's
    viewer may see it: ``{from, to, cases, more}``.

    ``near`` is longitude, latitude (degrees, WGS-84) and a distance in metres; ``bbox`` west, south, east, north;
    one of them at most. Raises ``InvalidInput``.
    """
    try:
        until = until or _now(conn)
        since = since or until - _USUAL
        is_period = timedelta() < until - since <= LONGEST
    except (OverflowError, TypeError):
        # a day before the first day there is; a moment without a zone
        is_period = False
    if not is_period:
        raise InvalidInput(
            f"A period goes from an earlier moment to a later one, {LONGEST.days} days at most.", parameter="from"
        )
    if bbox is not None and near is not None:
        raise InvalidInput("What is asked for lies in a box or near a point, not both.", parameter="bbox")
    if near is not None:
        bbox = _around(*near)
    west, south, east, north = bbox if bbox is not None else (None, None, None, None)
    lon, lat, within_m = near if near is not None else (None, None, None)
    asked = {
        "category_id": city.category(category).category_id if category else None,
        "since": since, "until": until,
        "west": west, "south": south, "east": east, "north": north,
        "lon": lon, "lat": lat, "within_m": within_m,
        # of a circle, all that its box holds: which of those lie in it is seen afterwards
        "most": limit + 1 if near is None else MOST_ROWS + 1,
    }  # fmt: skip
    found = conn.execute(_SQL["happened"], asked).fetchall()
    rows = [row for row in found if row["case_no"] is not None]
    more = len(rows) > limit or found[0]["in_box"] > MOST_ROWS
    return {"from": since, "to": until, "cases": [_told(row) for row in rows[:limit]], "more": more}


def _now(conn: Connection) -> datetime:
    found: datetime = conn.execute(_SQL["now"]).fetchall()[0]["at"]
    return found


def _around(lon: float, lat: float, within_m: float) -> tuple[float, float, float, float]:
    east, north = (_AROUND * within_m / metres for metres in local_metres(lat))
    return lon - east, lat - north, lon + east, lat + north


def _told(row: dict[str, Any]) -> dict[str, Any]:
    names = ("code", "scheme", "name_zh", "name_en")
    hidden = ("in_box", "key", *(f"category_{name}" for name in names))
    return {**{name: value for name, value in row.items() if name not in hidden},
            "category": {name: row[f"category_{name}"] for name in names}}  # fmt: skip
