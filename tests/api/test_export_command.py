"""``gisops export``: any layer to any file, whole or not at all, for anybody or as an account."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import geopandas
import pyogrio
import pytest
from pmtiles.reader import MmapSource, Reader
from typer.testing import CliRunner, Result

from api.cli import app
from api.commands import export
from gisops.access import scopes
from gisops.db.pool import connect
from gisops.errors import GisopsError, InvalidInput, NotFound, NotSignedIn
from layers.catalog import load_catalog
from layers.viewer import viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

Run = Callable[..., Result]
PARTS = 500


@pytest.fixture(scope="module")
def town(database: Database) -> Database:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, geom)"
            " SELECT '460199', gen_random_uuid(), 'C' || n, 'S', 1, '样例井盖',"
            " ST_Point(110.31 + n * 0.0001, 20.02, 4326) FROM generate_series(1, %s) AS n",
            [PARTS],
        )
        scopes.grant(owner, "officer", "cell", "460199001001001")
        scopes.settle(owner)
    return database


def _environment(town: Database, home: Path) -> dict[str, str]:
    return {
        "GISOPS_HOME": str(home),
        "GISOPS_DATABASE_URL": town.app_url,
        "GISOPS_MIGRATE_URL": town.owner_url,
    }


@pytest.fixture
def run(town: Database, tmp_path: Path) -> Run:
    def invoke(*words: str | Path) -> Result:
        return CliRunner(env=_environment(town, tmp_path)).invoke(app, ["export", *map(str, words)])

    return invoke


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def codes(database: Database, where: str = "true") -> set[str]:
    with connect(database.owner_url) as owner:
        return {row["code"] for row in owner.execute(f"SELECT code FROM layer_fixtures WHERE {where}".encode())}


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "parquet", "csv", "geojsons"])
def test_a_layer_is_written_in_every_form(run: Run, town: Database, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"parts.{suffix}"
    told = done(run("fixtures", file))
    assert "what anybody may see" in told
    assert f"{len(codes(town))} 要素" in told
    if suffix == "csv":
        found = {row["code"] for row in csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))}
    elif suffix == "parquet":
        found = set(geopandas.read_parquet(file)["code"])
    else:
        found = set(pyogrio.read_dataframe(file)["code"])
    assert found == codes(town)
    assert [each.name for each in tmp_path.iterdir() if each.name != "backups"] == [file.name]


def test_a_box_and_a_file_that_is_there_already(run: Run, town: Database, tmp_path: Path) -> None:
    file = tmp_path / "parts.gpkg"
    file.write_bytes(b"something else")
    done(run("fixtures", file, "--bbox", "110.32,20.0,110.33,20.06"))
    want = codes(town, "ST_Intersects(geom, ST_MakeEnvelope(110.32, 20.0, 110.33, 20.06, 4326))")
    assert set(pyogrio.read_dataframe(file)["code"]) == want
    assert 50 < len(want) < PARTS


def test_several_layers_are_one_geopackage_or_one_archive(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "city.gpkg"
    done(run("fixtures,rivers,places", file))
    assert sorted(pyogrio.list_layers(file)[:, 0].tolist()) == ["fixtures", "places", "rivers"]
    for layer in ("fixtures", "rivers", "places"):
        info = pyogrio.read_info(file, layer=layer)
        assert info["features"] >= 1
        assert info["crs"] == "EPSG:4326"
        public = [field.name for field in load_catalog()[layer].public_fields]
        assert list(info["fields"]) == public
    archive = tmp_path / "city.pmtiles"
    told = done(run("fixtures,rivers", archive, "--zooms", "12-14"))
    assert "/s)" in told
    with archive.open("rb") as opened:
        reader = Reader(MmapSource(opened))
        assert (reader.header()["min_zoom"], reader.header()["max_zoom"]) == (12, 14)
        assert {"fixtures", "rivers"} <= {each["id"] for each in reader.metadata()["vector_layers"]}
    for suffix in ("fgb", "parquet", "csv", "geojsons"):
        result = run("fixtures,rivers", tmp_path / f"city.{suffix}")
        assert isinstance(result.exception, InvalidInput)
        assert "holds one layer" in result.exception.message
        assert not (tmp_path / f"city.{suffix}").exists()


def test_as_an_account_it_is_what_that_account_sees_and_is_written_down(
    run: Run, town: Database, tmp_path: Path
) -> None:
    for login, sees in (("admin", True), ("officer", True), ("handler", False)):
        file = tmp_path / f"{login}.gpkg"
        told = done(run("cases,places", file, "--as", login))
        assert f"what {login} may see" in told
        found = set(pyogrio.read_dataframe(file, layer="cases")["case_no"])
        assert bool(found) == sees, login
        seen = [field.name for field in viewer_of(login).fields_of(load_catalog()["places"])]
        assert list(pyogrio.read_info(file, layer="places")["fields"]) == seen
    with connect(town.owner_url) as owner:
        entries = owner.execute(
            "SELECT login, subject, rows, x.facts FROM audit AS x JOIN accounts USING (account_id)"
            " WHERE act = 'export' ORDER BY entry_id"
        ).fetchall()
    assert [(each["login"], each["subject"]) for each in entries] == [
        (login, layer) for login in ("admin", "officer", "handler") for layer in ("cases", "places")
    ]
    assert {json.dumps(each["facts"], sort_keys=True) for each in entries} == {
        '{"by": "command_line", "format": "gpkg"}'
    }


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["cases", "x.gpkg"], NotSignedIn, "not public"),
        (["cases", "x.gpkg", "--as", "nobody-there"], NotFound, "no account"),
        (["nothing", "x.gpkg"], NotFound, "no layer"),
        (["fixtures", "x.shp"], InvalidInput, "suffix"),
        (["fixtures", "x.gpkg", "--zooms", "1-3"], InvalidInput, "--zooms"),
        (["fixtures", "x.pmtiles", "--zooms", "a"], InvalidInput, "two numbers"),
        (["fixtures", "x.pmtiles", "--zooms", "21-22"], InvalidInput, "cannot be had"),
        (["fixtures", "x.pmtiles", "--bbox", "10,10,11,11"], NotFound, "nothing to draw"),
        (["fixtures", "x.gpkg", "--bbox", "10,10"], InvalidInput, "bbox"),
        (["fixtures", "none/x.gpkg"], InvalidInput, "no folder"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(
    run: Run, tmp_path: Path, words: list[str], error: type[GisopsError], said: str
) -> None:
    layers, file, *options = words
    result = run(layers, tmp_path / file, *options)
    assert isinstance(result.exception, error), result.exception
    assert said in result.exception.message
    assert not list(tmp_path.rglob("*x.*"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_export_that_is_interrupted_leaves_nothing(town: Database, tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    old = folder / "parts.pmtiles"
    old.write_bytes(b"of yesterday")
    # Who was started in the background ignores Ctrl-C, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "export", "fixtures", str(old), "--zooms", "10-22"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **_environment(town, tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    try:
        give_up = time.monotonic() + 60
        while not list(folder.glob(".parts.pmtiles-*/*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up
            time.sleep(0.02)
        process.send_signal(how)
        process.wait(30)
    finally:
        process.kill()
        told = process.communicate()
    assert process.returncode != 0, told
    assert [each.name for each in folder.iterdir()] == [old.name]
    assert old.read_bytes() == b"of yesterday"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_end_that_a_finaliser_swallowed_is_heeded_at_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        def __del__(self) -> None:
            export._end()

    told: list[int] = []
    monkeypatch.setattr(export, "_ENDED", threading.Event())
    step = export._heeding(lambda done, _: told.append(done))
    step(1, None)
    dying = Dying()
    del dying
    with pytest.raises(SystemExit) as ended:
        step(2, None)
    assert (ended.value.code, told) == (143, [1])
