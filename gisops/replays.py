"""Replays: the same decision again, from what was recorded or as of another moment, and where the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import wording
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, Input
from gisops.errors import NotFound

_SQL = queries.load("gisops.cases", "cases.sql")

_NOTES = {
    "as_recorded": (
        "输入、人员负荷与位置均取自当时的记录。",
        "The input, and the staff's load and positions, are those on record.",
    ),
    "recorded": (
        "责任区、规则、值班与归属按所选时刻；人员负荷与位置取自当时的记录。",
        "Zones, rules, rosters and owners are those of the chosen moment; load and positions are those on record.",
    ),
    "none": (
        "责任区、规则、值班与归属按所选时刻；不考虑人员负荷与位置。",
        "Zones, rules, rosters and owners are those of the chosen moment; load and positions are left out.",
    ),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision on record: exactly what was asked and what was answered, in codes; and who holds the case now."""

    input: Input
    codes: dict[str, Any]
    organisation_id: int


def recorded(conn: Connection, city: City, case_no: str) -> Recorded:
    """The first decision of a case that the rules took. Raises ``NotFound``, also for a case out of the scope of the
    connection's viewer.
    """
    rows = conn.execute(_SQL["decisions"], {"case_no": case_no}).fetchall()
    row = next((row for row in rows if not row["by_hand"]), None)
    if row is None:
        raise NotFound(f"There is no case {case_no}, or no decision that the rules took.", case_no=case_no)
    asked = row["input"]
    place_id = asked["place_id"]
    return Recorded(
        Input(
            lon=asked["lon"],
            lat=asked["lat"],
            accuracy_m=asked["accuracy_m"],
            category_id=city.category(asked["category"]).category_id,
            at=datetime.fromisoformat(asked["at"]),
            part_code=asked["part_code"],
            place_id=None if place_id is None else UUID(place_id),
            staff_facts=row["staff_facts"],
        ),
        row["answer"],
        row["organisation_id"],
    )


def compare(found: Recorded, again: Decision, city: City, mode: str, positions: str, *, names: bool) -> dict[str, Any]:
    """Both decisions, whether they are the same, and each field in which they are not; without ``names`` but for the
    persons.
    """
    codes, replayed = found.codes, again.codes()
    if not names:
        codes, replayed = wording.without_people(codes), wording.without_people(replayed)
    differences = [
        {"field": name, "recorded": codes.get(name), "replayed": replayed[name]}
        for name in replayed
        if codes.get(name) != replayed[name]
    ]
    zh, en = _NOTES["as_recorded" if mode == "as_recorded" else positions]
    return {
        "mode": mode,
        "at": again.at,
        "same": not differences,
        "recorded": {**codes, "reasons": wording.kept(codes, city)},
        "replayed": {**replayed, "reasons": wording.kept(replayed, city)},
        "differences": differences,
        "notes": [{"zh": zh, "en": en}],
    }
