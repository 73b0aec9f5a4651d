"""Every kind of file gives the same rows: in WGS-84 degrees, numbered, with their text, in bounded memory."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from gisops.coordinates import from_wgs84_array
from gisops.loads.batches import Options
from gisops.loads.failures import LayerNotChosen
from gisops.loads.reading import describe, look, open_source
from tests.gisops.loads.drawn import (
    collection,
    read,
    shapefile_parts,
    write,
    write_csv,
    write_json,
    write_parquet,
    zipped,
)
from tests.real_data import real_data

# Seven lamps in Kaifeng.
LON = np.array([114.301, 114.302, 114.303, 114.304, 114.305, 114.306, 114.307])
LAT = np.array([34.801, 34.802, 34.803, 34.804, 34.805, 34.806, 34.807])
POINTS = shapely.points(LON, LAT)
NAMES = ["路灯一", "路灯二", "井盖", "Bench", "亭子", "", "号牌"]


def _shapefile(folder: Path) -> Path:
    return write(folder / "lamps.shp", POINTS, name=NAMES, encoding="UTF-8")


def _zip(folder: Path) -> Path:
    return zipped(folder / "lamps.shp.zip", *shapefile_parts(_shapefile(folder)), under="数据/")


def _csv_gz(folder: Path) -> Path:
    plain = write_csv(folder / "lamps.csv", ["name", "lon", "lat"], zip(NAMES, LON, LAT, strict=True))
    (folder / "lamps.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    return folder / "lamps.csv.gz"


WRITERS: dict[str, Callable[[Path], Path]] = {
    "shapefile": _shapefile,
    "zipped shapefile": _zip,
    "geopackage": lambda folder: write(folder / "lamps.gpkg", POINTS, name=NAMES),
    "geojson": lambda folder: write(folder / "lamps.geojson", POINTS, name=NAMES),
    "flatgeobuf": lambda folder: write(folder / "lamps.fgb", POINTS, name=NAMES),
    "geoparquet": lambda folder: write_parquet(folder / "lamps.parquet", POINTS, name=NAMES),
    "csv with x and y": lambda folder: write_csv(
        folder / "lamps.csv", ["name", "经度", "纬度"], zip(NAMES, LON, LAT, strict=True)
    ),
    "csv with wkt": lambda folder: write_csv(
        folder / "lamps.csv", ["name", "wkt"], [(n, p.wkt) for n, p in zip(NAMES, POINTS, strict=True)]
    ),
    "gzipped csv": _csv_gz,
    "zipped csv": lambda folder: zipped(folder / "lamps.zip", _csv_gz(folder).with_suffix("")),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    """FlatGeobuf orders its rows by place, so rows are compared by name."""
    got = read(WRITERS[kind](tmp_path), crs="WGS84", expected="point", batch_rows=3)
    assert got.rows == [1, 2, 3, 4, 5, 6, 7]
    assert got.sizes == [3, 3, 1]
    given = {name or None: (lon, lat) for name, lon, lat in zip(NAMES, LON, LAT, strict=True)}
    assert {
        name or None: (round(shape.x, 9), round(shape.y, 9))
        for name, shape in zip(got.fields["name"], got.shapes, strict=True)
    } == given
    assert got.codes() == []
    assert (got.source.chosen_crs, got.source.total_rows) == ("WGS84", None if "csv" in kind else 7)
    assert got.source.about_rows == 7
    assert len(got.source.sha256) == 64


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with open_source(archive, Options(crs="WGS84", batch_rows=2)) as source:
        next(source.batches())
        assert list(folder.iterdir()), "it was unpacked here"
    assert list(folder.iterdir()) == []
    with pytest.raises(LayerNotChosen):
        open_source(zipped(tmp_path / "two.zip", *shapefile_parts(tmp_path / "lamps.shp"), _csv_gz(tmp_path)
                           .with_suffix("")), Options())  # fmt: skip
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["开封 路灯.gpkg", "a!b.gpkg", "100% #1?.geojson", "zip.shp"])
def test_a_path_is_only_a_path(name: str, tmp_path: Path) -> None:
    there = tmp_path / name
    for part in shapefile_parts(write(tmp_path / f"plain{there.suffix}", POINTS)):
        part.rename(tmp_path / f"{there.stem}{part.suffix}")  # the writer would not take the name
    assert len(read(there, crs="WGS84").rows) == 7


def test_values_keep_their_types(tmp_path: Path) -> None:
    moments = np.array(["2011-07-01T08:00:00", "NaT"], "datetime64[ms]")
    path = write(
        tmp_path / "typed.gpkg", POINTS[:2], n=np.array([1, 2]), x=np.array([0.5, np.nan]), t=["文", None],
        day=moments.astype("datetime64[D]"), at=moments, yes=np.array([True, False]),
    )  # fmt: skip
    got = read(path, crs="WGS84")
    assert got.fields == {
        "fid": [1, 2],
        "n": [1, 2],
        "x": [0.5, None],
        "t": ["文", None],
        "day": [date(2011, 7, 1), None],
        "at": [datetime(2011, 7, 1, 8, tzinfo=UTC), None],
        "yes": [True, False],
    }
    assert {column.name: column.type for column in got.source.columns}["n"] == "int64"


def test_a_geojson_s_dates_stay_text_and_its_own_number_is_a_column(tmp_path: Path) -> None:
    document = collection(({"type": "Point", "coordinates": [114.3, 34.8]}, {"d": "2011/07/01", "o": {"a": [1]}}))
    document["features"][0]["id"] = 77
    got = read(write_json(tmp_path / "a.geojson", document), crs="WGS84")
    assert got.fields["id"] == [77]
    assert got.fields["d"] == ["2011/07/01"]
    assert json.loads(got.fields["o"][0]) == {"a": [1]}


def test_a_property_called_id_comes_before_the_feature_s_number(tmp_path: Path) -> None:
    document = collection(({"type": "Point", "coordinates": [114.3, 34.8]}, {"id": "K-1"}))
    assert read(write_json(tmp_path / "a.geojson", document), crs="WGS84").fields["id"] == ["K-1"]


# Systems ----------------------------------------------------------------------------------------------------------


def test_boston_s_feet_come_out_where_the_city_itself_put_them() -> None:
    feet = read(real_data("boston311") / "police_districts_epsg2249.zip", expected="polygon")
    degrees = read(real_data("boston311") / "police_districts_wgs84.geojson", expected="polygon")
    assert (feet.source.crs, feet.source.chosen_crs, feet.file_codes()) == (
        "EPSG:2249",
        "EPSG:2249",
        {"crs_taken"},
    )
    right = dict(zip(degrees.fields["police_district"], degrees.shapes, strict=True))
    assert len(feet.shapes) == 12
    for name, shape in zip(feet.fields["DISTRICT"], feet.shapes, strict=True):
        assert shape.geom_type == "MultiPolygon"
        assert shapely.symmetric_difference(shape, right[name]).area < 1e-5 * right[name].area


@pytest.mark.parametrize("crs", ["GCJ02", "BD09", "CGCS2000", "EPSG:4547", "EPSG:3857", "EPSG:2249", "WGS84"])
def test_a_table_is_in_the_system_it_is_declared_in(crs: str, tmp_path: Path) -> None:
    lon, lat = (np.linspace(-71.1, -71.0, 7), np.linspace(42.3, 42.4, 7)) if crs == "EPSG:2249" else (LON, LAT)
    x, y = from_wgs84_array(lon, lat, crs)
    path = write_csv(tmp_path / "a.csv", ["easting", "northing"], zip(x.tolist(), y.tolist(), strict=True))
    got = read(path, crs=crs, x="easting", y="northing", expected="point")
    np.testing.assert_allclose(shapely.get_coordinates(got.shapes), np.column_stack((lon, lat)), atol=1e-9)
    assert got.one("crs_declared").now == crs


def test_a_city_s_own_survey_system_is_read_from_its_prj(tmp_path: Path) -> None:
    """It has no EPSG number; its parameters here are made up."""
    own = pyproj.CRS.from_proj4("+proj=tmerc +lat_0=0 +lon_0=114.35 +k=1 +x_0=200000 +y_0=-3000000 +ellps=GRS80")
    x, y = pyproj.Transformer.from_crs(4326, own, always_xy=True).transform(LON, LAT)
    path = write(tmp_path / "own.shp", shapely.points(x, y), crs=own.to_wkt())
    got = read(path, expected="point")
    np.testing.assert_allclose(shapely.get_coordinates(got.shapes), np.column_stack((LON, LAT)), atol=1e-9)
    assert got.source.chosen_crs
    assert not got.source.chosen_crs.startswith("EPSG")


def test_heights_above_a_system_are_no_part_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", shapely.points([-71.05], [42.35], [12.0]), crs="EPSG:4326+5773", kind="Point Z")
    got = read(path, expected="point")
    assert (got.source.chosen_crs, got.shapes[0].wkt) == ("WGS84", "POINT (-71.05 42.35)")


# Geometries of the kind that is wanted ------------------------------------------------------------------------------

SQUARE = shapely.box(114.30, 34.80, 114.31, 34.81)


def test_single_and_multi_become_one_kind(tmp_path: Path) -> None:
    far = shapely.box(114.32, 34.80, 114.33, 34.81)
    path = write(tmp_path / "a.gpkg", [SQUARE, shapely.multipolygons([SQUARE, far])])
    got = read(path, crs="WGS84", expected="polygon")
    assert [shape.geom_type for shape in got.shapes] == ["MultiPolygon", "MultiPolygon"]
    assert [len(shape.geoms) for shape in got.shapes] == [1, 2]
    line = shapely.linestrings([[114.3, 34.8], [114.31, 34.8]])
    got = read(write(tmp_path / "b.gpkg", [line]), crs="WGS84", expected="line")
    assert [shape.geom_type for shape in got.shapes] == ["MultiLineString"]
    got = read(tmp_path / "b.gpkg", crs="WGS84")
    assert [shape.geom_type for shape in got.shapes] == ["LineString"], "what is not asked for stays as it came"


def test_rows_without_geometry_are_kept_where_none_is_required(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [POINTS[0], None, POINTS[2]], kind="Point")
    got = read(path, crs="WGS84", expected="point", required=False)
    assert (got.rows, got.shapes[1]) == ([1, 2, 3], None)
    assert got.one("without_geometry").en == "1 rows have no geometry"
    got = read(path, expected="none")
    assert (got.rows, got.shapes, got.source.chosen_crs) == ([1, 2, 3], [], None)


def test_a_plain_table_needs_no_system(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "staff.csv", ["工号", "姓名"], [("007", "样例网格员07"), ("008", "   ")])
    got = read(path)
    assert got.fields == {"工号": ["007", "008"], "姓名": ["样例网格员07", None]}, "leading zeros stay, blanks are none"
    assert (got.source.has_geometry, got.source.chosen_crs, got.shapes) == (False, None, [])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_seen(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        f'code{separator}name\r\n1{separator}"a{separator}\nb"\r\n\r\n2{separator}c{separator}{separator}\n'
    )
    got = read(path)
    assert got.fields == {"code": ["1", "2"], "name": [f"a{separator}\nb", "c"]}


def test_columns_of_geometry_are_told_where_nobody_named_them(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["x", "Lng", "LAT"], [("1", 114.3, 34.8)])
    got = read(path, crs="WGS84")
    assert got.one("geometry_columns").en.endswith("the columns Lng, LAT")
    assert got.shapes[0].wkt == "POINT (114.3 34.8)"
    assert "geometry_columns" not in read(path, crs="WGS84", x="Lng", y="LAT").file_codes()


def test_parquet_without_a_record_of_geometry_is_a_table(tmp_path: Path) -> None:
    pq.write_table(pa.table({"code": [1, 2], "lon": [114.30, None], "lat": [34.80, None]}), tmp_path / "a.parquet")
    got = read(tmp_path / "a.parquet", crs="WGS84", expected="point", required=False)
    assert (got.shapes[0].wkt, got.shapes[1], got.fields["code"]) == ("POINT (114.3 34.8)", None, [1, 2])


# Encodings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("GBK", None),
        ("936", None),
        (None, "encoding_chosen"),
        ("UTF-8", "wrong_encoding"),
        ("ISO 88591", "wrong_encoding"),
    ],
)
def test_a_shapefile_in_gbk_is_read_whatever_it_says_of_itself(
    page: str | None, code: str | None, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.shp", POINTS, 名称=NAMES, encoding="GBK")
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0
    path.with_suffix(".dbf").write_bytes(table)
    path.with_suffix(".cpg").unlink()
    if page is not None:
        path.with_suffix(".cpg").write_text(page)
    got = read(path, crs="WGS84")
    assert [name or "" for name in got.fields["名称"]] == NAMES
    assert got.source.encoding == "GB18030"
    assert got.file_codes() - {"crs_declared"} == ({code} if code else set())


@pytest.mark.parametrize(
    ("text", "written", "page", "shown"),
    [
        (["Orléans", "Besançon"], "cp1252", "ANSI 1252", "CP1252"),
        (["Orléans", "Besançon"], "UTF-8", "ANSI 1252", "UTF-8"),
        (["ASCII", "only"], "UTF-8", "GBK", "UTF-8"),
        (["臺北", "市政府"], "big5", "950", "CP950"),
    ],
)
def test_other_encodings_are_told_apart(text: list[str], written: str, page: str, shown: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", POINTS[:2], name=text, encoding=written)
    path.with_suffix(".cpg").write_text(page)
    got = read(path, crs="WGS84")
    assert (got.fields["name"], got.source.encoding) == (text, shown)


def test_a_name_cut_by_its_field_loses_only_the_broken_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", POINTS[:1], name=["x" * 254], encoding="UTF-8")
    table = path.with_suffix(".dbf").read_bytes()
    path.with_suffix(".dbf").write_bytes(table.replace(b"x" * 254, ("长" * 100).encode()[:254]))
    got = read(path, crs="WGS84")
    assert got.fields["name"] == ["长" * 84]
    assert got.one("cut_text").row == 1


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8-sig", "utf-8", "utf-16"])
def test_a_table_s_encoding_is_told(encoding: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["名称", "经度", "纬度"], zip(NAMES, LON, LAT, strict=True), encoding)
    got = read(path, crs="WGS84", expected="point")
    assert [name or "" for name in got.fields["名称"]] == NAMES
    assert ("encoding_chosen" in got.file_codes()) == (encoding in ("gbk", "gb18030"))


def test_the_last_row_counts_for_the_encoding(tmp_path: Path) -> None:
    """A sample of the beginning would have taken it for ASCII."""
    path = write_csv(tmp_path / "a.csv", ["n", "name"], [*((n, "x") for n in range(20_000)), (0, "责任区")], "gbk")
    assert read(path).fields["name"][-1] == "责任区"


def test_a_geojson_in_gbk_is_mended(tmp_path: Path) -> None:
    document = collection(*(({"type": "Point", "coordinates": [114.3, 34.8]}, {"名称": "责任区"}) for _ in range(3)))
    got = read(write_json(tmp_path / "a.geojson", document, "gbk"), crs="WGS84")
    assert got.fields["名称"] == ["责任区"] * 3
    assert got.one("wrong_encoding").kind == "mended"


def test_a_named_encoding_is_taken(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["name"], [("臺北市政府",)], "big5")
    assert read(path, encoding="Big5").fields["name"] == ["臺北市政府"]


# Looking ------------------------------------------------------------------------------------------------------------


def test_layers_are_listed_and_one_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "two.gpkg", POINTS, layer="lamps", name=NAMES)
    write(path, [SQUARE], layer="zones", append=True, code=["Z1"])
    with pytest.raises(LayerNotChosen) as refused:
        open_source(path, Options(crs="WGS84"))
    assert refused.value.facts["layers"] == ["lamps", "zones"]
    got = read(path, crs="WGS84", layer="zones", expected="polygon")
    assert (got.fields["code"], got.source.layer, got.source.layers) == (["Z1"], "zones", ["lamps", "zones"])


def test_one_of_several_shapefiles_in_an_archive_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "lamps.shp", POINTS)
    write(tmp_path / "zones.shp", [SQUARE], kind="Polygon")
    path = zipped(
        tmp_path / "both.zip", *shapefile_parts(tmp_path / "lamps.shp"), *shapefile_parts(tmp_path / "zones.shp")
    )
    got = read(path, crs="WGS84", layer="zones")
    assert (len(got.rows), got.source.layer, got.source.layers) == (1, "zones", ["lamps", "zones"])


def test_looking_decides_nothing(tmp_path: Path) -> None:
    facts = look(write(tmp_path / "a.gpkg", POINTS, name=NAMES), Options())
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["rows"], facts["crs"], facts["chosen_crs"]) == (7, "EPSG:4326", None)
    assert "GCJ-02" in facts["must_declare"]
    assert look(tmp_path / "a.gpkg", Options(crs="WGS84"))["must_declare"] is None
    shutil.copy(tmp_path / "a.gpkg", tmp_path / "b.gpkg")
    with open_source(tmp_path / "b.gpkg", Options(crs="WGS84")) as source:
        assert describe(source)["sha256"] == facts["sha256"]


# Memory -------------------------------------------------------------------------------------------------------------

MEASURE = """
import resource, sys
from pathlib import Path
from gisops.loads.reading import open_source, Options
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
options = Options(crs="WGS84", expected="any")
with open_source(Path(sys.argv[1]), options) as source:  # everything is loaded that is loaded once
    rows = sum(len(batch.rows) for batch in source.batches())
before = peak()
with open_source(Path(sys.argv[2]), options) as source:
    rows = sum(len(batch.rows) for batch in source.batches())
print(rows, peak() - before)
"""


def _grown(small: Path, large: Path) -> tuple[int, int]:
    """Rows of the large file, and by how many MB its reading raised the peak. GDAL's memory is not Python's."""
    done = subprocess.run([sys.executable, "-c", MEASURE, small, large], capture_output=True, text=True, check=True)
    rows, grown = done.stdout.split()
    return int(rows), int(grown)


def _many(count: int) -> dict[str, Any]:
    return {"code": np.arange(count), "name": [f"部件{number}" for number in range(count)]}


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_memory_does_not_grow_with_the_rows(suffix: str, tmp_path: Path) -> None:
    put = write_parquet if suffix == ".parquet" else write
    count = 200_000
    places = np.random.default_rng(1).uniform((114.2, 34.7), (114.4, 34.9), (count, 2))
    small = put(tmp_path / f"small{suffix}", shapely.points(places[:1000]), **_many(1000))
    large = put(tmp_path / f"large{suffix}", shapely.points(places), **_many(count))
    rows, grown = _grown(small, large)
    assert rows == count
    # Its rows as Python's values and shapes would be some 120 MB.
    assert grown < 60


def test_a_batch_of_large_shapes_holds_fewer_of_them(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 40_000, endpoint=False)
    ring = np.column_stack((114.3 + 0.01 * np.cos(angle), 34.8 + 0.01 * np.sin(angle)))
    got = read(write(tmp_path / "large.fgb", [shapely.polygons(ring)] * 120), crs="WGS84", expected="polygon")
    assert len(got.rows) == 120
    assert max(got.sizes) <= 60, "some 32 MB a batch"


@pytest.mark.soak
def test_780_000_parts_take_little_memory(tmp_path: Path) -> None:
    places = np.random.default_rng(1).uniform((114.2, 34.7), (114.4, 34.9), (780_000, 2))
    small = write(tmp_path / "small.gpkg", shapely.points(places[:1000]), **_many(1000))
    rows, grown = _grown(small, write(tmp_path / "large.gpkg", shapely.points(places), **_many(780_000)))
    assert rows == 780_000
    assert grown < 400
