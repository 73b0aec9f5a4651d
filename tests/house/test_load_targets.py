"""Each target's description fits its table, its page is up to date, and no layer's table is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from gisops import founding
from gisops.db.pool import connect
from gisops.loads import columns, page, targets
from gisops.loads.targets import Target, TargetError
from layers.catalog import load_catalog

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "load-targets.md"
TARGETS = list(targets.all_targets().values())
# Live layers are told by officers' phones and by cases themselves.
NOT_LOADED = {"officers", "cases"}

_COLUMNS = """
  SELECT a.attname AS name, a.attnotnull AS needed, a.atthasdef OR a.attidentity <> '' AS given,
         a.attgenerated <> '' AS made, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped"""
SHAPES = {
    "point": {"geometry(Point,4326)"},
    "multiline": {"geometry(MultiLineString,4326)"},
    "polygon": {"geometry(Polygon,4326)"},
    "multipolygon": {"geometry(MultiPolygon,4326)"},
    "any": {"geometry(Geometry,4326)"},
}
# What publishing itself knows how to fill.
FILLED = {"zones": {"zone_set_id"}, "cases": None}


@pytest.fixture(scope="module")
def tables(database: Any) -> dict[str, dict[str, dict[str, Any]]]:
    with connect(database.owner_url) as conn:
        return {
            target.id: {row["name"]: row for row in conn.execute(_COLUMNS.encode(), [target.table])}
            for target in TARGETS
        }


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_a_target_fits_its_table(target: Target, tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    there = tables[target.id]
    if target.publish == "cases":
        return
    for column in target.columns.values():
        assert column.meanwhile or column.column in there, column.name
        assert column.meanwhile or not there[column.column]["made"], column.name
    if target.shape != "none":
        assert there["geom"]["type"] in SHAPES[target.shape]
    assert (target.publish in ("versions", "zone_set")) == ("valid" in there), "versions have a validity"
    filled = {column.column for column in target.columns.values()} | (FILLED.get(target.id) or set())
    filled |= {"geom"} if target.shape != "none" else set()
    filled |= {target.new_key} if target.new_key else set()
    filled |= {"district_code"} if target.home else set()
    unfilled = [
        name
        for name, row in there.items()
        if row["needed"] and not row["given"] and not row["made"] and name not in filled
    ]
    assert unfilled == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_what_must_not_be_null_is_required_defaulted_or_derived(
    target: Target, tables: dict[str, dict[str, dict[str, Any]]]
) -> None:
    from gisops.loads.derive import FILLS

    if target.publish == "cases":
        return
    for column in target.columns.values():
        row = tables[target.id].get(column.column)
        if row is None or column.meanwhile or not row["needed"]:
            continue
        told = column.required or column.default is not None or column.name in FILLS[target.derive]
        assert told, f"{column.name} may not be NULL"


def test_there_is_a_target_for_every_layer() -> None:
    filled = {layer for target in TARGETS for layer in target.layers}
    assert {layer.id for layer in load_catalog()} - NOT_LOADED - filled == set()
    for layer in filled:
        assert layer in targets.find(layer).layers, f"`gisops load {layer}` finds it by the layer's id"


def test_points_that_are_loaded_stay_in_the_city() -> None:
    assert {target.table for target in TARGETS if target.shape == "point"} <= set(founding.IN_CITY)


def test_the_page_is_what_the_targets_say() -> None:
    assert REFERENCE.read_text("utf-8") == page.page(), "python -m gisops.loads.page > docs/reference/load-targets.md"


def test_every_code_that_is_used_has_words_and_every_word_is_used() -> None:
    text = "".join(file.read_text("utf-8") for file in Path(columns.__file__).parent.glob("*.py"))
    unused = {code for code in columns.CODES if text.count(f'"{code}"') < 2}
    assert unused == set()
    assert set(re.findall(r'Problem\(\s*\w+,\s*"(\w+)"|Wrong\("(\w+)"', text)) <= {
        pair for code in columns.CODES for pair in ((code, ""), ("", code))
    }
    for zh, en in columns.CODES.values():
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert re.search(r"[a-z]{3}", en)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('id = "other"', "one word"),
        ('publish = "sometimes"', "publish is"),
        ('shape = "blob"', "shape is"),
        ('colour = "red"', "unknown keys colour"),
        ('key = ["nothing"]', "is no column"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, text: str, said: str) -> None:
    good = {
        "id": '"x"', "zh": '"某"', "en": '"x"', "table": '"x"', "publish": '"upsert"', "key": '["code"]',
    }  # fmt: skip
    name, _, value = text.partition(" = ")
    lines = [f"{k} = {v}" for k, v in {**good, name: value}.items()]
    file = tmp_path / "x.toml"
    file.write_text("\n".join([*lines, "[columns.code]", 'zh = "编码"', 'en = "code"']), "utf-8")
    with pytest.raises(TargetError, match=said):
        targets.read(file)
    file.write_text("\n".join([*(f"{k} = {v}" for k, v in good.items()), "[columns.code]", 'zh = "编"', 'en = "c"']))
    assert targets.read(file).id == "x"


def test_every_way_of_publishing_and_deriving_is_taken_by_a_target() -> None:
    assert {target.publish for target in TARGETS} == set(get_args(targets.Publish))
    assert {target.derive for target in TARGETS} == set(get_args(targets.Derivation))
