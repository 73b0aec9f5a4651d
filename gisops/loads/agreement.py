"""Positions held against what is there: areas or zones that the rows name themselves, else the roads.

From this the datum is judged (`gisops.loads.datum`), and counted how many rows lie where they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.loads import datum
from gisops.loads.audits import Floats
from gisops.loads.batches import Shapes

_SQL = queries.load("gisops.loads", "agreement.sql")
_LEVELS = {"district": 2, "street": 3, "community": 4}
# How far across a border a position of ordinary care may lie. Metres.
EDGE_M = 20.0
LISTED = 200


def reference_of(conn: Connection, kind: str) -> tuple[list[str], Shapes]:
    """Names and polygons (degrees) of what an expectation names: zones, districts, streets or communities."""
    if kind == "zone":
        rows = conn.execute(_SQL["zones"]).fetchall()
    else:
        rows = conn.execute(_SQL["areas"], {"level": _LEVELS[kind]}).fetchall()
    return [row["name"] for row in rows], _shapes(rows)


def judge_datum(
    conn: Connection, places: Floats, expected: Mapping[str, Sequence[str | None]], declared: str | None
) -> dict[str, Any] | None:
    """Judge the declared system by positions (n, 2; degrees). None where there is nothing to hold them against."""
    found = None
    for kind, told in expected.items():
        there, shapes = reference_of(conn, kind)
        if there and found is None:
            found = datum.against_areas(places, told, shapes, there, declared or "WGS84")
    if found is None and len(places):
        box = dict(zip(("west", "south", "east", "north"), _box(places), strict=True))
        roads = conn.execute(_SQL["roads"], box).fetchall()
        if roads:
            found = datum.against_lines(places, _shapes(roads), declared or "WGS84")
    return None if found is None else found.as_dict()


def with_areas(
    conn: Connection, kind: str, places: Floats, names: Sequence[str | None], rows: Sequence[int]
) -> dict[str, Any] | None:
    """Count how many positions lie in the area that their row names, and why the others do not.

    ``share`` is of those in it to the last digit, ``share_within_error`` also of those no farther away than a position
    may err. ``edge``: within `EDGE_M` of it; ``unknown``: no such area is there; ``elsewhere``: all the rest.
    """
    there, shapes = reference_of(conn, kind)
    by_name: dict[str, list[Any]] = {}
    for name, shape in zip(there, shapes, strict=True):
        by_name.setdefault(name, []).append(shape)
    areas = {name: shapely.union_all(own) for name, own in by_name.items()}
    if not areas:
        return None
    kx, ky = local_metres(float(np.median(places[:, 1])))
    counts: dict[str, int] = {}
    differs: list[dict[str, Any]] = []
    named: dict[str, list[int]] = {}
    for n, told in enumerate(names):
        if told is not None:
            named.setdefault(told, []).append(n)
    for name, own in named.items():
        area = areas.get(name)
        if area is None:
            counts["unknown"] = counts.get("unknown", 0) + len(own)
            continue
        shapely.prepare(area)
        points = shapely.points(places[own])
        inside = shapely.covers(area, points)
        counts["equal"] = counts.get("equal", 0) + int(inside.sum())
        plane = shapely.transform(area, lambda at: at * (kx, ky))
        for n in np.array(own)[~inside].tolist():
            away = float(shapely.distance(plane, shapely.points(places[n] * (kx, ky))))
            cause = "edge" if away <= EDGE_M else "elsewhere"
            counts[cause] = counts.get(cause, 0) + 1
            if len(differs) < LISTED:
                lon, lat = places[n].tolist()
                where = {"expected": name, "away_m": round(away, 1), "lon": lon, "lat": lat}
                differs.append({"row_no": rows[n], "cause": cause, **where})
    total, equal = sum(counts.values()), counts.get("equal", 0)
    return {
        "kind": kind,
        "compared": total,
        "equal": equal,
        "share": round(equal / total, 6) if total else None,
        "share_within_error": round((equal + counts.get("edge", 0)) / total, 6) if total else None,
        "causes": {cause: n for cause, n in sorted(counts.items()) if cause != "equal"},
        "differs": differs,
    }


def latest_datum(conn: Connection) -> list[dict[str, Any]]:
    """What was last judged of each target: load_id, target, crs, datum. Any role may ask."""
    return conn.execute(_SQL["latest_datum"]).fetchall()


def _shapes(rows: Sequence[Mapping[str, Any]]) -> Shapes:
    return np.array([*(shapely.from_wkb(bytes(row["shape"])) for row in rows), None], dtype=object)[:-1]


def _box(places: Floats) -> tuple[float, float, float, float]:
    (west, south), (east, north) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return west - 0.01, south - 0.01, east + 0.01, north + 0.01
