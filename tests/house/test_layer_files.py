"""The page about what describes a layer names every key there is, and no other."""

from __future__ import annotations

import inspect
import re

import pytest

from gisops.loads.mapping import READING
from layers import catalog, describing, wanted
from tests.house.sql_text import ROOT

PAGE = (ROOT / "docs" / "reference" / "layer-files.md").read_text("utf-8")
ASKED = re.compile(r'told\.(?:maybe_)?(?:text|flag|number|one_of|names|table)\("(\w+)"')


def rows(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def keys_of(function: object) -> set[str]:
    found = set(ASKED.findall(inspect.getsource(function)))  # type: ignore[arg-type]
    assert len(found) > 5
    return found


def test_every_key_of_a_layer_stands_in_its_table() -> None:
    listed = {
        name
        for line in rows("layer.toml").splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    }
    assert listed == keys_of(catalog._layer_of)


@pytest.mark.parametrize(("key", "function"), [("fields", catalog._read_field), ("tiles", catalog._read_tiling)])
def test_every_key_of_its_tables_is_explained(key: str, function: object) -> None:
    (line,) = re.findall(rf"^\| `{key}` \|.*$", PAGE, re.MULTILINE)
    assert {name for name in keys_of(function) if f"`{name}`" not in line} == set()


def test_what_can_be_told_of_a_city_s_own_is_there() -> None:
    listed = set(re.findall(r"`(\w+)`", rows("A city's own, when it is loaded")))
    assert wanted._OWN | set(READING) | {"columns"} <= listed
    told = wanted._TEXTS | wanted._NUMBERS | wanted._FLAGS | wanted._LISTS
    assert told | {"relation", "live", "in_force", "fields", "tiles"} == keys_of(catalog._layer_of)
    # What is written is what is read.
    assert set(describing._TOP) == keys_of(catalog._layer_of) - {"in_force", "fields", "tiles"}
