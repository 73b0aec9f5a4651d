"""The catalogue: one folder per layer under ``themes/``, read once, checked against the database.

A folder holds ``layer.toml`` (what it is, who may see it, each field with its meaning), ``view.sql`` (the view
``layer_<id>`` over the tables), ``style.json`` (how it is drawn) and ``README.md``. The folder's name, the id, the
view and the layer inside a tile are one word. There is no list beside the folders to forget.

A city's own layers stand in the database instead (`layers.city_layers`), each with the very text of a ``layer.toml``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import NotFound
from layers import reveals, windows
from layers.classes import CLASSES, PUBLIC, STAFF_ROLES
from layers.layer import MASKS, OWN, SCOPES, UNIT, Field, Layer, Tiling
from layers.told import CatalogError, Told

__all__ = [
    "Catalog",
    "CatalogError",
    "Field",
    "Layer",
    "Tiling",
    "catalog_of",
    "check",
    "load_catalog",
    "own_layer",
    "read_catalog",
    "view_sql",
]

_SQL = load("layers", "catalog.sql")
_NAME = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
_DURATION = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,4})D)?(?:T(\d{1,4})H)?")
_FILES = ("layer.toml", "view.sql", "style.json", "README.md")

# What a field's type may be in the database; several spellings of one meaning are one type here.
TYPES: Mapping[str, frozenset[str]] = MappingProxyType({
    "text": frozenset({"text", "uuid", "character varying"}),
    "integer": frozenset({"smallint", "integer", "bigint"}),
    "number": frozenset({"real", "double precision", "numeric"}),
    "boolean": frozenset({"boolean"}),
    "timestamp": frozenset({"timestamp with time zone"}),
})  # fmt: skip
GEOMETRIES: Mapping[str, frozenset[str]] = MappingProxyType({
    "point": frozenset({"Point"}),
    "line": frozenset({"LineString", "MultiLineString"}),
    "polygon": frozenset({"Polygon", "MultiPolygon"}),
    "mixed": frozenset({"Geometry"}),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Catalog:
    """All layers, in the order in which they are drawn (the lowest first); ``own``: the ids of those that a city
    brought itself; ``refused``: those of them that cannot be shown, with the reason.
    """

    layers: tuple[Layer, ...]
    own: frozenset[str] = frozenset()
    refused: tuple[tuple[str, str], ...] = ()
    _by_id: Mapping[str, Layer] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {layer.id: layer for layer in self.layers})

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, layer_id: str) -> Layer:
        """Return one layer. Raises ``NotFound`` with the ids there are."""
        found = self._by_id.get(layer_id)
        if found is None:
            # What a city keeps to itself is not listed to whoever asks; what is shipped everybody can read about.
            listed = [layer.id for layer in self.layers if layer.public or layer.id not in self.own]
            raise NotFound(f"There is no layer {layer_id!r}.", layer=layer_id, layers=listed)
        return found


@cache
def load_catalog() -> Catalog:
    """Read the shipped layers, once per process. Raises ``CatalogError``."""
    return read_catalog(_themes())


def read_catalog(themes: Traversable) -> Catalog:
    """Read every layer folder under ``themes``. Raises ``CatalogError`` for the first that is wrong."""
    layers = [_read_layer(folder) for folder in themes.iterdir() if folder.is_dir() and folder.name[0] not in "._"]
    taken: dict[int, str] = {}
    for layer in layers:
        if layer.order in taken:
            raise CatalogError(f"{layer.id}/layer.toml: order {layer.order} is taken by {taken[layer.order]}")
        taken[layer.order] = layer.id
    return Catalog(tuple(sorted(layers, key=lambda layer: layer.order)))


def catalog_of(conn: Connection) -> Catalog:
    """Return the shipped layers with those that the city brought itself, as the database has them now.

    A row that cannot be read, or does not fit its relation, is left out and told in ``refused``: one city layer does
    not take the others down. Raises ``CatalogError`` for the shipped ones only.
    """
    shipped = load_catalog()
    rows = conn.execute(_SQL["own_layers"]).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for column in conn.execute(_SQL["columns_of_own"]) if rows else ():
        columns.setdefault(column["layer_id"], {})[column["name"]] = column["type"]
    own: list[Layer] = []
    refused: list[tuple[str, str]] = []
    taken = {layer.id for layer in shipped}
    for row in rows:
        layer_id = row["layer_id"]
        try:
            if layer_id in taken:
                raise CatalogError(f"layer {layer_id}: this release ships a layer of that name")
            layer = own_layer(layer_id, row["description"], row["style"])
            _check_columns(layer, columns.get(layer_id, {}))
        except CatalogError as error:
            refused.append((layer_id, str(error)))
        else:
            own.append(layer)
    # Those that are shipped keep their places; of a city's own, two may name the same one.
    drawn = sorted((*shipped, *own), key=lambda layer: (layer.order, layer.id))
    return Catalog(tuple(drawn), frozenset(layer.id for layer in own), tuple(refused))


@lru_cache(maxsize=1024)
def own_layer(layer_id: str, description: str, style: str) -> Layer:
    """Read the description (a ``layer.toml``) and style of one of a city's own layers. Raises ``CatalogError``."""
    # Its view is made of the description, so that the description alone is its fingerprint.
    return _layer_of(f"{layer_id}/layer.toml", layer_id, description, "", style)


def view_sql() -> list[tuple[str, str]]:
    """Return ``(name, sql)`` of each layer's view, with its grants and its windows, for the migrator.

    Each is dropped first: CREATE OR REPLACE alone refuses a view that lost or moved a column, and nothing may be
    built on a layer's view (a layer is the end of the line), so a drop that fails tells of a mistake.
    """
    themes = _themes()
    return [
        (
            f"layer_{layer.id}",
            f"DROP VIEW IF EXISTS layer_{layer.id};\n"
            + (themes / layer.id / "view.sql").read_text("utf-8")
            + windows.sql_of(layer)
            + reveals.sql_of(layer),
        )
        for layer in load_catalog()
    ]


def check(conn: Connection, catalog: Catalog | None = None) -> None:
    """Compare each layer with its relation in the database. Raises ``CatalogError`` for the first that does not fit."""
    for layer in catalog or load_catalog():
        _check_layer(conn, layer)


def _themes() -> Traversable:
    return files("layers") / "themes"


def _check_layer(conn: Connection, layer: Layer) -> None:
    rows = conn.execute(_SQL["columns_of"], {"relation": layer.relation})
    _check_columns(layer, {row["name"]: row["type"] for row in rows})


def _check_columns(layer: Layer, columns: Mapping[str, str]) -> None:
    where = f"layer {layer.id}"
    if not columns:
        raise CatalogError(
            f"{where}: there is no relation {layer.relation}; run the migrations, or name it so in view.sql"
        )
    found = dict(columns)
    shapes = GEOMETRIES[layer.geometry]
    geom = found.pop("geom", None)
    if geom not in {f"geometry({shape},4326)" for shape in shapes}:
        raise CatalogError(f"{where}: column geom is {geom}, and layer.toml says {layer.geometry} (EPSG:4326)")
    if found.pop("geom_3857", None) is None:
        raise CatalogError(f"{where}: {layer.relation} has no column geom_3857, from which tiles are cut")
    for field in layer.fields:
        actual = found.pop(field.name, None)
        if actual is None:
            raise CatalogError(
                f"{where}: layer.toml has the field {field.name}, and {layer.relation} has no such column"
            )
        if actual not in TYPES[field.type]:
            raise CatalogError(
                f"{where}: the field {field.name} is {actual} in {layer.relation}, and {field.type} in layer.toml"
            )
    for reserved in windows.reserved(layer):
        if found.pop(reserved, None) != "integer":
            raise CatalogError(
                f"{where}: layer.toml says scope and own, and {layer.relation} has no column {reserved} (integer)"
            )
    if found:
        raise CatalogError(
            f"{where}: {layer.relation} has columns layer.toml does not explain: {', '.join(sorted(found))}"
        )


def _read_layer(folder: Traversable) -> Layer:
    for name in _FILES:
        if not (folder / name).is_file():
            raise CatalogError(f"{folder.name}: the file {name} is missing (a layer has {', '.join(_FILES)})")
    toml, view, style = ((folder / name).read_text("utf-8") for name in _FILES[:3])
    return _layer_of(f"{folder.name}/layer.toml", folder.name, toml, view, style)


def _layer_of(source: str, name: str, toml: str, view: str, style: str) -> Layer:
    try:
        told = Told(source, tomllib.loads(toml))
        json.loads(style)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise CatalogError(f"{name}: {error}") from error
    layer = Layer(
        id=told.text("id"),
        order=told.number("order", 0, 10_000),
        title_zh=told.text("title_zh"),
        title_en=told.text("title_en"),
        family_zh=told.text("family_zh"),
        family_en=told.text("family_en"),
        description=told.text("description"),
        field_class=told.one_of("class", CLASSES),
        personal_roles=frozenset(told.names("personal_roles")),
        scope=told.one_of("scope", SCOPES),
        own=tuple(told.names("own")),
        relation=told.text("relation"),
        key=told.text("key"),
        time=told.maybe_text("time"),
        geometry=told.one_of("geometry", GEOMETRIES),
        minzoom=told.number("minzoom", 0, 22),
        maxzoom=told.number("maxzoom", 0, 22),
        shown=told.flag("shown"),
        live=told.flag("live"),
        in_force=told.flag("in_force", False),
        update_cycle=told.text("update_cycle"),
        fresh_for=_duration(source, told.maybe_text("fresh_for")),
        owner=told.text("owner"),
        search=tuple(told.names("search")),
        reveal=tuple(told.names("reveal")),
        fields=tuple(_read_field(source, name, table) for name, table in told.table("fields").items()),
        tiling=_read_tiling(Told(f"{source} [tiles]", told.table("tiles", {}))),
        style=style,
        fingerprint=hashlib.blake2b((toml + view).encode(), digest_size=4).hexdigest(),
    )
    told.nothing_else()
    _check_itself(source, name, layer)
    return layer


def _duration(source: str, text: str | None) -> timedelta | None:
    """An ISO 8601 duration, a year taken for 366 days and a month for 31: nothing is called stale too early."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    told = [int(number or 0) for number in match.groups()] if match else []
    if not any(told):
        raise CatalogError(f"{source}: fresh_for is {text!r}; it must be a duration like P1Y, P3M, P7D or PT12H")
    years, months, weeks, days, hours = told
    return timedelta(days=366 * years + 31 * months + 7 * weeks + days, hours=hours)


def _read_field(source: str, name: str, table: Any) -> Field:
    where = f"{source} [fields.{name}]"
    if not _NAME.match(name):
        raise CatalogError(f"{where}: a field's name is lower-case letters, digits and _")
    told = Told(where, table)
    field = Field(
        name=name,
        title_zh=told.text("title_zh"),
        title_en=told.text("title_en"),
        type=told.one_of("type", TYPES),
        field_class=told.one_of("class", CLASSES),
        meaning=told.text("meaning"),
        in_tiles=told.flag("in_tiles", False),
        in_labels=told.flag("in_labels", False),
        mask=told.maybe_one_of("mask", MASKS),
        tiles_from=told.number("tiles_from", 0, 22, 0),
    )
    told.nothing_else()
    return field


def _read_tiling(told: Told) -> Tiling:
    by_zoom = Told(f"{told.source} by_zoom", told.table("by_zoom", {}))
    tiling = Tiling(
        counted_below=told.number("counted_below", 0, 22, 0),
        max_features=told.number("max_features", 100, 20_000, 8_000),
        buffer=told.number("buffer", 0, 1_024, 64),
        label_minzoom=told.number("label_minzoom", 0, 22) if "label_minzoom" in told.values else None,
        by_zoom_field=by_zoom.text("field") if by_zoom.values else None,
        by_zoom=tuple((str(value), int(zoom)) for value, zoom in by_zoom.table("from", {}).items()),
        squares=told.number("squares", 2, 6, 5),
        summed_area=told.flag("summed_area", False),
        smallest_px=told.number("smallest_px", 0, 8, 0),
        told_by_events=told.flag("told_by_events", False),
    )
    by_zoom.nothing_else()
    told.nothing_else()
    return tiling


def _check_itself(source: str, folder: str, layer: Layer) -> None:
    names = [field.name for field in layer.fields]
    for wrong, message in (
        (not _NAME.match(layer.id), "id is lower-case letters, digits and _"),
        (layer.id != folder, f"id is {layer.id}, and the folder {folder}: they are one word"),
        (layer.relation != f"layer_{layer.id}", f"relation is {layer.relation}; it must be layer_{layer.id}"),
        (layer.key not in names, f"the key {layer.key} is not among the fields"),
        (layer.time is not None and layer.time not in names, f"the time field {layer.time} is not among the fields"),
        (
            layer.time in names and layer.field(str(layer.time)).type != "timestamp",
            f"the time field {layer.time} is no timestamp",
        ),
        (layer.minzoom > layer.maxzoom, "minzoom is above maxzoom"),
        (not layer.personal_roles <= STAFF_ROLES, f"unknown roles {sorted(layer.personal_roles - STAFF_ROLES)}"),
        (
            layer.field_class == "personal" and not layer.personal_roles,
            "a personal layer says who sees it: personal_roles",
        ),
        (not set(layer.own) <= set(OWN), f"own is some of {', '.join(OWN)}, not {', '.join(layer.own)}"),
        (bool(layer.own) and layer.scope != UNIT, 'own is for a layer with scope = "unit"'),
        (layer.scope == UNIT and not layer.windowed, "everything here is public: it has no scope"),
        (layer.fresh_for is not None and layer.live, "a live layer does not grow stale: it has no fresh_for"),
        (bool(windows.RESERVED & set(names)), f"reserved names: {sorted(windows.RESERVED & set(names))}"),
        (
            any(field.mask and (field.type != "text" or field.field_class == PUBLIC) for field in layer.fields),
            "a mask is for a text above the public class",
        ),
        (layer.field(layer.key).mask is not None if layer.key in names else False, "the key cannot be masked"),
        (
            layer.tiling.by_zoom_field is not None and layer.tiling.by_zoom_field not in names,
            "tiles.by_zoom.field is no field",
        ),
        (
            (layer.tiling.summed_area or layer.tiling.smallest_px > 0) and layer.geometry == "point",
            "tiles.summed_area and tiles.smallest_px are for what has a size, not for points",
        ),
        (
            layer.tiling.summed_area and "area_m2" in names,
            "tiles.summed_area: squares tell the field area_m2 then, and the layer has one of its own",
        ),
        (layer.tiling.told_by_events and not layer.live, "tiles.told_by_events is for a live layer"),
        (
            any(field.tiles_from > 0 and not field.in_tiles for field in layer.fields),
            "tiles_from is for a field that is in tiles (in_tiles = true)",
        ),
        (
            any(field.tiles_from > 0 for field in layer.fields if field.name == layer.key),
            "the key is in tiles of every zoom",
        ),
    ):
        if wrong:
            raise CatalogError(f"{source}: {message}")
    if unknown := sorted(set(layer.reveal) - set(reveals.PURPOSES)):
        raise CatalogError(
            f"{source}: reveal has no purpose {', '.join(unknown)}; there are {', '.join(reveals.PURPOSES)}"
        )
    if bool(layer.reveal) != any(field.mask for field in layer.fields):
        raise CatalogError(
            f"{source}: a layer with masks says for which purposes a value is shown in full, no other does"
        )
    # Whoever may see a feature may see what it is called and what decides whether it is drawn.
    for name in {layer.key, layer.time, layer.tiling.by_zoom_field} - {None}:
        field = layer.field(str(name))
        if CLASSES.index(field.field_class) > CLASSES.index(layer.field_class):
            raise CatalogError(f"{source}: the field {name} is {field.field_class}, and the layer {layer.field_class}")
    if not layer.field(layer.key).in_tiles:
        raise CatalogError(f"{source}: the key {layer.key} must be in tiles (in_tiles = true)")
    # What somebody may find he may see: otherwise he learns by guessing what he is not shown.
    for name in layer.search:
        if name not in names or layer.field(name).type != "text":
            raise CatalogError(f"{source}: search has {name}, which is no text among the fields")
        if layer.above(layer.field(name)) or layer.field(name).mask is not None:
            raise CatalogError(f"{source}: search has {name}, which not everybody who sees the layer sees as it is")
