"""What is told of a layer by whoever loads it: a file like a layer.toml, in part or whole, and ``--set`` on top of it.

::

    id = "street_trees"          # any key of a layer.toml, [tiles] and [fields.…] as there
    title_zh = "行道树"
    label = "树名"                # which column says what a thing is called
    leave_out = ["备注"]
    crs = "GCJ02"                # how to read the file: layer, crs, encoding, x, y, wkt, trust_declared

    [columns]                    # a field's column of the file, where they are not called alike
    height_m = "树高"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gisops.loads.mapping import READING
from layers.classes import CLASSES
from layers.told import InvalidLayer

_TEXTS = {
    "id", "title_zh", "title_en", "family_zh", "family_en", "description", "class", "scope", "key", "time", "geometry",
    "update_cycle", "fresh_for", "owner",
}  # fmt: skip
_NUMBERS = {"order", "minzoom", "maxzoom"}
_FLAGS = {"shown"}
_LISTS = {"personal_roles", "own", "search", "reveal"}
# What is no key of a layer.toml: the column that names a thing, the class of fields of which none is told.
_OWN = {"label", "field_class", "leave_out"}
_KNOWN = _TEXTS | _NUMBERS | _FLAGS | _LISTS | _OWN


@dataclass(frozen=True)
class Wanted:
    """``layer``: keys of a layer.toml; ``fields``, ``tiles``: its tables; ``columns``: field -> column of the file;
    ``leave_out``: columns that become no field; ``label``: the column, or field, that says what a thing is called;
    ``field_class``: of the fields of which none is told; ``reading``: how to read the file.
    """

    layer: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tiles: Mapping[str, Any] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    leave_out: frozenset[str] = frozenset()
    label: str | None = None
    field_class: str | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)


def read(path: Path | None, sets: Iterable[str] = (), reading: Mapping[str, Any] | None = None) -> Wanted:
    """Put together a file (or none), ``key=value`` pairs and options of the command line; the later wins.

    Raises ``InvalidLayer`` naming the key that is wrong and those there are.
    """
    told: dict[str, Any] = {}
    if path is not None:
        try:
            told = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidLayer(f"{path.name} cannot be read as a description: {error}", file=path.name) from error
    for pair in sets:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidLayer(f"{pair!r} is not of the form key=value.", given=pair)
        told[key.strip()] = _valued(key.strip(), value.strip())
    fields, columns = _table(told, "fields"), _table(told, "columns")
    tiles = _table(told, "tiles") if "tiles" in told else None
    # A whole layer.toml, as `gisops layers show` prints one, names what follows from the id.
    for follows in ("relation", "live", "in_force"):
        told.pop(follows, None)
    read_as = {name: told.pop(name) for name in READING if name in told}
    if unknown := sorted(set(told) - _KNOWN):
        raise InvalidLayer(
            f"Nothing of a layer is called {', '.join(unknown)}; there are {', '.join(sorted(_KNOWN))}, "
            f"[fields.…], [tiles], [columns], and for reading {', '.join(READING)}.",
            unknown=unknown,
        )
    for name in ("class", "field_class"):
        if told.get(name) not in (None, *CLASSES):
            raise InvalidLayer(f"{name} is {told[name]!r}; it must be one of {', '.join(CLASSES)}.", field=name)
    for name, given in fields.items():
        if not isinstance(given, dict):
            raise InvalidLayer(f"[fields.{name}] must be a table.", field=name)
        if given.get("class") not in (None, *CLASSES):
            raise InvalidLayer(
                f"[fields.{name}] class is {given['class']!r}; it must be one of {', '.join(CLASSES)}.", field=name
            )
    left_out = told.pop("leave_out", [])
    return Wanted(
        label=told.pop("label", None),
        field_class=told.pop("field_class", None),
        layer=told,
        fields=fields,
        tiles=tiles,
        columns={name: str(column) for name, column in columns.items()},
        leave_out=frozenset(map(str, left_out)),
        reading={**read_as, **{name: value for name, value in (reading or {}).items() if value}},
    )


def _valued(key: str, value: str) -> Any:
    if key in _NUMBERS:
        try:
            return int(value)
        except ValueError as error:
            raise InvalidLayer(f"{key} is a whole number, not {value!r}.", field=key) from error
    if key in _FLAGS:
        if value not in ("true", "false"):
            raise InvalidLayer(f"{key} is true or false, not {value!r}.", field=key)
        return value == "true"
    if key in _LISTS or key == "leave_out":
        return [name.strip() for name in value.split(",") if name.strip()]
    return value


def _table(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.pop(name, {})
    if not isinstance(value, dict):
        raise InvalidLayer(f"{name} is a table, not {value!r}.", field=name)
    return value
