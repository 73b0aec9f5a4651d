"""The schema's own rules, read from the database's catalogue: what lets it be spread over several servers later.

Operational rows live with their district, what they are joined with is copied to every server, and nothing happens
behind a statement's back. A distributed engine refuses tables that break this, and mending it late is a rewrite; so
each table says its class in its comment (`reference:`, `district:`, `local:`), each column the class of its field,
and `breaches` compares what they say with what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops", "lint.sql")

# The same client_uid with a moved point must meet the same row, whatever district the point lies in.
EXCEPTIONS = frozenset({"intake_keys"})

_TABLE_CLASS = re.compile(r"^(reference|district|local): \S")
_FIELD_CLASS = re.compile(r"^(public|work|personal|secret): \S")
_NOTIFIES = re.compile(r"\b(pg_notify\s*\(|NOTIFY\s+\w)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that one thing does not keep: the rule's name, where, and what is wrong."""

    rule: str
    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the rules look at."""

    tables: list[dict[str, Any]]
    keys: list[dict[str, Any]]
    indexes: list[dict[str, Any]]
    functions: list[dict[str, Any]]
    classes: dict[str, str | None]

    def of_class(self, name: str) -> Iterator[dict[str, Any]]:
        """The tables of one class."""
        return (table for table in self.tables if self.classes[table["name"]] == name)

    def keys_of(self, table: str, *kinds: str) -> Iterator[dict[str, Any]]:
        """The keys of one table."""
        return (key for key in self.keys if key["on_table"] == table and key["kind"] in kinds)


Rule = Callable[[Catalogue], Iterator[tuple[str, str]]]


def breaches(conn: Connection) -> list[Breach]:
    """Hold the database's schema to every rule; an empty list is a good one. Any role may ask."""
    read = {name: conn.execute(statement).fetchall() for name, statement in _SQL.items()}
    classes = {}
    for table in read["tables"]:
        found = _TABLE_CLASS.match(table["comment"] or "")
        classes[table["name"]] = found[1] if found else None
    catalogue = Catalogue(read["tables"], read["keys"], read["indexes"], read["functions"], classes)
    return [Breach(name, where, problem) for name, rule in RULES.items() for where, problem in rule(catalogue)]


def _comments(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.tables:
        if catalogue.classes[table["name"]] is None:
            yield table["name"], "its comment does not begin with reference:, district: or local:"
        for column in table["columns"] or ():
            if not _FIELD_CLASS.match(column["comment"] or ""):
                yield (
                    f"{table['name']}.{column['name']}",
                    "its comment does not begin with public:, work:, personal: or secret:",
                )


def _primary_keys(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.tables:
        if not any(catalogue.keys_of(table["name"], "PRIMARY KEY")):
            yield table["name"], "has no primary key"


def _district_code(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.of_class("district"):
        column = _column(table, "district_code")
        if column is None or column["type"] != "text" or not column["not_null"]:
            yield table["name"], "has no district_code text NOT NULL"
    for table in catalogue.tables:
        held = catalogue.classes[table["name"]] in ("reference", "local") and table["name"] not in EXCEPTIONS
        if held and _column(table, "district_code") is not None:
            yield table["name"], f"is {catalogue.classes[table['name']]}, yet has a district_code"


def _district_keys(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.of_class("district"):
        for key in catalogue.keys_of(table["name"], "PRIMARY KEY", "UNIQUE", "EXCLUDE"):
            where = f"{table['name']}.{key['name']}"
            if key["kind"] != "EXCLUDE":
                if key["columns"][:1] != ["district_code"]:
                    yield where, f"{key['kind']} does not begin with district_code"
            # An exclusion holds it anywhere: what comes first in a GiST should tell rows apart, as no district does.
            elif "district_code" not in key["columns"]:
                yield where, "EXCLUDE does not hold district_code"
            elif key["operators"][key["columns"].index("district_code")] != "=":
                yield where, "EXCLUDE does not compare district_code with ="


def _foreign_keys(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for key in catalogue.keys:
        if key["kind"] != "FOREIGN KEY":
            continue
        where = f"{key['on_table']}.{key['name']}"
        mine, other = catalogue.classes.get(key["on_table"]), catalogue.classes.get(key["to_table"])
        if mine == "district" and other == "district":
            if not key["columns"][:1] == key["to_columns"][:1] == ["district_code"]:
                yield where, "a foreign key between district tables begins with district_code on both sides"
        elif mine == "district" and other == "reference":
            if len(key["columns"]) != 1:
                yield where, "a foreign key to a reference table has one column"
        elif "district" in (mine, other) and mine and other:  # one without a class is told as such
            yield where, f"a {mine} table cannot refer to a {other} table"
        elif (mine, other) == ("reference", "local"):
            yield where, "a reference table is copied to every server; a local table is not there"


def _behind_the_back(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.tables:
        for name in table["triggers"]:
            yield f"{table['name']}.{name}", "a trigger: what happens must stand in the statement that does it"
        for name in table["rules"]:
            yield f"{table['name']}.{name}", "a rewrite rule: what happens must stand in the statement that does it"


def _sequences(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.of_class("district"):
        for name in table["sequences"]:
            yield f"{table['name']}.{name}", "a sequence: each server would count for itself"
        for column in table["columns"]:
            if column["identity"] or "nextval(" in (column["default"] or ""):
                yield f"{table['name']}.{column['name']}", "numbered by a sequence: each server would count for itself"


def _home_is_fixed(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.of_class("district"):
        for role in table["movers"]:
            yield f"{table['name']}.district_code", f"{role} may change it: a row cannot move to another server"


def _partitions(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for table in catalogue.tables:
        if table["has_rest"] is False:
            yield table["name"], "is in parts without a default one: a row that fits none would be refused"
        for role in table["goers_round"]:
            yield table["name"], f"{role} holds rights on a part, and so goes round those on its table"


def _notify(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    # The relay wakes the listeners, from its own statement. A writer who notifies waits for every other who does.
    for function in catalogue.functions:
        if _NOTIFIES.search(_COMMENT.sub("", function["text"])):
            yield f"{function['name']}()", "notifies; only the relay does"


def _definers(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for function in catalogue.functions:
        if function["definer"] and not function["pinned"]:
            yield f"{function['name']}()", "is SECURITY DEFINER without a search_path of its own"


def _geometry_leads(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    # The planner prefers (type, geom) to plain geom and is 15 to 30 times slower with it.
    for index in catalogue.indexes:
        spatial = [kind in ("geometry", "geography", "box2df", "gidx") for kind in index["types"]]
        if any(spatial) and not spatial[0]:
            yield f"{index['on_table']}.{index['name']}", "a GiST index with a geometry that does not come first"


def _column(table: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((column for column in table["columns"] or () if column["name"] == name), None)


RULES: dict[str, Rule] = {
    "comments": _comments,
    "primary keys": _primary_keys,
    "district_code": _district_code,
    "district keys": _district_keys,
    "foreign keys": _foreign_keys,
    "triggers": _behind_the_back,
    "sequences": _sequences,
    "home district": _home_is_fixed,
    "partitions": _partitions,
    "notify": _notify,
    "definers": _definers,
    "geometry first": _geometry_leads,
}
