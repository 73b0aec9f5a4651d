"""The city that lives on paper: the shipped categories, limits and calendar, read from their files, and no ground."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, time
from zoneinfo import ZoneInfo

from gisops import clocks
from gisops.city import Category, City, Escalation, Name, StepLimit, TimeLimit
from gisops.reference_files import data

ZONE = ZoneInfo("Asia/Shanghai")

# What a migrated database begins with (`stage_limits`, `escalations`); a test holds the two together.
_MINUTES = {"accept": 15.0, "verify": 30.0, "file": 15.0, "dispatch": 15.0, "ack": 20.0, "check": 30.0, "close": 15.0}
STAGE_LIMITS = {
    **{(step, ""): TimeLimit("minute", value) for step, value in _MINUTES.items()},
    **{(step, "danger"): TimeLimit("minute", value / 2) for step, value in _MINUTES.items()},
    ("ack", "urgent"): TimeLimit("minute", 5.0),
    ("ack", "danger"): TimeLimit("minute", 2.5),
    ("simple", ""): TimeLimit("work_hour", 2.0),
    ("appeal", ""): TimeLimit("work_day", 2.0),
}
ESCALATIONS = {
    "": (
        Escalation(80, "remind", 0, "holder"),
        Escalation(100, "overdue", 1, "superior"),
        Escalation(150, "escalate", 2, "lead"),
        Escalation(200, "escalate", 3, "centre"),
    ),
    "ack": (
        Escalation(80, "remind", 0, "holder"),
        Escalation(100, "escalate", 1, "superior"),
        Escalation(150, "escalate", 2, "lead"),
        Escalation(200, "escalate", 3, "centre"),
    ),
    "simple": (Escalation(80, "remind", 0, "holder"), Escalation(100, "promote", 1, "superior")),
}


def city_on_paper() -> City:
    """A city with everything that clocks and moves ask for, from ``data/reference``; its desk is organisation 0."""
    conditions: dict[tuple[str, str, str], int] = {}
    limits: dict[int, list[StepLimit]] = {}
    for n, row in enumerate(_rows("filing_conditions.csv"), 1):
        conditions[row["scheme"], _code(row), row["seq"]] = n
    for row in _rows("time_limits.csv"):
        key = conditions[row["scheme"], _code(row), row["seq"]]
        limit = StepLimit(row["step"], row["area_grade"], row["season"], _limit(row))
        limits.setdefault(key, []).append(limit)
    categories = {}
    for n, row in enumerate(_rows("categories.csv"), 1):
        if row["enabled"] != "true":
            continue
        code = _code(row)
        condition = conditions.get((row["scheme"], code, "1"))
        first = next((one.limit for one in limits.get(condition or 0, ()) if one.step == "handle"), None)
        categories[row["scheme"], code] = Category(
            category_id=n,
            scheme=row["scheme"],
            code=code,
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            severity=row["severity"],
            public=row["public"] == "true",
            auto_file=row["auto_file"] == "true",
            filing_condition_id=condition,
            limit=first,
            simple_allowed=row["simple_allowed"] == "true",
        )
    windows = tuple((time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"])) for row in _windows())
    days = {date.fromisoformat(row["date"]): row["kind"] for row in _rows("work_calendar.csv")}
    return City(
        code="PAPER",
        name_zh="纸上之城",
        name_en="A city on paper",
        extent=(0.0, 0.0, 1.0, 1.0),
        metric_srid=3857,
        timezone=ZONE,
        category_scheme=next(iter(categories))[0],
        auto_file=True,
        accuracy_m={},
        calendar=clocks.WorkCalendar(ZONE, windows, days),
        categories=categories,
        organisations={},
        areas={},
        neighbours={},
        desk=Name("DESK", "值班台", "Duty desk"),
        desk_id=0,
        limits={condition: tuple(rows) for condition, rows in limits.items()},
        stage_limits=STAGE_LIMITS,
        escalations=ESCALATIONS,
    )


def _code(row: dict[str, str]) -> str:
    return f"{row['kind']}{row['major']}-{row['minor']}"


def _limit(row: dict[str, str]) -> TimeLimit:
    unit = next(unit for unit in clocks.UNITS if unit == row["unit"])
    return TimeLimit(unit, float(row["value"]))


def _windows() -> Iterator[dict[str, str]]:
    return _rows("work_windows.csv")


def _rows(name: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(data("reference", name).read_text("utf-8").splitlines())
