"""Rerouting: who would be responsible if a case were of another class or elsewhere, or by today's zones.

A correction asks the rules again and keeps what they say (`corrected`); it never takes a case from an organisation by
itself: from filing on that is a return, by hand. The dry runs (`preview`, `differing`) change nothing. See
docs/decisions/0039.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import coordinates, dispatch, wording
from gisops.cases import case_clocks
from gisops.cases.facts import After, ClockChange, Facts, GuardFailed, Prepared, StartClock, Told
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, Input
from gisops.errors import InvalidInput, NotFound, UnknownPart

_SQL = queries.load("gisops.cases", "rerouting.sql")

MOST_ROWS = 200
# On their way to somebody or with him: what publishing zones anew might have sent elsewhere.
_ON_THEIR_WAY = ["filed", "dispatched", "handling", "suspended", "returned"]
# An organisation has it; without a return it stays there.
_HELD = frozenset({"dispatched", "handling"})
# The clock that goes by the condition's limit.
_HANDLING = frozenset({"handle", *case_clocks.STAGED})


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to be true of a case: its class, its point (WGS-84 degrees, the error's radius in metres), the part it is
    about. None leaves it as it is.
    """

    category: Category | None = None
    point: tuple[float, float, float] | None = None
    part_code: str | None = None


def corrected(conn: Connection, city: City, facts: Facts, to: Correction, *, is_filed: bool = False) -> Prepared:
    """What a move writes that corrects a case: the columns that change, old and new values for the history, and the
    rules' decision on it as it is now.

    From filing on (``is_filed``: it was, and stays so), a new class brings its default condition, whose limit runs from
    the original filing. The clock is kept, or given that limit. Raises ``InvalidInput`` where nothing would change or
    the place lies outside, ``UnknownPart``, and ``GuardFailed`` for another district, or where another organisation
    than the one that has it would be responsible.
    """
    category = to.category or facts.category
    lon, lat, accuracy_m = _where(conn, city, to, (facts.lon, facts.lat, facts.accuracy_m))
    moves = (round(lon, 7), round(lat, 7)) != (round(facts.lon, 7), round(facts.lat, 7))
    is_other = category.category_id != facts.category.category_id
    if not moves and not is_other and to.part_code is None:
        raise InvalidInput("Nothing would change: name another category, position or part.", field="category")
    payload: dict[str, Any] = {}
    sets: dict[str, Any] = {}
    if is_other:
        payload |= {"category": category.code, "was": facts.category.code}
        sets |= {"category_id": category.category_id, "severity": category.severity, "filing_condition_id": None}
    if moves:
        sets |= placed(conn, lon, lat)
        payload |= {"lon": round(lon, 7), "lat": round(lat, 7)}
        payload |= {"was_lon": round(facts.lon, 7), "was_lat": round(facts.lat, 7)}
        sets["area_grade"] = city.grades.get(sets["grid_cell_code"] or "", "")
    before = _asked(conn, facts.district_code, facts.case_id)
    part_code = to.part_code or (None if moves else before["part_code"])
    place_id = None if moves or to.part_code else before["place_id"]
    asked = Input(lon, lat, accuracy_m, category.category_id, part_code=part_code, place_id=place_id)
    decision = dispatch.decide(conn, [asked])[0]
    row = decision.row
    if "PART_UNKNOWN" in row["reasons"]:
        raise UnknownPart(f"There is no part with the code {part_code!r}.", part_code=part_code)
    if row["district_code"] != facts.district_code:
        raise GuardFailed(
            "same_district",
            "更正后的位置在另一个区：请在该区重新上报。",
            "That place lies in another district: report it there instead.",
            district=row["district_code"],
        )
    if to.part_code is not None:
        payload["part"] = to.part_code
    changes = row["organisation_id"] != facts.organisation_id
    if facts.state in _HELD and changes:
        raise GuardFailed(
            "organisation_changes",
            "更正后责任单位不同：请先由派遣员退回，再更正、重新派遣。",
            "Another organisation would be responsible: it is returned first, then corrected and dispatched anew.",
            organisation=row["organisation_code"],
        )
    payload |= {"organisation": row["organisation_code"], "reasons": row["reasons"]}
    sets |= {"part_id": row["home_part_id"], "zone_id": row["zone_id"], "ambiguous": row["ambiguous"]}
    clock: ClockChange = "keep"
    if is_filed:
        clock = _limited(city, facts, category, is_other, sets)
        # the old deadline and the new one: what was true of it is not lost
        if "deadline" in sets and sets["deadline"] != facts.deadline:
            payload |= {"deadline": sets["deadline"], "was_deadline": facts.deadline}
    told: tuple[Told, ...] = ()
    if facts.state in _HELD and facts.handler_id is not None:
        told = (Told("moved", staff_id=facts.handler_id),)
    return Prepared(payload, sets, clock=clock, after=(_kept(asked, category, decision),), told=told)


def placed(conn: Connection, lon: float, lat: float) -> dict[str, Any]:
    """The columns of a case that moves to another point: the point, and the areas it lies in. Raises ``InvalidInput``
    for one outside the city.
    """
    row = conn.execute(_SQL["place"], {"lon": lon, "lat": lat}).fetchone()
    assert row is not None  # noqa: S101  (a bare SELECT)
    if row["unit_id"] is None:
        raise InvalidInput("That place lies outside the city.", field="position", lon=lon, lat=lat)
    return dict(row)


def _where(
    conn: Connection, city: City, to: Correction, now: tuple[float, float, float | None]
) -> tuple[float, float, float]:
    if to.point is not None:
        return to.point
    if to.part_code is not None:
        row = conn.execute(_SQL["part"], {"code": to.part_code}).fetchone()
        if row is None:
            raise UnknownPart(f"There is no part with the code {to.part_code!r}.", part_code=to.part_code)
        return row["lon"], row["lat"], city.accuracy_m["sensor"]
    return now[0], now[1], city.accuracy_m["citizen"] if now[2] is None else now[2]


def _asked(conn: Connection, district: str, case_id: UUID) -> Mapping[str, Any]:
    row = conn.execute(_SQL["asked"], {"district": district, "case_id": case_id}).fetchone()
    return row or {"part_code": None, "place_id": None}


def _limited(city: City, facts: Facts, category: Category, is_other: bool, sets: dict[str, Any]) -> ClockChange:
    """The limit of what the case is now, from when it was filed: into ``sets``, and onto the clock of handling.

    What was granted meanwhile (an extension, a pause) stays granted.
    """
    grade = sets.get("area_grade", facts.area_grade)
    condition = category.filing_condition_id if is_other else facts.filing_condition_id
    if facts.filed_at is None or (not is_other and grade == facts.area_grade):
        return "keep"
    if is_other:
        sets["filing_condition_id"] = condition
    granted = _granted(city, facts)
    ends = case_clocks.deadline_of(city, facts.filed_at, condition, grade)
    sets["deadline"] = None if ends is None else ends + granted
    clock = facts.clock
    if clock is None or clock.step not in _HANDLING:
        return "keep"
    step, limit = case_clocks.handling(city, condition, grade)
    if limit is None:
        return StartClock(step, organisation_id=clock.organisation_id)
    begins = case_clocks.begins(city, clock.started_at, limit.season)
    ends = case_clocks.deadline(city, begins, limit.unit, limit.value, clock.organisation_id) + granted
    return StartClock(step, limit.unit, limit.value, deadline=ends, organisation_id=clock.organisation_id)


def _granted(city: City, facts: Facts) -> Any:
    """How far the case's deadline lies behind what its condition alone gave it."""
    if facts.deadline is None or facts.filed_at is None:
        return facts.now - facts.now
    first = case_clocks.deadline_of(city, facts.filed_at, facts.filing_condition_id, facts.area_grade)
    return max(facts.deadline - (first or facts.deadline), facts.now - facts.now)


def _kept(asked: Input, category: Category, decision: Decision) -> After:
    def after(conn: Connection, facts: Facts, seq: int) -> None:
        told = recorded(asked, category, decision.at)
        conn.execute(
            _SQL["keep_decision"],
            {
                "district": facts.district_code,
                "case_id": facts.case_id,
                "seq": seq,
                "at": decision.at,
                "input": Jsonb(told),
                "answer": Jsonb(decision.codes()),
                "staff_facts": Jsonb(decision.row["staff_facts"]),
            },
        )

    return after


def recorded(asked: Input, category: Category, at: datetime) -> dict[str, Any]:
    """What dispatch was asked, in codes: what a replay asks again."""
    return {
        "lon": asked.lon,
        "lat": asked.lat,
        "accuracy_m": asked.accuracy_m,
        "category": f"{category.scheme}:{category.code}",
        "part_code": asked.part_code,
        "place_id": asked.place_id,
        "at": at,
    }


def preview(
    conn: Connection,
    city: City,
    case_no: str,
    category: str | None,
    point: tuple[float, float, str] | None,
    part_code: str | None,
) -> dict[str, Any]:
    """What a correction would come to, for a viewer (`scopes.look_as`): who has the case, who would be responsible and
    why, and the deadline. Nothing changes. ``point`` is x, y and their system. Raises ``NotFound``, ``InvalidInput``.

    Persons are left out: whom it would go to is decided when it goes.
    """
    row = conn.execute(_SQL["standing"], {"case_no": case_no}).fetchone()
    if row is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    if row["stage"] == 7:
        zh, en = "案件已办结。", "The case is over."
        raise GuardFailed("open", zh, en, state=row["state"])
    was = city.by_category_id.get(row["category_id"])
    wanted = city.category(category) if category is not None else was
    if wanted is None:
        raise InvalidInput("The case's category can be reported no more: name another.", field="category")
    at = None
    if point is not None:
        at = (*coordinates.to_wgs84(*point, city.extent), city.accuracy_m["officer"])
    correction = Correction(wanted, at, part_code)
    lon, lat, accuracy_m = _where(conn, city, correction, (row["lon"], row["lat"], row["accuracy_m"]))
    before = _asked(conn, row["district_code"], row["case_id"])
    moves = point is not None or part_code is not None
    asked = Input(
        lon,
        lat,
        accuracy_m,
        wanted.category_id,
        part_code=part_code or (None if moves else before["part_code"]),
        place_id=None if moves else before["place_id"],
        # who is where, and how busy, is not asked: many dry runs would tell it
        staff_facts=[],
    )
    decision = dispatch.decide(conn, [asked])[0]
    changes = decision.row["organisation_code"] != row["organisation_code"]
    held = row["state"] in _HELD
    now = {name: row[f"organisation_{name}"] for name in ("code", "zh", "en")}
    return {
        "case_no": case_no,
        **wording.state(row["state"]),
        "version": row["version"],
        "now": {
            "category": None if was is None else was.names(),
            "organisation": {"code": now["code"], "name_zh": now["zh"], "name_en": now["en"]},
            "deadline": row["deadline"],
        },
        "then": {
            "category": wanted.names(),
            "lon": lon,
            "lat": lat,
            "dispatch": decision.shown(city, names=False),
            "deadline": _then(city, row, wanted),
        },
        "organisation_changes": changes,
        "needs_return": changes and held,
    }


def _then(city: City, row: Mapping[str, Any], wanted: Category) -> datetime | None:
    deadline: datetime | None = row["deadline"]
    if row["filed_at"] is None or wanted.category_id == row["category_id"]:
        return deadline
    # without what was granted meanwhile, which the correction itself adds
    return case_clocks.deadline_of(city, row["filed_at"], wanted.filing_condition_id, row["area_grade"])


def differing(conn: Connection, city: City, after: UUID | None = None, limit: int = 100) -> dict[str, Any]:
    """A page of the viewer's cases that are on their way, newest first: those for which the rules would answer
    otherwise now than they last did (organisation or zone). ``{checked, cases, after}``; publishing zones moves none.

    Raises ``InvalidInput`` for a limit out of range.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", field="limit", limit=limit)
    asked = {"states": _ON_THEIR_WAY, "after": after, "limit": limit}
    rows = conn.execute(_SQL["open"], asked).fetchall()
    inputs = [
        Input(
            row["lon"],
            row["lat"],
            city.accuracy_m["citizen"] if row["accuracy_m"] is None else row["accuracy_m"],
            row["category_id"],
            part_code=row["part_code"],
            place_id=row["place_id"],
            staff_facts=[],
        )
        for row in rows
    ]
    decisions = dispatch.decide(conn, inputs) if inputs else []
    found = [
        _differs(city, row, decision)
        for row, decision in zip(rows, decisions, strict=True)
        if (decision.row["organisation_code"], decision.row["zone_code"]) != (row["organisation"], row["zone"])
    ]
    return {"checked": len(rows), "cases": found, "after": rows[-1]["case_id"] if len(rows) == limit else None}


def _differs(city: City, row: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    answered = city.organisations.get(row["organisation"] or "")
    held = {"code": row["organisation_code"], "name_zh": row["organisation_zh"], "name_en": row["organisation_en"]}
    shown = decision.shown(city, names=False)
    return {
        "case_no": row["case_no"],
        **wording.state(row["state"]),
        "stage": row["stage"],
        "held_by": held,
        "answered": {"organisation": answered and answered.as_dict(), "zone": row["zone"], "at": row["asked_at"]},
        "now": {name: shown[name] for name in ("mode", "organisation", "zone", "ambiguous", "reasons")},
        "organisation_changes": decision.row["organisation_code"] != row["organisation"],
    }
