"""A file becomes a layer of the city's own, and everything that reads layers reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from psycopg import errors
from shapely.geometry import LineString, MultiPoint, Point, box

from gisops import notebook
from gisops.access import scopes
from gisops.db.migrate import migrate, status
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from gisops.lint import breaches
from gisops.loads.publishing import NotPublishable
from layers import city_layers, features, style, wanted
from layers.catalog import catalog_of, load_catalog, view_sql
from layers.city_layers import LayerTaken
from layers.city_loading import Brought, load
from layers.told import InvalidLayer
from layers.viewer import viewer_of
from tests.layers import tiny_city

PUBLIC = ("class=public", "field_class=public")


@pytest.fixture(scope="module")
def city(fresh_database: Callable[..., Any]) -> Any:
    made = fresh_database()
    with connect(made.owner_url) as conn:
        tiny_city.build(conn)
    return made


@pytest.fixture
def owner(city: Any) -> Iterator[Connection]:
    with connect(city.owner_url, unhurried=True) as conn:
        yield conn
        conn.rollback()


def points(rows: int, /, **columns: Any) -> geopandas.GeoDataFrame:
    chance = np.random.default_rng(7)
    at = shapely.points(chance.uniform(110.31, 110.39, rows), chance.uniform(20.005, 20.055, rows))
    return geopandas.GeoDataFrame(columns, geometry=at, crs=4326)


def write(path: Path, frame: geopandas.GeoDataFrame) -> Path:
    frame.to_file(path, engine="pyogrio")
    return path


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    n = 40
    frame = points(
        n,
        编号=[f"T-{i:03d}" for i in range(n)],
        名称=[f"样例树{i:02d}" for i in range(n)],
        Height=np.linspace(2.0, 9.0, n),
        planted=[2000 + i % 20 for i in range(n)],
        healthy=[i % 3 > 0 for i in range(n)],
    )
    return write(tmp_path / "trees.gpkg", frame)


def bring(
    conn: Connection, file: Path, *sets: str, layer: str = "street_trees", told: Path | None = None, **more: Any
) -> Brought:
    return load(conn, file, wanted.read(told, [f"id={layer}", *sets], {"crs": "WGS84"}), **more)


def seen(conn: Connection, layer_id: str, role: str | None) -> list[dict[str, Any]]:
    """The features of a layer as somebody sees them, in the readers' role."""
    layer = catalog_of(conn)[layer_id]
    row = conn.execute("SELECT account_id FROM accounts WHERE login = %s", [role]).fetchone()
    with conn.transaction(force_rollback=True):
        scopes.look_as(conn, row["account_id"] if row else None)
        page = features.read(conn, layer, viewer_of(role), limit=1_000)
    return list(json.loads(page.features if page.features.startswith("[") else f"[{page.features}]"))


def one(conn: Connection, asked: str, *values: Any) -> Any:
    row = conn.execute(asked.encode(), values).fetchone()
    assert row is not None
    return next(iter(row.values())) if len(row) == 1 else tuple(row.values())


# ---- from a file to a layer ----------------------------------------------------------------------------------------


def test_a_file_becomes_a_layer_that_is_closed_unless_it_is_opened(owner: Connection, trees: Path) -> None:
    done = bring(owner, trees, "title_zh=行道树")
    layer = catalog_of(owner)["street_trees"]
    assert done.layer == layer
    assert (layer.title_zh, layer.geometry, layer.field_class, layer.key) == ("行道树", "point", "work", "f01")
    told = {field.title_zh: (field.name, field.type, field.field_class) for field in layer.fields}
    assert told == {
        "编号": ("f01", "text", "work"),
        "名称": ("f02", "text", "work"),
        "Height": ("height", "number", "work"),
        "planted": ("planted", "integer", "work"),
        "healthy": ("healthy", "boolean", "work"),
    }
    with pytest.raises(NotSignedIn):
        seen(owner, "street_trees", None)
    found = seen(owner, "street_trees", "officer")
    assert len(found) == done.rows == 40
    assert found[3]["properties"]["f02"] == "样例树03"
    assert found[3]["properties"]["healthy"] is False
    assert found[1]["properties"]["planted"] == 2001


def test_what_is_said_to_be_public_is_and_nothing_else(owner: Connection, trees: Path) -> None:
    bring(owner, trees, "class=public")
    # The layer is open, and what names a thing; of the other fields nobody said so.
    assert set(seen(owner, "street_trees", None)[0]["properties"]) == {"f01", "f02"}
    assert set(seen(owner, "street_trees", "officer")[0]["properties"]) == {
        "f01",
        "f02",
        "height",
        "planted",
        "healthy",
    }
    bring(owner, trees, *PUBLIC, layer="open_trees")
    assert set(seen(owner, "open_trees", None)[0]["properties"]) == {"f01", "f02", "height", "planted", "healthy"}


def test_a_personal_layer_is_for_the_roles_it_names(owner: Connection, trees: Path) -> None:
    with pytest.raises(InvalidLayer, match="personal_roles"):
        bring(owner, trees, "class=personal")


def test_its_tables_keep_the_rules_of_the_schema(owner: Connection, trees: Path) -> None:
    bring(owner, trees, *PUBLIC)
    bring(owner, trees, "class=personal", "personal_roles=leader", "scope=unit", layer="guarded_trees")
    assert breaches(owner) == []
    assert len(seen(owner, "guarded_trees", "leader")) == 40
    with pytest.raises(NotAllowed):
        seen(owner, "guarded_trees", "dispatcher")


def test_a_style_and_tiles_follow_from_what_it_is(owner: Connection, tmp_path: Path) -> None:
    crowd = points(6_000, name=[f"n{i}" for i in range(6_000)])
    layer = bring(owner, write(tmp_path / "crowd.fgb", crowd), *PUBLIC, layer="crowd").layer
    assert 8 < layer.tiling.counted_below < 16
    fullest = one(
        owner,
        """SELECT max(n) FROM (SELECT count(*) AS n FROM layer_crowd, generate_series(0, 0) WHERE true
           GROUP BY floor((ST_X(geom_3857) + 20037508.342789244) / (40075016.685578488 / (1 << %s::int))),
                    floor((20037508.342789244 - ST_Y(geom_3857)) / (40075016.685578488 / (1 << %s::int)))) AS t""",
        layer.tiling.counted_below,
        layer.tiling.counted_below,
    )
    assert fullest <= 5_000
    few = bring(owner, write(tmp_path / "few.fgb", points(5, name=list("abcde"))), *PUBLIC, layer="few").layer
    assert few.tiling.counted_below == 0
    for made in (layer, few):
        types = [piece["type"] for piece in style.fragments(made, "day")]
        assert types == ["fill", "circle", "symbol"]


@pytest.mark.parametrize(
    ("shapes", "kind", "drawn"),
    [
        ([LineString([(110.33, 20.02), (110.34, 20.03)])], "line", "line"),
        ([box(110.33, 20.02, 110.34, 20.03)], "polygon", "fill"),
        ([box(110.33, 20.02, 110.34, 20.03), Point(110.33, 20.02)], "mixed", "circle"),
        ([MultiPoint([(110.33, 20.02)]), Point(110.34, 20.02)], "point", "circle"),
        ([MultiPoint([(110.33, 20.02), (110.34, 20.02)])], "mixed", "circle"),
    ],
)
def test_the_kind_of_geometry_is_what_all_of_them_are(
    owner: Connection, tmp_path: Path, shapes: list[Any], kind: str, drawn: str
) -> None:
    frame = geopandas.GeoDataFrame({"code": [f"c{n}" for n in range(len(shapes))]}, geometry=shapes, crs=4326)
    file = tmp_path / "shapes.geojson"
    frame.to_file(file, driver="GeoJSON", engine="pyogrio")
    layer = bring(owner, file, *PUBLIC, layer="shapes").layer
    assert layer.geometry == kind
    assert drawn in {piece["type"] for piece in style.fragments(layer, "dark")}
    assert {feature["id"] for feature in seen(owner, "shapes", None)} == set(frame.code)


def test_a_table_without_types_gets_those_that_all_its_values_are(owner: Connection, tmp_path: Path) -> None:
    file = tmp_path / "表.csv"
    file.write_bytes(
        "编码,数量,比例,启用,安装日期,备注,区号,lon,lat\n"
        "007,12,1.5,true,2020-01-02,12,0898,110.35,20.03\n"
        "008,-3,2,false,2021/3/4 08:30,n/a,0571,110.351,20.031\n"
        "009,,,,,,,110.352,20.032\n".encode("gb18030")
    )
    layer = bring(owner, file, *PUBLIC, layer="signs").layer
    assert [(field.title_zh, field.type) for field in layer.fields] == [
        ("编码", "text"),
        ("数量", "integer"),
        ("比例", "number"),
        ("启用", "boolean"),
        ("安装日期", "timestamp"),
        ("备注", "text"),
        ("区号", "text"),
    ]
    first, second, third = (feature["properties"] for feature in seen(owner, "signs", None))
    assert (first["f01"], first["f07"], first["f02"]) == ("007", "0898", 12)
    # Of the city's own clock: UTC here, as the tiny city names no other.
    assert second["f05"].startswith("2021-03-04T08:30:00")
    assert third["f02"] is None


def test_names_become_fields_or_titles(owner: Connection, tmp_path: Path) -> None:
    long = "一" * 30
    frame = points(2, **{"geom_": [1, 2], "count": [3, 4], "v_work": [5, 6], "Ünïque": [7, 8], long: [9, 10]})
    frame["A B"], frame["a-b"], frame["since"] = [1, 2], [3, 4], ["x", "y"]
    layer = bring(owner, write(tmp_path / "names.gpkg", frame), *PUBLIC, layer="names").layer
    told = {field.title_zh: field.name for field in layer.fields}
    assert told == {
        "fid": "fid",
        "geom_": "geom_",
        "count": "count_",
        "v_work": "v_work_",
        "Ünïque": "f04",
        long: "f05",
        "A B": "a_b",
        "a-b": "a_b_",
        "since": "since_",
    }
    assert len(seen(owner, "names", None)) == 2


# ---- what cannot be right ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer_id", "error", "words"),
    [
        ("", InvalidLayer, "needs an id"),
        ("Trees", InvalidLayer, "is no id"),
        ("x", InvalidLayer, "is no id"),
        ("trees; DROP TABLE city", InvalidLayer, "is no id"),
        ("rivers", LayerTaken, "is shipped"),
        ("layers", LayerTaken, "city_layers"),
        ("versions", LayerTaken, "layer_versions"),
        ("due", LayerTaken, "settle_due"),
        ("trees_label", InvalidLayer, "_label"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(
    owner: Connection, trees: Path, layer_id: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        bring(owner, trees, layer=layer_id)


def test_keys_that_are_missing_or_stand_twice_are_refused_with_their_rows(owner: Connection, tmp_path: Path) -> None:
    frame = points(5, 编号=["a", None, "a", "b", ""], 名称=list("vwxyz"))
    file = write(tmp_path / "keys.gpkg", frame)
    with pytest.raises(NotPublishable, match=r"3 of 5 rows") as raised:
        bring(owner, file, "key=编号", layer="keys")
    assert "2, 5" in raised.value.message
    assert "stood in the file before (3)" in raised.value.message
    done = bring(owner, file, "key=编号", layer="keys", allow_refused=3)
    assert (done.rows, sum(one.rows for one in done.refused)) == (2, 3)
    # Nobody named one: a column that does not tell rows apart is none.
    assert bring(owner, file, layer="numbered").layer.key == "fid"
    shape = tmp_path / "no_key.shp"
    frame.to_file(shape, engine="pyogrio", encoding="utf-8")
    done = bring(owner, shape, layer="counted")
    assert done.layer.key == "row_no"
    assert any("row's number" in note for note in done.notes)
    assert [feature["id"] for feature in seen(owner, "counted", "officer")] == [f"00000000{n}" for n in range(1, 6)]


def test_rows_without_a_place_are_refused_or_left_behind(owner: Connection, tmp_path: Path) -> None:
    frame = points(3, code=list("abc"))
    frame.loc[1, "geometry"] = None
    file = write(tmp_path / "gaps.gpkg", frame)
    with pytest.raises(NotPublishable, match="There is no geometry"):
        bring(owner, file, layer="gaps")
    assert bring(owner, file, layer="gaps", allow_refused=1).rows == 2


def test_a_file_of_another_place_is_not_a_layer_of_this_city(owner: Connection, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"code": ["a"]}, geometry=[Point(121.5, 31.2)], crs=4326)
    with pytest.raises(InvalidInput, match="lies in the city"):
        bring(owner, write(tmp_path / "far.gpkg", frame), layer="far")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("color = 'red'", "Nothing of a layer is called color"),
        ("class = 'secret'", "class is 'secret'"),
        ("[fields.width]\ntype = 'number'", "No column of trees.gpkg becomes the field width"),
        ("[columns]\nwidth = '宽度'", "no column 宽度"),
        ("key = '宽度'", "no column 宽度"),
        ("minzoom = 30", "minzoom is 30"),
        ("fresh_for = '1 year'", "fresh_for"),
        ("order = 'top'", "order must be"),
        ("[fields.f02]\ntype = 'date'", "'date' is no type"),
        ("[fields.f02]\nclass = 'hidden'", "class is 'hidden'"),
        ("time = 'planted'", "the time field planted is no timestamp"),
        ("scope = 'unit'\nclass = 'public'\nfield_class = 'public'", "it has no scope"),
        ("tiles = 3", "tiles is a table"),
        ("[", "cannot be read as a description"),
    ],
)
def test_a_description_that_cannot_be_right_names_what_is_wrong(
    owner: Connection, trees: Path, tmp_path: Path, text: str, words: str
) -> None:
    told = tmp_path / "told.toml"
    told.write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=re.escape(words)):
        bring(owner, trees, told=told)
    assert city_layers.find(owner, "street_trees") is None


def test_a_type_that_was_told_is_held_row_by_row(owner: Connection, tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    file.write_text("code,depth,laid,lon,lat\na,12,2020年1月2日,110.35,20.03\nb,deep,2020年,110.351,20.031\n", "utf-8")
    told = tmp_path / "told.toml"
    told.write_text("[fields.depth]\ntype = 'integer'\n[fields.laid]\ntype = 'timestamp'\n", "utf-8")
    with pytest.raises(NotPublishable, match=r"depth is no integer \(2\)"):
        bring(owner, file, layer="wells", told=told)
    done = bring(owner, file, layer="wells", told=told, allow_refused=2)
    assert done.rows == 1
    assert seen(owner, "wells", "officer")[0]["properties"]["laid"].startswith("2020-01-02T00:00")


# ---- again ---------------------------------------------------------------------------------------------------------


def version(conn: Connection, layer_id: str) -> tuple[int, bool]:
    """How often its public content became another, and whether it was just loaded."""
    asked = "SELECT version, confirmed_at = now() AS confirmed FROM layer_versions WHERE layer = %s"
    found: tuple[int, bool] = one(conn, asked, layer_id)
    return found


def test_a_second_load_takes_the_place_of_the_first(owner: Connection, trees: Path, tmp_path: Path) -> None:
    bring(owner, trees, *PUBLIC, "title_zh=行道树", "order=1234")
    owner.execute("UPDATE layer_versions SET confirmed_at = now() - interval '2 years'")
    again = bring(owner, trees)
    assert (again.new, again.moved, version(owner, "street_trees")) == (False, False, (1, True))
    assert (again.layer.title_zh, again.layer.order, again.layer.field_class) == ("行道树", 1234, "public")
    frame = geopandas.read_file(trees).iloc[:30].assign(colour="green")
    fewer = bring(owner, write(tmp_path / "fewer.gpkg", frame))
    assert (fewer.rows, fewer.moved, version(owner, "street_trees")) == (30, True, (2, True))
    assert any("colour" in note for note in fewer.notes)
    assert len(seen(owner, "street_trees", None)) == 30
    with pytest.raises(InvalidLayer, match="no column Height"):
        bring(owner, write(tmp_path / "other.gpkg", frame.drop(columns="Height")))


def test_a_load_of_what_nobody_may_see_moves_no_version(owner: Connection, trees: Path, tmp_path: Path) -> None:
    bring(owner, trees, "class=public")
    frame = geopandas.read_file(trees)
    frame["Height"] += 1
    assert not bring(owner, write(tmp_path / "higher.gpkg", frame)).moved
    assert version(owner, "street_trees") == (1, True)
    assert seen(owner, "street_trees", "officer")[0]["properties"]["height"] == 3


def test_a_description_can_be_changed_and_says_who_sees_it_at_once(owner: Connection, trees: Path) -> None:
    bring(owner, trees, "scope=unit")
    before = city_layers.one(owner, "street_trees")
    text = before.description.replace('class = "work"', 'class = "public"').replace('scope = "unit"', 'scope = "none"')
    layer = city_layers.change(owner, "street_trees", text)
    assert not layer.windowed
    assert len(seen(owner, "street_trees", None)) == 40
    left = "SELECT count(*) FROM pg_proc WHERE proname ~ '^(see|tile|dots|near)_street_trees$'"
    assert one(owner, left) == 0
    assert one(owner, "SELECT col_description('city_street_trees'::regclass, 1)").startswith("public:")
    assert breaches(owner) == []
    city_layers.change(owner, "street_trees", before.description)
    with pytest.raises(NotSignedIn):
        seen(owner, "street_trees", None)
    with (
        pytest.raises(InvalidLayer, match="is double precision in layer_street_trees, and integer"),
        owner.transaction(),
    ):
        city_layers.change(owner, "street_trees", before.description.replace('type = "number"', 'type = "integer"'))
    with pytest.raises(NotFound, match="is shipped"):
        city_layers.change(owner, "rivers", "")


def test_a_layer_that_is_dropped_leaves_nothing_but_its_number(owner: Connection, trees: Path) -> None:
    bring(owner, trees, *PUBLIC)
    city_layers.drop(owner, "street_trees")
    made = "SELECT count(*) FROM pg_class WHERE relname LIKE %s"
    assert one(owner, made, "%street_trees%") == 0
    assert one(owner, "SELECT count(*) FROM pg_proc WHERE proname LIKE %s", "%street_trees%") == 0
    with pytest.raises(NotFound):
        catalog_of(owner)["street_trees"]
    with pytest.raises(NotFound):
        city_layers.drop(owner, "street_trees")
    # What was kept under the first one's address must not be taken for the second's.
    bring(owner, trees, *PUBLIC, "leave_out=planted")
    assert version(owner, "street_trees")[0] == 2


# ---- whose rows ----------------------------------------------------------------------------------------------------


def test_rows_of_a_unit_are_seen_by_whom_the_unit_is_open_to(owner: Connection, tmp_path: Path) -> None:
    at = [Point(110.345, 20.025), Point(110.355, 20.025), Point(110.39, 20.05)]
    frame = geopandas.GeoDataFrame({"code": ["one", "two", "none"]}, geometry=at, crs=4326)
    bring(owner, write(tmp_path / "scoped.gpkg", frame), "scope=unit", layer="scoped")
    scopes.settle(owner)
    scopes.grant(owner, "officer", "cell", "460199001001001")
    assert [feature["id"] for feature in seen(owner, "scoped", "officer")] == ["one"]
    assert len(seen(owner, "scoped", "admin")) == 3
    # The ground moves, and the rows with it.
    owner.execute(
        "UPDATE grid_cells SET geom = ST_MakeEnvelope(110.34, 20.02, 110.3599, 20.03, 4326)"
        " WHERE code = '460199001001001' AND valid @> now()"
    )
    owner.execute("DELETE FROM grid_cells WHERE code = '460199001001002'")
    scopes.settle(owner)
    assert [feature["id"] for feature in seen(owner, "scoped", "officer")] == ["one", "two"]
    assert "city_scoped" not in scopes.unsettled(owner)


# ---- releases ------------------------------------------------------------------------------------------------------


def test_views_and_grants_are_made_anew_with_the_functions_and_a_notebook_reads_them(
    fresh_database: Callable[..., Any], trees: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = fresh_database()
    with connect(made.owner_url, unhurried=True) as conn:
        tiny_city.build(conn)
        for name in ("street_trees", "broken", "later"):
            bring(conn, trees, *PUBLIC, layer=name)
        # A row that nobody could write by a command: of an older release, or by hand.
        conn.execute("UPDATE city_layers SET description = 'id = 3' WHERE layer_id = 'broken'")
        conn.execute("ALTER TABLE city_later RENAME TO city_lost")
    migrate(made.owner_url, view_sql(), city_layers.views, force=True)
    with connect(made.app_url) as conn:
        assert status(conn, view_sql()).up_to_date
        catalog = catalog_of(conn)
        assert conn.execute("SELECT count(*) AS n FROM layer_street_trees").fetchone() == {"n": 40}
        # Closed to everybody, and nobody else's affair.
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("SELECT count(*) FROM layer_broken")
    assert dict(catalog.refused)["broken"].startswith("broken/layer.toml: id must be")
    assert {layer.id for layer in catalog} == {layer.id for layer in load_catalog()} | {"street_trees", "later"}
    assert "layer_later could not be made anew" in caplog.text
    with notebook.connect(made.app_url) as planner:
        assert "street_trees" in planner.layers()
        frame = planner.layer("street_trees")
        assert (len(frame), sorted(frame.columns)) == (
            40,
            ["f01", "f02", "geometry", "healthy", "height", "planted"],
        )
