"""The page about adding a layer does what it says, typed into a shell: one command, or a folder in the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gisops.db.pool import connect
from tests.conftest import Database, serve
from tests.layers import tiny_city

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "add-a-layer.md").read_text("utf-8")
PARTS = ("gisops", "layers", "tiles", "api", "tests", "docs", "data")
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", ".env.example", "hatch_build.py")


@pytest.fixture(scope="module")
def city(fresh_database: Callable[..., Database]) -> Database:
    made = fresh_database()
    with connect(made.owner_url) as conn:
        tiny_city.build(conn)
    return made


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source as somebody has it who changes it: a copy, as this one is not ours to change."""
    copy = tmp_path_factory.mktemp("source")
    left = shutil.ignore_patterns("__pycache__", "node_modules", "dist", "pictures", "previous_release")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=left)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


def typed(block: int, folder: Path, database: Database, **more: str) -> str:
    """What the page's commands say."""
    commands = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)[block]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GISOPS_", "PYTEST"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GISOPS_DATABASE_URL": database.app_url,
        "GISOPS_MIGRATE_URL": database.owner_url,
        "GISOPS_HOME": str(folder / ".gisops"),
        "COLUMNS": "200",
        **more,
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout


@pytest.mark.timeout(300)
def test_one_command_makes_a_layer_of_a_file(city: Database, tmp_path: Path) -> None:
    said = typed(0, tmp_path, city)
    assert "wells 水井, 2 point, public" in said
    with serve(city) as server:
        about: dict[str, Any] = httpx2.get(f"{server.base_url}/ogc/collections/wells").json()
        # What the page opened is open; the post that looks after a well is for staff.
        assert [field["name"] for field in about["fields"]] == ["f01", "f02", "depth_m"]
        assert about["title"] == "水井 · Water wells"
        assert about["update_cycle"]
        found = httpx2.get(f"{server.base_url}/ogc/collections/wells/items").json()["features"]
        assert [each["properties"]["depth_m"] for each in found] == [12.5, 8.0]


@pytest.mark.timeout(600)
def test_a_folder_makes_it_a_layer_of_every_city(city: Database, source: Path) -> None:
    # After the first part: the page goes on from what that left.
    said = typed(1, source, city, PYTHONPATH=str(source))
    assert re.search(r"\d+ passed", said)
    with connect(city.owner_url) as conn:
        assert conn.execute("SELECT count(*) AS n FROM city_layers").fetchone() == {"n": 0}
        assert conn.execute("SELECT count(*) AS n FROM layer_wells").fetchone() == {"n": 0}
    assert "水井 `wells`" in (source / "docs/reference/who-sees-what.md").read_text("utf-8")
