"""Proposals: what a case may be a duplicate of, shown to somebody at the desk who decides it (docs/decisions/0034)."""

from __future__ import annotations

from typing import Any

from gisops import wording
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.cases.twins import PROPOSED_FROM, likeness, scored
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import NotFound

_SQL = queries.load("gisops.cases", "proposals.sql")


def of_case(conn: Connection, city: City, case_no: str, to: Actor, key_id: int | None = None) -> dict[str, Any]:
    """Cases that a case may be a duplicate of, the best first, for somebody at the desk: those in his scope.

    Each with its score and the parts of it (``distance_m`` metres, ``closeness`` and ``likeness`` from 0 to 1); what
    reporters wrote and their photos only for those who may know, which is written into the audit. For a viewer
    (`scopes.look_as`). Raises ``NotFound``.
    """
    case = conn.execute(_SQL["of_what"], {"case_no": case_no}).fetchone()
    if case is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    category = city.by_category_id.get(case["category_id"])
    reach_m, hours = (category.twin_radius_m, category.twin_hours) if category is not None else (20.0, 72)
    rows = conn.execute(_SQL["of_case"], {"case_no": case_no, "reach_m": reach_m, "hours": hours}).fetchall()
    for row in rows:
        row["likeness"] = 0.0 if row["said"] is None else likeness(case["text"] or "", row["said"])
        row["score"] = scored(row["base"], row["likeness"])
        if not knows_people(to, row["organisation_id"]):
            # a score with the likeness in it would tell how alike the texts are
            row["score"] = row["base"]
    rows = [row for row in rows if row["score"] >= PROPOSED_FROM]
    rows.sort(key=lambda row: (-row["score"], row["distance_m"], row["case_id"]))
    named = sum(knows_people(to, row["organisation_id"]) for row in rows)
    if named:
        audit.looked(conn, "cases", None, named, object=case_no, key_id=key_id)
    return {
        "case_no": case_no,
        "radius_m": reach_m,
        "hours": hours,
        "duplicates": [_proposal(row, knows_people(to, row["organisation_id"])) for row in rows],
    }


def _proposal(row: dict[str, Any], knows: bool) -> dict[str, Any]:
    shown = {
        "case_no": row["case_no"],
        **wording.state(row["state"]),
        "stage": row["stage"],
        "version": row["version"],
        "category": {
            "code": row["code"],
            "scheme": row["scheme"],
            "name_zh": row["name_zh"],
            "name_en": row["name_en"],
        },
        "report_count": row["report_count"],
        "reported_at": row["reported_at"],
        "closed_at": row["closed_at"],
        "score": row["score"],
        "parts": {
            "same_part": row["same_part"],
            "same_device": row["same_device"],
            "distance_m": round(row["distance_m"], 1),
            "closeness": row["closeness"],
        },
    }
    if not knows:
        return shown
    # how alike the texts are would tell somebody who may not read one what is in it
    shown["parts"]["likeness"] = round(row["likeness"], 4)
    return {**shown, "text": row["text"], "photos": row["photos"]}
