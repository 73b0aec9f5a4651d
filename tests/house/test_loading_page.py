"""The page on loading files lists every code that reading can give, with its kind, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

from gisops.loads import failures, parquet, tables, vectors
from gisops.loads.failures import LoadError
from gisops.loads.findings import CODES, FILES, ROWS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "loading-files.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_finding_is_on_the_page_with_its_kind() -> None:
    for title, codes in (("Findings about rows", ROWS), ("Findings about the file", FILES)):
        listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", section(title), re.MULTILINE)
        assert dict(listed) == {code: kind for code, (kind, _, _) in codes.items()}
        assert len(listed) == len(codes)


def test_every_failure_is_on_the_page() -> None:
    kinds = {kind.code for kind in vars(failures).values() if isinstance(kind, type) and issubclass(kind, LoadError)}
    assert set(re.findall(r"^\| `(\w+)` \|", section("What is refused as a whole"), re.MULTILINE)) == kinds


def test_every_suffix_is_on_the_page() -> None:
    suffixes = {*vectors.SUFFIXES, *parquet.SUFFIXES, *(one for one in tables.SUFFIXES if not one.endswith(".gz"))}
    assert set(re.findall(r"`(\.\w+)`", section("Formats"))) - {".shx", ".dbf", ".zip", ".gz"} == suffixes


def test_words_of_findings_are_in_both_languages_and_take_the_same_facts() -> None:
    for code, (_, zh, en) in CODES.items():
        assert re.search(r"[\u4e00-\u9fff]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code
        facts = [{name for _, name, _, _ in Formatter().parse(words) if name} for words in (zh, en)]
        assert {name.removesuffix("_zh") for name in facts[0]} == {name.removesuffix("_zh") for name in facts[1]}, code


def test_every_finding_is_shown_by_a_test() -> None:
    shown = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[1] / "gisops" / "loads").glob("*.py"))
    assert [code for code in CODES if f'"{code}"' not in shown] == []
