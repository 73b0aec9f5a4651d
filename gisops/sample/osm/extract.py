"""An OpenStreetMap extract as columns: points, lines and areas, each with the tags we ask for.

GDAL's driver assembles the multipolygons; it streams the file and keeps its nodes in a file of its own past 100 MB, so
memory grows with what is in the layers asked for, not with the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from gisops.errors import InvalidInput
from gisops.reference_files import data
from gisops.sample.town import Shapes, Texts

KINDS = (".osm.pbf", ".pbf", ".osm", ".osm.gz")


class UnreadableExtract(InvalidInput):
    """The file is not an OpenStreetMap extract that could be read."""

    code = "unreadable_extract"


@dataclass(frozen=True)
class Layer:
    """Shapes in degrees, WGS-84, with a column of texts for each tag; an absent tag is an empty text."""

    geom: Shapes
    tags: dict[str, Texts]

    def __getitem__(self, tag: str) -> Texts:
        return self.tags[tag]

    def only(self, chosen: np.ndarray) -> Layer:
        """The rows a mask or an index picks."""
        return Layer(self.geom[chosen], {tag: texts[chosen] for tag, texts in self.tags.items()})

    def named(self) -> tuple[Texts, Texts]:
        """Names for a Chinese and an English reader: in their language where they are given, else ``name``."""
        name = self["name"]
        chinese = np.where(self["name:zh-Hans"] != "", self["name:zh-Hans"], self["name:zh"])
        return (
            np.where(chinese != "", chinese, name),
            np.where(self["name:en"] != "", self["name:en"], name),
        )


@dataclass(frozen=True)
class Extract:
    """The three layers of an extract."""

    points: Layer
    lines: Layer
    areas: Layer


def open_extract(path: Path) -> Extract:
    """Read an extract. Raises ``UnreadableExtract`` for what is missing, cut short, empty or something else."""
    if not path.is_file():
        raise UnreadableExtract(f"There is no file {path}.", file=str(path))
    if not path.name.endswith(KINDS):
        raise UnreadableExtract(
            f"{path.name} does not end in {', '.join(KINDS)}: that is what OpenStreetMap extracts are called.",
            file=path.name,
            endings=KINDS,
        )
    source = f"/vsigzip/{path}" if path.name.endswith(".gz") else str(path)
    with _configured():
        try:
            read = [_read(source, layer) for layer in ("points", "lines", "multipolygons")]
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as error:
            raise UnreadableExtract(
                f"{path.name} cannot be read as OpenStreetMap data: {_first(error)}", file=path.name
            ) from error
    extract = Extract(*read)
    if not len(extract.lines.geom):
        raise UnreadableExtract(f"{path.name} holds no lines: a city needs streets.", file=path.name)
    return extract


@contextmanager
def _configured() -> Iterator[None]:
    with as_file(data("sample", "osmconf.ini")) as config, warnings.catch_warnings():
        # Rings that an extract's edge has cut open are told of one by one; they are dropped below.
        warnings.simplefilter("ignore", RuntimeWarning)
        pyogrio.set_gdal_config_options({"OSM_CONFIG_FILE": str(config)})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({"OSM_CONFIG_FILE": None})


def _read(source: str, layer: str) -> Layer:
    meta, _, geometry, columns = pyogrio.raw.read(source, layer=layer)
    shapes = shapely.from_wkb(np.asarray(geometry, dtype=object), on_invalid="ignore")
    whole = np.array([shape is not None and not shape.is_empty for shape in shapes], dtype=bool)
    tags = {
        name: np.array([text or "" for text in texts], dtype=object)[whole]
        for name, texts in zip(meta["fields"], columns, strict=True)
    }
    return Layer(shapes[whole], tags)


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
