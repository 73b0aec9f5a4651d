"""The indicators' data holds together: names, words, columns that are there, and the page that is made of it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from gisops.db import queries
from gisops.errors import InvalidInput
from gisops.indicators import counting, page
from gisops.indicators.definitions import definitions, parse
from gisops.reference_files import data

TOLD = definitions()
TEXT = data("reference", "indicators.toml").read_text("utf-8")


def test_the_page_is_the_one_the_data_makes() -> None:
    there = (Path(__file__).parents[2] / "docs" / "reference" / "indicators.md").read_text("utf-8")
    assert there == page.page(), "run: python -m gisops.indicators.page docs/reference/indicators.md"


@pytest.mark.parametrize("code", TOLD.indicators)
def test_an_indicator_has_words_and_is_made_of_columns_that_are_there(code: str) -> None:
    one = TOLD.indicators[code]
    facts = queries.load("gisops.indicators", "counting.sql")[one.family.name]
    columns = {*re.findall(r"\bAS (\w+)", facts), *re.findall(r"\.(\w+)", facts)}
    named = {*one.of, *one.per, one.staff, *([one.value] if one.value else [])}
    for choice in one.choices.values():
        named |= {*(choice.of or ()), *(choice.per or ())}
    assert named <= columns, named - columns
    assert re.search(r"[\u4e00-\u9fff]", one.zh)
    assert re.match(r"[A-Z]", one.en)
    assert bool(one.note_zh) == bool(one.note_en)
    assert one.certainty in ("V2", "V", "P")


def test_nothing_that_is_worked_out_is_left_unused() -> None:
    named = {"handler", "patroller", "actor", "reporter"}
    for one in TOLD.indicators.values():
        named |= {*one.of, *one.per, *([one.value] if one.value else [])}
        for choice in one.choices.values():
            named |= {*(choice.of or ()), *(choice.per or ())}
    for family in TOLD.families:
        facts = queries.load("gisops.indicators", "counting.sql")[family].partition("), facts AS (")[2]
        made = set(re.findall(r" AS (\w+)[,\n]", facts))
        assert made <= named, (family, made - named)


def test_every_effect_that_cities_report_is_one_indicator() -> None:
    effects = {code for code, one in TOLD.indicators.items() if one.effect}
    assert effects >= {
        "solved_within_5_hours_rate", "on_time_feedback_rate", "mean_working_days", "joint_share",
        "repeats_avoided_rate", "satisfaction_rate", "intake_to_dispatch", "closing_rate",
    }  # fmt: skip


def test_metric_names_are_told_once() -> None:
    named = [one.metric for one in TOLD.indicators.values() if one.metric]
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('code = "case_count"', 'code = "report_count"', "twice"),
        ('of = ["joined"]', 'of = ["joined; DROP TABLE cases"]', "lower-case"),
        ('family = "visits"', 'family = "dreams"', "family"),
        ("weight = 40 },\n]", "weight = 41 },\n]", "100"),
        ('value = "to_close_s"', "", "duration"),
        ('{ indicator = "closing_rate", weight = 30 }', '{ indicator = "closed_count", weight = 30 }', "bands"),
    ],
)
def test_what_is_wrong_in_the_data_is_said(old: str, new: str, says: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidInput, match=says):
        parse(TEXT.replace(old, new, 1))


def test_the_statements_are_in_the_package() -> None:
    assert files("gisops").joinpath("indicators", "counting.sql").is_file()
    assert set(counting.DIMENSIONS) <= {*counting.BY}
