"""Disputes: a case that nobody would have. The parties are named, a dangerous place is secured by the street it lies in
meanwhile, the organisations' clocks stand and the case's own deadline goes on; then a coordinator determines whose it
is, and that writes a fact (the part's owner, a rule, an agreement) by which the next case goes there by itself.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from psycopg import Error

from gisops import dispatch as dispatching
from gisops.access.people import Actor
from gisops.cases import cases
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent, Told
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput
from gisops.keys import new_key

_SQL = queries.load("gisops.cases", "disputes.sql")

# The return that makes a dispute by itself, and the one of which the coordinator hears.
DISPUTE_AT = 3
COORDINATOR_AT = 2
# What a determination may write; ownerless is a part that the named organisation looks after until an owner is found.
DECISIONS = ("part_owner", "dispatch_rule", "co_ownership_area", "ownerless")


def dispute(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Say that it is disputed whose it is: by the dispatcher, or by the system at the third return. ``values``: parties
    (codes), beside those who returned it.
    """
    if by is None and facts.return_count < DISPUTE_AT:
        raise GuardFailed(
            "few_returns",
            f"退回 {DISPUTE_AT} 次才自动进入确权。",
            f"A dispute begins by itself at the return number {DISPUTE_AT}.",
            returns=facts.return_count,
        )
    parties = [row["organisation_id"] for row in conn.execute(_SQL["parties"], _key(facts))]
    for code in _codes(sent.values.get("parties")):
        named = cases.addressee(conn, code, None).organisation_id
        if named not in parties:
            parties.append(named)
    interim = None
    sets: dict[str, Any] = {}
    if facts.severity == "danger":
        # secure first, argue later
        interim = conn.execute(_SQL["interim"], {"lon": facts.lon, "lat": facts.lat}).fetchone()
        if interim is not None:
            sets = {
                "organisation_id": interim["organisation_id"],
                "handler_id": None,
                "superior_id": interim["lead_staff_id"],
            }

    def opened(conn: Connection, facts: Facts, seq: int) -> None:
        told = {"seq": seq, "parties": parties, "interim": interim and interim["organisation_id"]}
        conn.execute(_SQL["open"], {**_key(facts), **told})

    told = [Told("moved", organisation_id=one) for one in parties]
    if interim is not None:
        told.append(Told("assigned", organisation_id=interim["organisation_id"]))
    payload = {"returns": facts.return_count, "parties": parties, "interim": interim and interim["code"]}
    return Prepared(payload, sets, outcome="cancelled", after=(opened,), told=tuple(told))


def determine(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Decide whose it is, and write that down as the fact it is. ``values``: decision, organisation, staff,
    effective_from (now or later; now if left out), area (GeoJSON polygon of an agreement).

    The fact is tried before it is kept: the same case, told anew on the day it comes into force, must go to the
    organisation that was determined. Raises ``InvalidInput``, ``UnknownOrganisation``, ``UnknownStaff``,
    ``GuardFailed``.
    """
    decision = sent.values.get("decision")
    if decision not in DECISIONS:
        raise InvalidInput(f"decision is one of {', '.join(DECISIONS)}.", field="decision", decisions=list(DECISIONS))
    if not isinstance(sent.values.get("organisation"), str):
        raise InvalidInput("A determination names the organisation whose it is.", field="organisation")
    to = cases.addressee(conn, sent.values["organisation"], sent.values.get("staff"))
    current = conn.execute(_SQL["current"], _key(facts)).fetchone()
    if current is None:
        raise GuardFailed("no_dispute", "此案没有未决的权属争议。", "No dispute is open in this case.")
    of_part = decision != "dispatch_rule"
    if of_part and current["part_code"] is None:
        raise GuardFailed(
            "no_part",
            "此案未关联部件；请以派遣规则（dispatch_rule）认定。",
            "This case is about no known part; determine it by a dispatch_rule.",
        )
    starts = _effective_from(sent.values.get("effective_from"), facts.now)
    area = _area(conn, facts, sent.values.get("area")) if decision == "co_ownership_area" else None
    fact = conn.execute(
        _SQL["determine_fact"],
        {
            **_key(facts),
            "case_no": facts.case_no,
            "decision": "part_owner" if decision == "ownerless" else decision,
            "organisation_id": to.organisation_id,
            "effective_from": starts,
            "part_id": new_key(),
            "area": area,
            "note": f"确权 {facts.case_no}",
        },
    ).fetchone()
    assert fact is not None  # noqa: S101  (the function returns one row or raises)
    part = current["part_code"] if of_part else current["scanned"]
    asked = dispatching.Input(facts.lon, facts.lat, facts.accuracy_m or 0.0, facts.category.category_id, starts, part)
    again = dispatching.decide(conn, [asked])[0].row
    if again["organisation_id"] != to.organisation_id:
        raise GuardFailed(
            "would_not_decide",
            f"按此认定，同样的案件仍会派给 {again['organisation_code']}（{again['mode']}）。",
            f"By that fact the same case would still go to {again['organisation_code']} ({again['mode']}).",
            organisation=again["organisation_code"],
            mode=again["mode"],
        )
    kept = {**_key(facts), "decision": decision, "organisation_id": to.organisation_id, "effective_from": starts}
    kept |= {"kind": fact["kind"], "key": fact["key"], "account_id": by.account_id if by else None}

    def decided(conn: Connection, facts: Facts, seq: int) -> None:
        conn.execute(_SQL["decide"], {**kept, "seq": seq})

    payload = {"decision": decision, "fact": fact["kind"], "key": fact["key"], "effective_from": starts.isoformat()}
    sets = {"excluded": [one for one in facts.excluded if one != to.organisation_id], "escalation": 0}
    told = tuple(Told("decided", organisation_id=one) for one in current["parties"] if one != to.organisation_id)
    return Prepared(payload, sets, to=to, after=(decided,), told=told)


def hear_of_return(conn: Connection, facts: Facts) -> tuple[Told, ...]:
    """Who hears of a return beside those that the move names: from the second one on, the coordinators."""
    if facts.return_count + 1 < COORDINATOR_AT:
        return ()
    found = conn.execute(_SQL["coordinators"]).fetchall()
    return tuple(Told("moved", account_id=row["account_id"]) for row in found)


def following(facts: Facts) -> tuple[str, ...]:
    """What follows a return by itself: the third one makes a dispute."""
    return ("dispute",) if facts.return_count + 1 >= DISPUTE_AT else ()


def _codes(told: Any) -> list[str]:
    if told is None:
        return []
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise InvalidInput("parties is a list of organisations' codes.", field="parties")
    return told


def _effective_from(told: Any, now: datetime) -> datetime:
    if told is None:
        return now
    try:
        starts = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    except (TypeError, ValueError) as reason:
        raise InvalidInput("effective_from is a moment (ISO 8601).", field="effective_from") from reason
    if starts.tzinfo is None or starts < now:
        raise InvalidInput(
            "effective_from has a time zone and does not lie in the past: what held stays what held.",
            field="effective_from",
            now=now.isoformat(),
        )
    return starts


def _area(conn: Connection, facts: Facts, told: Any) -> bytes:
    if told is not None and (not isinstance(told, dict) or told.get("type") not in ("Polygon", "MultiPolygon")):
        raise InvalidInput("area is a GeoJSON Polygon or MultiPolygon in WGS-84.", field="area")
    asked = {**_key(facts), "lon": facts.lon, "lat": facts.lat, "area": None if told is None else json.dumps(told)}
    try:
        with conn.transaction():
            row = conn.execute(_SQL["area"], asked).fetchone()
    except Error as reason:
        raise InvalidInput("area cannot be read as GeoJSON.", field="area") from reason
    assert row is not None  # noqa: S101  (a bare SELECT)
    if not row["sound"] or not row["holds"]:
        raise InvalidInput("area is a valid polygon in which the part lies.", field="area")
    return bytes(row["geom"])


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
