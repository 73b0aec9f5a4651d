"""schemathesis asks what the two descriptions of the API allow, and what they do not: no answer is a server's error,
and each has a status and a media type that is described.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Served

# What is checked of each answer. That a description and what is refused agree to the letter is not asked: a box whose
# sides are the wrong way round fits its schema and is refused.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"
# A stream without an end; a copy of everything; what would end the session that asks.
LEFT_OUT = r"^/api/live$|/export$|^/api/session"


def ask(served: Served, address: str, examples: int, folder: Path, *more: str) -> str:
    told = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{served.base_url}{address}"),
            *("--header", f"Authorization: Bearer {served.token}"),
            *("--checks", CHECKS, "--max-examples", str(examples), "--phases", "examples,fuzzing"),
            *("--exclude-path-regex", LEFT_OUT, "--seed", "5", "--generation-database", "none", "--no-color"),
            *("--request-timeout", "30", "--workers", "2", *more),
        ],
        cwd=folder,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]
    return told.stdout


def generated(output: str) -> int:
    found = re.search(r"(\d[\d,]*) generated", output)
    assert found is not None, output[-2000:]
    return int(found[1].replace(",", ""))


def test_the_open_standards_answer_as_their_description_says(served: Served, tmp_path: Path) -> None:
    # Of the collections one that is open, and one that is not and has all that others have.
    most = r"^/ogc/collections/(?!cases|rivers|\{)"
    assert generated(ask(served, "/ogc/api", 2, tmp_path, "--exclude-path-regex", most)) > 30


@pytest.mark.soak
@pytest.mark.parametrize("address", ["/ogc/api", "/openapi.json"])
def test_every_route_answers_as_its_description_says(served: Served, tmp_path: Path, address: str) -> None:
    assert generated(ask(served, address, 8, tmp_path)) > 300
