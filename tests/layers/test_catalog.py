"""The catalogue: what a layer's folder must hold, and that it fits its relation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import layers
from gisops.db.pool import Connection
from gisops.errors import NotFound
from layers.catalog import CatalogError, check, load_catalog, read_catalog, view_sql

THEMES = Path(layers.__file__).parent / "themes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A themes folder with one layer, to be spoiled."""
    shutil.copytree(THEMES / "rivers", tmp_path / "rivers")
    return tmp_path / "rivers"


def spoil(folder: Path, old: str, new: str) -> None:
    text = (folder / "layer.toml").read_text("utf-8")
    assert old in text
    (folder / "layer.toml").write_text(text.replace(old, new, 1), "utf-8")


def test_the_layers_are_there_in_drawing_order() -> None:
    assert [layer.id for layer in load_catalog()] == [
        "admin_areas", "green_areas", "rivers", "roads", "buildings", "grid_cells", "zones", "pipes", "fixtures",
        "places", "flood_control", "party_building", "poverty_relief", "sensors", "camera_views", "cameras", "vehicles",
        "officers", "cases",
    ]  # fmt: skip


def test_an_unknown_layer_is_not_found_and_the_known_ones_are_named() -> None:
    with pytest.raises(NotFound) as raised:
        load_catalog()["lampposts"]
    assert "fixtures" in raised.value.facts["layers"]


def test_every_layer_fits_its_relation(conn: Connection) -> None:
    check(conn)


def test_every_view_lists_its_columns_and_says_why() -> None:
    for name, text in view_sql():
        assert "SELECT *" not in text.upper(), name
        assert "-- " in text, name
        # Rights follow from layer.toml; a view that grants its own would open what is above the public class.
        assert "GRANT" not in (THEMES / name.removeprefix("layer_") / "view.sql").read_text("utf-8")
        assert f'ON "{name}" TO gisops_app;' not in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title_zh = "河道管理"\n', "", "title_zh is missing"),
        ('class = "public"', 'class = "secret"', "must be one of public, work, personal"),
        ("minzoom = 6", "minzoom = 40", "must be 0 to 22"),
        ("minzoom = 6", "minzoom = true", "a whole number"),
        ("minzoom = 6", "minzoom = 19", "minzoom is above maxzoom"),
        ("live = false", 'live = false\ncolour = "blue"', "unknown keys colour"),
        ('key = "code"', 'key = "number"', "not among the fields"),
        ('relation = "layer_rivers"', 'relation = "rivers"', "it must be layer_rivers"),
        ('key = "code"', 'key = "code"\npersonal_roles = ["king"]', "unknown roles"),
        ('meaning = "Code."', 'meaning = " "', "meaning is empty"),
        ('meaning = "Code."\nin_tiles = true', 'meaning = "Code."', "must be in tiles"),
        ('key = "code"', "key = code", "rivers"),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(folder: Path, old: str, new: str, says: str) -> None:
    spoil(folder, old, new)
    with pytest.raises(CatalogError, match=says) as raised:
        read_catalog(folder.parent)
    assert "rivers" in str(raised.value)


@pytest.mark.parametrize("missing", ["layer.toml", "view.sql", "style.json", "README.md"])
def test_a_folder_without_one_of_its_files_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(CatalogError, match=missing):
        read_catalog(folder.parent)


def test_a_personal_layer_must_say_who_sees_it(folder: Path) -> None:
    spoil(folder, 'class = "public"', 'class = "personal"')
    with pytest.raises(CatalogError, match="personal_roles"):
        read_catalog(folder.parent)


def test_a_public_layer_cannot_be_keyed_by_something_personal(folder: Path) -> None:
    spoil(folder, 'type = "text"\nclass = "public"', 'type = "text"\nclass = "personal"')
    with pytest.raises(CatalogError, match="the field code is personal"):
        read_catalog(folder.parent)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('search = ["code", ', 'search = ["cod", ', "search has cod, which is no text"),
        ('[fields.name_zh]\ntitle_zh = "名称"\ntitle_en = "Name"\ntype = "text"\nclass = "public"',
         '[fields.name_zh]\ntitle_zh = "名称"\ntitle_en = "Name"\ntype = "text"\nclass = "work"',
         "search has name_zh, which not everybody who sees the layer sees"),
        ('[fields.name_zh]\ntitle_zh = "名称"\ntitle_en = "Name"\ntype = "text"',
         '[fields.name_zh]\ntitle_zh = "名称"\ntitle_en = "Name"\ntype = "number"',
         "search has name_zh, which is no text"),
    ],
)  # fmt: skip
def test_a_layer_is_not_found_by_what_not_everybody_sees_who_sees_it(
    folder: Path, old: str, new: str, why: str
) -> None:
    spoil(folder, old, new)
    with pytest.raises(CatalogError, match=why):
        read_catalog(folder.parent)


def test_a_field_the_relation_does_not_have_is_refused(folder: Path, conn: Connection) -> None:
    spoil(folder, "[fields.chief_post_zh]", "[fields.chief]")
    with pytest.raises(CatalogError, match=r"has the field chief, and layer_rivers has no such column"):
        check(conn, read_catalog(folder.parent))


def test_a_column_that_is_not_explained_is_refused(folder: Path, conn: Connection) -> None:
    text = (folder / "layer.toml").read_text("utf-8")
    head, tail = text.split("[fields.chief_post_zh]")
    (folder / "layer.toml").write_text(head + tail[tail.index("[fields") :], "utf-8")
    with pytest.raises(CatalogError, match=r"columns layer.toml does not explain: chief_post_zh"):
        check(conn, read_catalog(folder.parent))


def test_a_wrong_geometry_or_type_is_refused(folder: Path, conn: Connection) -> None:
    spoil(folder, 'geometry = "polygon"', 'geometry = "point"')
    with pytest.raises(CatalogError, match=r"layer.toml says point"):
        check(conn, read_catalog(folder.parent))
    spoil(folder, 'geometry = "point"', 'geometry = "polygon"')
    # Nothing is found by a number, so the search goes too.
    spoil(folder, 'search = ["code", ', "search = [")
    spoil(folder, 'type = "text"', 'type = "integer"')
    with pytest.raises(CatalogError, match=r"is text in layer_rivers, and integer in layer.toml"):
        check(conn, read_catalog(folder.parent))


def test_a_missing_relation_is_named(folder: Path, conn: Connection) -> None:
    folder = folder.rename(folder.parent / "brooks")
    spoil(folder, 'id = "rivers"', 'id = "brooks"')
    spoil(folder, '"layer_rivers"', '"layer_brooks"')
    with pytest.raises(CatalogError, match="no relation layer_brooks; run the migrations"):
        check(conn, read_catalog(folder.parent))
