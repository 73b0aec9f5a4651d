"""Loading vector files: the reference system is insisted on, what is broken is repaired or listed."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gisops.db.pool import Connection
from gisops.errors import InvalidInput, UnknownCrs
from layers.loading import load_file, read_file
from tests.real_data import real_data


def write(path: Path, shapes: list[object], crs: int | None = 4326) -> Path:
    frame = geopandas.GeoDataFrame(
        {"编号": [f"W-{n}" for n in range(len(shapes))], "kind": "river"}, geometry=shapes, crs=crs
    )
    frame.to_file(path, engine="pyogrio")
    return path


MAPPING = {"code": "编号", "class": "kind"}


def test_a_file_without_a_reference_system_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="crs"):
        file = write(tmp_path / "a.gpkg", [box(0, 0, 1, 1)], crs=None)
    with pytest.raises(UnknownCrs, match="does not say its coordinate reference system"):
        read_file(file)


def test_a_file_in_metres_arrives_in_degrees(tmp_path: Path, owner_conn: Connection) -> None:
    # 110.35 E, 20.03 N in CGCS2000 / 3-degree Gauss-Krüger CM 111E.
    metres = geopandas.GeoSeries([box(110.35, 20.03, 110.36, 20.04)], crs=4326).to_crs(4546)
    done = load_file(owner_conn, "rivers", "rivers", write(tmp_path / "a.gpkg", list(metres), 4546), MAPPING)
    assert (done.rows, done.left_out) == (1, {})
    row = owner_conn.execute("SELECT ST_X(p) AS x, ST_Y(p) AS y FROM rivers, ST_Centroid(geom) AS p").fetchone()
    assert row == {"x": pytest.approx(110.355, abs=1e-6), "y": pytest.approx(20.035, abs=1e-6)}


def test_what_is_broken_is_repaired_or_listed_and_the_version_goes_up(tmp_path: Path, owner_conn: Connection) -> None:
    bow_tie = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [
        box(0, 0, 1, 1),
        bow_tie,
        Point(0, 0),
        None,
        LineString([(0, 0), (1, 1)]),
        MultiPolygon([box(2, 2, 3, 3)]),
    ]
    file = write(tmp_path / "a.gpkg", shapes)
    done = load_file(owner_conn, "rivers", "rivers", file, MAPPING)
    assert done.rows == 3
    assert list(done.repaired) == [1]
    assert "Self-intersection" in done.repaired[1]
    assert done.left_out == {
        2: "Point where MultiPolygon is wanted",
        3: "empty",
        4: "LineString where MultiPolygon is wanted",
    }
    asked = "SELECT version, (SELECT bool_and(ST_IsValid(geom)) FROM rivers) AS valid FROM layer_versions"
    owner_conn.execute("DELETE FROM rivers")
    load_file(owner_conn, "rivers", "rivers", file, MAPPING)
    # The very same content again: whoever keeps a copy may go on keeping it.
    assert owner_conn.execute(asked).fetchone() == {"version": 1, "valid": True}
    owner_conn.execute("DELETE FROM rivers WHERE code = (SELECT min(code) FROM rivers)")
    load_file(owner_conn, "rivers", "rivers", write(file.with_name("b.gpkg"), [box(110, 20, 110.1, 20.1)]), MAPPING)
    assert owner_conn.execute(asked).fetchone() == {"version": 2, "valid": True}


def test_what_is_not_there_is_named(tmp_path: Path, owner_conn: Connection) -> None:
    file = write(tmp_path / "a.gpkg", [box(0, 0, 1, 1)])
    with pytest.raises(InvalidInput, match="no column colour") as raised:
        load_file(owner_conn, "rivers", "rivers", file, {"code": "colour"})
    assert "编号" in raised.value.facts["columns"]
    with pytest.raises(InvalidInput, match="no table brooks"):
        load_file(owner_conn, "rivers", "brooks", file, MAPPING)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_file(tmp_path / "none.gpkg")


def test_real_districts_become_administrative_areas(owner_conn: Connection) -> None:
    owner_conn.execute("ALTER TABLE admin_areas ALTER level SET DEFAULT 2, ALTER name_en SET DEFAULT ''")
    districts = real_data("admin_cn", "districts_5cities_wgs84_amap.geojson")
    frame = read_file(districts)
    name = next(column for column in frame.columns if column.endswith("name") and "district" in column)
    done = load_file(owner_conn, "admin_areas", "admin_areas", districts, {"code": "district_adcode", "name_zh": name})
    assert done.rows == len(frame) == 48
    row = owner_conn.execute(
        "SELECT code FROM layer_admin_areas WHERE ST_Covers(geom, ST_Point(110.35, 20.03, 4326))"
    ).fetchone()
    assert row is not None
    assert row["code"].startswith("4601")
