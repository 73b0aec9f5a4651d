"""The reference tables hold together: keys, references, and nothing from memory that could be reported."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, time, timedelta, timezone
from pathlib import Path

import pytest

from gisops.cases import reports
from gisops.clocks import UNITS, WorkCalendar
from gisops.db.pool import connect
from gisops.seasons import Season

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
UTC8 = timezone(timedelta(hours=8))
GB, CJ = "GB/T 30428.2-2013", "CJ/T 214-2007"
CATEGORY = ("scheme", "kind", "major", "minor")
KEYS = {
    "categories": ("scheme", "city_code", "kind", "major", "minor"),
    "category_majors": ("scheme", "kind", "major"),
    "filing_conditions": (*CATEGORY, "seq"),
    "time_limits": (*CATEGORY, "seq", "step", "area_grade"),
    "part_scopes": (*CATEGORY, "part_scheme", "part_major", "part_minor"),
    "category_map": ("from_scheme", "from_code", "to_scheme", "to_code"),
    "duplicate_rules": CATEGORY,
    "auto_rules": CATEGORY,
    "seasons": ("season", "opens"),
    "stage_limits": ("step", "severity", *CATEGORY),
    "escalations": ("step", "percent"),
    "handbook": (*CATEGORY, "seq"),
    "work_calendar": ("date",),
    "work_windows": ("opens",),
}
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def key(row: Row, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row[column] for column in columns)


CATEGORIES = {key(row, CATEGORY): row for row in rows("categories") if not row["city_code"]}
ENABLED = {code: row for code, row in CATEGORIES.items() if row["enabled"] == "true"}


def test_every_table_of_the_folder_is_checked_here() -> None:
    assert {path.stem for path in REFERENCE.glob("*.csv")} == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique_and_rows_are_whole(name: str) -> None:
    table = rows(name)
    assert table
    counted = Counter(key(row, KEYS[name]) for row in table)
    assert [found for found, n in counted.items() if n > 1] == []
    for row in table:
        assert None not in row, f"more fields than the header has: {row}"
        assert None not in row.values(), f"fewer fields than the header has: {row}"
        assert all(value == value.strip() for value in row.values()), row


@pytest.mark.parametrize("name", [name for name in KEYS if name.startswith(("cat", "fil", "time"))])
def test_every_row_says_how_well_it_is_known(name: str) -> None:
    assert {row["certainty"] for row in rows(name)} <= {"V2", "V", "M", "I", "P"}


def test_nothing_from_memory_or_of_one_city_only_can_be_reported() -> None:
    marks = Counter(row["certainty"] for row in CATEGORIES.values())
    assert marks["M"] > 0
    assert [row for row in ENABLED.values() if row["certainty"] in ("M", "I")] == []
    assert [row for row in rows("filing_conditions") if row["certainty"] == "M"] == []


def test_a_category_has_words_and_known_values() -> None:
    for row in CATEGORIES.values():
        assert row["name_zh"]
        assert row["name_en"]
        assert row["kind"] in ("P", "E")
        assert len(row["major"]) == len(row["minor"]) == 2
        assert (row["major"] + row["minor"]).isascii()
        assert (row["major"] + row["minor"]).isdigit()
        assert row["severity"] in ("minor", "normal", "urgent", "danger")
        assert row["dispatch_mode"] == ("part_owner" if row["kind"] == "P" else "zone")
        assert row["geometry_hint"] in ("point", "line", "polygon")
        for flag in ("enabled", "public", "simple_allowed", "auto_file"):
            assert row[flag] in ("true", "false")
        if row["simple_allowed"] == "true":
            assert row["severity"] == "minor"
        if row["enabled"] == "false":
            assert row["auto_file"] == "false"


def test_every_category_belongs_to_a_named_major_class() -> None:
    majors = {key(row, ("scheme", "kind", "major")) for row in rows("category_majors")}
    assert {code[:3] for code in CATEGORIES} <= majors


def test_the_two_schemes_swap_emergencies_and_street_order() -> None:
    names = {key(row, ("scheme", "kind", "major")): row["name_zh"] for row in rows("category_majors")}
    assert names[CJ, "E", "04"] == names[GB, "E", "05"] == "突发事件"
    assert names[CJ, "E", "05"] == names[GB, "E", "04"] == "街面秩序"
    assert CATEGORIES[CJ, "E", "04", "01"]["name_zh"] == "路面塌陷"
    assert CATEGORIES[GB, "E", "04", "01"]["name_zh"] == "无照经营游商"


def test_every_enabled_category_has_one_default_condition_and_a_limit_to_handle_it() -> None:
    conditions = rows("filing_conditions")
    defaults = Counter(key(row, CATEGORY) for row in conditions if row["is_default"] == "true")
    assert defaults == dict.fromkeys(ENABLED, 1)
    handled = {key(row, (*CATEGORY, "seq")) for row in rows("time_limits") if row["step"] == "handle"}
    missing = [
        key(row, CATEGORY)
        for row in conditions
        if row["is_default"] == "true" and key(row, (*CATEGORY, "seq")) not in handled
    ]
    assert missing == []
    for row in conditions:
        assert row["text_zh"]
        assert row["text_en"]
        assert row["closing_zh"]
        assert row["closing_en"]
        assert int(row["min_photos"]) >= 0


def test_every_season_is_one_and_every_seasonal_limit_has_its_own() -> None:
    named = {row["season"]: Season.parse(row["opens"], row["closes"]) for row in rows("seasons")}
    assert {row["season"] for row in rows("time_limits")} - {""} <= set(named)


def test_every_limit_belongs_to_a_condition_and_every_condition_has_one() -> None:
    conditions = {key(row, (*CATEGORY, "seq")) for row in rows("filing_conditions")}
    limits = rows("time_limits")
    assert {key(row, (*CATEGORY, "seq")) for row in limits} == conditions
    for row in limits:
        assert row["unit"] in UNITS
        assert float(row["value"]) > 0
        assert row["step"] in ("handle", "stop", "penalise", "restore")
        assert row["season"] in ("", "planting")


def test_every_part_class_finds_itself_first_and_every_scope_resolves() -> None:
    own = set()
    for row in rows("part_scopes"):
        reported = key(row, CATEGORY)
        part = (row["part_scheme"], "P", row["part_major"], row["part_minor"])
        assert reported in ENABLED
        assert part in ENABLED
        assert row["rank"] == ("1" if reported == part else "2")
        if reported == part:
            own.add(reported)
    assert own == {code for code in ENABLED if code[1] == "P"}


@pytest.mark.parametrize(("scheme", "unknown"), [(GB, "23"), (CJ, "14")])
def test_a_cover_nobody_knows_may_be_any_cover(scheme: str, unknown: str) -> None:
    covers = {code[3] for code, row in ENABLED.items() if code[:3] == (scheme, "P", "01") and "井盖" in row["name_zh"]}
    found = {row["part_minor"] for row in rows("part_scopes") if key(row, CATEGORY) == (scheme, "P", "01", unknown)}
    assert len(covers) > 5
    assert covers <= found


def test_the_map_between_the_schemes_resolves_and_leads_back() -> None:
    pairs = {(row["from_scheme"], row["from_code"], row["to_scheme"], row["to_code"]) for row in rows("category_map")}
    for scheme, code, other, other_code in pairs:
        assert scheme != other
        assert (other, other_code, scheme, code) in pairs
        assert (scheme, code[0], *code[1:].split("-")) in ENABLED
    for row in rows("category_map"):
        names = [
            CATEGORIES[row[f"{end}_scheme"], row[f"{end}_code"][0], *row[f"{end}_code"][1:].split("-")]["name_zh"]
            for end in ("from", "to")
        ]
        assert (names[0] == names[1]) == (row["certainty"] == "V")
    # Trading outside the shop keeps its meaning, not its number.
    assert (GB, "E04-05", CJ, "E05-04") in pairs


def test_the_calendar_is_one_a_clock_can_run_on() -> None:
    days = {date.fromisoformat(row["date"]): row["kind"] for row in rows("work_calendar")}
    windows = tuple(
        (time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"])) for row in rows("work_windows")
    )
    calendar = WorkCalendar(UTC8, windows, days)
    for day, kind in days.items():
        assert kind in ("work", "holiday", "in_lieu")
        assert kind != "in_lieu" or day.weekday() >= 5, f"{day} is a weekday: nothing to work in lieu"
        assert calendar.works_on(day) == (kind != "holiday")
    for year in (2025, 2026):
        assert days[date(year, 10, 1)] == "holiday"
        # 13 public holidays, a few of them on weekends; every further day off is worked on a weekend in exchange.
        weekdays_off = sum(kind == "holiday" and day.weekday() < 5 for day, kind in days.items() if day.year == year)
        in_lieu = sum(kind == "in_lieu" for day, kind in days.items() if day.year == year)
        assert 10 <= weekdays_off - in_lieu <= 14


def test_a_rule_for_duplicates_is_of_a_category_that_is_there_and_one_holds_for_all() -> None:
    rules = {key(row, CATEGORY): row for row in rows("duplicate_rules")}
    assert ("", "", "", "") in rules
    named = {code for code in rules if code[3]}
    assert named
    assert named <= set(CATEGORIES)
    for row in rules.values():
        assert row["certainty"] == "P"
        assert 1 <= int(row["radius_m"]) <= 1000
        assert 1 <= int(row["hours"]) <= 8784


def test_a_rule_for_filing_holds_for_all_and_files_what_is_filed_today() -> None:
    rules = {key(row, CATEGORY): row for row in rows("auto_rules")}
    held = rules["", "", "", ""]
    assert held["enabled"] == "true"
    assert set(held["channels"].split()) == set(reports.CHANNELS)
    assert [held[name] for name in ("min_confidence", "min_photos", "alone", "certain")] == ["", "0", "false", "false"]
    for code, row in rules.items():
        assert row["certainty"] == "P"
        assert not code[3] or code in CATEGORIES
        assert set(row["channels"].split()) <= set(reports.CHANNELS)
        assert 0 <= float(row["max_overturn"]) <= 1
        assert 1 <= int(row["min_cases"]) <= int(row["window_cases"])


def test_stages_have_limits_and_a_danger_has_half_the_time() -> None:
    limits = {(row["step"], row["severity"]): row for row in rows("stage_limits")}
    assert {row["certainty"] for row in limits.values()} <= {"V", "P"}
    for (step, severity), row in limits.items():
        assert row["unit"] in UNITS
        if severity == "danger":
            ordinary = limits.get((step, "urgent"), limits[step, ""])
            assert float(row["value"]) * 2 == float(ordinary["value"]), step
    everybodys = {step for step, severity in limits if severity == ""}
    assert everybodys == {"accept", "verify", "file", "dispatch", "ack", "simple", "check", "close", "appeal"}


def test_escalations_go_up_and_a_database_of_before_gets_the_same(database) -> None:
    by_step: dict[str, list[Row]] = {}
    for row in rows("escalations"):
        by_step.setdefault(row["step"], []).append(row)
    for step, found in by_step.items():
        assert [int(row["percent"]) for row in found] == sorted({int(row["percent"]) for row in found}), step
        assert [int(row["level"]) for row in found] == sorted(int(row["level"]) for row in found), step
    assert by_step["simple"][-1]["due_kind"] == "promote"
    # the migration brings its own copy, for open cases need their clocks before any reference data is loaded
    with connect(database.owner_url) as conn:
        held = conn.execute("SELECT step, percent, due_kind, level, tells FROM escalations").fetchall()
        limits = conn.execute(
            "SELECT step, severity, scheme, kind, major, minor, unit, value::float8, certainty FROM stage_limits"
        ).fetchall()
    shipped = [{**row, "percent": int(row["percent"]), "level": int(row["level"])} for row in rows("escalations")]
    assert sorted(held, key=str) == sorted(shipped, key=str)
    assert sorted(limits, key=str) == sorted(
        ({**row, "value": float(row["value"])} for row in rows("stage_limits")), key=str
    )
