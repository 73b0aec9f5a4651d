"""The city a process serves: the reference data that every request needs, read once and kept for some seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from gisops import clocks, seasons
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import NotReady, UnknownCategory

_SQL = queries.load("gisops", "city.sql")

# Radius of a position's error where the sender gives none: a choice of ours per channel, metres. A city overrides it.
DEFAULT_ACCURACY_M = MappingProxyType(
    {"citizen": 20.0, "officer": 10.0, "hotline": 50.0, "video": 15.0, "sensor": 5.0, "open311": 20.0, "feed": 20.0}
)


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long handling may take: a number of units (docs/reference/glossary.md), from when its season opens, if it has
    one.
    """

    unit: clocks.Unit
    value: float
    season: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """What a report can be about, with its default filing condition and that condition's time limit.

    A report that lies up to ``twin_radius_m`` from a case may be about the same; so may one up to ``twin_hours`` after
    the case was closed.
    """

    category_id: int
    scheme: str
    code: str
    name_zh: str
    name_en: str
    severity: str
    public: bool
    auto_file: bool
    filing_condition_id: int | None
    limit: TimeLimit | None
    simple_allowed: bool = False
    twin_radius_m: float = 20.0
    twin_hours: int = 72

    def names(self) -> dict[str, str]:
        """Code, scheme and names, as answers show them."""
        return {"code": self.code, "scheme": self.scheme, "name_zh": self.name_zh, "name_en": self.name_en}


@dataclass(frozen=True, slots=True)
class StepLimit:
    """The limit of one step of handling under a filing condition, in areas of a grade ("" for all) and a season."""

    step: str
    area_grade: str
    season: str
    limit: TimeLimit


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens when so many per cent of a limit have run, how high that is, and who is told."""

    percent: int
    due_kind: str
    level: int
    tells: str


@dataclass(frozen=True, slots=True)
class Name:
    """A code with its two names."""

    code: str
    name_zh: str
    name_en: str

    def as_dict(self) -> dict[str, str]:
        """As answers show it."""
        return {"code": self.code, "name_zh": self.name_zh, "name_en": self.name_en}


@dataclass(frozen=True)
class City:
    """The one city of this database. ``extent`` is west, south, east, north in degrees."""

    code: str
    name_zh: str
    name_en: str
    extent: tuple[float, float, float, float]
    metric_srid: int
    timezone: ZoneInfo
    category_scheme: str
    auto_file: bool
    accuracy_m: Mapping[str, float]
    calendar: clocks.WorkCalendar
    categories: Mapping[tuple[str, str], Category]
    organisations: Mapping[str, Name]
    areas: Mapping[str, Name]
    neighbours: Mapping[str, Name]
    desk: Name
    desk_id: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[int, tuple[StepLimit, ...]] = field(default_factory=dict)
    stage_limits: Mapping[tuple[str, str], TimeLimit] = field(default_factory=dict)
    # of categories that have limits of their own: (category_id, step, severity)
    category_stage_limits: Mapping[tuple[int, str, str], TimeLimit] = field(default_factory=dict)
    escalations: Mapping[str, tuple[Escalation, ...]] = field(default_factory=dict)
    grades: Mapping[str, str] = field(default_factory=dict)
    seasons: Mapping[str, tuple[seasons.Season, ...]] = field(default_factory=dict)
    calendars: Mapping[int, clocks.WorkCalendar] = field(default_factory=dict)

    @cached_property
    def by_category_id(self) -> Mapping[int, Category]:
        """The categories by their keys."""
        return {one.category_id: one for one in self.categories.values()}

    @property
    def work_day_mode(self) -> clocks.WorkDayMode:
        """How this city counts work days (`clocks.add`): its setting, else as a running clock."""
        return next((mode for mode in clocks.WORK_DAY_MODES if mode == self.settings.get("work_day_mode")), "running")

    def calendar_of(self, organisation_id: int | None) -> clocks.WorkCalendar:
        """When an organisation works: by the calendar of its code, where there is one, else as the city does."""
        if organisation_id is None:
            return self.calendar
        return self.calendars.get(organisation_id, self.calendar)

    def category(self, text: str) -> Category:
        """Find a category by ``E04-05`` (the city's scheme) or ``scheme:E04-05``.

        Raises ``UnknownCategory``, naming the scheme and some codes that begin alike.
        """
        scheme, colon, code = text.rpartition(":")
        found = self.categories.get((scheme if colon else self.category_scheme, code.strip()))
        if found is None:
            scheme = scheme if colon else self.category_scheme
            alike = sorted(c for s, c in self.categories if s == scheme and c[:3] == code.strip()[:3])
            schemes = sorted({s for s, _ in self.categories})
            raise UnknownCategory(
                f"There is no category {code!r} in the scheme {scheme!r}.",
                category=text,
                scheme=scheme,
                schemes=schemes,
                alike=alike[:10],
            )
        return found

    def deadline(self, category: Category, start: datetime) -> datetime | None:
        """When handling of a case filed at ``start`` must be done, by its default condition's limit."""
        if category.limit is None:
            return None
        return clocks.add(start, category.limit.unit, category.limit.value, self.calendar, self.work_day_mode)


def load(conn: Connection) -> City:
    """Read the city. Raises ``NotReady`` where the database holds none."""
    row = conn.execute(_SQL["city"]).fetchone()
    if row is None:
        raise NotReady("The database holds no city yet: run `gisops sample`, or load a city of your own.")
    categories = {(c["scheme"], c["code"]): _category(c) for c in conn.execute(_SQL["categories"])}
    by_code = {kind: _names(conn, kind) for kind in ("organisations", "areas", "neighbours")}
    desk = conn.execute(_SQL["desk"]).fetchone()
    if desk is None:
        raise NotReady("The city has no duty desk: one organisation must be marked is_duty_desk.")
    zone = ZoneInfo(row["timezone"])
    return City(
        code=row["code"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        extent=(row["west"], row["south"], row["east"], row["north"]),
        metric_srid=row["metric_srid"],
        timezone=zone,
        category_scheme=row["category_scheme"],
        auto_file=row["auto_file"],
        accuracy_m={**DEFAULT_ACCURACY_M, **row["settings"].get("accuracy_m", {})},
        calendar=_calendar(conn, zone),
        calendars=_calendars(conn, zone),
        seasons=_seasons(conn),
        categories=categories,
        organisations=by_code["organisations"],
        areas=by_code["areas"],
        neighbours=by_code["neighbours"],
        desk=by_code["organisations"][desk["code"]],
        desk_id=desk["organisation_id"],
        settings=row["settings"],
        limits=_limits(conn),
        stage_limits={
            (one["step"], one["severity"]): TimeLimit(one["unit"], float(one["value"]))
            for one in conn.execute(_SQL["stage_limits"])
        },
        category_stage_limits={
            (one["category_id"], one["step"], one["severity"]): TimeLimit(one["unit"], float(one["value"]))
            for one in conn.execute(_SQL["category_stage_limits"])
        },
        escalations=_escalations(conn),
        grades={one["code"]: one["grade"] for one in conn.execute(_SQL["grades"])},
    )


def _category(row: dict[str, Any]) -> Category:
    unit, value = row.pop("unit"), row.pop("value")
    if row["twin_radius_m"] is None:  # a city that has taken out even the rule for everything
        del row["twin_radius_m"], row["twin_hours"]
    return Category(**row, limit=None if unit is None else TimeLimit(unit, float(value)))


def _limits(conn: Connection) -> dict[int, tuple[StepLimit, ...]]:
    found: dict[int, list[StepLimit]] = {}
    for row in conn.execute(_SQL["limits"]):
        limit = TimeLimit(row["unit"], float(row["value"]), row["season"])
        found.setdefault(row["filing_condition_id"], []).append(
            StepLimit(row["step"], row["area_grade"], row["season"], limit)
        )
    return {condition: tuple(rows) for condition, rows in found.items()}


def _escalations(conn: Connection) -> dict[str, tuple[Escalation, ...]]:
    found: dict[str, list[Escalation]] = {}
    for row in conn.execute(_SQL["escalations"]):
        found.setdefault(row.pop("step"), []).append(Escalation(**row))
    return {step: tuple(rows) for step, rows in found.items()}


def _seasons(conn: Connection) -> dict[str, tuple[seasons.Season, ...]]:
    found: dict[str, list[seasons.Season]] = {}
    for row in conn.execute(_SQL["seasons"]):
        found.setdefault(row["season"], []).append(seasons.Season.parse(row["opens"], row["closes"]))
    return {season: tuple(rows) for season, rows in found.items()}


def _names(conn: Connection, query: str) -> dict[str, Name]:
    return {row["code"]: Name(**row) for row in conn.execute(_SQL[query])}


def _calendar(conn: Connection, zone: ZoneInfo) -> clocks.WorkCalendar:
    windows = tuple((row["opens"], row["closes"]) for row in conn.execute(_SQL["work_windows"]))
    days = {row["day"]: row["kind"] for row in conn.execute(_SQL["calendar_days"])}
    # A city that has not said when it works gets the calendar's own default rather than none at all.
    return clocks.WorkCalendar(zone, windows, days=days) if windows else clocks.WorkCalendar(zone, days=days)


def _calendars(conn: Connection, zone: ZoneInfo) -> dict[int, clocks.WorkCalendar]:
    """Calendars of organisations: hours of their own, and the city's days but for those they have set otherwise."""
    found = {}
    for row in conn.execute(_SQL["calendars"]).fetchall():
        windows = tuple(zip(row["opens"], row["closes"], strict=True))
        days = {one["day"]: one["kind"] for one in conn.execute(_SQL["days_of"], {"calendar": row["code"]})}
        found[row["organisation_id"]] = clocks.WorkCalendar(zone, windows, days=days)
    return found
