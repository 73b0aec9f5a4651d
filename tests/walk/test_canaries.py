"""A canary in every column that is personal or secret, and a walk through all that answers: it sings nowhere else.

The columns are read from the database's own comments, so one that is added is planted by itself, or must say why it
cannot be. Whoever hears a canary must be somebody who may: by class and scope, and of what is masked only by a reveal.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from gisops import cluster_files, notebook
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.errors import NotAllowed
from tests.house.test_route_matrix import LAT, LON, REQUESTS
from tests.walk import scope_oracle as oracle
from tests.walk import scope_world
from tests.walk.scope_asks import SCOPED, tile_xy
from tests.walk.scope_world import TABLES, Account, ScopeWorld, Thing

_SQL = queries.load("tests.walk", "canaries.sql")

# What cannot hold a canary: a number that names a row, or a word of a list. What it leads to is planted itself.
WITHOUT = {
    "appeals.first_by": "names an account",
    "appeals.lodged_by": "names an account",
    "appeals.second_by": "names an account",
    "approvals.decided_by": "names an account",
    "approvals.requested_by": "names an account",
    "audit.account_id": "names an account",
    "auto_rules.changed_by": "names an account",
    "case_history.account_id": "names an account",
    "case_messages.account_id": "names an account",
    "case_photos.account_id": "names an account",
    "case_subtasks.ended_by": "names an account",
    "case_subtasks.opened_by": "names an account",
    "disputes.decided_by": "names an account",
    "follow_ups.made_by": "names an account",
    "last_positions.staff_id": "names a person",
    "last_positions.unit_id": "names a unit",
    "notices.reporter_id": "names an account",
    "photos.account_id": "names an account",
    "positions.district_code": "names a district",
    "positions.source": "one of three words",
    "positions.staff_id": "names a person",
    "relief_households.district_code": "names a district",
    "relief_households.unit_id": "names a unit",
    "report_links.account_id": "names an account",
    "reports.account_id": "names an account",
    "supervision_orders.answered_by": "names an account",
    "supervision_orders.issued_by": "names an account",
    "urgings.urged_by": "names an account",
}
# A telephone number of ours begins so, and in its masked form has four stars where the next four digits were.
PHONE = re.compile(r"(?<!\w)1000000\d{4}(?!\w)")
TEXT = re.compile(r"KANARIE-([a-z_]+\.[a-z_]+)-[0-9a-z-]+")
# Numbers nobody would count to here, a tail of microseconds, and the last digits of places.
NUMBER = re.compile(r"(?<![\w.])(?:9876\d{4}|27\d{3}|7654\.25\d*)(?![\w.])|\.\d\d\d457")
UUID = re.compile(r"cafecafe-[0-9a-f-]{27}", re.IGNORECASE)
BYTES = re.compile(f"{b'KANARIE'.hex()}|{base64.b64encode(b'KANARIE')[:9].decode()}", re.IGNORECASE)


@dataclass
class Aviary:
    """Every canary: its value, the column it was put into, and the row, where that row is somebody's business.

    ``classed`` are the columns whose comments ask for one.
    """

    birds: dict[str, tuple[str, Thing | None]] = field(default_factory=dict)
    planted: set[str] = field(default_factory=set)
    classed: set[str] = field(default_factory=set)

    def put(self, column: str, value: Any, thing: Thing | None = None) -> Any:
        self.birds[str(value)] = (column, thing)
        self.planted.add(column)
        return value

    def heard(self, text: str) -> Iterator[tuple[str, str, Thing | None]]:
        """Every canary in a text: (value, column, row)."""
        for pattern in (TEXT, PHONE, NUMBER, UUID):
            for found in pattern.finditer(text):
                value = found[0]
                column, thing = self.birds.get(value, (found[1] if pattern is TEXT else "?", None))
                if column != "?":
                    yield value, column, thing
        for found in BYTES.finditer(text):
            yield found[0], "some secret bytes", None
        for place in PLACES.findall(text):
            if place in self.birds:
                yield place, *self.birds[place]


PLACES = re.compile(r"110\.\d{7}(?!\d)")


def _plant_world(world: ScopeWorld, aviary: Aviary) -> None:
    """Give the drawn rows canaries for values, each row its own."""
    phones = iter(range(10_000))
    for person in world.people.values():
        person.name = aviary.put("staff.name", f"KANARIE-staff.name-{person.code.lower()}")
        person.phone = aviary.put("staff.phone", f"1000000{next(phones):04d}")
    for thing in list(world.things["poverty_relief"].values()):
        table, columns = "relief_households", thing.columns
        for name in ("householder", "cause_zh", "measure_zh", "helper_post_zh"):
            columns[name] = aviary.put(f"{table}.{name}", f"KANARIE-{table}.{name}-{thing.key.lower()}", thing)
        columns["phone"] = aviary.put(f"{table}.phone", f"1000000{next(phones):04d}", thing)
        columns["persons"] = aviary.put(f"{table}.persons", 27_000 + int(thing.key[2:]), thing)
        _replace_key(world, thing, aviary.put(f"{table}.code", f"KANARIE-{table}.code-{thing.key.lower()}", thing))
        thing.ident = aviary.put(f"{table}.household_id", uuid.UUID(f"cafecafe{str(thing.ident)[8:]}"), thing)
        _put_place(f"{table}.geom", thing, aviary)
    for n, thing in enumerate(world.things["party_building"].values()):
        thing.columns["members"] = aviary.put("party_sites.members", 98_760_000 + n, thing)
        name = f"KANARIE-party_sites.contact_person-{thing.key.lower()}"
        thing.columns["contact_person"] = aviary.put("party_sites.contact_person", name, thing)
        thing.columns["phone"] = aviary.put("party_sites.phone", f"1000000{next(phones):04d}", thing)
    for thing in world.things["places"].values():
        name = f"KANARIE-places.responsible_person-{thing.key.lower()}"
        thing.columns["responsible_person"] = aviary.put("places.responsible_person", name, thing)
        thing.columns["phone"] = aviary.put("places.phone", f"1000000{next(phones):04d}", thing)
    for n, thing in enumerate(world.things["officers"].values()):
        moment = scope_world.NOW - timedelta(minutes=n) + timedelta(microseconds=(100 + n) * 1000 + 457)
        thing.columns["captured_at"] = moment
        aviary.put("last_positions.captured_at", f".{100 + n:03d}457", thing)
        thing.columns["accuracy_m"] = aviary.put("last_positions.accuracy_m", 7654.25 + n, thing)
        _put_place("last_positions.geom", thing, aviary)
    for thing in world.things["cases"].values():
        thing.reports = [aviary.put("reports.text", f"KANARIE-reports.text-{thing.key[-6:]}", thing)]


def _replace_key(world: ScopeWorld, thing: Thing, key: str) -> None:
    del world.things[thing.layer][thing.key]
    thing.key = key
    world.things[thing.layer] |= {key: thing}


def _put_place(column: str, thing: Thing, aviary: Aviary) -> None:
    """A place is told by all its digits, the last of which is not 0."""
    while str(thing.lon)[-1] == "0" or len(str(thing.lon)) != 11:
        thing.x += 1e-5
    aviary.put(column, thing.lon, thing)


# Written in the first case: what is heard of it is heard by those who see it and know its people.
OF_A_CASE = ("case_messages.text", "case_texts.text")


def _plant_elsewhere(owner: Connection, world: ScopeWorld, aviary: Aviary) -> None:
    """Plant what the drawn world does not have: one row of each, in every column that takes it."""
    owner.execute(_SQL["elsewhere"])
    row = owner.execute("SELECT case_no FROM cases ORDER BY case_id LIMIT 1").fetchone()
    assert row is not None
    first = world.things["cases"][row["case_no"]]
    aviary.planted |= {"sessions.token_hash", "api_keys.token_hash", "positions.geom", "positions.captured_at"}
    aviary.planted |= {"positions.accuracy_m", "photos.taken_at", "photos.exif_geom", "case_photos.geom"}
    for row in owner.execute(_SQL["classed"]).fetchall():
        name, kind = row["name"], row["type"]
        aviary.classed.add(name)
        if name in aviary.planted or name in WITHOUT:
            continue
        table, column = name.split(".")
        value: Any = f"KANARIE-{name}-000001"
        if name == "relay_state.live_key":
            value = f"KANARIE-{name}-0001"[:32].encode()
        elif name == "webhooks.secret":
            value = f"KANARIE-{name}-00000001"[:32].encode()
        elif name == "staff.mail":
            value = f"KANARIE-{name}-000001@mail.example"
        elif name == "accounts.oidc_subject":
            value = f"KANARIE-{name}-000001 x"
        elif kind == "bytea":
            value = value.encode()
        elif kind == "jsonb":
            value = json.dumps([{"staff": value, "load": 1, "max_open": 2, "distance_m": 3}])
        elif kind == "uuid":
            value = "cafecafe-0000-7000-8000-00000000" + f"{len(aviary.planted):04d}"
        one = f"ctid = (SELECT ctid FROM {table} LIMIT 1)"
        same = "true" if kind == "jsonb" or column == "password_hash" else one
        changed = owner.execute(f"UPDATE {table} SET {column} = %s WHERE {same}".encode(), [value]).rowcount
        assert changed, f"{table} has no row"
        thing = first if name in OF_A_CASE else None
        aviary.put(name, value.decode() if isinstance(value, bytes) else value, thing)


@dataclass
class Walk:
    """A served world full of canaries."""

    world: ScopeWorld
    aviary: Aviary
    client: TestClient
    app_url: str
    heard: dict[str, int] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    def listen(self, who: Account | None, where: str, text: str, said: str = "") -> None:
        """Note each canary in a text, and whether it may be heard there by this account; ``said`` are its own words."""
        for value, column, thing in self.aviary.heard(text):
            if value in said:
                continue
            self.heard[column] = self.heard.get(column, 0) + 1
            if not _may_hear(self.world, who, where, column, thing):
                self.wrong.add(f"{who.login if who else 'nobody'} {where}: {value} of {column}")

    def ask(self, who: Account | None, method: str, path: str, body: Any = None) -> int:
        headers = {"Authorization": f"Bearer {who.token}"} if who is not None else {}
        answer = self.client.request(method, path, headers=headers, json=body)
        text = answer.text
        if answer.content and "mapbox" in answer.headers.get("content-type", ""):
            text = json.dumps(mapbox_vector_tile.decode(answer.content), ensure_ascii=False)
        self.listen(who, f"{method} {path}", text + json.dumps(dict(answer.headers)), f"{path} {body}")
        return answer.status_code


def _may_hear(world: ScopeWorld, who: Account | None, where: str, column: str, thing: Thing | None) -> bool:
    if who is None:
        return False
    if "/api/audit" in where:
        # Keys of rows are in the audit, for those who read it.
        reads = who.role in ("admin", "inspector") and who.everywhere
        return reads and column in ("audit.object", "relief_households.code")
    if column == "staff.name":
        return who.role in oracle.WORK_ON_CASES or who.role == "department"
    if thing is None or column.endswith((".phone", ".householder", ".contact_person", ".responsible_person", "_id")):
        # Whole, only by a reveal.
        reveal = where.startswith("POST /api/reveal") and thing is not None and not column.endswith("_id")
        return reveal and who.role in oracle.declared(thing.layer).personal_roles and oracle.in_scope(world, who, thing)
    if column in OF_A_CASE or column == "reports.text":
        return oracle.sees_case(world, who, thing) and oracle.knows_people(who, thing)
    return who.role in oracle.declared(thing.layer).personal_roles and oracle.in_scope(world, who, thing)


@pytest.fixture(scope="module")
def walk(database: Any) -> Iterator[Walk]:
    world, aviary = scope_world.draw(11), Aviary()
    _plant_world(world, aviary)
    with connect(database.owner_url) as owner:
        scope_world.write(owner, world)
        _plant_elsewhere(owner, world, aviary)
    with TestClient(create_app(database.settings()), raise_server_exceptions=False) as client:
        yield Walk(world, aviary, client, database.app_url)


def _visitors(world: ScopeWorld) -> list[Account | None]:
    """Nobody, and each role once: of the whole city, or of some of it."""
    part = {"handler", "officer", "supervisor", "department", "leader"}
    logins = {f"{role}.{'area' if role in part else 'everywhere'}" for role in scope_world.ROLES}
    return [None, *(account for account in world.accounts if account.login in logins)]


def test_there_is_a_canary_in_every_column_that_takes_one(walk: Walk) -> None:
    assert walk.aviary.classed == walk.aviary.planted | set(WITHOUT)
    assert len(walk.aviary.planted) > 35


@contextmanager
def _log() -> Iterator[list[str]]:
    """Every line that the server's own loggers write, the most talkative."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {self.format(record)}")

    loggers = [
        logging.getLogger(name) for name in ("api", "gisops", "layers", "tiles", "psycopg", "uvicorn", "fastapi")
    ]
    kept = [(logger, logger.level) for logger in loggers]
    handler = Keep()
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        for logger, level in kept:
            logger.setLevel(level)
            logger.removeHandler(handler)


def test_no_canary_is_heard_by_whom_it_is_not_for(walk: Walk, cluster: Any) -> None:
    world = walk.world
    asked = 0
    # What was written while the world was made is the test's own: literals of statements that were slow.
    written = cluster_files.log_sizes(cluster.place)
    with _log() as lines:
        for who in _visitors(world):
            for (method, path), rights in REQUESTS.items():
                if (method, path) in (
                    ("DELETE", "/api/session"),
                    ("POST", "/api/session"),
                    ("POST", "/api/me/positions"),
                ):
                    continue
                for right in rights:
                    for key in _keys(world, who, right.row) if right.row else [""]:
                        body = right.body() if right.body is not None else None
                        if body is not None:
                            body = {name: key if value == "{key}" else value for name, value in body.items()}
                        walk.ask(who, method, right.address.replace("{key}", key), body)
                        asked += 1
            for path in _more(world):
                walk.ask(who, "GET", path)
                asked += 1
            for method, path, body in WRONG:
                assert walk.ask(who, method, path, body) in (400, 401, 403, 404, 405, 409, 413, 422)
                asked += 1
    assert lines
    walk.listen(None, "the log", "\n".join(lines))
    for file in cluster_files.logs(cluster.place):
        said = file.read_bytes()[written.get(file, 0) :].decode("utf-8", "replace")
        walk.listen(None, "PostgreSQL's log", said)
    assert not walk.wrong, "\n".join(sorted(walk.wrong)[:40])
    assert asked > 1_000
    # Those who may, do hear: else nothing was listened to.
    assert {"relief_households.cause_zh", "party_sites.members", "staff.name", "reports.text"} <= set(walk.heard)
    assert {"last_positions.geom", "relief_households.householder", "audit.object"} <= set(walk.heard)


# Requests that are wrong, in every way that gets far.
WRONG: list[tuple[str, str, Any]] = [
    ("GET", "/ogc/collections/poverty_relief/items?bbox=1,2", None),
    ("GET", "/ogc/collections/poverty_relief/items?after=%00", None),
    ("GET", "/ogc/collections/places/items/%00", None),
    ("GET", "/ogc/collections/none/items", None),
    ("GET", "/tiles/officers/99/1/1.mvt", None),
    ("GET", "/api/cases?state=none", None),
    ("GET", "/api/cases/none", None),
    ("GET", "/api/nearest?lon=400&lat=1&crs=WGS84", None),
    ("GET", "/api/layers/officers/heat?cell=99", None),
    ("GET", "/api/layers/party_building/count?by=contact_person", None),
    ("GET", f"/api/locate?lon={LON}&lat={LAT}&crs=WGS84&category=none", None),
    ("POST", "/api/reports", {"client_uid": "none"}),
    ("POST", "/api/dispatch/replay", {"case_no": "none", "mode": "as_recorded"}),
    ("POST", "/api/reveal", {"layer": "places", "key": "none", "purpose": "none", "note": "x"}),
    ("PATCH", "/api/cases", {}),
]


def _keys(world: ScopeWorld, who: Account | None, layer: str) -> list[str]:
    """Two rows that are in scope, and two that are not."""
    things = list(world.things[layer].values())
    inside = [t.key for t in things if oracle.in_scope(world, who, t)]
    outside = [t.key for t in things if not oracle.in_scope(world, who, t)]
    return inside[:2] + outside[:2]


def _more(world: ScopeWorld) -> Iterator[str]:
    """Whole layers, in every form."""
    for layer in SCOPED:
        about = oracle.declared(layer)
        yield f"/ogc/collections/{layer}/items?limit=1000&count=true"
        yield f"/api/nearest?lon={LON}&lat={LAT}&crs=WGS84&layers={layer}&limit=100&within_m=20000"
        yield f"/api/layers/{layer}/export?format=geojsonseq"
        # Nobody is found by a name or number that is shown in part.
        yield f"/api/search?q=KANARIE&layers={layer}&limit=100"
        yield f"/api/search?q=10000000&layers={layer}&limit=100"
        for name in (name for name, of in about.fields.items() if of["class"] == "personal"):
            yield f"/api/layers/{layer}/count?by={name}"
        for z in {about.minzoom, 14, 16} & set(range(about.minzoom, about.maxzoom + 1)):
            tiles = {tuple(int(n) for n in tile_xy(t.lon, t.lat, z)) for t in world.things[layer].values()}
            for x, y in sorted(tiles)[:2]:
                yield f"/tiles/{layer}/{z}/{x}/{y}.mvt"
    yield "/api/cases?limit=1000"
    yield "/api/me/tasks?limit=1000"
    yield "/api/audit?limit=1000"


def test_a_notebook_holds_nothing_personal(walk: Walk) -> None:
    read = 0
    logins = ["planner.everywhere", "admin.everywhere", "leader.area", "officer.own_zones", None]
    for login in logins:
        who = next((account for account in walk.world.accounts if account.login == login), None)
        with notebook.connect(url=walk.app_url, login=login) as city:
            for layer in [*city.layers()]:
                try:
                    frame = city.layer(layer)
                except NotAllowed:
                    continue
                read += 1
                text = frame.to_csv()
                found = [heard for heard in walk.aviary.heard(text) if heard[1] not in ("relief_households.geom",)]
                assert not found, (who and who.login, layer, found[:3])
            assert not list(walk.aviary.heard(city.cases().to_csv()))
    assert read > 40


def test_every_telephone_and_name_in_a_layer_is_masked_or_for_command(walk: Walk) -> None:
    for layer in TABLES:
        for name, about in oracle.declared(layer).fields.items():
            if name == "phone":
                assert about.get("mask") == "phone", (layer, name)
            if name in ("householder", "contact_person", "responsible_person"):
                assert about.get("mask") == "name", (layer, name)
