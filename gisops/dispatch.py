"""Dispatch: who is responsible at a point, for a category, at a moment. The contract is docs/reference/dispatch.md.

The rules run in the database (`gisops/db/functions/30_dispatch.sql`), as one statement for one report or a thousand.
Here stand the input, the decision with its names, and the record of it that is kept and replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import wording
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops", "dispatch.sql")
_NAMES = ("name_zh", "name_en")


@dataclass(frozen=True, slots=True)
class Input:
    """What dispatch is asked. Degrees WGS-84, metres; ``at`` None is the present; ``staff_facts`` only in a replay."""

    lon: float
    lat: float
    accuracy_m: float
    category_id: int
    at: datetime | None = None
    part_code: str | None = None
    place_id: UUID | None = None
    staff_facts: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What dispatch answered. ``row`` holds the statement's columns: ids, and the names of what they stand for."""

    input: Input
    row: dict[str, Any]

    @property
    def at(self) -> datetime:
        """The moment whose data decided: the one that was asked for, or the database's present."""
        at: datetime = self.row["at"]
        return at

    @property
    def out_of_area(self) -> bool:
        """Whether the point lies outside the city by more than the snapping distance."""
        return bool(self.row["status"] == "out_of_area")

    @property
    def auto(self) -> bool:
        """Whether the case may go to its organisation without a person looking at it first."""
        return not self.row["ambiguous"] and self.row["mode"] != "desk"

    def names_another(self, staff_id: int | None) -> bool:
        """Whether it is about any person but this one."""
        people = {self.row["handler_id"], self.row["superior_id"]}
        return bool(people - {None, staff_id})

    def codes(self) -> dict[str, Any]:
        """The decision in codes alone: what is kept, and what two replays are compared by."""
        row = self.row
        return {
            "mode": row["mode"],
            "organisation": row["organisation_code"],
            "zone": row["zone_code"],
            "zone_set": row["zone_set_code"],
            "part": row["part_code"],
            "part_distance_m": None if row["part_distance_m"] is None else round(row["part_distance_m"], 2),
            "reclassify": None if row["part_category_code"] is None else category_key(row),
            "place": row["place_code"],
            "rule": row["rule_code"],
            "co_ownership": row["co_ownership_code"],
            "grid_cell": row["grid_cell_code"],
            "district": row["district_code"],
            "street": row["street_code"],
            "community": row["community_code"],
            "handler": row["handler_code"],
            "superior": row["superior_code"],
            "ambiguous": row["ambiguous"],
            "confidence": row["confidence"],
            "reasons": row["reasons"],
            # By codes alone: a zone that is given another name later is the same zone in a replay.
            "candidates": [{k: c[k] for k in c if k not in _NAMES} for c in row["candidates"]],
        }

    def shown(self, city: City, *, names: bool) -> dict[str, Any]:
        """The decision as answers show it. ``names=False`` leaves out who the persons are, and why they: posts only."""
        row = self.row
        shown: dict[str, Any] = {
            "mode": row["mode"],
            "organisation": _named(row, "organisation"),
            "zone": row["zone_code"] and {**_named(row, "zone"), "kind": row["zone_kind"]},
            "part": row["part_code"]
            and {
                "code": row["part_code"],
                "name_zh": row["part_zh"],
                "distance_m": None if row["part_distance_m"] is None else round(row["part_distance_m"], 1),
            },
            "handler": person(row, "handler", names=names),
            "superior": person(row, "superior", names=names),
            "grid_cell": row["grid_cell_code"],
            "areas": {
                level: city.areas[row[f"{level}_code"]].as_dict() if row[f"{level}_code"] in city.areas else None
                for level in ("district", "street", "community")
            },
            "ambiguous": row["ambiguous"],
            "confidence": row["confidence"],
            "question": wording.question(row, city),
            "candidates": _candidates(row, city),
            "reasons": wording.reasons(row, city, people=names),
            "auto_dispatched": self.auto,
        }
        return shown


def decide(conn: Connection, inputs: Sequence[Input]) -> list[Decision]:
    """Dispatch the inputs in one round trip; the decisions come in the order of the inputs."""
    rows = conn.execute(
        _SQL["decide"],
        {
            "n": list(range(len(inputs))),
            "lon": [i.lon for i in inputs],
            "lat": [i.lat for i in inputs],
            "accuracy_m": [i.accuracy_m for i in inputs],
            "category_id": [i.category_id for i in inputs],
            "part_code": [i.part_code for i in inputs],
            "place_id": [i.place_id for i in inputs],
            "at": [i.at for i in inputs],
            "staff_facts": [None if i.staff_facts is None else Jsonb(i.staff_facts) for i in inputs],
        },
    ).fetchall()
    return [Decision(inputs[row["n"]], row) for row in rows]


def category_key(row: dict[str, Any]) -> str:
    """Scheme and code of the category that is proposed instead of the reported one."""
    return f"{row['part_scheme']}:{row['part_category_code']}"


def person(row: dict[str, Any], role: str, *, names: bool) -> dict[str, Any] | None:
    """A person as answers show them: the post; who it is only for those who may know."""
    if row[f"{role}_code"] is None:
        return None
    shown = {"post_zh": row[f"{role}_post_zh"], "post_en": row[f"{role}_post_en"]}
    return {**shown, "code": row[f"{role}_code"], "name": row[f"{role}_name"]} if names else shown


def _named(row: dict[str, Any], what: str) -> dict[str, Any]:
    return {"code": row[f"{what}_code"], "name_zh": row[f"{what}_zh"], "name_en": row[f"{what}_en"]}


def _candidates(row: dict[str, Any], city: City) -> list[dict[str, Any]]:
    shown = []
    for candidate in row["candidates"]:
        organisation = city.organisations.get(candidate["organisation"] or "")
        one = {**candidate, "organisation": organisation.as_dict() if organisation else None}
        if "zone" in one:
            one["zone"] = {"code": one["zone"], **{name: one.pop(name) for name in _NAMES}}
        shown.append(one)
    return shown
