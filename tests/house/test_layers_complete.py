"""A layer was added by all the steps of docs/howto/add-a-layer.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import layers
from gisops.db.pool import Connection
from layers.catalog import Layer, load_catalog
from layers.classes import CLASSES
from layers.style import THEMES, fragments
from tests.layers import tiny_city

THEME_FOLDERS = Path(layers.__file__).parent / "themes"
LAYERS = pytest.mark.parametrize("layer", list(load_catalog()), ids=lambda layer: layer.id)
TABLE = re.compile(r"\b(?:FROM|JOIN) ([a-z_]+) AS ([a-z])\b")
COLUMN = re.compile(r"\b([a-z])\.([a-z0-9_]+)(?: AS ([a-z0-9_]+))?")


def view_of(layer: Layer) -> str:
    return (THEME_FOLDERS / layer.id / "view.sql").read_text("utf-8")


def test_every_folder_is_a_layer() -> None:
    folders = {folder.name for folder in THEME_FOLDERS.iterdir() if folder.is_dir() and folder.name[0] not in "._"}
    assert folders == {layer.id for layer in load_catalog()}


@LAYERS
def test_its_folder_holds_its_four_files_and_no_other(layer: Layer) -> None:
    names = {file.name for file in (THEME_FOLDERS / layer.id).iterdir()}
    assert names == {"layer.toml", "view.sql", "style.json", "README.md"}


@LAYERS
def test_its_readme_says_what_it_is_and_who_sees_it(layer: Layer) -> None:
    text = (THEME_FOLDERS / layer.id / "README.md").read_text("utf-8")
    assert text.startswith(f"# {layer.title_zh} · {layer.title_en}\n")
    assert re.search(r"public|personal|staff", text, re.IGNORECASE)
    assert len(text) > 100


@LAYERS
def test_its_style_draws_it_in_every_theme(layer: Layer) -> None:
    for theme in THEMES:
        drawn = fragments(layer, theme)
        assert drawn
        assert any(piece["metadata"].get("gisops:legend") for piece in drawn)


@LAYERS
def test_it_is_in_the_test_city(layer: Layer) -> None:
    assert layer.id in tiny_city.KEYS


@LAYERS
def test_its_tables_have_an_index_for_features_and_one_for_tiles(layer: Layer, owner_conn: Connection) -> None:
    (table,) = re.findall(r"\bFROM ([a-z_]+) AS ", view_of(layer))
    rows = owner_conn.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", (table,)).fetchall()
    made = " ".join(row["indexdef"] for row in rows)
    # Either kind: cells, which do not overlap, are found sooner by SP-GiST.
    assert re.search(r"USING (sp)?gist \(geom\)", made), made
    assert re.search(r"USING (sp)?gist \(geom_3857\)", made), made


@LAYERS
def test_no_field_is_of_a_lower_class_than_its_column(layer: Layer, owner_conn: Connection) -> None:
    """The class of a column stands in its comment; a layer may guard it better, never worse."""
    if layer.field_class == "personal":
        # The whole layer is for the listed roles; what a field is called within it tells nobody else more.
        assert layer.personal_roles
        return
    text = re.sub(r"--.*", "", view_of(layer))
    tables = {alias: table for table, alias in TABLE.findall(text)}
    checked = 0
    for alias, column, renamed in COLUMN.findall(text.split("FROM")[0]):
        name = renamed or column
        if name in ("geom", "geom_3857") or name not in {field.name for field in layer.fields}:
            continue
        row = owner_conn.execute(
            "SELECT col_description(a.attrelid, a.attnum) AS told FROM pg_attribute AS a"
            " WHERE a.attrelid = %s::regclass AND a.attname = %s",
            (tables[alias], column),
        ).fetchone()
        assert row is not None, name
        if row["told"] is None:
            continue
        asked = max(CLASSES.index(layer.field(name).field_class), CLASSES.index(layer.field_class))
        assert asked >= CLASSES.index(row["told"].split(":")[0]), f"{layer.id}.{name}"
        checked += 1
    assert checked >= len(layer.fields) // 2
