"""Locate: who is responsible at a point, the polygon in which that answer holds, and until when."""

from __future__ import annotations

from typing import Any

import orjson

from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision

_SQL = queries.load("gisops", "locate.sql")


def answer(conn: Connection, city: City, decision: Decision, *, names: bool) -> dict[str, Any]:
    """The decision with its ``boundary`` (GeoJSON MultiPolygon, WGS-84, or None) and ``valid_until`` (or None).

    The polygon holds for zone and organisation only, the time also for the person (docs/reference/dispatch.md §9).
    """
    row = decision.row
    ends = [row[name] for name in ("zone_until", "duty_until") if row[name] is not None]
    return {
        **decision.shown(city, names=names),
        "boundary": _boundary(conn, decision),
        "valid_until": min(ends, default=None),
    }


def looks_into(conn: Connection, lon: float, lat: float) -> bool:
    """Say whether a point lies in the scope of the connection's viewer."""
    row = conn.execute(_SQL["looks_into"], {"lon": lon, "lat": lat}).fetchone()
    return row is not None and bool(row["looks"])


def _boundary(conn: Connection, decision: Decision) -> dict[str, Any] | None:
    asked, zone_id = decision.input, decision.row["zone_id"]
    if zone_id is None:
        return None
    row = conn.execute(
        _SQL["boundary"],
        {"lon": asked.lon, "lat": asked.lat, "category_id": asked.category_id, "zone_id": zone_id, "at": decision.at},
    ).fetchone()
    boundary: dict[str, Any] | None = orjson.loads(row["boundary"]) if row and row["boundary"] else None
    return boundary
