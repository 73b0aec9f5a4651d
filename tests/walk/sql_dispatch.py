"""Asks the database's ``dispatch`` and ``cells_at``, and puts its rows into the oracle's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.walk.oracle import Answer, Input
from tests.walk.worlds import Ids

DISPATCH = """
SELECT * FROM dispatch(
  %(n)s::int[], %(lon)s::float8[], %(lat)s::float8[], %(accuracy_m)s::float8[], %(category_id)s::int[],
  %(part_code)s::text[], %(place_id)s::uuid[], %(at)s::timestamptz[], %(staff_facts)s::jsonb[])
ORDER BY n
"""
CELLS = "SELECT n, grid_cell_code FROM cells_at(%s::int[], %s::float8[], %s::float8[], %s::timestamptz)"

# One batch must not hold all its rows' candidates in memory at once.
BATCH = 1000


def ask(
    conn: psycopg.Connection[Any],
    inputs: Sequence[Input],
    category_ids: dict[str, int],
    staff_facts: Sequence[Jsonb | None] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the SQL function, one for each input and in their order."""
    found: list[dict[str, Any]] = []
    with conn.cursor(row_factory=dict_row) as cur:
        for start in range(0, len(inputs), BATCH):
            some = inputs[start : start + BATCH]
            cur.execute(
                DISPATCH,
                {
                    "n": list(range(len(some))),
                    "lon": [i.lon for i in some],
                    "lat": [i.lat for i in some],
                    "accuracy_m": [i.accuracy_m for i in some],
                    "category_id": [category_ids[i.category] for i in some],
                    "part_code": [i.part_code for i in some],
                    "place_id": [i.place_id for i in some],
                    "at": [i.at for i in some],
                    "staff_facts": list(staff_facts[start : start + BATCH]) if staff_facts else [None] * len(some),
                },
            )
            rows = cur.fetchall()
            assert [row["n"] for row in rows] == list(range(len(some))), "one row for each input"
            found += rows
    return found


# What is compared: name -> (from the oracle's answer, from the database's row).
def said_by_oracle(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "neighbour": answer.neighbour,
        "mode": answer.mode,
        "organisation": answer.organisation,
        "zone": answer.zone,
        "part": answer.part.part_id if answer.part else None,
        "distance_m": answer.distance_m,
        "reclassify": answer.reclassify,
        "place": answer.place,
        "rule": answer.rule.code if answer.rule else None,
        "co_ownership": answer.co_ownership.code if answer.co_ownership else None,
        "grid_cell": answer.grid_cell,
        "district": answer.district,
        "street": answer.street,
        "community": answer.community,
        "handler": answer.handler,
        "superior": answer.superior,
        "ambiguous": answer.ambiguous,
        "confidence": answer.confidence,
        "reasons": answer.reasons,
    }


def said_by_database(row: dict[str, Any], ids: Ids, place_codes: dict[Any, str]) -> dict[str, Any]:
    def code(names: dict[Any, Any], key: Any) -> Any:
        return None if key is None else names[key]

    return {
        "status": row["status"],
        "neighbour": row["neighbour_code"],
        "mode": row["mode"],
        "organisation": code(ids.organisation_code, row["organisation_id"]),
        "zone": code(ids.zone_key, row["zone_id"]),
        "part": row["part_id"],
        "distance_m": row["part_distance_m"],
        "reclassify": code(ids.category_code, row["part_category_id"]),
        "place": code(place_codes, row["place_id"]),
        "rule": code(ids.rule_code, row["rule_id"]),
        "co_ownership": code(ids.agreement_code, row["co_ownership_area_id"]),
        "grid_cell": row["grid_cell_code"],
        "district": row["district_code"],
        "street": row["street_code"],
        "community": row["community_code"],
        "handler": code(ids.staff_code, row["handler_id"]),
        "superior": code(ids.staff_code, row["superior_id"]),
        "ambiguous": row["ambiguous"],
        "confidence": row["confidence"],
        "reasons": tuple(row["reasons"] or ()),
    }


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields that are not equal, as (oracle, database). Of distances only whole millimetres count."""
    unequal = {}
    for name, mine in ours.items():
        yours = theirs[name]
        if name == "distance_m" and mine is not None and yours is not None and round(yours, 3) == mine:
            continue
        if mine != yours:
            unequal[name] = (mine, yours)
    return unequal


def cells_at(
    conn: psycopg.Connection[Any], lons: Sequence[float], lats: Sequence[float], at: datetime
) -> list[tuple[int, str | None]]:
    return conn.execute(CELLS, (list(range(len(lons))), list(lons), list(lats), at)).fetchall()
