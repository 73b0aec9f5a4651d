"""Triage: what the desk does with a report before it is anybody's work. Verified, accepted or refused, filed or not.

Preparers of the table of moves (`gisops.cases.facts` says what they get and give).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gisops import coordinates
from gisops.access.people import Actor
from gisops.cases import case_clocks, evidence, looks, rerouting
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent
from gisops.cases.rerouting import Correction
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "triage.sql")

# How far from the case somebody may stand who says that he is there, metres; what the two positions do not know of
# themselves is added.
VERIFY_WITHIN_M = 100.0
RESULTS = ("true", "false", "moved")


def order_verify(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Send somebody to look before it is accepted."""
    return looks.asked(conn, facts, "verify")


def verify(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Somebody was there: it is so (``true``), it is not (``false``), or it is elsewhere (``moved``, with the place in
    ``position``). Where he stood is checked against where the case is, or where he says it is.
    """
    result = sent.values.get("result")
    if result not in RESULTS:
        raise InvalidInput(f"result is one of {', '.join(RESULTS)}.", field="result", results=list(RESULTS))
    lon, lat, accuracy_m = position(city, sent)
    distance = coordinates.distance_m((facts.lon, facts.lat), (lon, lat))
    within = VERIFY_WITHIN_M + accuracy_m + (facts.accuracy_m or 0.0)
    payload: dict[str, Any] = {"result": result, "distance_m": round(distance, 1)}
    if result != "moved":
        if distance > within:
            raise too_far(distance, within)
        return Prepared(payload)
    if distance == 0:
        return Prepared(payload)
    moved = rerouting.corrected(conn, city, facts, Correction(point=(lon, lat, accuracy_m)))
    return replace(moved, payload={**payload, **moved.payload}, clock="auto")


def accept(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Take a report on, perhaps under another category than its sender chose."""
    code = sent.values.get("category")
    if code is None:
        return Prepared()
    category = city.category(code)
    if category.category_id == facts.category.category_id:
        return Prepared()
    return replace(rerouting.corrected(conn, city, facts, Correction(category)), clock="auto")


def correct(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It is of another class, or elsewhere: ``values`` category, position, part (codes), what is not said stays.

    Before filing it is set right in place. From filing on too, while no other organisation comes of it: who has a case
    gives it up by a return only.
    """
    is_filed = rerouting.is_filed(facts.state)
    prepared = rerouting.corrected(conn, city, facts, correction(city, sent), is_filed=is_filed)
    return replace(prepared, to_state=facts.state)


def correction(city: City, sent: Sent) -> Correction:
    """What somebody says that a case is, of what he filled in."""
    code = sent.values.get("category")
    point = position(city, sent) if sent.values.get("position") is not None else None
    return Correction(city.category(code) if code is not None else None, point, sent.values.get("part"))


def refuse(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Turn a report away, by one of the reasons."""
    return Prepared()


def reject(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Not file what was accepted, by one of the reasons."""
    return Prepared()


def file(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """File a case under one of its category's conditions: the case's own time runs from here."""
    condition = sent.values.get("filing_condition")
    chosen = conn.execute(_SQL["condition"], {"category_id": facts.category.category_id, "seq": condition}).fetchone()
    if chosen is None:
        known = [row["seq"] for row in conn.execute(_SQL["conditions"], {"category_id": facts.category.category_id})]
        if condition is not None or known:
            raise InvalidInput(
                f"The category {facts.category.code} has no filing condition {condition}.",
                field="filing_condition",
                conditions=known,
            )
        return Prepared({"filing_condition_id": None})
    if chosen["min_photos"] and city.settings.get("evidence", True):
        _has_photos(conn, facts, chosen["min_photos"])
    key = chosen["filing_condition_id"]
    sets = {"filing_condition_id": key, "deadline": case_clocks.case_deadline(city, facts, key)}
    return Prepared({"filing_condition_id": key}, sets)


def _has_photos(conn: Connection, facts: Facts, needed: int) -> None:
    """Raise ``GuardFailed`` where its reports, and whoever was sent to look, showed fewer than a condition needs."""
    there = evidence.shown(conn, facts)
    if there < needed:
        raise GuardFailed(
            "evidence",
            f"此立案条件要求至少 {needed} 张照片，现有 {there} 张。",
            f"This condition needs at least {needed} photographs, and the case has {there}.",
            min_photos=needed,
            photos=there,
        )


def position(city: City, sent: Sent) -> tuple[float, float, float]:
    """Where somebody was who acts, WGS-84 degrees and the radius of the error in metres (``values["position"]``: lon,
    lat, crs, accuracy_m). Raises ``InvalidInput``.
    """
    told = sent.values.get("position")
    if told is None:
        raise InvalidInput("This needs the position of whoever does it: lon, lat, crs.", field="position")
    lon, lat = coordinates.to_wgs84(told["lon"], told["lat"], told.get("crs") or "", city.extent)
    return lon, lat, float(told.get("accuracy_m") or city.accuracy_m["officer"])


def too_far(distance: float, within: float) -> GuardFailed:
    """The error for somebody who was not where the case is."""
    return GuardFailed(
        "position",
        f"所在位置距案件 {distance:.0f} 米，须在 {within:.0f} 米以内。",
        f"That position is {distance:.0f} m from the case; it must be within {within:.0f} m.",
        distance_m=round(distance, 1),
        within_m=round(within, 1),
    )
