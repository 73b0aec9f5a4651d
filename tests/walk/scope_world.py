"""A small random city in which everybody sees something else: who looks, what lies where, and all of it as rows.

A world is a function of its seed. Places are told in cells: x eastward 0 to 12, y northward 0 to 6. Columns 0 to 9 are
two districts of three streets of two communities of five cells, with three cells missing; column 10 is the city's and
no district's; column 11 is outside of everything.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from gisops.access import people
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("tests.walk", "scope_world.sql")

WEST, SOUTH, SIDE = 110.30, 20.00, 0.004
COLUMNS, ROWS = 10, 6
CITY = "460100"
ROLES = (
    "admin", "acceptor", "shift_leader", "dispatcher", "supervisor", "handler", "officer", "inspector", "leader",
    "planner", "department", "coordinator",
)  # fmt: skip
CITY_WIDE = ("admin", "acceptor", "shift_leader", "dispatcher", "inspector", "leader", "planner", "coordinator")
ALWAYS, OVER = "[2000-01-01,)", "[2000-01-01,2010-01-01)"
NOW = datetime.now(UTC).replace(microsecond=0)
# The layers whose rows are somebody's business by where they lie, and their tables.
TABLES = {
    "cases": "cases",
    "officers": "last_positions",
    "poverty_relief": "relief_households",
    "party_building": "party_sites",
    "places": "places",
    "buildings": "buildings",
}


@dataclass(frozen=True)
class Unit:
    """One node of the tree; ``level`` 1 city to 5 grid cell."""

    level: int
    code: str


@dataclass
class Organisation:
    """Somebody who answers for something."""

    organisation_id: int
    code: str

    @property
    def zh(self) -> str:
        return f"样例单位{self.organisation_id:02d}"

    @property
    def en(self) -> str:
        return f"Sample organisation {self.organisation_id:02d}"


@dataclass
class Person:
    """A member of staff."""

    staff_id: int
    code: str
    name: str
    phone: str
    organisation_id: int
    active: bool = True

    @property
    def district_code(self) -> str:
        """The home district: colleagues share it."""
        return f"46010{5 + self.organisation_id % 2}"

    post_zh = "网格员"
    post_en = "Grid officer"


@dataclass
class Account:
    """Somebody who may sign in, and what was granted: ``("area" | "cell" | "own_zones", code)``."""

    account_id: int
    login: str
    role: str
    staff_id: int | None = None
    organisation_id: int | None = None
    everywhere: bool = False
    grants: set[tuple[str, str]] = field(default_factory=set)
    token: str = ""


@dataclass
class Zone:
    """A rectangle in cells, with the people assigned to it and whether each assignment holds now."""

    zone_id: int
    organisation_id: int
    box: tuple[float, float, float, float]
    in_force: bool
    staff: dict[int, bool]


@dataclass
class Thing:
    """A row of one of the scoped layers: its key, where it lies (in cells) and its table's columns."""

    layer: str
    key: str
    x: float
    y: float
    columns: dict[str, Any]
    ident: uuid.UUID
    reports: list[str] = field(default_factory=list)

    @property
    def lon(self) -> float:
        return round(WEST + self.x * SIDE, 7)

    @property
    def lat(self) -> float:
        return round(SOUTH + self.y * SIDE, 7)


def cell_code(column: int, row: int) -> str:
    """The code of a cell: its community's, and its number there."""
    return f"{community_code(column, row)}{column % 5 + 1:03d}"


def community_code(column: int, row: int) -> str:
    """A community is five cells of one row."""
    return f"{street_code(column, row)}{row % 2 + 1:03d}"


def street_code(column: int, row: int) -> str:
    """A street is two rows of a district."""
    return f"{district_code(column)}{row // 2 + 1:03d}"


def district_code(column: int) -> str:
    """A district is five columns."""
    return f"46010{5 + column // 5}"


@dataclass
class ScopeWorld:
    """Everything that is in the database and matters to who sees what."""

    rng: random.Random
    missing: frozenset[tuple[int, int]]
    organisations: dict[int, Organisation]
    people: dict[int, Person]
    accounts: list[Account]
    zones: list[Zone]
    things: dict[str, dict[str, Thing]]
    _numbers: Iterator[int]

    # ---- drawing ---------------------------------------------------------------------------------------------------

    def number(self) -> int:
        """The next number that nothing has yet."""
        return next(self._numbers)

    def spot(self) -> tuple[float, float]:
        """Somewhere, and never so near an edge that it matters which side it is on."""
        column, row = self.rng.randrange(COLUMNS + 2), self.rng.randrange(ROWS)
        if self.rng.random() < 0.7:
            column = self.rng.randrange(COLUMNS)
        return column + self.rng.uniform(0.1, 0.9), row + self.rng.uniform(0.1, 0.9)

    def phone(self) -> str:
        """Eleven digits of a range that no carrier gives out."""
        return f"100{self.rng.randrange(10**8):08d}"

    def name(self) -> str:
        """A plainly made-up name, in one of the two scripts."""
        n = self.rng.randrange(10_000)
        return self.rng.choice((f"样例某{n:04d}", f"Sample Person {n:04d}", f"例{n:04d}"))

    def organisation(self) -> int:
        """Any organisation."""
        return self.rng.choice(list(self.organisations))

    def person(self) -> int:
        """Any member of staff."""
        return self.rng.choice(list(self.people))

    def maybe_person(self) -> int | None:
        """Any member of staff, or nobody."""
        return self.person() if self.rng.random() < 0.7 else None

    def new(self, layer: str) -> Thing:
        """Draw one more row of a layer; it is nowhere yet."""
        n = self.number()
        x, y = self.spot()
        # A UUIDv7 that nobody else makes: cases are listed by it, the newest first.
        ident = uuid.UUID(int=(0x0199_0000_0000 + n << 80) | (0x7 << 76) | (0x2 << 62) | n)
        key = {
            "cases": f"460105-2020-{n:06d}",
            "officers": "",
            "poverty_relief": f"H-{n:05d}",
            "party_building": f"PB-{n:05d}",
            "places": f"PL-{n:05d}",
            "buildings": f"B-{n:05d}",
        }[layer]
        thing = Thing(layer, key, x, y, {}, ident)
        thing.columns = self.columns_of(layer)
        if layer == "cases":
            thing.reports = [f"样例上报 / Sample report {self.rng.randrange(10**6):06d}"]
        return thing

    def columns_of(self, layer: str) -> dict[str, Any]:
        """Draw what a row says, but for its key and place."""
        rng = self.rng
        if layer == "cases":
            stage = rng.randrange(1, 8)
            state = ("reported", "accepted", "filed", "dispatched", "handling", "to_close", "closed")[stage - 1]
            return {
                "category_id": rng.choice((1, 2)),
                "state": state,
                "stage": stage,
                "severity": rng.choice(("minor", "normal", "urgent")),
                "organisation_id": self.organisation(),
                "handler_id": self.maybe_person(),
                "superior_id": self.maybe_person(),
                "ambiguous": rng.random() < 0.3,
                "report_count": rng.randrange(1, 5),
                "version": rng.randrange(1, 9),
                "reported_at": NOW - timedelta(minutes=rng.randrange(60_000)),
            }
        if layer == "officers":
            return {
                # Mostly fresh enough for a dispatch to look at.
                "captured_at": NOW - timedelta(minutes=rng.choice((0, 1, 2, 300))),
                "accuracy_m": float(rng.randrange(3, 60)),
            }
        if layer == "poverty_relief":
            return {
                "householder": self.name(),
                "phone": self.phone(),
                "persons": rng.randrange(1, 8),
                "cause_zh": rng.choice(("因病", "因灾", "")),
                "measure_zh": rng.choice(("医疗", "就业")),
                "helper_post_zh": "驻村干部",
            }
        if layer == "party_building":
            return {
                "name_zh": f"样例党群中心{rng.randrange(1000):03d}",
                "kind": rng.choice(("branch", "service_centre")),
                "organisation_id": self.organisation(),
                "members": rng.randrange(3, 90),
                "contact_person": self.name(),
                "phone": self.phone(),
            }
        if layer == "places":
            return {
                "kind": rng.choice(("shop", "school")),
                "name_zh": f"样例商店{rng.randrange(1000):03d}",
                "address_zh": f"样例路{rng.randrange(1, 300)}号",
                "organisation_id": self.organisation(),
                "responsible_person": self.name(),
                "phone": self.phone(),
            }
        return {
            "name_zh": f"样例楼{rng.randrange(1000):03d}",
            "use": rng.choice(("residential", "office")),
            "floors": rng.randrange(1, 30),
            "height_m": float(rng.randrange(3, 90)),
            "households": rng.randrange(1, 200),
            "residents": rng.randrange(1, 600),
        }

    # ---- what lies where --------------------------------------------------------------------------------------------

    def cells(self) -> Iterator[tuple[int, int]]:
        """The cells there are."""
        for column in range(COLUMNS):
            for row in range(ROWS):
                if (column, row) not in self.missing:
                    yield column, row


def draw(seed: int) -> ScopeWorld:
    """Draw a world."""
    rng = random.Random(seed)
    every = [(column, row) for column in range(COLUMNS) for row in range(ROWS)]
    world = ScopeWorld(
        rng=rng,
        missing=frozenset(rng.sample(every, 3)),
        organisations={n: Organisation(n, f"ORG{n}") for n in range(1, 6)},
        people={},
        accounts=[],
        zones=[],
        things={layer: {} for layer in TABLES},
        _numbers=iter(range(1, 10**6)),
    )
    for n in range(1, 25):
        world.people[n] = Person(n, f"S-{n:02d}", world.name(), world.phone(), rng.randrange(2, 6))
    for n in range(1, 19):
        x, y = rng.uniform(0, COLUMNS - 2), rng.uniform(0, ROWS - 2)
        if n % 3 == 0:  # on the lines between cells: it touches its neighbours and shares nothing with them
            x, y = round(x), round(y)
        wide, high = (
            (rng.randrange(1, 3), rng.randrange(1, 3)) if n % 3 == 0 else (rng.uniform(0.3, 2), rng.uniform(0.3, 2))
        )
        # Of one organisation, so that a dispatch has to choose among them by load and nearness.
        theirs = world.people[rng.choice(sorted(world.people))].organisation_id
        colleagues = [n for n, person in world.people.items() if person.organisation_id == theirs]
        staff = {person: rng.random() < 0.7 for person in rng.sample(colleagues, min(4, len(colleagues)))}
        world.zones.append(Zone(n, theirs, (x, y, x + wide, y + high), rng.random() < 0.8, staff))
    _draw_accounts(world)
    for layer, many in (
        ("cases", 90),
        ("poverty_relief", 60),
        ("party_building", 30),
        ("places", 40),
        ("buildings", 30),
    ):
        for _ in range(many):
            thing = world.new(layer)
            world.things[layer][thing.key] = thing
    for person in list(world.people.values())[:18]:
        thing = world.new("officers")
        thing.key = person.code
        world.things["officers"][thing.key] = thing
    return world


def _draw_accounts(world: ScopeWorld) -> None:
    rng = world.rng
    staff = iter(rng.sample(sorted(world.people), len(world.people)))
    areas = sorted({CITY} | {code(c, r) for c, r in world.cells() for code in (community_code, street_code)})
    areas += ["460105", "460106"]
    cells = sorted(cell_code(*at) for at in world.cells())
    numbers = iter(range(1, 1000))
    for role in ROLES:
        for kind in ("everywhere", "area", "cells", "own_zones", "none"):
            if kind == "everywhere" and role not in CITY_WIDE:
                continue
            n = next(numbers)
            one = Account(n, f"{role}.{kind}", role)
            if kind == "own_zones" or role in ("officer", "handler", "supervisor"):
                one.staff_id = next(staff, None) or world.person()
            if role == "department" or rng.random() < 0.3:
                one.organisation_id = world.organisation()
            one.everywhere = kind == "everywhere"
            if kind == "area":
                one.grants = {("area", rng.choice(areas)) for _ in range(rng.randrange(1, 4))}
            elif kind == "cells":
                one.grants = {("cell", rng.choice(cells)) for _ in range(rng.randrange(1, 9))}
            elif kind == "own_zones":
                one.grants = {("own_zones", "")}
            world.accounts.append(one)


# ---- into the database, as its owner --------------------------------------------------------------------------------


def _box(west: float, south: float, east: float, north: float) -> str:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    shown = ", ".join(f"{WEST + x * SIDE:.9f} {SOUTH + y * SIDE:.9f}" for x, y in corners)
    return f"POLYGON(({shown}))"


def write(conn: Connection, world: ScopeWorld) -> None:
    """Write the whole world into an empty database, and sign every account in."""
    _write_ground(conn, world)
    for organisation in world.organisations.values():
        conn.execute(_SQL["organisation"], vars(organisation) | {"zh": organisation.zh, "en": organisation.en})
    conn.execute(_SQL["categories"])
    for person in world.people.values():
        conn.execute(_SQL["person"], vars(person))
    conn.execute(_SQL["shift"])
    conn.execute(_SQL["duty"])
    _write_zones(conn, world)
    for account in world.accounts:
        conn.execute(_SQL["account"], {name: value for name, value in vars(account).items() if name != "grants"})
        found = people.account(conn, account.login)
        assert found is not None
        account.token = people.open_session(conn, found.actor, 12)[0]
    for each in world.things.values():
        for thing in each.values():
            insert(conn, world, thing, settled=False)
    conn.execute(_SQL["versions"])
    conn.execute("SELECT settle_units()")
    for account in world.accounts:
        for kind, code in account.grants:
            conn.execute(_SQL["grant"], {"account_id": account.account_id, "kind": kind, "code": code})
    conn.execute("SELECT expand_scopes()")


def _write_zones(conn: Connection, world: ScopeWorld) -> None:
    conn.execute(_SQL["zone_sets"])
    for zone in world.zones:
        # What is not in force is so for one of two reasons, each of which must do: a draft's, or over.
        zone_set, valid = 1, ALWAYS
        if not zone.in_force:
            zone_set, valid = ((2, ALWAYS), (1, OVER))[zone.zone_id % 2]
        row = {"zone_id": zone.zone_id, "zone_set_id": zone_set, "code": f"Z-{zone.zone_id:02d}", "valid": valid}
        conn.execute(_SQL["zone"], row | {"geom": _box(*zone.box), "organisation_id": zone.organisation_id})
        for staff_id, holds in zone.staff.items():
            conn.execute(
                _SQL["assign"], {"zone_id": zone.zone_id, "staff_id": staff_id, "valid": ALWAYS if holds else OVER}
            )


def _write_ground(conn: Connection, world: ScopeWorld) -> None:
    conn.execute(_SQL["city"], {"code": CITY, "geom": _box(0, 0, COLUMNS + 1, ROWS)})
    areas: dict[str, tuple[int, str, tuple[float, float, float, float]]] = {}
    for column in range(0, COLUMNS, 5):
        areas[district_code(column)] = (2, CITY, (column, 0, column + 5, ROWS))
        for row in range(ROWS):
            areas.setdefault(street_code(column, row), (3, district_code(column), (column, row, column + 5, row + 2)))
            areas[community_code(column, row)] = (4, street_code(column, row), (column, row, column + 5, row + 1))
    for code, (level, parent, box) in areas.items():
        conn.execute(_SQL["area"], {"level": level, "code": code, "parent": parent, "geom": _box(*box)})
    for column, row in world.cells():
        codes = {
            "code": cell_code(column, row),
            "district": district_code(column),
            "street": street_code(column, row),
            "community": community_code(column, row),
        }
        conn.execute(_SQL["cell"], codes | {"geom": _box(column, row, column + 1, row + 1)})


def _geometry(thing: Thing) -> str:
    if thing.layer == "buildings":
        return (
            f"ST_Multi(ST_GeomFromText('{_box(thing.x - 0.02, thing.y - 0.02, thing.x + 0.02, thing.y + 0.02)}', 4326))"
        )
    return f"ST_Point({thing.lon}, {thing.lat}, 4326)"


def _keys(world: ScopeWorld, thing: Thing) -> dict[str, Any]:
    """The columns that name a row."""
    if thing.layer == "cases":
        return {"district_code": "460105", "case_id": thing.ident, "case_no": thing.key}
    if thing.layer == "officers":
        person = person_of(world, thing)
        return {"district_code": person.district_code, "staff_id": person.staff_id}
    if thing.layer == "poverty_relief":
        return {"district_code": "460105", "household_id": thing.ident, "code": thing.key}
    if thing.layer == "places":
        return {"district_code": "460105", "place_id": thing.ident, "code": thing.key}
    return {"code": thing.key}


def person_of(world: ScopeWorld, thing: Thing) -> Person:
    """Whose position it is."""
    return next(person for person in world.people.values() if person.code == thing.key)


def insert(conn: Connection, world: ScopeWorld, thing: Thing, *, settled: bool = True) -> None:
    """Write one row; ``settled`` gives it its unit at once, else whoever calls settles all of them."""
    row = _keys(world, thing) | thing.columns
    unit = f"unit_at({_point(thing)})" if settled else "NULL"
    statement = (
        f"INSERT INTO {TABLES[thing.layer]} ({', '.join(row)}, geom, unit_id)"
        f" VALUES ({', '.join(['%s'] * len(row))}, {_geometry(thing)}, {unit})"
    )
    conn.execute(statement.encode(), list(row.values()))
    if thing.layer == "cases":
        _write_story(conn, thing)
        conn.execute(_SQL["clock"], {"case_id": thing.ident})


def _point(thing: Thing) -> str:
    return f"ST_PointOnSurface({_geometry(thing)})" if thing.layer == "buildings" else _geometry(thing)


def _write_story(conn: Connection, thing: Thing) -> None:
    """A report, a line of history, a decision and a recipient, so that a case has something to tell."""
    at = thing.columns["reported_at"]
    row: dict[str, Any] = {"case_id": thing.ident, "lon": thing.lon, "lat": thing.lat, "at": at}
    for n, text in enumerate(thing.reports, start=1):
        conn.execute(_SQL["report"], row | {"report_id": uuid.UUID(int=thing.ident.int + (n << 40)), "text": text})
    conn.execute(_SQL["history"], row)
    asked = {
        "lon": thing.lon, "lat": thing.lat, "accuracy_m": 10, "category": "S:E04-05", "at": NOW.isoformat(),
        "part_code": None, "place_id": None,
    }  # fmt: skip
    answered = {"mode": "zone", "organisation": "ORG2", "zone": None, "reasons": [], "candidates": [], "handler": None}
    conn.execute(_SQL["decision"], row | {"input": Jsonb(asked), "answer": Jsonb(answered)})
    if thing.columns["handler_id"] is not None:
        conn.execute(_SQL["recipient"], row | {"staff_id": thing.columns["handler_id"]})


def update(conn: Connection, world: ScopeWorld, thing: Thing) -> None:
    """Write what a row says now, its place included."""
    names = _keys(world, thing)
    statement = (
        f"UPDATE {TABLES[thing.layer]} SET {', '.join(f'{name} = %s' for name in thing.columns)},"
        f" geom = {_geometry(thing)}, unit_id = unit_at({_point(thing)})"
        f" WHERE {' AND '.join(f'{name} = %s' for name in names)}"
    )
    conn.execute(statement.encode(), [*thing.columns.values(), *names.values()])
    if thing.layer == "cases":
        conn.execute(_SQL["no_clock"], {"case_id": thing.ident})
        conn.execute(_SQL["clock"], {"case_id": thing.ident})


def delete(conn: Connection, world: ScopeWorld, thing: Thing) -> None:
    """Remove a row, a case with its story."""
    names = _keys(world, thing)
    if thing.layer == "cases":
        for table in ("case_clocks", "case_recipients", "dispatch_decisions", "case_history", "reports"):
            conn.execute(f"DELETE FROM {table} WHERE case_id = %s".encode(), [thing.ident])
    conn.execute(
        f"DELETE FROM {TABLES[thing.layer]} WHERE {' AND '.join(f'{name} = %s' for name in names)}".encode(),
        list(names.values()),
    )
