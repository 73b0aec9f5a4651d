"""What the server claims to conform to is what the first page lists, and each claim names a test that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from api import ogc_documents

ROOT = Path(__file__).parents[2]
SPEC = "http://www.opengis.net/spec/"
ROWS = re.findall(
    r"^\| `([a-z0-9-]+/\d\.\d/conf/[a-z0-9-]+)` \| `(tests/[a-z_/]+\.py)::(test_\w+)` \|$",
    (ROOT / "README.md").read_text("utf-8"),
    re.MULTILINE,
)


def test_the_list_is_what_is_claimed() -> None:
    claimed = ogc_documents.conformance("http://example.org/", {}, False)["conformsTo"]
    listed = [SPEC + name for name, _, _ in ROWS]
    assert sorted(listed) == sorted(claimed)
    assert len(set(listed)) == len(listed) > 30
    assert f"{len(listed)} classes, each with a test" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "file", "test"), ROWS)
def test_a_claim_names_a_test_that_asserts_something(name: str, file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == test]
    assert len(found) == 1, f"{name}: there is no test {test} in {file}"
    assert any(isinstance(each, ast.Assert | ast.Call) for each in ast.walk(found[0]))
    marks = {ast.unparse(mark) for mark in found[0].decorator_list}
    assert not any("skip" in mark or "soak" in mark for mark in marks), f"{name}: {test} does not run in `make test`"
