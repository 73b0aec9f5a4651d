"""What a load asks of the city once, before the first row: its box, clock and schemes, and keys by code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from gisops.cases.reports import EXTENT_MARGIN
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import NotReady

_SQL = queries.load("gisops.loads", "lookups.sql")


@dataclass(frozen=True, slots=True)
class Known:
    """What is there already. ``keys``: lookup -> code -> key; ``box``: west, south, east, north with the margin."""

    city_code: str
    box: tuple[float, float, float, float]
    extent: tuple[float, float, float, float]
    timezone: ZoneInfo
    category_scheme: str
    grid_scheme: str
    keys: Mapping[str, Mapping[str, int]]
    category_names: Mapping[int, str]
    shifts: Mapping[str, tuple[time, time]]
    districts: Mapping[str, Any] = field(repr=False)


def read(conn: Connection) -> Known:
    """Ask the database. Raises ``NotReady`` where it holds no city."""
    city = conn.execute(_SQL["city"]).fetchone()
    if city is None:
        raise NotReady("The database holds no city yet.", do="gisops city new PROFILE.toml")
    organisations = _by_code_or_name(conn.execute(_SQL["organisations"]).fetchall())
    categories = conn.execute(_SQL["categories"], {"city_code": city["code"]}).fetchall()
    by_category: dict[str, int] = {}
    for row in categories:
        by_category[f"{row['scheme']}:{row['code']}"] = row["key"]
        if row["scheme"] == city["category_scheme"]:
            by_category[row["code"]] = row["key"]
    conditions = {f"{r['category_id']}/{r['seq']}": r["key"] for r in conn.execute(_SQL["filing_conditions"])}
    extent = (city["west"], city["south"], city["east"], city["north"])
    margin = EXTENT_MARGIN
    districts = {r["code"]: shapely.from_wkb(bytes(r["shape"])) for r in conn.execute(_SQL["districts"])}
    shapely.prepare(list(districts.values()))
    return Known(
        city_code=city["code"],
        box=(extent[0] - margin, extent[1] - margin, extent[2] + margin, extent[3] + margin),
        extent=extent,
        timezone=ZoneInfo(city["timezone"]),
        category_scheme=city["category_scheme"],
        grid_scheme=city["grid_code_scheme"],
        keys={
            "organisation": organisations,
            "staff": {row["code"]: row["key"] for row in conn.execute(_SQL["staff"])},
            "category": by_category,
            "filing_condition": conditions,
        },
        category_names={row["key"]: row["name_zh"] for row in categories},
        shifts={row["code"]: (row["starts"], row["ends"]) for row in conn.execute(_SQL["shifts"])},
        districts=districts,
    )


def _by_code_or_name(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Keys by code, and by any name that only one has."""
    names = Counter(name for row in rows for name in {row["name_zh"], row["name_en"]})
    found = {name: row["key"] for row in rows for name in (row["name_zh"], row["name_en"]) if names[name] == 1}
    return found | {row["code"]: row["key"] for row in rows}
