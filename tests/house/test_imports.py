"""Who may import whom, and what the packages we stand on are really used for."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.house.sql_text import ROOT, files, name

# package: the shipped module in which its job is done, and the names of it that the job takes.
JOBS = {
    "geopandas": [("layers/loading.py", "read_file"), ("gisops/notebook.py", "GeoDataFrame")],
    "shapely": [("layers/loading.py", "to_wkb"), ("gisops/sample/district/zones.py", "")],
    "pyproj": [("gisops/crs.py", "Transformer.from_crs")],
    "geoalchemy2": [("layers/statements.py", "Geometry")],
    "psycopg": [("gisops/db/pool.py", "connect")],
    "fastapi": [("api/app.py", "FastAPI"), ("api/routers/reports.py", "APIRouter")],
    "rtree": [("api/live.py", "Index")],
    "folium": [("gisops/notebook.py", "Map")],
    "scipy": [("gisops/hotspots/getis_ord.py", "csr_array"), ("gisops/hotspots/clusters.py", "KDTree")],
}


def _imported(path: Path) -> dict[str, str]:
    """Local name to full name, of what a file imports."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _uses(path: Path, package: str) -> set[str]:
    """What a file does with a package: the dotted names it loads, below the package."""
    names = {local: full for local, full in _imported(path).items() if full.partition(".")[0] == package}
    used = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute | ast.Name):
            local, _, rest = ast.unparse(node).partition(".")
            if local in names:
                used.add(f"{names[local]}.{rest}".rstrip(".").partition(".")[2])
    return used


@pytest.mark.parametrize("package", JOBS)
def test_a_package_does_its_job_in_shipped_code(package: str) -> None:
    for file, job in JOBS[package]:
        used = _uses(ROOT / file, package)
        assert any(job in use for use in used), (file, job, sorted(used))


def test_pytest_runs_the_tests_and_nothing_that_is_shipped() -> None:
    assert sum("pytest" in _imported(path) for path in (ROOT / "tests").rglob("test_*.py")) > 20
    shipped = [
        name(path) for path in files(".py") if "pytest" in _imported(path) and not name(path).startswith("bench")
    ]
    assert shipped == []


@pytest.mark.parametrize("package", [*JOBS, "pytest"])
def test_a_package_is_asked_for_where_it_is_needed(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["optional-dependencies"]["test"] if package == "pytest" else project["dependencies"]
    assert any(re.match(rf"{package}(?![\w-])", line) for line in wanted)


# ---- floors --------------------------------------------------------------------------------------------------------


def _lint_imports(config: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--config", config, "--no-cache"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_floors_are_kept() -> None:
    done = _lint_imports(ROOT / "pyproject.toml", ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "says", "broken"),
    [
        ("gisops/reads_up.py", "import layers.catalog", "Four floors"),
        ("tiles/speaks_http.py", "import fastapi", "HTTP only"),
        ("api/frames.py", "import geopandas", "No data frames"),
        ("gisops/cases/cases.py", "import gisops.operations", "No cycles"),
    ],
)
def test_a_step_up_would_be_found(tmp_path: Path, file: str, says: str, broken: str) -> None:
    """On a copy of the code with one import too many."""
    for path in files(".py"):
        there = tmp_path / name(path)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(path.read_text("utf-8"), "utf-8")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    before = (tmp_path / file).read_text("utf-8") if (tmp_path / file).exists() else ""
    head, future, rest = before.rpartition("from __future__ import annotations\n")
    (tmp_path / file).write_text(f"{head}{future}\n{says}\n{rest}", "utf-8")
    done = _lint_imports(tmp_path / "pyproject.toml", tmp_path)
    assert done.returncode != 0
    assert any(line.startswith(broken) and " BROKEN" in line for line in done.stdout.splitlines()), done.stdout


@functools.cache
def _loaded_by(statement: str) -> set[str]:
    asked = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_ground_can_be_imported_without_the_web_and_without_frames() -> None:
    """A worker or a script pays for neither."""
    assert not _loaded_by("import gisops.operations, gisops.worker") & {"fastapi", "geopandas", "pandas", "folium"}


def test_a_web_process_does_not_import_frames() -> None:
    assert not _loaded_by("import api.app") & {"geopandas", "pandas", "folium"}
    assert "fastapi" in _loaded_by("import api.app")


def test_what_a_start_waits_for_is_not_more_than_it_needs() -> None:
    """The statements of layers are composed later, at the first question; the worker has no command line."""
    assert not _loaded_by("import api.app") & {"sqlalchemy", "geoalchemy2"}
    assert {"sqlalchemy", "geoalchemy2"} <= _loaded_by("import layers.statements")
    assert not _loaded_by("import api.worker") & {"typer", "rich", "fastapi"}


def test_what_the_code_takes_from_outside_is_among_the_locked_packages() -> None:
    """Or it runs where somebody once installed it by hand, and in no fresh clone."""
    given = packages_distributions()
    taken: dict[str, str] = {}
    for path in files(".py"):
        if name(path).startswith(("gisops/", "layers/", "tiles/", "api/")):
            text = path.read_text("utf-8")
            # Files of a package are asked for by its name: files("package").
            modules = {*_imported(path).values(), *re.findall(r'\bfiles\("(\w+)', text)}
            taken |= {module.partition(".")[0]: name(path) for module in modules}
    locked = set(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", (ROOT / "requirements.txt").read_text("utf-8"), re.M))
    outside = set(taken) - sys.stdlib_module_names - {"gisops", "layers", "tiles", "api"}
    assert len(outside) > 20
    for module in outside:
        packages = {package.lower().replace("_", "-") for package in given.get(module, [])}
        assert packages & locked, f"{taken[module]} takes {module} from {packages or 'a package that is not installed'}"
