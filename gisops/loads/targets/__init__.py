"""What can be loaded: one description per target, beside this file as ``<id>.toml``.

A description says which table the rows go to, what each column may hold, where codes are looked up, which checks are
made over the whole and how the rows come into force. There is no list beside the files to forget
(docs/howto/add-a-load-target.md).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

from gisops.errors import NotFound

Type = Literal["text", "integer", "number", "boolean", "date", "time", "timestamp", "patterns", "texts"]
Lookup = Literal["organisation", "staff", "category", "shift", "filing_condition", "itself"]
Shape = Literal["none", "point", "multiline", "polygon", "multipolygon", "any"]
Publish = Literal["upsert", "versions", "zone_set", "cases"]
Derivation = Literal["", "admin_area", "grid_cell", "part", "category", "past_case", "roster"]
Audit = Literal["tiling", "pile_ups", "datum"]

# What the reader is told to expect of a file that fills a column of this shape.
EXPECTED: Mapping[str, Literal["point", "line", "polygon", "any", "none"]] = {
    "none": "none",
    "point": "point",
    "multiline": "line",
    "polygon": "polygon",
    "multipolygon": "polygon",
    "any": "any",
}
SQL_TYPES: Mapping[str, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "timestamp": "timestamptz",
    "patterns": "text[]",
    "texts": "text[]",
}


class TargetError(Exception):
    """A target's description is wrong; the message says which, where and what would be right."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a file may fill. ``to`` is the table's column where that has another name (a looked-up key).

    ``meanwhile``: it is kept in the staging table only, for what publishing does with it.
    """

    name: str
    zh: str
    en: str
    type: Type = "text"
    required: bool = False
    default: Any = None
    one_of: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None
    most: float | None = None
    lookup: Lookup | None = None
    to: str = ""
    also: str = ""
    meanwhile: bool = False
    sensitive: bool = False

    @property
    def column(self) -> str:
        """The table's column."""
        return self.to or self.name

    @property
    def sql_type(self) -> str:
        """How it is staged."""
        if self.lookup == "itself":
            return "text"
        if self.lookup and self.lookup != "shift":
            return "int[]" if self.type == "texts" else "int"
        return SQL_TYPES[self.type]


@dataclass(frozen=True, slots=True)
class Target:
    """Something a file can be loaded into."""

    id: str
    zh: str
    en: str
    table: str
    publish: Publish
    key: tuple[str, ...]
    shape: Shape = "none"
    layers: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    audits: tuple[Audit, ...] = ()
    derive: Derivation = ""
    home: Literal["", "code", "place", "given"] = ""
    new_key: str = ""
    whole_by: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]


@cache
def all_targets() -> Mapping[str, Target]:
    """Every target by its id, in alphabetical order. Raises ``TargetError`` for a description that is wrong."""
    found = [read(file) for file in files("gisops.loads.targets").iterdir() if file.name.endswith(".toml")]
    return {target.id: target for target in sorted(found, key=lambda target: target.id)}


def find(name: str) -> Target:
    """A target by its id, or by the id of the layer it fills. Raises ``NotFound`` with the ids there are."""
    targets = all_targets()
    for target in targets.values():
        if name == target.id or name in target.aliases:
            return target
    raise NotFound(
        f"There is nothing called {name!r} to load into; there are {', '.join(targets)}.",
        target=name,
        targets=list(targets),
    )


def read(file: Traversable) -> Target:
    """Read one description. Raises ``TargetError``."""
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{file.name}: {error}") from error
    columns = {
        name: Column(name=name, **_values(f"{file.name} [columns.{name}]", Column, values))
        for name, values in told.pop("columns", {}).items()
    }
    target = Target(**_values(file.name, Target, told), columns=columns)
    for wrong, words in _mistakes(target, file.name.removesuffix(".toml")):
        if wrong:
            raise TargetError(f"{file.name}: {words}")
    return target


def _values(where: str, kind: type[Any], told: Mapping[str, Any]) -> dict[str, Any]:
    known = {one.name for one in fields(kind)}
    if unknown := set(told) - known:
        raise TargetError(f"{where}: unknown keys {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def _mistakes(target: Target, stem: str) -> Iterator[tuple[bool, str]]:
    yield target.id != stem, f"id is {target.id}; it and the file's name are one word"
    yield target.publish not in get_args(Publish), f"publish is {target.publish!r}"
    yield target.shape not in get_args(Shape), f"shape is {target.shape!r}"
    yield target.derive not in get_args(Derivation), f"derive is {target.derive!r}"
    yield bool(set(target.audits) - set(get_args(Audit))), f"audits are {target.audits}"
    yield not set(target.key) <= {c.column for c in target.columns.values()}, f"the key {target.key} is no column"
    for column in target.columns.values():
        yield column.type not in get_args(Type), f"{column.name}: type is {column.type!r}"
        yield column.lookup is not None and column.lookup not in get_args(Lookup), f"{column.name}: {column.lookup!r}"
