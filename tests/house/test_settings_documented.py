"""Every setting is listed in .env.example, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gisops.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
LINE = re.compile(r"((?:^# .*\n)+)^#?GISOPS_([A-Z_]+)=(.*)$", re.MULTILINE)
LISTED = {name.lower(): (words, value) for words, name, value in LINE.findall(EXAMPLE)}


def test_the_example_lists_every_setting_and_no_other() -> None:
    assert set(LISTED) == set(Settings.model_fields)
    assert len(LINE.findall(EXAMPLE)) == EXAMPLE.count("GISOPS_") - sum(
        words.count("GISOPS_") for words, _ in LISTED.values()
    )


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained_in_both_places(name: str) -> None:
    described = Settings.model_fields[name].description or ""
    assert described.endswith(".")
    words, _ = LISTED[name]
    assert len(words.strip("# \n")) >= 20


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_example_shows_the_default_where_there_is_a_plain_one(name: str) -> None:
    field = Settings.model_fields[name]
    if field.default_factory is None and field.default is not None and not field.is_required():
        assert LISTED[name][1] == str(field.default)


def test_the_example_is_accepted_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=GISOPS_)", "", EXAMPLE, flags=re.MULTILINE), "utf-8")
    settings = Settings(_env_file=file)  # type: ignore[call-arg]
    assert settings.port == 8000
    assert settings.database_url is not None
