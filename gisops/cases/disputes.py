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
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.cases import agreements, cases
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
# What a determination may write; ownerless is a part, or where there is none a piece of ground, that the named
# organisation looks after until an owner is found.
DECISIONS = ("part_owner", "dispatch_rule", "co_ownership_area", "zone", "ownerless")
# How large an area is at most that a case determines: it is decided of a place, not of a street.
MOST_M2 = 1_000_000
# Facts about the case's part; the others stand for themselves.
_OF_PART = frozenset({"part_owner", "co_ownership_area"})


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
    effective_from (now or later; now if left out), area (GeoJSON polygon of an agreement or a zone; thirty metres
    around the place if left out, of a zone the grid cell that it lies in).

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
    written = decision
    if decision == "ownerless":
        written = "zone" if current["part_code"] is None else "part_owner"
    of_part = written in _OF_PART
    if of_part and current["part_code"] is None:
        raise GuardFailed(
            "no_part",
            "此案未关联部件；请以派遣规则（dispatch_rule）或责任区（zone）认定。",
            "This case is about no known part; determine it by a dispatch_rule or a zone.",
        )
    starts = _effective_from(sent.values.get("effective_from"), facts.now)
    drawn = written in ("co_ownership_area", "zone")
    area = _area(conn, facts, sent.values.get("area"), of_part, by) if drawn else None
    fact = conn.execute(
        _SQL["determine_fact"],
        {
            **_key(facts),
            "case_no": facts.case_no,
            "decision": written,
            "organisation_id": to.organisation_id,
            "effective_from": starts,
            "new_key": new_key(),
            "area": area,
            "note": "确权认定",
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
    told = tuple(Told("determined", organisation_id=one) for one in current["parties"] if one != to.organisation_id)
    return Prepared(payload, sets, to=to, after=(decided,), told=told)


def ownerless(conn: Connection, to: Actor, after: str | None, limit: int, key_id: int | None = None) -> dict[str, Any]:
    """What a determination found to be nobody's, and is nobody's still, where the viewer looks (`scopes.look_as`): the
    newest first, ``{ownerless, next}``. Each with its place (``lon, lat``), its part if it is one, who looks after it
    meanwhile, and who decided so and when: as a post, with the name for those alone who get to know people.
    """
    asked = {**agreements.place(after, numbered=False), "most": limit + 1}
    rows = conn.execute(_SQL["ownerless"], asked).fetchall()
    page, named = rows[:limit], 0
    for row in page:
        row["decided_by"] = row.pop("decider")
        if row["decided_by"] is not None:
            if knows_people(to, row["organisation_id"]):
                named += 1
            else:
                del row["decided_by"]["code"], row["decided_by"]["name"]
        del row["organisation_id"]
    audit.looked(conn, "cases", None, named, key_id=key_id)
    last = page[-1] if len(rows) > limit else None
    further = last and agreements.following(last["decided_at"], last["case_id"])
    for row in page:
        del row["case_id"]
    return {"ownerless": page, "next": further}


def hear_of_return(conn: Connection, facts: Facts) -> tuple[Told, ...]:
    """Who hears of a return beside those that the move names: from the second one on, the coordinators who see it."""
    if facts.return_count + 1 < COORDINATOR_AT:
        return ()
    found = agreements.who_may(conn, facts, ("coordinator",))
    return tuple(Told("moved", account_id=one.account_id) for one in found)


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


def _area(conn: Connection, facts: Facts, told: Any, of_part: bool, by: Actor | None) -> bytes:
    if told is not None and (not isinstance(told, dict) or told.get("type") not in ("Polygon", "MultiPolygon")):
        raise InvalidInput("area is a GeoJSON Polygon or MultiPolygon in WGS-84.", field="area")
    asked = {**_key(facts), "lon": facts.lon, "lat": facts.lat, "area": None if told is None else json.dumps(told)}
    asked |= {"of_ground": not of_part, "account_id": by.account_id if by else None}
    try:
        with conn.transaction():
            row = conn.execute(_SQL["area"], asked).fetchone()
    except Error as reason:
        raise InvalidInput("area cannot be read as GeoJSON.", field="area") from reason
    assert row is not None  # noqa: S101  (a bare SELECT)
    if not row["sound"] or not row["holds" if of_part else "holds_place"]:
        what = "part" if of_part else "case"
        raise InvalidInput(f"area is a valid polygon in which the {what} lies.", field="area")
    if told is not None and not (row["area_m2"] <= MOST_M2 and row["in_district"] and row["seen"]):
        raise InvalidInput(
            f"area has {MOST_M2} square metres at most, within the case's district and what you may see.",
            field="area",
            most_m2=MOST_M2,
            area_m2=round(row["area_m2"]),
            in_district=row["in_district"],
            seen=row["seen"],
        )
    return bytes(row["geom"])


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
