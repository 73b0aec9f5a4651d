"""Who may see what, in plain Python over a drawn world: slow, short, and knowing nothing of how the server does it.

Its only source beside the world is what each layer's own folder declares: classes of fields, roles for what is
personal, masks. What they mean is said here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.walk.scope_world import (
    CITY,
    COLUMNS,
    ROLES,
    ROWS,
    TABLES,
    Account,
    ScopeWorld,
    Thing,
    Unit,
    cell_code,
    community_code,
    district_code,
    person_of,
    street_code,
)

THEMES = Path(__file__).parents[2] / "layers" / "themes"

# The layers of which a row is somebody's business by where it lies; of all others by its class alone.
SCOPED = frozenset(TABLES)
# The roles whose work is with cases; a department's is with those it holds.
WORK_ON_CASES = frozenset(ROLES) - {"planner", "department"}
CATEGORIES = {1: ("E04-05", "样例事件甲", "Sample event A"), 2: ("E04-06", "样例事件乙", "Sample event B")}


@dataclass(frozen=True)
class Declared:
    """What a layer's folder declares."""

    layer: str
    layer_class: str
    personal_roles: frozenset[str]
    key: str
    fields: dict[str, dict[str, Any]]
    tiles: dict[str, Any]
    minzoom: int
    maxzoom: int
    search: tuple[str, ...] = ()


@cache
def declared(layer: str) -> Declared:
    """Read one layer's folder."""
    told = tomllib.loads((THEMES / layer / "layer.toml").read_text("utf-8"))
    return Declared(
        layer,
        told["class"],
        frozenset(told.get("personal_roles", ())),
        told["key"],
        told["fields"],
        told.get("tiles", {}),
        told["minzoom"],
        told["maxzoom"],
        tuple(told.get("search", ())),
    )


@cache
def layers() -> tuple[str, ...]:
    """Every layer there is."""
    return tuple(sorted(folder.name for folder in THEMES.iterdir() if (folder / "layer.toml").is_file()))


# ---- where ----------------------------------------------------------------------------------------------------------


def unit_of(world: ScopeWorld, x: float, y: float) -> Unit | None:
    """The smallest unit that holds a place; ``None`` outside of all."""
    column, row = int(x), int(y)
    if not 0 <= row < ROWS or not 0 <= column <= COLUMNS:
        return None
    if column == COLUMNS:
        return Unit(1, CITY)
    if (column, row) in world.missing:
        return Unit(4, community_code(column, row))
    return Unit(5, cell_code(column, row))


def _line(column: int, row: int) -> list[Unit]:
    """The units that hold a place in a district, the city first."""
    return [
        Unit(1, CITY),
        Unit(2, district_code(column)),
        Unit(3, street_code(column, row)),
        Unit(4, community_code(column, row)),
    ]


def units_of(world: ScopeWorld, account: Account) -> set[Unit]:
    """Every unit an account was granted, with all that lies in it."""
    granted: set[Unit] = set()
    for kind, code in account.grants:
        if kind == "cell":
            granted |= {Unit(5, code)}
        elif kind == "own_zones":
            granted |= {Unit(5, cell_code(*at)) for at in _own_cells(world, account)}
        else:
            granted |= _of_area(code, world.missing)
    return granted


@cache
def _of_area(area: str, missing: frozenset[tuple[int, int]]) -> frozenset[Unit]:
    """An area with all that lies in it. Areas stay as they were drawn, so each is walked through once."""
    found: set[Unit] = set()
    for column in range(COLUMNS):
        for row in range(ROWS):
            line = _line(column, row)
            codes = [unit.code for unit in line]
            if area in codes:
                found |= set(line[codes.index(area) :])
                if (column, row) not in missing:
                    found.add(Unit(5, cell_code(column, row)))
    return frozenset(found)


def _own_cells(world: ScopeWorld, account: Account) -> set[tuple[int, int]]:
    """The cells that share ground with a zone in force to which the account's person is assigned now."""
    found = set()
    for zone in world.zones:
        if not zone.in_force or not zone.staff.get(account.staff_id or 0, False):
            continue
        west, south, east, north = zone.box
        for column, row in world.cells():
            wide = min(east, column + 1) - max(west, column)
            high = min(north, row + 1) - max(south, row)
            if wide > 0 and high > 0:
                found.add((column, row))
    return found


def in_scope(world: ScopeWorld, account: Account | None, thing: Thing) -> bool:
    """Whether a row is this account's business by place, or its own."""
    if account is None:
        return False
    if account.everywhere:
        return True
    if unit_of(world, thing.x, thing.y) in units_of(world, account):
        return True
    if thing.layer == "cases":
        mine = account.staff_id is not None and account.staff_id in (
            thing.columns["handler_id"],
            thing.columns["superior_id"],
        )
        department = account.role == "department" and account.organisation_id is not None
        return mine or (department and account.organisation_id == thing.columns["organisation_id"])
    return (
        thing.layer == "officers"
        and account.staff_id is not None
        and account.staff_id == person_of(world, thing).staff_id
    )


# ---- what -----------------------------------------------------------------------------------------------------------


def classes(account: Account | None, layer: str) -> frozenset[str]:
    """The classes an account may see in a layer."""
    if account is None:
        return frozenset({"public"})
    if account.role in declared(layer).personal_roles:
        return frozenset({"public", "work", "personal"})
    return frozenset({"public", "work"})


def may_see_layer(account: Account | None, layer: str) -> bool:
    """Whether a layer is there for an account at all."""
    return declared(layer).layer_class in classes(account, layer)


def fields(account: Account | None, layer: str) -> list[str]:
    """The fields that are there for an account, in the layer's order."""
    open_to = classes(account, layer)
    return [name for name, field in declared(layer).fields.items() if field["class"] in open_to]


def on_map(thing: Thing) -> bool:
    """Whether a row is in its layer at all: a closed case has left the map."""
    return thing.layer != "cases" or thing.columns["stage"] < 7


def sees_row(world: ScopeWorld, account: Account | None, thing: Thing) -> bool:
    """Whether a row exists for an account in its layer."""
    if not may_see_layer(account, thing.layer) or not on_map(thing):
        return False
    return declared(thing.layer).layer_class == "public" or in_scope(world, account, thing)


def properties(world: ScopeWorld, account: Account | None, thing: Thing) -> dict[str, Any]:
    """What an account is told of a row that exists for it."""
    told = values_of(world, thing)
    here = in_scope(world, account, thing)
    shown = {}
    for name in fields(account, thing.layer):
        field = declared(thing.layer).fields[name]
        value = told[name]
        if field["class"] != "public" and declared(thing.layer).layer_class == "public" and not here:
            value = None
        elif field.get("mask") == "phone":
            value = None if value is None else f"{value[:3]}****{value[-4:]}"
        elif field.get("mask") == "name":
            value = None if value is None else f"{value[0]}**"
        shown[name] = value
    return shown


def values_of(world: ScopeWorld, thing: Thing) -> dict[str, Any]:
    """Every field of a row as its layer names it, nothing left out."""
    c = thing.columns

    def organisation(number: int | None) -> dict[str, Any]:
        one = world.organisations.get(number or 0)
        zh, en = (one.zh, one.en) if one else (None, None)
        return {"organisation": one.code if one else None, "organisation_zh": zh, "organisation_en": en}

    if thing.layer == "cases":
        code, zh, en = CATEGORIES[c["category_id"]]
        return {
            "case_no": thing.key, "category": code, "category_zh": zh, "category_en": en, "state": c["state"],
            "stage": c["stage"], "flow": "standard", "severity": c["severity"], **organisation(c["organisation_id"]),
            "zone": None, "grid_cell": None, "handler_post_zh": "网格员" if c["handler_id"] else None,
            "ambiguous": c["ambiguous"], "report_count": c["report_count"], "reported_at": c["reported_at"],
            "deadline": None, "version": c["version"],
        }  # fmt: skip
    if thing.layer == "officers":
        person = person_of(world, thing)
        return {
            "code": person.code, "name": person.name, "phone": person.phone, "post_zh": person.post_zh,
            "post_en": person.post_en, **organisation(person.organisation_id), "captured_at": c["captured_at"],
            "accuracy_m": c["accuracy_m"],
        }  # fmt: skip
    if thing.layer == "poverty_relief":
        return {"code": thing.key, **c}
    told = {name: value for name, value in c.items() if name != "organisation_id"}
    if thing.layer == "buildings":
        return {"code": thing.key, **told}
    return {"code": thing.key, "name_en": None, **told, **organisation(c["organisation_id"])}


# ---- cases ----------------------------------------------------------------------------------------------------------


def sees_case(world: ScopeWorld, account: Account | None, thing: Thing) -> bool:
    """Whether a case exists for an account, on the map or closed."""
    return account is not None and in_scope(world, account, thing)


def knows_people(account: Account, thing: Thing) -> bool:
    """Whether an account learns who handles a case it sees, and what its reporter wrote."""
    if account.role == "department":
        return account.organisation_id == thing.columns["organisation_id"]
    return account.role in WORK_ON_CASES
