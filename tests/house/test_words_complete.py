"""Words: every code that can be answered has a sentence in both languages, and no sentence is for nobody."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from gisops import wording
from gisops.cases import links, moves
from gisops.db.pool import connect
from tests.house.sql_text import ROOT, files, without_comments

TABLES = {"REASONS": wording.REASONS, "STATES": wording.STATES, "ACTIONS": wording.ACTIONS}
CODE = re.compile(r"'([A-Z][A-Z]+_[A-Z_]*[A-Z]|AMBIGUOUS)'")

# What a person decides; the rules never give it.
BY_PEOPLE = {"BY_HAND"}


def given_by(path: Path) -> set[str]:
    return set(CODE.findall(without_comments(path.read_text("utf-8"))))


def test_every_reason_of_dispatch_has_words_and_no_words_are_left_over() -> None:
    given = given_by(ROOT / "gisops/db/functions/30_dispatch.sql")
    assert len(given) > 30
    assert given == set(wording.REASONS) - BY_PEOPLE


def test_the_reasons_people_give_have_words_too() -> None:
    given = moves.Addressee(1, "ROADS", None, None, None).decision()["answer"]["reasons"]
    assert set(given) == BY_PEOPLE


def test_no_other_module_invents_a_reason() -> None:
    """A code in capitals between quotes is a known one, in SQL and in the modules that speak of decisions."""
    for path in files(".sql"):
        if "migrations" not in path.parts:
            assert given_by(path) <= set(wording.REASONS), path
    asked = [ROOT / f"gisops/{module}.py" for module in ("dispatch", "locate", "operations", "replays")]
    for path in [*asked, *sorted((ROOT / "gisops/cases").glob("*.py"))]:
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found = {word for word in words if CODE.fullmatch(f"'{word}'")}
        assert found <= set(wording.REASONS), path


def test_the_page_about_dispatch_names_the_same_reasons() -> None:
    page = (ROOT / "docs/reference/dispatch.md").read_text("utf-8")
    known = set(wording.REASONS) - BY_PEOPLE
    missing = {code for code in known if not re.search(rf"\b{code}\b", page)}
    assert missing == set()


def test_states_are_those_a_case_can_be_in(database) -> None:
    with connect(database.app_url) as conn:
        row = conn.execute(
            "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
            " WHERE conrelid = 'cases'::regclass AND conname = 'cases_state_check'"
        ).fetchone()
    assert row is not None
    assert set(re.findall(r"'(\w+)'::text", row["text"])) == set(wording.STATES)


def test_actions_are_those_that_moves_are_recorded_under() -> None:
    # beside the moves, what is noted of a case whose state stays while reports come and go
    assert {*moves.ACTIONS, links.TOOK_IN, links.GAVE_UP} == set(wording.ACTIONS)
    assert {rule.to_state for rule in moves.TRANSITIONS} <= set(wording.STATES)
    assert set(moves.STAGES) == set(wording.STATES)


def test_actions_and_states_met_in_a_used_database_have_words(sample_database) -> None:
    """The words against what statements really wrote: a report in a zone, and one that nobody answers for."""
    from uuid import uuid4

    from gisops import city, operations
    from gisops.cases.reports import NewReport

    with connect(sample_database.app_url) as conn:
        read = city.load(conn)
        west, south, east, north = read.extent
        middle = ((west + east) / 2, (south + north) / 2)
        operations.receive_report(conn, read, NewReport(uuid4(), "citizen", "E04-05", *middle, "WGS84", 5.0), None)
        met = conn.execute("SELECT DISTINCT action, to_state FROM case_history").fetchall()
        conn.rollback()
    assert met
    assert {row["action"] for row in met} <= set(wording.ACTIONS)
    assert {row["to_state"] for row in met} <= set(wording.STATES)


@pytest.mark.parametrize("table", TABLES)
def test_both_languages_are_there_and_say_the_same_facts(table: str) -> None:
    for code, (zh, en) in TABLES[table].items():
        assert re.search(r"[\u4e00-\u9fff]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code
        asked = [{field for _, field, _, _ in string.Formatter().parse(words) if field} for words in (zh, en)]
        assert asked[0] == asked[1], code
        assert asked[0] <= set(wording._FACTS), code
