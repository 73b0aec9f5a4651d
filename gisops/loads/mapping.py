"""How a file's columns become a target's: a mapping file (TOML), options of the command line, and equal names.

::

    crs = "EPSG:2249"            # layer, encoding, x, y, wkt, trust_declared likewise

    [columns]
    code = "DISTRICT"                                              # a column of the file
    kind = { constant = "territory" }                              # the same for all rows
    name_zh = { template = "{DISTRICT} 警区" }                      # put together from columns of the file
    category = { column = "SUBJECT", values = { "Street Lights" = "E01-13" }, otherwise = "E99-01" }
    received_at = { column = "OPEN_DT", date = "%m/%d/%Y %H:%M", timezone = "America/New_York" }

    [settings]                   # of the target: the zone set's code, purpose ...
    purpose = "duty"

    [expect]                     # what the answer should be, where the file knows: zone, district, street, community
    zone = "police_district"

A column that the mapping leaves out is taken from the file's column of the same name, if there is one.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gisops.errors import InvalidInput
from gisops.loads.targets import Target

READING = ("layer", "crs", "encoding", "x", "y", "wkt", "trust_declared")
EXPECTED_KINDS = ("zone", "district", "street", "community")
_RULE = {"column", "constant", "values", "otherwise", "template", "date", "timezone"}
_FIELD = re.compile(r"\{([^{}]+)\}")


class InvalidMapping(InvalidInput):
    """The mapping of columns cannot be right."""

    code = "invalid_mapping"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one column of the target is filled. ``date`` is a strptime format, ``timezone`` an IANA name."""

    column: str | None = None
    constant: Any = None
    values: Mapping[str, Any] | None = None
    otherwise: Any = None
    template: str | None = None
    date: str | None = None
    timezone: str | None = None

    def sources(self) -> list[str]:
        """The file's columns it takes."""
        if self.template is not None:
            return _FIELD.findall(self.template)
        return [self.column] if self.column else []

    def fill(self, fields: Mapping[str, Sequence[Any]], count: int) -> list[Any]:
        """One raw value per row."""
        if self.template is not None:
            names = self.sources()
            pieces = _FIELD.split(self.template)[::2]
            columns = [[text(value) or "" for value in fields[name]] for name in names]
            return [
                "".join(piece + value for piece, value in zip(pieces, (*values, ""), strict=True)).strip() or None
                for values in zip(*columns, strict=True)
            ]
        if self.column is None:
            return [self.constant] * count
        given = fields[self.column]
        if self.values is None:
            return list(given)
        known, otherwise = self.values, self.otherwise
        keys = [text(value) or "" for value in given]
        # A value the list leaves out stays as it is, so that the check of the column can name it.
        return [known.get(k, (k or None) if otherwise is None else otherwise) for k in keys]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A whole mapping, before it has met a file: rules by target column, settings of the target, reading options."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    expect: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)

    def meet(self, target: Target, columns: Iterable[str]) -> Assignment:
        """Fit it to a target and a file's columns. Raises `InvalidMapping` naming what is missing and what is there."""
        there = list(columns)
        by_lower = {name.lower(): name for name in there}
        rules = dict(self.rules)
        for name in target.columns:
            if name not in rules and name.lower() in by_lower:
                rules[name] = Rule(column=by_lower[name.lower()])
        _known(rules, target.columns, "column", target)
        _known(self.settings, target.settings, "setting", target)
        _known(self.expect, EXPECTED_KINDS, "expectation", target)
        wanted = {source for rule in rules.values() for source in rule.sources()} | set(self.expect.values())
        if absent := sorted(wanted - set(there)):
            raise InvalidMapping(
                f"The file has no column {', '.join(absent)}; it has {', '.join(there) or 'none'}.",
                absent=absent,
                columns=there,
            )
        unfilled = [name for name, column in target.columns.items() if column.required and name not in rules]
        if unfilled:
            raise InvalidMapping(
                f"Nothing fills {', '.join(unfilled)} of {target.id}; name a column of the file ({', '.join(there)}) "
                f"for each: in the mapping file, or --set {unfilled[0]}=… for the same value in all rows.",
                unfilled=unfilled,
                columns=there,
            )
        return replace(self, rules=rules)

    def as_dict(self) -> dict[str, Any]:
        """For the record of the load."""
        rules = {
            name: {slot: value for slot in Rule.__slots__ if (value := getattr(rule, slot)) is not None}
            for name, rule in self.rules.items()
        }
        return {
            "columns": rules,
            "settings": dict(self.settings),
            "expect": dict(self.expect),
            "reading": dict(self.reading),
        }


def text(value: Any) -> str | None:
    """A value as text: trimmed, and None where nothing is left. A whole number is written without its ``.0``."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        if value != value:
            return None
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
    return str(value)


def read(path: Path) -> Assignment:
    """Read a mapping file. Raises `InvalidMapping`."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidMapping(f"{path.name} cannot be read as a mapping: {error}", file=path.name) from error
    columns, settings, expect = (_table(told, name) for name in ("columns", "settings", "expect"))
    if unknown := sorted(set(told) - set(READING)):
        raise InvalidMapping(
            f"{path.name}: unknown keys {', '.join(unknown)}; there are {', '.join(READING)}, "
            "[columns], [settings], [expect].",
            unknown=unknown,
        )
    rules = {name: _rule(name, value, path.parent) for name, value in columns.items()}
    return Assignment(rules, {k: str(v) for k, v in settings.items()}, {k: str(v) for k, v in expect.items()}, told)


def with_options(
    mapping: Assignment, target: Target, sets: Iterable[str], expects: Iterable[str], reading: Mapping[str, Any]
) -> Assignment:
    """Add what the command line says, which wins over the file: ``key=value`` constants or settings."""
    rules, settings, expect = dict(mapping.rules), dict(mapping.settings), dict(mapping.expect)
    for key, value in map(_pair, sets):
        if key in target.columns:
            rules[key] = Rule(constant=value)
        else:
            settings[key] = value
    for key, value in map(_pair, expects):
        expect[key] = value
    told = {key: value for key, value in reading.items() if value}
    return Assignment(rules, settings, expect, {**mapping.reading, **told})


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals or not key.strip():
        raise InvalidMapping(f"{given!r} is not of the form key=value.", given=given)
    return key.strip(), value.strip()


def _table(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.pop(name, {})
    if not isinstance(value, dict):
        raise InvalidMapping(f"[{name}] is a table, not {value!r}.", key=name)
    return value


def _rule(name: str, told: Any, folder: Path) -> Rule:
    if isinstance(told, str):
        return Rule(column=told)
    if not isinstance(told, dict):
        raise InvalidMapping(f"{name} is a column's name or a table, not {told!r}.", column=name)
    if unknown := sorted(set(told) - _RULE):
        raise InvalidMapping(
            f"{name}: unknown keys {', '.join(unknown)}; there are {', '.join(sorted(_RULE))}.", column=name
        )
    if sum(key in told for key in ("column", "constant", "template")) != 1:
        raise InvalidMapping(f"{name} is filled by exactly one of column, constant, template.", column=name)
    values = told.get("values")
    if isinstance(values, str):
        values = _values_file(name, folder / values)
    if values is not None and not isinstance(values, dict):
        raise InvalidMapping(f"{name}: values is a table or the name of a CSV of two columns.", column=name)
    return Rule(**{**told, "values": values})


def _values_file(name: str, path: Path) -> dict[str, str]:
    """A CSV of two columns, the file's value and ours, under a line of headings."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))[1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidMapping(f"{name}: {path.name} cannot be read: {error}", column=name) from error
    if wrong := next((n for n, row in enumerate(rows, 2) if row and len(row) < 2), None):
        raise InvalidMapping(f"{name}: {path.name} line {wrong} has no second column.", column=name)
    return {row[0].strip(): row[1].strip() for row in rows if row}


def _known(given: Iterable[str], known: Iterable[str], what: str, target: Target) -> None:
    known = list(known)
    if unknown := sorted(set(given) - set(known)):
        raise InvalidMapping(
            f"{target.id} has no {what} {', '.join(unknown)}; there are {', '.join(known) or 'none'}.",
            unknown=unknown,
            known=known,
        )
