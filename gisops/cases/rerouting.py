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
from gisops.cases import case_clocks, new_limits
from gisops.cases.facts import After, ClockChange, Facts, GuardFailed, Prepared, Told
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
_BEFORE_FILING = frozenset({"reported", "verifying", "accepted"})


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to be true of a case: its class, its point (WGS-84 degrees, the error's radius in metres), the part it is
    about. None leaves it as it is.
    """

    category: Category | None = None
    point: tuple[float, float, float] | None = None
    part_code: str | None = None


@dataclass(frozen=True, slots=True)
class _Now:
    """A case as it is before a correction; ``category`` None is one that can be reported no more."""

    key: tuple[str, UUID]
    category: Category | None
    point: tuple[float, float, float | None]
    filed_at: datetime | None
    filing_condition_id: int | None
    deadline: datetime | None
    area_grade: str


@dataclass(frozen=True, slots=True)
class _Then:
    """What a correction comes to: what the rules say, and by when it would be due. ``place`` is the columns of another
    point, empty where it stays.
    """

    category: Category
    asked: Input
    decision: Decision
    is_other: bool
    place: Mapping[str, Any]
    limit_changes: bool
    filing_condition_id: int | None
    area_grade: str
    deadline: datetime | None


def corrected(conn: Connection, city: City, facts: Facts, to: Correction, *, is_filed: bool = False) -> Prepared:
    """What a move writes that corrects a case: the columns that change, old and new values for the history, and the
    rules' decision on it as it is now.

    From filing on (``is_filed``: it was, and stays so), a new class brings its default condition, whose limit runs from
    the original filing. The clock is kept, or goes on under that limit. Raises ``InvalidInput`` where nothing would
    change or the place lies outside, ``UnknownPart``, and ``GuardFailed`` for another district, or where another
    organisation than the one that has it would be responsible.
    """
    key, point = (facts.district_code, facts.case_id), (facts.lon, facts.lat, facts.accuracy_m)
    filed_at = facts.filed_at if is_filed else None
    now = _Now(key, facts.category, point, filed_at, facts.filing_condition_id, facts.deadline, facts.area_grade)
    then = _outcome(conn, city, now, to)
    if not then.place and not then.is_other and to.part_code is None:
        raise InvalidInput("Nothing would change: name another category, position or part.", field="category")
    _allowed(facts, then)
    clock: ClockChange = "keep"
    if then.limit_changes and facts.clock is not None and facts.clock.step in _HANDLING:
        clock = new_limits.of_clock(city, facts, facts.clock, then.filing_condition_id, then.area_grade)
    told: tuple[Told, ...] = ()
    if facts.state in _HELD:
        holder = {"organisation_id": facts.organisation_id}
        told = (Told("moved", **(holder if facts.handler_id is None else {"staff_id": facts.handler_id})),)
    kept = _kept(then.asked, then.category, then.decision)
    return Prepared(_said(facts, to, then), _columns(then), clock=clock, after=(kept,), told=told)


def _outcome(conn: Connection, city: City, now: _Now, to: Correction) -> _Then:
    """Ask the rules, and the limits, what a case is once it is corrected. For the act as for its dry run."""
    category = to.category or now.category
    if category is None:
        raise InvalidInput("The case's category can be reported no more: name another.", field="category")
    is_other = now.category is None or category.category_id != now.category.category_id
    lon, lat, accuracy_m = _where(conn, city, to, now.point)
    moves = (round(lon, 7), round(lat, 7)) != (round(now.point[0], 7), round(now.point[1], 7))
    place = placed(conn, lon, lat) if moves else {}
    before = _asked(conn, *now.key)
    asked = Input(
        lon,
        lat,
        accuracy_m,
        category.category_id,
        part_code=to.part_code or (None if moves else before["part_code"]),
        place_id=None if moves or to.part_code else before["place_id"],
        # who is where, and how busy, is not asked: whoever chooses the points would be told it, answer by answer
        staff_facts=[],
    )
    decision = dispatch.decide(conn, [asked])[0]
    grade = city.grades.get(place["grid_cell_code"] or "", "") if place else now.area_grade
    limit_changes = now.filed_at is not None and (is_other or grade != now.area_grade)
    condition = now.filing_condition_id
    if is_other:
        condition = category.filing_condition_id if now.filed_at is not None else None
    ends = now.deadline
    if limit_changes and now.filed_at is not None:
        ends = new_limits.of_case(conn, city, now.key, now.filed_at, condition, grade)
    return _Then(category, asked, decision, is_other, place, limit_changes, condition, grade, ends)


def _allowed(facts: Facts, then: _Then) -> None:
    row = then.decision.row
    if "PART_UNKNOWN" in row["reasons"]:
        code = then.asked.part_code
        raise UnknownPart(f"There is no part with the code {code!r}.", part_code=code)
    if row["district_code"] != facts.district_code:
        raise GuardFailed(
            "same_district",
            "更正后的位置在另一个区：请在该区重新上报。",
            "That place lies in another district: report it there instead.",
            district=row["district_code"],
        )
    if facts.state in _HELD and row["organisation_id"] != facts.organisation_id:
        raise GuardFailed(
            "organisation_changes",
            "更正后责任单位不同：请先由派遣员退回，再更正、重新派遣。",
            "Another organisation would be responsible: it is returned first, then corrected and dispatched anew.",
            organisation=row["organisation_code"],
        )


def _columns(then: _Then) -> dict[str, Any]:
    row = then.decision.row
    sets: dict[str, Any] = dict(then.place)
    if then.place:
        sets["area_grade"] = then.area_grade
    if then.is_other:
        sets |= {"category_id": then.category.category_id, "severity": then.category.severity}
        sets["filing_condition_id"] = then.filing_condition_id
    if then.limit_changes:
        sets["deadline"] = then.deadline
    return sets | {"part_id": row["home_part_id"], "zone_id": row["zone_id"], "ambiguous": row["ambiguous"]}


def _said(facts: Facts, to: Correction, then: _Then) -> dict[str, Any]:
    """The old and the new, for the history: what was true of it is not lost."""
    said: dict[str, Any] = {}
    if then.is_other:
        said |= {"category": then.category.code, "was": facts.category.code}
    if then.place:
        said |= {"lon": round(then.asked.lon, 7), "lat": round(then.asked.lat, 7)}
        said |= {"was_lon": round(facts.lon, 7), "was_lat": round(facts.lat, 7)}
    if to.part_code is not None:
        said["part"] = to.part_code
    if then.limit_changes and then.deadline != facts.deadline:
        said |= {"deadline": then.deadline, "was_deadline": facts.deadline}
    row = then.decision.row
    return said | {"organisation": row["organisation_code"], "reasons": row["reasons"]}


def is_filed(state: str) -> bool:
    """Whether a case in this state goes by the limit of a condition, if it was ever filed."""
    return state not in _BEFORE_FILING


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
    now = _Now(
        (row["district_code"], row["case_id"]),
        was,
        (row["lon"], row["lat"], row["accuracy_m"]),
        row["filed_at"] if is_filed(row["state"]) else None,
        row["filing_condition_id"],
        row["deadline"],
        row["area_grade"],
    )
    at = None
    if point is not None:
        at = (*coordinates.to_wgs84(*point, city.extent), city.accuracy_m["officer"])
    wanted = None if category is None else city.category(category)
    return _previewed(city, row, was, _outcome(conn, city, now, Correction(wanted, at, part_code)))


def _previewed(city: City, row: Mapping[str, Any], was: Category | None, then: _Then) -> dict[str, Any]:
    changes = then.decision.row["organisation_code"] != row["organisation_code"]
    now = {name: row[f"organisation_{name}"] for name in ("code", "zh", "en")}
    return {
        "case_no": row["case_no"],
        **wording.state(row["state"]),
        "version": row["version"],
        "now": {
            "category": None if was is None else was.names(),
            "organisation": {"code": now["code"], "name_zh": now["zh"], "name_en": now["en"]},
            "deadline": row["deadline"],
        },
        "then": {
            "category": then.category.names(),
            "lon": then.asked.lon,
            "lat": then.asked.lat,
            "dispatch": then.decision.shown(city, names=False),
            "deadline": then.deadline,
        },
        "organisation_changes": changes,
        "needs_return": changes and row["state"] in _HELD,
    }


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
