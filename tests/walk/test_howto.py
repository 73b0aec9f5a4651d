"""The program on the page about reporting from another system does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "report-from-another-system.md").read_text("utf-8")


def test_the_feed_program_reports_follows_and_may_be_run_again(
    live_server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    program = compile(found[1], "report-from-another-system.md", "exec")
    monkeypatch.setenv("GISOPS_SERVER", live_server.base_url)
    monkeypatch.setenv("GISOPS_PASSWORD", live_server.password)
    exec(program, {})
    first = capsys.readouterr().out.splitlines()
    exec(program, {})
    second = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in first[:3]] == [["T-1001", "201"], ["T-1002", "201"], ["T-1003", "422"]]
    assert first[0].endswith("-> Sample Cleaning Contractor")
    assert "Sample City" in first[2]
    assert first[3] == "dispatched"
    assert [line.replace(" 200 ", " 201 ") for line in second] == first
    assert second[0].split()[1] == "200"
