"""The page about filing conditions, followed word by word: its file is loaded, looked at first, and asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from gisops import city as cities
from gisops.cases import handbook
from gisops.db.pool import connect

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "add-a-filing-condition.md").read_text("utf-8")


@pytest.fixture
def file(sample_database: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GISOPS_DATABASE_URL", sample_database.app_url)
    monkeypatch.setenv("GISOPS_MIGRATE_URL", sample_database.owner_url)
    found = re.search(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    path = tmp_path / "my-handbook.csv"
    path.write_text(re.sub(r"(?m)^ +", "", found[1]), "utf-8")
    return path


def test_the_page_does_what_it_says(sample_database: Any, file: Path) -> None:
    def told() -> list[dict[str, Any]]:
        with connect(sample_database.app_url) as conn:
            city = cities.load(conn)
            return handbook.entries(conn, city, category=city.category("E04-05"))

    before = told()
    looked = CliRunner().invoke(app, ["load", "handbook", str(file), "--dry-run"])
    assert looked.exit_code == 0, looked.output
    assert "would change: 2" in looked.output
    assert told() == before
    loaded = CliRunner().invoke(app, ["load", "handbook", str(file)])
    assert loaded.exit_code == 0, loaded.output
    first, second = told()
    assert second["text_zh"] == "占道超过 5 平方米"
    assert (second["closing_en"], second["min_photos"]) == ("Cleared", 2)
    assert [(one["area_grade"], one["zh"]) for one in first["limits"]] == [
        ("", "4 工作时"),
        ("1", "2 紧急工作时"),
        ("2", "4 工作时"),
    ]
    assert first["text_zh"] == before[0]["text_zh"]
    assert first["legal_zh"].startswith("（由城市填写")


def test_every_column_of_a_file_is_on_the_page() -> None:
    assert {name for name in handbook.COLUMNS if name not in PAGE} == set()


def test_a_row_that_is_wrong_is_shown_with_its_line(file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace("4 工作时", "4 天"), "utf-8")
    refused = CliRunner().invoke(app, ["load", "handbook", str(file)])
    assert refused.exit_code != 0
    assert isinstance(refused.exception, handbook.InvalidHandbook)
    assert refused.exception.facts["rows"][0]["line"] == 2
