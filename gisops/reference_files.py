"""Where the shipped data lies: ``data/`` of a checkout, ``gisops/_data/`` of an installed wheel."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def data(*names: str) -> Traversable:
    """A shipped file or folder, e.g. ``data("reference", "categories.csv")``. Raises ``FileNotFoundError``."""
    for root in (Path(__file__).resolve().parent.parent / "data", files("gisops").joinpath("_data")):
        # A checkout is known by its project file: a folder `data` beside an installed package is somebody else's.
        if isinstance(root, Path) and root.name == "data" and not (root.parent / "pyproject.toml").is_file():
            continue
        found = root.joinpath(*names)
        if found.is_file() or found.is_dir():
            return found
    raise FileNotFoundError(f"gisops ships no data/{'/'.join(names)}")
