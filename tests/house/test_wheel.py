"""The wheel holds all that a server needs: installed outside of the project, it fills an empty database and serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "api" / "screens" / "dist" / "index.html"
PACKAGES = ("gisops", "layers", "tiles", "api")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not BUILT.is_file():
        pytest.skip("the screens are not built (make screens)")
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("gisops-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an environment with the wheel in it; the packages it asks for are those of the running one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path from a .pth file brings packages, but not that folder's own .pth files: no editable install comes along.
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"):
        installer = [uv, "pip", "install", "--offline", "--python", python]
    else:
        installer = [sys.executable, "-m", "pip", "--python", python, "install"]
    ran = subprocess.run([*installer, "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    yield folder
    shutil.rmtree(folder)


def clean(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GISOPS_", "PYTHON"))}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def test_what_is_not_python_is_in_it_too(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for suffix in ("py", "sql", "toml", "json", "typed")
        for path in (ROOT / package).rglob(f"*.{suffix}")
        if "screens" not in path.parts
    }
    assert len(wanted) > 150
    wanted |= {f"gisops/_data/reference/{path.name}" for path in (ROOT / "data" / "reference").glob("*.csv")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in BUILT.parent.rglob("*") if path.is_file()}
    assert wanted - names == set()
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == set(PACKAGES)
    assert [name for name in names if name.endswith((".ts", ".tsx", ".pyc")) or "node_modules" in name] == []


def test_it_is_imported_from_where_it_was_installed(installed: Path, tmp_path: Path) -> None:
    code = "import gisops, layers, tiles, api; print(*(p.__file__ for p in (gisops, layers, tiles, api)), sep='\\n')"
    python = installed / "bin" / "python"
    said = subprocess.run([python, "-c", code], cwd=tmp_path, env=clean(), capture_output=True, text=True, check=True)
    assert all(line.startswith(str(installed)) for line in said.stdout.split())
    told = subprocess.run(
        [installed / "bin" / "gisops", "--help"], cwd=tmp_path, env=clean(), capture_output=True, text=True, check=True
    )
    assert {"up", "down", "serve", "worker", "migrate", "doctor"} <= set(re.findall(r"\b[a-z]+\b", told.stdout))


def test_it_fills_an_empty_database_and_serves_it(installed: Path, fresh_database, tmp_path: Path) -> None:
    empty = fresh_database("empty_template")
    environment = clean(
        GISOPS_DATABASE_URL=empty.app_url,
        GISOPS_MIGRATE_URL=empty.owner_url,
        GISOPS_HOME=str(tmp_path / "home"),
        GISOPS_PORT="0",
        GISOPS_PROCESSES="1",
        GISOPS_SAMPLE_PASSWORD="a sample password",
        GISOPS_SAMPLE_SIZE="district",
    )
    up = subprocess.Popen(
        [installed / "bin" / "gisops", "up"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert up.stdout is not None
        told = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in up.stdout)
        found = next((match for match in told if match), None)
        assert found is not None, "gisops up ended without an address"
        with httpx2.Client(base_url=found.group(), timeout=20) as client:
            page = client.get("/")
            assert page.status_code == 200
            script = re.search(r'src="(/assets/[^"]+\.js)"', page.text)
            assert script is not None
            assert client.get(script[1]).status_code == 200
            assert client.get("/docs/swagger-ui.css").status_code == 200
            assert client.get("/api/city").json()["name_en"] == "Sample City"
            assert client.get("/ogc/collections/zones/items", params={"limit": 1}).json()["features"]
    finally:
        up.terminate()
        up.communicate(timeout=20)
