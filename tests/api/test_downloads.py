"""Layers as files through the door: for each viewer what he may see, whole or refused, and a few at a time."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet as pq
import pyogrio
import pytest
from httpx import Response
from starlette.testclient import TestClient

from api import files
from api.app import create_app
from gisops import room
from gisops.access import scopes
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers import export, gdal_file, tables
from layers.catalog import load_catalog
from layers.viewer import ANYBODY, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

PEOPLE: dict[str, tuple[str, bool, str | None]] = {
    "leads": ("leader", True, None),
    "here": ("officer", False, "460199001001001"),
    "inspects": ("inspector", False, "460199001001001"),
}
SHOPS = 45
BOX = "110.341,20.022,110.3512,20.0256"
Get = Callable[..., Response]


@pytest.fixture(scope="module")
def town(database: Database) -> Database:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, responsible_person, phone, geom)"
            " SELECT '460199', gen_random_uuid(), 'SHOP-' || to_char(n, 'FM00'), 'shop', '=样例小店' || n, '张样例',"
            " '13900002222', ST_Point(110.3401 + n * 0.0004, 20.0251, 4326) FROM generate_series(1, %s) AS n",
            [SHOPS],
        )
        for login, (role, everywhere, cell) in PEOPLE.items():
            owner.execute(
                "INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%s, 'x', %s, %s)",
                (login, role, everywhere),
            )
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE login = %s",
                (token_hash(f"token of {login}"), login),
            )
            if cell is not None:
                scopes.grant(owner, login, "cell", cell)
        scopes.settle(owner)
    return database


@pytest.fixture(scope="module")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(town: Database, app_home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(town.settings(app_home)), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def get(client: TestClient) -> Get:
    def ask(login: str | None, path: str, **asked: Any) -> Response:
        headers = {} if login is None else {"Authorization": f"Bearer token of {login}"}
        found: Response = client.get(path, params=asked, headers=headers)
        return found

    return ask


def rows(answer: Response, form: str, folder: Path) -> pandas.DataFrame:
    """What a file holds, without its shapes' own column."""
    assert answer.status_code == 200, answer.text
    if form == "parquet":
        return pq.read_table(io.BytesIO(answer.content)).drop_columns(["geom", "geom_bbox"]).to_pandas()
    file = folder / f"got.{form}"
    file.write_bytes(answer.content)
    return pyogrio.read_dataframe(file, read_geometry=False)


@pytest.mark.parametrize("form", ["parquet", "fgb", "gpkg"])
def test_a_file_holds_what_the_pages_of_features_show(
    get: Get, form: str, tmp_path: Path, app_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 20)
    for login, layer_id in (("leads", "places"), ("here", "places"), ("here", "cases"), ("inspects", "poverty_relief")):
        for asked in ({}, {"bbox": BOX})[login == "leads" :]:
            listed = get(login, f"/ogc/collections/{layer_id}/items", limit=10_000, **asked)
            answer = get(login, f"/api/layers/{layer_id}/export", format=form, **asked)
            if listed.status_code != 200:
                assert (answer.status_code, answer.json()["code"]) == (listed.status_code, listed.json()["code"])
                continue
            shown = {each["id"]: each["properties"] for each in listed.json()["features"]}
            read = rows(answer, form, tmp_path)
            key = load_catalog()[layer_id].key
            assert sorted(read[key]) == sorted(shown)
            texts = [field.name for field in load_catalog()[layer_id].fields if field.type == "text"]
            for row in read.to_dict("records"):
                want = shown[row[key]]
                for name in texts:
                    if name in want:
                        assert (row[name] if isinstance(row[name], str) else None) == want[name], name
                    else:
                        assert name not in row
    assert answer.headers["content-type"] == files.FORMS[form].media_type  # type: ignore[index]
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    assert answer.headers["cache-control"] == "private, no-store"
    assert "content-encoding" not in answer.headers
    # Nothing is left of what was made on the disk.
    assert list((app_home / "downloads").iterdir() if (app_home / "downloads").exists() else []) == []


def test_what_is_refused_is_refused_before_anything_is_made(get: Get) -> None:
    for form in files.FORMS:
        assert get(None, "/api/layers/places/export", format=form).status_code == 401
        assert get("leads", "/api/layers/nothing/export", format=form).status_code == 404
        assert get("here", "/api/layers/poverty_relief/export", format=form).status_code == 403
        answer = get("leads", "/api/layers/places/export", format=form, bbox="20.0,110.3,20.1,110.4")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_each_page_of_a_file_is_in_the_audit(get: Get, town: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PAGE", 20)
    for form in ("parquet", "gpkg"):
        with connect(town.owner_url) as owner:
            before = owner.execute("SELECT count(*) AS n FROM audit WHERE act = 'export'").fetchone()
            answer = get("leads", "/api/layers/places/export", format=form)
            assert answer.status_code == 200
            owner.rollback()
            entries = owner.execute(
                "SELECT subject, rows, facts FROM audit WHERE act = 'export' ORDER BY entry_id OFFSET %s",
                [before["n"] if before else 0],
            ).fetchall()
        assert [entry["rows"] for entry in entries][:2] == [20, 20]
        assert sum(entry["rows"] for entry in entries) > SHOPS
        assert {(entry["subject"], entry["facts"]["format"]) for entry in entries} == {("places", form)}


def test_the_same_content_is_the_same_file(get: Get) -> None:
    for form in ("parquet", "fgb", "gpkg"):
        first, second = (get("here", "/api/layers/places/export", format=form).content for _ in range(2))
        assert first == second, form


def test_no_more_files_are_made_at_once_than_may_be(get: Get, client: TestClient) -> None:
    limiter = client.app.state.files  # type: ignore[attr-defined]
    holders = [object() for _ in range(files.AT_ONCE)]
    for holder in holders:
        client.portal.call(limiter.acquire_on_behalf_of_nowait, holder)  # type: ignore[union-attr]
    try:
        answer = get("leads", "/api/layers/places/export", format="fgb")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert int(answer.headers["retry-after"]) > 0
        # What needs no place is not kept waiting.
        assert get("leads", "/api/layers/places/export", format="parquet").status_code == 200
    finally:
        for holder in holders:
            client.portal.call(limiter.release_on_behalf_of, holder)  # type: ignore[union-attr]
    assert get("leads", "/api/layers/places/export", format="fgb").status_code == 200
    assert limiter.borrowed_tokens == 0


def test_no_file_is_made_where_the_disk_is_as_good_as_full(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "look", lambda _folder: room.Room(10**12, 10**6))
    answer = get("leads", "/api/layers/places/export", format="gpkg")
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")


def test_a_program_that_fails_is_no_half_a_file(
    get: Get, client: TestClient, monkeypatch: pytest.MonkeyPatch, app_home: Path
) -> None:
    monkeypatch.setattr(
        gdal_file.Table,
        "command",
        lambda self: [os.sys.executable, "-c", "raise SystemExit(3)"],  # type: ignore[attr-defined]
    )
    answer = get("leads", "/api/layers/places/export", format="gpkg")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert list((app_home / "downloads").iterdir()) == []
    assert client.app.state.files.borrowed_tokens == 0  # type: ignore[attr-defined]


def test_whoever_signs_out_has_no_file(get: Get, town: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.routers import downloads

    asked = 0

    async def gone(*_: Any) -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(tables, "PAGE", 20)
    monkeypatch.setattr(downloads, "identify", gone)
    answer = get("leads", "/api/layers/places/export", format="gpkg")
    assert (answer.status_code, asked) == (401, 1)


WITHOUT_PANDAS = r"""
import sys
from api.files import spare_pandas
spare_pandas()
import pyarrow as pa
from layers import parquet
schema = pa.schema([pa.field("code", pa.string()), pa.field("geom", pa.binary())])
point = b"\1\1\0\0\0" + bytes(16)
file = parquet.GeoParquet(schema)
file.add(pa.RecordBatch.from_arrays([pa.array(["a"]), pa.array([point], pa.binary())], schema=schema))
assert file.end().endswith(b"PAR1")
assert "pandas" not in sys.modules
import pandas
"""


def test_no_pandas_is_imported_for_a_file() -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], check=True, cwd=root, timeout=60)


def test_files_are_linked_for_those_who_may_have_them() -> None:
    layer = load_catalog()["poverty_relief"]
    inspector = files.file_links("http://x/", layer, viewer_of("inspector"))
    assert {link["rel"] for link in inspector} == {"enclosure"}
    assert {link["type"] for link in inspector} == {about.media_type for about in files.FORMS.values()}
    assert inspector[0]["href"] == "http://x/api/layers/poverty_relief/export?format=geojsonseq"
    assert files.file_links("http://x/", layer, viewer_of("planner")) == []
    assert files.file_links("http://x/", load_catalog()["places"], ANYBODY) == []
    assert json.dumps(inspector)


def test_a_collection_leads_to_its_files(get: Get) -> None:
    for login, files_there in (("leads", True), (None, False)):
        links = get(login, "/ogc/collections/places").json()["links"]
        found = [each["href"] for each in links if each["rel"] == "enclosure"]
        assert bool(found) == files_there
        assert all(get(login, href).status_code == 200 for href in found)


# ---- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["geojsonseq", "csv", "parquet", "gpkg"])
def test_a_file_holds_what_passes_a_filter_and_nothing_else(
    get: Get, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 7)
    monkeypatch.setattr(export, "PAGE", 7)
    # The officer reads through a window, where so many are looked at at a time; the leader sees no more than anybody.
    asked = [
        ("here", "places", "code LIKE 'SHOP-_3'"),
        ("here", "places", "kind = 'nothing of the kind'"),
        ("here", "places", "phone = '139****2222'"),
        ("here", "places", "phone = '13900002222'"),
        ("leads", "rivers", "S_INTERSECTS(geom, POINT(110.35 20.046))"),
        ("leads", "places", "code > 'SHOP-40' AND S_INTERSECTS(geom, BBOX(110.30, 20.0, 110.40, 20.06))"),
    ]
    for login, layer_id, condition in asked[:: 1 if form in ("csv", "parquet") else 3]:
        listed = get(login, f"/ogc/collections/{layer_id}/items", limit=10_000, filter=condition)
        answer = get(login, f"/api/layers/{layer_id}/export", format=form, filter=condition)
        want = [each["id"] for each in listed.json()["features"]]
        key = load_catalog()[layer_id].key
        if form == "geojsonseq":
            found = [json.loads(line)["id"] for line in answer.content.replace(b"\x1e", b"").splitlines()]
        elif form == "csv":
            found = [row[key] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))]
        else:
            found = rows(answer, form, tmp_path)[key].tolist()
        assert found == want, condition
        assert bool(want) == (condition not in (asked[1][2], asked[3][2])), condition


def test_a_filter_that_cannot_be_is_refused_in_good_order(get: Get) -> None:
    for form in ("csv", "parquet", "gpkg"):
        for condition in ("nothing = 1", "code = ", "code = 1", "'; DROP TABLE parts; --"):
            answer = get("here", "/api/layers/places/export", format=form, filter=condition)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), condition
            assert answer.json()["parameter"] == "filter"
        # In the same words, whether a field is hidden or was never there.
        hidden, never = (
            get("leads", "/api/layers/places/export", format=form, filter=f"{name} = 'x'").json()["detail"]
            for name in ("phonx", "phony")
        )
        assert hidden.replace("phonx", "phony") == never
