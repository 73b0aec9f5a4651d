"""Files that have types: what is in them is what the features say, with its types, for whoever may see it."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest

from gisops.db.pool import Connection, connect
from gisops.errors import NotAllowed, NotSignedIn
from layers import features, gdal_file, parquet, tables
from layers.catalog import Layer, load_catalog
from layers.viewer import ANYBODY, Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

STAFF = viewer_of("admin")
MANY = 137


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, responsible_person, phone, geom)"
            " SELECT '460199', gen_random_uuid(), 'Z-' || to_char(n, 'FM000'), 'shop', '样例小店' || n, '张样例',"
            " '13900002222', ST_Point(110.31 + n * 0.0005, 20.02 + n %% 7 * 0.001, 4326)"
            " FROM generate_series(1, %s) AS n",
            [MANY],
        )


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with tiny_city.seeing(database.app_url, "admin") as opened:
        yield opened


def batches(conn: Connection, layer: Layer, viewer: Viewer, **asked: Any) -> Iterator[pa.RecordBatch]:
    after = None
    while True:
        page = tables.page(conn, layer, viewer, after=after, **asked)
        yield page.records
        after = page.after
        if after is None:
            return


def as_parquet(conn: Connection, layer: Layer, viewer: Viewer, **asked: Any) -> bytes:
    file = parquet.GeoParquet(tables.schema(layer, viewer))
    return b"".join(file.add(each) for each in batches(conn, layer, viewer, **asked)) + file.end()


def listed(conn: Connection, layer: Layer, viewer: Viewer, **asked: Any) -> dict[str, dict[str, Any]]:
    """What the pages of features say, by key."""
    text = features.read(conn, layer, viewer, limit=10_000, **asked).features
    return {each["id"]: each for each in json.loads(f"[{text}]")}


def same(got: dict[str, Any], want: dict[str, Any], layer: Layer) -> None:
    """A row of a file against the properties of a feature: equal values, and of the field's own type."""
    for name, value in want.items():
        told = got[name]
        kind = layer.field(name).type
        if value is None:
            assert told is None, name
        elif kind == "timestamp":
            assert told.tzinfo is not None
            assert told == datetime.fromisoformat(value), name
        else:
            assert told == value, name
            assert type(told) is {"text": str, "integer": int, "number": float, "boolean": bool}[kind], name


@pytest.mark.parametrize("layer", list(load_catalog()), ids=lambda layer: layer.id)
@pytest.mark.parametrize("viewer", [STAFF, ANYBODY], ids=["staff", "anybody"])
def test_a_parquet_file_holds_what_the_features_say(
    database: Database, layer: Layer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 20)
    monkeypatch.setattr(parquet, "ROWS_IN_GROUP", 60)
    with tiny_city.seeing(database.app_url, viewer.role) as conn:
        if not viewer.may_see(layer):
            with pytest.raises((NotAllowed, NotSignedIn)):
                as_parquet(conn, layer, viewer)
            return
        want = listed(conn, layer, viewer)
        made = as_parquet(conn, layer, viewer)
    table = pq.read_table(io.BytesIO(made))
    names = [field.name for field in viewer.fields_of(layer)]
    assert table.column_names == [*names, "geom", "geom_bbox"]
    rows = {row[layer.key]: row for row in table.to_pylist()}
    assert len(rows) == table.num_rows
    assert list(rows) == list(want)
    for key, row in rows.items():
        same(row, want[key]["properties"], layer)
    frame = geopandas.read_parquet(io.BytesIO(made))
    assert frame.crs.to_epsg() == 4326
    for key, shape in zip(rows, frame.geometry, strict=True):
        assert shape.geom_type == want[key]["geometry"]["type"]
        box = rows[key]["geom_bbox"]
        assert (box["xmin"], box["ymin"], box["xmax"], box["ymax"]) == shape.bounds


def test_geoparquet_says_what_it_is_and_is_read_by_place(app: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PAGE", 20)
    monkeypatch.setattr(parquet, "ROWS_IN_GROUP", 60)
    layer = load_catalog()["places"]
    made = as_parquet(app, layer, STAFF)
    about = json.loads(pq.read_metadata(io.BytesIO(made)).metadata[b"geo"])
    assert (about["version"], about["primary_column"]) == ("1.1.0", "geom")
    column = about["columns"]["geom"]
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Point"])
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    assert column["covering"]["bbox"]["xmax"] == ["geom_bbox", "xmax"]
    everything = geopandas.read_parquet(io.BytesIO(made))
    assert tuple(column["bbox"]) == tuple(everything.total_bounds)
    assert pq.ParquetFile(io.BytesIO(made)).num_row_groups == 3
    box = (110.32, 20.0, 110.33, 20.06)
    some = geopandas.read_parquet(io.BytesIO(made), bbox=box)
    assert set(some["code"]) == set(listed(app, layer, STAFF, bbox=box))
    assert 0 < len(some) < len(everything)


def test_an_empty_layer_is_an_empty_file(app: Connection, tmp_path: Path) -> None:
    layer = load_catalog()["places"]
    nowhere = {"bbox": (0.0, 0.0, 1.0, 1.0)}
    assert len(geopandas.read_parquet(io.BytesIO(as_parquet(app, layer, STAFF, **nowhere)))) == 0
    for form in ("fgb", "gpkg"):
        file = drawn(app, layer, STAFF, form, tmp_path, **nowhere)
        assert len(pyogrio.read_dataframe(file)) == 0


def drawn(conn: Connection, layer: Layer, viewer: Viewer, form: Any, folder: Path, **asked: Any) -> Path:
    path = folder / f"{layer.id}.{form}"
    table = gdal_file.Table.of(layer, form, tables.shape_of(conn, layer)).at(path)
    schema = tables.schema(layer, viewer)
    gdal_file.write(pa.RecordBatchReader.from_batches(schema, batches(conn, layer, viewer, **asked)), table)
    return path


@pytest.mark.parametrize("layer", list(load_catalog()), ids=lambda layer: layer.id)
def test_gdal_reads_back_what_it_wrote(
    app: Connection, layer: Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 50)
    want = listed(app, layer, STAFF) if STAFF.may_see(layer) else {}
    if not STAFF.may_see(layer):
        with pytest.raises(NotAllowed):
            drawn(app, layer, STAFF, "fgb", tmp_path)
        return
    assert want
    for form in ("fgb", "gpkg"):
        file = drawn(app, layer, STAFF, form, tmp_path)
        info = pyogrio.read_info(file)
        assert (info["layer_name"], info["crs"], info["features"]) == (layer.id, "EPSG:4326", len(want))
        assert info["geometry_type"] == tables.shape_of(app, layer)
        frame = pyogrio.read_dataframe(file, fid_as_index=True, datetime_as_string=True)
        rows = {row[layer.key]: row for row in frame.to_dict("records")}
        assert set(rows) == set(want)
        for key, row in rows.items():
            for name, value in want[key]["properties"].items():
                kind = layer.field(name).type
                if value is None:
                    assert row[name] is None or row[name] != row[name], name
                elif kind == "timestamp":
                    written = datetime.fromisoformat(row[name])
                    assert abs(written - datetime.fromisoformat(value)).total_seconds() < 0.001
                    assert written.astimezone(UTC).utcoffset() is not None
                else:
                    assert row[name] == value, name


def test_a_place_is_found_in_a_flatgeobuf_by_its_index(app: Connection, tmp_path: Path) -> None:
    layer = load_catalog()["places"]
    file = drawn(app, layer, STAFF, "fgb", tmp_path)
    assert pyogrio.read_info(file)["capabilities"]["fast_spatial_filter"]
    box = (110.32, 20.0, 110.33, 20.06)
    assert set(pyogrio.read_dataframe(file, bbox=box)["code"]) == set(listed(app, layer, STAFF, bbox=box))


def test_a_geopackage_is_called_as_the_layer_is(app: Connection, tmp_path: Path) -> None:
    layer = load_catalog()["places"]
    file = drawn(app, layer, STAFF, "gpkg", tmp_path)
    told = pyogrio.read_dataframe(file, sql="SELECT identifier, description FROM gpkg_contents", sql_dialect="SQLITE")
    assert told.to_dict("records")[0]["identifier"] == f"{layer.title_zh} · {layer.title_en}"


def test_the_program_beside_writes_the_same_file(app: Connection, tmp_path: Path) -> None:
    layer = load_catalog()["places"]
    within = drawn(app, layer, STAFF, "fgb", tmp_path).read_bytes()
    path = tmp_path / "beside.fgb"
    table = gdal_file.Table.of(layer, "fgb", tables.shape_of(app, layer)).at(path)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, tables.schema(layer, STAFF)) as stream:
        for each in batches(app, layer, STAFF):
            stream.write_batch(each)
    subprocess.run(table.command(), input=sink.getvalue(), check=True, timeout=60)
    assert path.read_bytes() == within


def test_what_is_masked_stays_masked(app: Connection) -> None:
    made = as_parquet(app, load_catalog()["places"], STAFF)
    assert b"13900002222" not in made
    phones = {row["phone"] for row in pq.read_table(io.BytesIO(made)).to_pylist() if row["code"].startswith("Z-")}
    assert phones == {"139****2222"}
    with_nobody = pq.read_table(io.BytesIO(as_parquet(app, load_catalog()["places"], ANYBODY)))
    assert "phone" not in with_nobody.column_names
