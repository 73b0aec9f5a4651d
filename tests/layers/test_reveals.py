"""For what a masked value may be shown in full is said by each layer that has one, and by no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import layers
from layers import reveals
from layers.catalog import CatalogError, load_catalog, read_catalog

MASKED = [layer for layer in load_catalog() if reveals.masked(layer)]
THEMES = Path(layers.__file__).parent / "themes"


def test_there_are_layers_with_masks_and_each_says_what_for() -> None:
    assert {layer.id for layer in MASKED} == {"officers", "party_building", "places", "poverty_relief"}
    for layer in load_catalog():
        assert bool(layer.reveal) == (layer in MASKED)
        assert set(layer.reveal) <= set(reveals.PURPOSES)
        assert ("reveal_" in reveals.sql_of(layer)) == (layer in MASKED)


def test_every_purpose_counts_somewhere_and_has_words() -> None:
    assert {purpose for layer in MASKED for purpose in layer.reveal} == set(reveals.PURPOSES)
    for zh, en in reveals.PURPOSES.values():
        assert not zh.isascii()
        assert en.isascii()


@pytest.mark.parametrize(
    ("layer", "old", "new", "why"),
    [
        ("places", 'reveal = ["case_handling"', 'reveal = ["curiosity"', "no purpose curiosity"),
        ("places", "reveal = [", "# reveal = [", "a layer with masks says for which purposes"),
        ("rivers", 'scope = "none"', 'scope = "none"\nreveal = ["emergency"]', "no other does"),
    ],
)
def test_a_layer_that_says_it_wrongly_is_refused(tmp_path: Path, layer: str, old: str, new: str, why: str) -> None:
    folder = tmp_path / layer
    shutil.copytree(THEMES / layer, folder)
    file = folder / "layer.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(CatalogError, match=why):
        read_catalog(tmp_path)
