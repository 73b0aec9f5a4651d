"""What strangers send: each bad file is refused with its reason, each bad row mended or listed, and none is lost."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gisops.coordinates import from_wgs84_array
from gisops.errors import GisopsError, UnknownCrs
from gisops.loads import failures
from gisops.loads.batches import Options
from gisops.loads.failures import CrsConflict, LoadError, UndeclaredCrs, UnreadableFile, UnsafeArchive
from gisops.loads.reading import open_source
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

POINTS = shapely.points([[114.30, 34.80], [114.31, 34.81], [114.32, 34.82]])
POINT: dict[str, Any] = {"type": "Point", "coordinates": [114.30, 34.80]}


# Whole files --------------------------------------------------------------------------------------------------------


def _cut(path: Path, part: float = 0.5) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    return path


def _many(folder: Path, suffix: str) -> Path:
    count = 3000
    places = np.random.default_rng(1).uniform((114.2, 34.7), (114.4, 34.9), (count, 2))
    put = write_parquet if suffix == ".parquet" else write
    return put(folder / f"many{suffix}", shapely.points(places), name=[f"部件{n}" for n in range(count)])


def _without(folder: Path, suffix: str) -> Path:
    path = write(folder / "lamps.shp", POINTS)
    path.with_suffix(suffix).unlink()
    return path


def _zip(folder: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "a.zip"


def _locked(folder: Path) -> Path:
    """The flag of a password set in both headers of the only member: nothing here can write a really locked one."""
    path = _zip(folder, {"a.csv": b"code\n1\n"}, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(sign) + at] |= 1
    path.write_bytes(raw)
    return path


def _damaged(folder: Path) -> Path:
    path = _zip(folder, {"a.csv": b"code\n" + b"1234567890\n" * 100}, zipfile.ZIP_STORED)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"1234567890", b"1234567809", 1))
    return path


def _misfit(folder: Path) -> Path:
    path = write(folder / "lamps.shp", POINTS)
    other = write(folder / "other.shp", POINTS[:2])
    shutil.copy(other.with_suffix(".dbf"), path.with_suffix(".dbf"))
    return path


def _bytes(name: str, content: bytes) -> Callable[[Path], Path]:
    def put(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return put


def _nested(folder: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.csv", "code\n1\n")
    return _zip(folder, {"inner.zip": inner.getvalue()})


VRT = b'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>x.gpkg</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'

# name: how it is made, the error's code, a word of its reason
FILES: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "absent": (lambda folder: folder / "none.gpkg", "unreadable_file", "is not there"),
    "a folder": (lambda folder: folder, "unreadable_file", "is a folder"),
    "of another kind": (_bytes("a.docx", b"PK"), "unreadable_file", ".gpkg"),
    "empty shapefile": (lambda folder: _cut(write(folder / "a.shp", POINTS), 0.0), "unreadable_file", "no part of"),
    "empty geopackage": (_bytes("a.gpkg", b""), "unreadable_file", "no GeoPackage"),
    "empty geojson": (_bytes("a.geojson", b""), "unreadable_file", "no GeoJSON"),
    "empty flatgeobuf": (_bytes("a.fgb", b""), "unreadable_file", "no FlatGeobuf"),
    "empty parquet": (_bytes("a.parquet", b""), "unreadable_file", "no Parquet"),
    "empty table": (_bytes("a.csv", b""), "unreadable_file", "first line"),
    "empty archive": (lambda folder: _zip(folder, {}), "unreadable_file", "holds nothing"),
    "pictures of a page": (_bytes("a.gpkg", b"\x89PNG\r\n\x1a\n" + b"x" * 99), "unreadable_file", "whatever its name"),
    "a page of the web": (_bytes("a.geojson", b"<!DOCTYPE html><html></html>"), "unreadable_file", "no GeoJSON"),
    "a way to other files": (_bytes("a.geojson", VRT), "unreadable_file", "no GeoJSON"),
    "json of something else": (_bytes("a.json", b'{"type": "gdal_streamed_alg"}'), "unreadable_file", "cannot be read"),
    "cut geojson": (lambda folder: _cut(_many(folder, ".geojson")), "unreadable_file", "cannot be read"),
    "cut geopackage": (lambda folder: _cut(_many(folder, ".gpkg")), "unreadable_file", "cut off"),
    "cut flatgeobuf": (lambda folder: _cut(_many(folder, ".fgb")), "unreadable_file", "many.fgb"),
    "cut parquet": (lambda folder: _cut(_many(folder, ".parquet")), "unreadable_file", "cut off"),
    "cut shp": (lambda folder: _cut(_many(folder, ".shp")), "unreadable_file", "cut off"),
    "no shx": (lambda folder: _without(folder, ".shx"), "unreadable_file", ".shx is missing"),
    "no dbf": (lambda folder: _without(folder, ".dbf"), "unreadable_file", ".dbf is missing"),
    "parts of two files": (_misfit, "unreadable_file", "do not belong together"),
    "cut archive": (
        lambda folder: _cut(_zip(folder, {"a.csv": b"code\n" + b"1\n" * 9999})), "unreadable_file", "damaged"),
    "damaged archive": (_damaged, "unreadable_file", "damaged"),
    "archive without data": (lambda folder: _zip(folder, {"read.me": b"x"}), "unreadable_file", "read.me"),
    "cut gzip": (
        lambda folder: _cut(_bytes("a.csv.gz", gzip.compress(b"code\n" + b"1\n" * 9999))(folder)),
        "unreadable_file", "damaged"),
    "two equal names": (lambda folder: _zip(folder, {"a/x.shp": b"1", "a/X.SHP": b"2"}), "layer_not_chosen", "2 data"),
    "zip bomb": (lambda folder: _zip(folder, {"a.csv": bytes(20_000_000)}), "unsafe_archive", "times its size"),
    "gzip bomb": (_bytes("a.csv.gz", gzip.compress(bytes(40_000_000))), "unsafe_archive", "not unpacked"),
    "way out": (lambda folder: _zip(folder, {"../../a.csv": b"code\n1\n"}), "unsafe_archive", "leads out"),
    "way out of windows": (lambda folder: _zip(folder, {"C:\\a.csv": b"code\n1\n"}), "unsafe_archive", "leads out"),
    "root": (lambda folder: _zip(folder, {"/etc/a.csv": b"code\n1\n"}), "unsafe_archive", "leads out"),
    "archive in an archive": (_nested, "unsafe_archive", "archive in an archive"),
    "locked archive": (_locked, "unsafe_archive", "password"),
    "column twice": (_bytes("a.csv", b"code,code\n1,2\n"), "unreadable_file", "stands twice"),
    "column without a name": (_bytes("a.csv", b"code,,x\n1,2,3\n"), "unreadable_file", "no name"),
    "quote without end": (
        _bytes("a.csv", b'code,name\n1,"' + b"x" * (65 << 20)), "unreadable_file", "never closed"),
    "no text at all": (_bytes("a.csv", b"code\n\xff\xfe\xfd\x81\n"), "unknown_encoding", "neither"),
    "geometry in a kind unknown": (
        lambda folder: _parquet_with(folder, {"primary_column": "g", "columns": {"g": {"encoding": "point"}}}),
        "unreadable_file", "only WKB"),
    "broken record of geometry": (lambda folder: _parquet_with(folder, {"primary_column": "g"}), "unreadable_file",
                                  "broken record"),
}  # fmt: skip


def _parquet_with(folder: Path, record: dict[str, Any]) -> Path:
    table = pa.table({"code": [1], "g": pa.array([b""], pa.binary())})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(record)}), folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    make, code, reason = FILES[name]
    path = make(tmp_path)
    with pytest.raises(LoadError) as refused:
        read(path, crs="WGS84", layer=None)
    assert refused.value.code == code
    assert reason in refused.value.message


def test_limits_of_archives_can_be_set(tmp_path: Path) -> None:
    path = _zip(tmp_path, {"a.csv": b"code\n" + b"1\n" * 1000})
    assert len(read(path).rows) == 1000
    with pytest.raises(UnsafeArchive, match="2005 bytes, more than 2000"):
        read(path, max_unpacked_bytes=2000)


def test_an_archive_of_many_files_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="10002 files"):
        read(_zip(tmp_path, {f"{number}.txt": b"" for number in range(10_002)}))


def test_every_kind_of_failure_is_met_here_or_in_reading() -> None:
    kinds = {kind.code for kind in vars(failures).values() if isinstance(kind, type) and issubclass(kind, LoadError)}
    met = {code for _, code, _ in FILES.values()}
    elsewhere = {"load_error", "undeclared_crs", "crs_conflict", "missing_geometry", "invalid_date"}
    assert kinds == met | elsewhere


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([".shp", ".gpkg", ".geojson", ".fgb", ".parquet", ".csv", ".zip", ".csv.gz"]),
)
def test_bytes_of_any_kind_give_rows_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(raw)
    try:
        read(path, crs="WGS84", required=False)
        told = "rows" if suffix == ".csv" else "rows of nothing"
    except GisopsError as refused:
        told = refused.code
    assert told in {"rows", "unreadable_file", "unsafe_archive", "unknown_encoding"}


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".shp", ".geojson"])
def test_damage_in_the_middle_is_never_silent(suffix: str, tmp_path: Path) -> None:
    """Bytes overwritten in the middle: an error, or every row of the file is there or has a finding."""
    path = _many(tmp_path, suffix)
    whole = path.read_bytes()
    for part in (0.3, 0.5, 0.8):
        at = int(len(whole) * part)
        path.write_bytes(whole[:at] + b"\xff" * 300 + whole[at + 300 :])
        try:
            got = read(path, crs="WGS84", expected="point")
        except LoadError:
            continue
        refused = {one.row for one in got.findings if one.kind == "refused"}
        assert len(got.rows) + len(refused) == 3000


def test_deleted_records_of_a_shapefile_are_no_rows(tmp_path: Path) -> None:
    table = write(tmp_path / "a.shp", POINTS, name=["a", "b", "c"]).with_suffix(".dbf")
    raw = bytearray(table.read_bytes())
    raw[int.from_bytes(raw[8:10], "little") + int.from_bytes(raw[10:12], "little")] = ord("*")
    table.write_bytes(raw)
    got = read(tmp_path / "a.shp", crs="WGS84")
    assert (got.fields["name"], got.rows, got.source.total_rows) == (["a", "c"], [1, 2], 2)


def test_a_geopackage_s_wrong_note_of_its_rows_makes_none_up(tmp_path: Path) -> None:
    """Left by a program that does not keep GDAL's note up to date; GDAL alone gives the last row twice."""
    path = write(tmp_path / "a.gpkg", POINTS, layer="路灯 一")
    with sqlite3.connect(path) as database:
        _drop_triggers(database)
        database.execute('DELETE FROM "路灯 一" WHERE fid = 2')
    database.close()
    got = read(path, crs="WGS84")
    assert (got.fields["fid"], got.source.total_rows) == ([1, 3], 2)


# Systems --------------------------------------------------------------------------------------------------------------


def test_a_file_without_a_system_must_have_it_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", shapely.points([[-71.05, 42.35]]), crs=None)
    with pytest.raises(UndeclaredCrs, match="does not say"):
        read(path)
    assert read(path, crs="WGS84").shapes[0].wkt == "POINT (-71.05 42.35)"
    table = write_csv(tmp_path / "a.csv", ["lon", "lat"], [(-71.05, 42.35)])
    with pytest.raises(UndeclaredCrs, match="does not say"):
        read(table)
    with pytest.raises(UndeclaredCrs, match="does not say"):
        read(write_parquet(tmp_path / "a.parquet", shapely.points([[-71.05, 42.35]]), crs=None))


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".fgb", ".parquet"])
def test_wgs_84_in_china_must_be_declared(suffix: str, tmp_path: Path) -> None:
    put = write_parquet if suffix == ".parquet" else write
    path = put(tmp_path / f"kaifeng{suffix}", POINTS, code=[1, 2, 3])
    with pytest.raises(UndeclaredCrs, match="GCJ-02 or BD-09") as refused:
        read(path)
    assert refused.value.facts["accepted"][0] == "WGS84"
    as_it_is, shifted = read(path, crs="WGS84").shapes, read(path, crs="GCJ02").shapes
    assert sorted(shape.x for shape in as_it_is) == [114.30, 114.31, 114.32]
    assert 300 < shapely.distance(as_it_is[0], shifted[0]) * 100_000 < 900
    boston = put(tmp_path / f"boston{suffix}", shapely.points([[-71.05, 42.35]]), code=[1])
    assert len(read(boston).rows) == 1, "elsewhere the file's word is enough"


def test_the_first_point_in_china_is_enough_wherever_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [*shapely.points(np.tile([[-71.05, 42.35]], (20, 1))), POINTS[0]])
    with open_source(path, Options(batch_rows=5)) as source, pytest.raises(UndeclaredCrs):
        list(source.batches())


def test_a_survey_system_is_taken_at_its_word(tmp_path: Path) -> None:
    x, y = from_wgs84_array([114.30], [34.80], "EPSG:4547")
    got = read(write(tmp_path / "a.gpkg", shapely.points(x, y), crs="EPSG:4547"))
    assert shapely.distance(got.shapes[0], POINTS[0]) < 1e-9
    assert len(read(write(tmp_path / "b.gpkg", POINTS, crs="EPSG:4490")).rows) == 3


def test_a_declaration_against_the_file_is_a_conflict_unless_trusted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", shapely.points([[775_000.0, 2_960_000.0]]), crs="EPSG:2249")
    for declared in ("WGS84", "GCJ02", "EPSG:3857"):
        with pytest.raises(CrsConflict) as refused:
            read(path, crs=declared)
        assert (refused.value.facts["file_crs"], refused.value.facts["declared"]) == ("EPSG:2249", declared)
    assert len(read(path, crs="EPSG:2249").rows) == 1
    wrong = write(tmp_path / "b.gpkg", shapely.points([[775_000.0, 2_960_000.0]]), crs="EPSG:3857")
    got = read(wrong, crs="EPSG:2249", trust_declared=True)
    assert got.one("crs_overridden").was == "EPSG:3857"
    assert -72 < got.shapes[0].x < -70


def test_a_system_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownCrs):
        read(write(tmp_path / "a.gpkg", POINTS), crs="西安80")


def test_metres_in_a_geojson_are_refused_row_by_row_or_declared(tmp_path: Path) -> None:
    x, y = from_wgs84_array([114.30], [34.80], "EPSG:4547")
    path = write_json(tmp_path / "a.geojson", collection(({"type": "Point", "coordinates": [x[0], y[0]]}, {})))
    got = read(path, crs="WGS84")
    assert got.codes() == [(1, "invalid_coordinate")]
    assert shapely.distance(read(path, crs="EPSG:4547").shapes[0], POINTS[0]) < 1e-9


def test_exchanged_pairs_are_refused_with_what_would_be_right(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["lon", "lat"], [(34.8, 114.3), (34.81, 114.31), (114.3, 34.8)])
    got = read(path, crs="WGS84")
    assert got.codes() == [(1, "swapped_coordinate"), (2, "swapped_coordinate")]
    first = next(one for one in got.findings if one.row == 1)
    assert (first.was, first.now) == ("34.8, 114.3", "114.3, 34.8")
    assert "all_swapped" in got.file_codes()
    assert got.rows == [3]


def test_an_exchange_that_is_in_range_is_seen_by_the_city_s_box(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["lon", "lat"], [(39.45, 76.05), (76.05, 39.45), (80.0, 40.0)])
    assert read(path, crs="WGS84").codes() == []
    got = read(path, crs="WGS84", extent=(75.9, 39.3, 76.3, 39.6))
    assert got.codes() == [(1, "swapped_coordinate")]
    assert got.rows == [2, 3], "outside the city is no matter of reading"


def test_gcj02_outside_china_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["lon", "lat"], [(114.3, 34.8), (-71.05, 42.35)])
    got = read(path, crs="GCJ02")
    assert got.codes() == [(2, "invalid_coordinate")]
    assert "only defined in and around China" in got.findings[0].en


# Geometries -----------------------------------------------------------------------------------------------------------

BOW_TIE = "POLYGON ((114.30 34.80, 114.31 34.81, 114.31 34.80, 114.30 34.81, 114.30 34.80))"
SQUARE = "POLYGON ((114.30 34.80, 114.31 34.80, 114.31 34.81, 114.30 34.81, 114.30 34.80))"
LINE = "LINESTRING (114.30 34.80, 114.31 34.80)"

# WKT, what is wanted -> the codes found and the kind that comes out (None: refused)
GEOMETRIES: dict[str, tuple[str, str, list[str], str | None]] = {
    "sound": (SQUARE, "polygon", [], "MultiPolygon"),
    "bow-tie": (BOW_TIE, "polygon", ["repaired_geometry"], "MultiPolygon"),
    "hole outside": (SQUARE[:-1] + ", (114.4 34.8, 114.41 34.8, 114.41 34.81, 114.4 34.8))", "polygon",
                     ["repaired_geometry"], "MultiPolygon"),
    "spike": ("POLYGON ((114.30 34.80, 114.31 34.80, 114.32 34.80, 114.31 34.80, 114.31 34.81, 114.30 34.80))",
              "polygon", ["repaired_geometry"], "MultiPolygon"),
    "two overlapping": (f"MULTIPOLYGON ({SQUARE[8:]}, {SQUARE[8:].replace('114.30', '114.305')})", "polygon",
                        ["repaired_geometry"], "MultiPolygon"),
    "clockwise": ("POLYGON ((114.30 34.80, 114.30 34.81, 114.31 34.81, 114.31 34.80, 114.30 34.80))", "polygon", [],
                  "MultiPolygon"),
    "no area": ("POLYGON ((114.30 34.80, 114.31 34.80, 114.30 34.80, 114.30 34.80))", "polygon",
                ["collapsed_geometry"], None),
    "no length": ("LINESTRING (114.30 34.80, 114.30 34.80)", "line", ["collapsed_geometry"], None),
    "empty point": ("POINT EMPTY", "point", ["empty_geometry"], None),
    "empty polygon": ("POLYGON EMPTY", "polygon", ["empty_geometry"], None),
    "no text": ("   ", "polygon", ["no_geometry"], None),
    "nonsense": ("POLYGON ((1 2, ", "polygon", ["unreadable_geometry"], None),
    "not finite": ("LINESTRING (114.3 34.8, nan nan)", "line", ["not_finite"], None),
    "infinite": ("POINT (inf 34.8)", "point", ["not_finite"], None),
    "line among polygons": (LINE, "polygon", ["wrong_geometry_type"], None),
    "polygon among lines": (SQUARE, "line", ["wrong_geometry_type"], None),
    "point among polygons": ("POINT (114.3 34.8)", "polygon", ["wrong_geometry_type"], None),
    "polygon among points": (SQUARE, "point", ["wrong_geometry_type"], None),
    "one point of several": ("MULTIPOINT ((114.3 34.8))", "point", ["single_point"], "Point"),
    "the same point twice": ("MULTIPOINT ((114.3 34.8), (114.3 34.8))", "point", ["single_point"], "Point"),
    "two points": ("MULTIPOINT ((114.3 34.8), (114.4 34.8))", "point", ["several_points"], None),
    "collection": (f"GEOMETRYCOLLECTION ({LINE}, {SQUARE}, GEOMETRYCOLLECTION (POINT (114.3 34.8)))", "polygon",
                   ["extracted_geometry"], "MultiPolygon"),
    "collection of bow-ties": (f"GEOMETRYCOLLECTION ({LINE}, {BOW_TIE})", "polygon",
                               ["extracted_geometry", "repaired_geometry"], "MultiPolygon"),
    "collection without": (f"GEOMETRYCOLLECTION ({LINE})", "polygon", ["wrong_geometry_type"], None),
    "heights": ("POLYGON Z ((114.30 34.80 1, 114.31 34.80 1, 114.31 34.81 1, 114.30 34.80 1))", "polygon", [],
                "MultiPolygon"),
    "with its system before it": (f"SRID=4326;{SQUARE}", "polygon", [], "MultiPolygon"),
    "a curve in text": ("CIRCULARSTRING (114.30 34.80, 114.31 34.81, 114.32 34.80)", "line", ["unreadable_geometry"],
                        None),
}  # fmt: skip


@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_geometry_is_mended_or_refused(name: str, tmp_path: Path) -> None:
    """Between two sound ones, which it must not disturb."""
    text, wanted, codes, kind = GEOMETRIES[name]
    sound = {"polygon": SQUARE, "line": LINE, "point": "POINT (114.305 34.805)"}[wanted]
    path = write_csv(tmp_path / "a.csv", ["code", "wkt"], [("a", sound), ("b", text), ("c", sound)])
    got = read(path, crs="WGS84", expected=wanted)
    assert got.codes() == [(2, code) for code in codes]
    assert got.fields["code"] == (["a", "b", "c"] if kind else ["a", "c"])
    if kind:
        assert got.shapes[1].geom_type == kind
        assert kind != "MultiPolygon" or all(part.exterior.is_ccw for part in got.shapes[1].geoms)
    for one in got.findings:
        assert one.zh
        assert one.en


def test_a_repair_tells_the_area_before_and_after(tmp_path: Path) -> None:
    got = read(write_csv(tmp_path / "a.csv", ["wkt"], [(BOW_TIE,)]), crs="WGS84", expected="polygon")
    found = got.one("repaired_geometry")
    assert "Self-intersection" in found.en
    assert found.was == "Polygon, 5 vertices, 0.0 m²"
    # Two triangles of half the square's height: together half of 915 m by 1,109 m.
    area = float(found.now.rpartition(", ")[2].removesuffix(" m²"))
    assert found.now.startswith("MultiPolygon, 8 vertices")
    assert area == pytest.approx(915.3 * 1109.4 / 2, rel=0.002)


def test_heights_and_measures_are_told_once_with_their_number(tmp_path: Path) -> None:
    shapes = [
        shapely.from_wkt(text)
        for text in ("POINT Z (114.3 34.8 5)", "POINT M (114.3 34.8 5)", "POINT ZM (114.3 34.8 5 6)")
    ]
    got = read(write_csv(tmp_path / "a.csv", ["wkt"], [(shape.wkt,) for shape in shapes]), crs="WGS84", batch_rows=1)
    assert got.codes() == []
    assert got.one("heights_dropped").en == "Heights (Z) were dropped in 2 rows"
    assert got.one("measures_dropped").en == "Measures (M) were dropped in 2 rows"


def test_repeated_vertices_are_told_once_with_their_number(tmp_path: Path) -> None:
    line = "LINESTRING (114.30 34.80, 114.30 34.80, 114.31 34.80, 114.31 34.80)"
    got = read(write_csv(tmp_path / "a.csv", ["wkt"], [(line,), (LINE,)]), crs="WGS84", expected="line")
    assert [shapely.get_num_coordinates(shape) for shape in got.shapes] == [2, 2]
    assert got.one("repeated_points").en == "2 repeated vertices were dropped in 1 rows"


def test_a_ring_that_is_not_closed_is_closed(tmp_path: Path) -> None:
    ring = [[114.30, 34.80], [114.31, 34.80], [114.31, 34.81], [114.30, 34.81]]
    open_one = {"type": "Polygon", "coordinates": [ring]}
    got = read(write_json(tmp_path / "a.geojson", collection((open_one, {}))), crs="WGS84", expected="polygon")
    assert got.codes() == [(1, "closed_ring")]
    assert got.shapes[0].area == pytest.approx(1e-4)
    assert "reader_warning" in got.file_codes()


def _drop_triggers(database: sqlite3.Connection) -> None:
    """They call functions that only GDAL has."""
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f'DROP TRIGGER "{name}"')


def test_a_curve_becomes_short_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", POINTS, crs="EPSG:4547", layer="a")
    x, y = from_wgs84_array([114.30], [34.80], "EPSG:4547")
    around = [(-100, 0), (0, 100), (100, 0), (0, -100), (-100, 0)]
    ring = struct.pack("<BII10d", 1, 8, 5, *(value for dx, dy in around for value in (x[0] + dx, y[0] + dy)))
    blob = b"GP\0\x01" + struct.pack("<i", 4547) + struct.pack("<BII", 1, 10, 1) + ring
    with sqlite3.connect(path) as database:
        _drop_triggers(database)
        database.execute("UPDATE a SET geom = ? WHERE fid = 1", (blob,))
    database.close()
    got = read(path, expected="polygon")
    assert got.codes() == [(1, "linearised_curve"), (2, "invalid_coordinate"), (3, "invalid_coordinate")]
    plane = shapely.transform(got.shapes[0], lambda lonlat: np.column_stack(from_wgs84_array(*lonlat.T, "EPSG:4547")))
    assert plane.area == pytest.approx(np.pi * 100**2, rel=0.002)


def test_mixed_kinds_in_one_layer_are_taken_apart_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [shapely.from_wkt(text) for text in (SQUARE, LINE, BOW_TIE)] + [None])
    got = read(path, crs="WGS84", expected="polygon")
    assert got.codes() == [(2, "wrong_geometry_type"), (3, "repaired_geometry"), (4, "no_geometry")]
    assert got.rows == [1, 3]


def _circle(vertices: int) -> Any:
    angle = np.linspace(0, 2 * np.pi, vertices - 1, endpoint=False)
    return shapely.polygons(np.column_stack((114.3 + 0.01 * np.cos(angle), 34.8 + 0.01 * np.sin(angle))))


def test_a_polygon_of_more_than_a_million_vertices_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [_circle(1_000_001), _circle(150_000), _circle(1000)])
    got = read(path, crs="WGS84", expected="polygon")
    assert got.codes() == [(1, "too_many_vertices"), (2, "large_geometry")]
    assert got.one("too_many_vertices").was == "1000001"
    assert got.rows == [2, 3]


# Tables and texts -----------------------------------------------------------------------------------------------------


def test_rows_of_a_table_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "code,lon,lat\nA,114.3,34.8\nB,114.3\nC,114.3,34.8,extra\nD,abc,34.8\nE,114.3,\nF,,\nG,114.3,34.8,,\n"
        "H,nan,34.8\nI,1e400,34.8\nJ,114.3,34.8\n"
    )
    got = read(path, crs="WGS84", expected="point")
    assert got.codes() == [
        (2, "ragged_row"),
        (3, "ragged_row"),
        (4, "not_a_coordinate"),
        (5, "not_a_coordinate"),
        (6, "no_geometry"),
        (8, "not_finite"),
        (9, "not_finite"),
    ]
    assert got.fields["code"] == ["A", "G", "J"]


def test_texts_no_database_takes_are_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"code,name\nA,x\nB,a\0b\nC," + b"y" * 100_001 + b"\nD," + "责".encode() * 33_334 + b"\nE,z\n")
    got = read(path)
    assert got.codes() == [(2, "nul_in_text"), (3, "text_too_long"), (4, "text_too_long")]
    assert got.one("nul_in_text").en == "The text of name holds a NUL character"
    assert got.fields["code"] == ["A", "E"]
    path = write(tmp_path / "a.gpkg", POINTS, name=["x", "y" * 100_001, "z"])
    assert read(path, crs="WGS84").codes() == [(2, "text_too_long")]


def test_a_nul_in_a_geojson_is_refused_and_not_cut_off(tmp_path: Path) -> None:
    """GDAL alone would read "a" and say nothing; a backslash before a u is none."""
    texts = ["a\0b", "c\\u0000d", "é" * 700_000 + "\0", "fine"]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(collection(*((POINT, {"t": text}) for text in texts))))
    got = read(path, crs="WGS84", max_text_bytes=10_000_000)
    assert got.codes() == [(1, "nul_in_text"), (3, "nul_in_text")]
    assert got.fields["t"] == ["c\\u0000d", "fine"]


def test_text_that_is_not_utf_8_in_a_file_that_must_be_is_mended(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", POINTS, layer="a", name=["甲", "乙", "丙"])
    with sqlite3.connect(path) as database:
        _drop_triggers(database)
        database.execute("UPDATE a SET name = CAST(? AS TEXT) WHERE fid = 2", ("责任区".encode("gbk"),))
    database.close()
    got = read(path, crs="WGS84")
    assert got.codes() == [(2, "recoded_text")]
    assert got.fields["name"] == ["甲", "责任区", "丙"]


def test_text_in_no_encoding_is_refused_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", POINTS, layer="a", name=["甲", "乙", "丙"])
    with sqlite3.connect(path) as database:
        _drop_triggers(database)
        database.execute("UPDATE a SET name = CAST(? AS TEXT) WHERE fid = 2", (b"\xff\xfe\xfd",))
    database.close()
    got = read(path, crs="WGS84")
    assert got.codes() == [(2, "unreadable_text")]
    assert got.rows == [1, 3]


def test_other_files_of_an_archive_are_told(tmp_path: Path) -> None:
    path = _zip(tmp_path, {"数据/a.csv": b"code\n1\n", "数据/readme.txt": b"x", "__MACOSX/._a.csv": b"x"})
    got = read(path)
    assert got.fields == {"code": ["1"]}
    assert got.one("ignored_files").en.endswith("__MACOSX/._a.csv, 数据/readme.txt")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"x": "lon", "y": "nord"}, "no column nord"),
        ({"x": "lon"}, "Name both columns"),
        ({"x": "lon", "y": "lat", "wkt": "code"}, "not both"),
    ],
)
def test_columns_of_geometry_must_be_there(options: dict[str, str], reason: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["code", "lon", "lat"], [("A", 114.3, 34.8)])
    with pytest.raises(failures.MissingGeometry, match=reason):
        read(path, crs="WGS84", **options)


def test_a_table_without_geometry_says_which_columns_it_has(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["code", "east", "north"], [("A", 114.3, 34.8)])
    with pytest.raises(failures.MissingGeometry, match="code, east, north"):
        read(path, crs="WGS84", expected="point")
    plain = write(tmp_path / "a.gpkg", POINTS)
    with sqlite3.connect(plain) as database:
        database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, t TEXT)")
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('notes', 'attributes', 'n')"
        )
    database.close()
    with pytest.raises(failures.MissingGeometry, match="has no geometry"):
        read(plain, layer="notes", expected="point")
    assert read(plain, layer="notes").rows == []


def test_a_shapefile_in_an_archive_with_chinese_names_of_old_windows(tmp_path: Path) -> None:
    """Written by programs that put GBK into the archive's names without saying so."""
    for part in shapefile_parts(write(tmp_path / "lamps.shp", POINTS)):
        part.rename(tmp_path / f"LAMP{part.suffix}")
    path = zipped(tmp_path / "a.zip", *shapefile_parts(tmp_path / "LAMP.shp"))
    path.write_bytes(path.read_bytes().replace(b"LAMP.", "路灯".encode("gbk") + b"."))
    got = read(path, crs="WGS84")
    assert (got.source.layer, len(got.rows)) == ("路灯", 3)


def test_reading_ends_with_an_error_and_never_early(tmp_path: Path) -> None:
    """A file that states more rows than can be read is refused, even where its reader ends in silence."""
    path = _many(tmp_path, ".fgb")
    _cut(path, 0.9)
    with pytest.raises(UnreadableFile):
        read(path, crs="WGS84", batch_rows=100)
