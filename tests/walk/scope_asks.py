"""Questions to the server, drawn at random, each with what the oracle says the answer must be."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import mapbox_vector_tile
import pyarrow.parquet as pq
from pyproj import Geod

from tests.walk import scope_oracle as oracle
from tests.walk.scope_world import (
    COLUMNS,
    ROWS,
    SIDE,
    SOUTH,
    TABLES,
    WEST,
    Account,
    ScopeWorld,
    Thing,
    person_of,
)

GEOD = Geod(ellps="WGS84")
SCOPED = tuple(TABLES)
# Layers that need no rows here: whether they are there at all is the question.
OTHERS = ("cameras", "pipes", "vehicles", "sensors", "grid_cells", "zones")


@dataclass
class Ask:
    """One request, and what its answer must be: ``check(status, body)`` raises AssertionError."""

    path: str
    check: Callable[[int, bytes], None]
    layer: str | None = None
    json: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    # The keys of rows that matter most to the answer, if they are few.
    about: frozenset[str] = frozenset()
    # Whether it may be told in full what is masked elsewhere.
    whole: bool = False


@dataclass
class Asker:
    """Draws questions of one account (``None``: nobody) about a world as it is at that moment."""

    world: ScopeWorld
    account: Account | None
    rng: random.Random
    # What an address answers that names nothing; with a body, where it is one that is sent to.
    words_of_missing: Callable[..., bytes]

    # ---- what is compared ---------------------------------------------------------------------------------------

    def closed(self, layer: str) -> int | None:
        """The status that a layer which is not there for the account answers, or ``None``."""
        if oracle.may_see_layer(self.account, layer):
            return None
        return 401 if self.account is None else 403

    def rows(self, layer: str) -> list[Thing]:
        """The rows that exist for the account, in the order of their keys."""
        found = [t for t in self.world.things[layer].values() if oracle.sees_row(self.world, self.account, t)]
        return sorted(found, key=lambda thing: thing.key)

    def box(self) -> tuple[float, float, float, float]:
        """A box in degrees, from a few metres to the city, on whose edge nothing lies: an index knows a place to a
        metre or two.
        """
        places = [t for each in self.world.things.values() for t in each.values()]
        while True:
            x, y = self.rng.uniform(0, COLUMNS + 2), self.rng.uniform(0, ROWS)
            half = self.rng.choice((0.3, 1.0, 3.0, 12.0))
            west, south = WEST + (x - half) * SIDE, SOUTH + (y - half) * SIDE
            east, north = WEST + (x + half) * SIDE, SOUTH + (y + half) * SIDE
            reach = (0.0, 0.02 * SIDE, -0.02 * SIDE)
            if not any(
                min(abs(t.lon + r - west), abs(t.lon + r - east), abs(t.lat + r - south), abs(t.lat + r - north)) < 3e-5
                for t in places
                for r in reach
            ):
                return west, south, east, north

    def a_thing(self, layer: str) -> Thing:
        """Any row, seen or not."""
        return self.rng.choice(list(self.world.things[layer].values()))

    # ---- layers -------------------------------------------------------------------------------------------------

    def items(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        box = self.box() if self.rng.random() < 0.6 else None
        limit = self.rng.choice((1, 5, 20, 1000))
        found = [t for t in self.rows(layer) if box is None or _touches(t, box)]
        everything = len(found)
        asked = f"limit={limit}&count=true" + (f"&bbox={','.join(map(repr, box))}" if box else "")
        if found and self.rng.random() < 0.3:
            after = self.a_thing(layer).key
            asked += f"&after={after}"
            found = [t for t in found if t.key > after]

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200
            told = json.loads(body)
            assert [f["id"] for f in told["features"]] == [t.key for t in found[:limit]]
            assert told["numberMatched"] == everything
            assert told["numberReturned"] == len(told["features"])
            assert any(link["rel"] == "next" for link in told["links"]) == (len(found) > limit)
            for feature, thing in zip(told["features"], found, strict=False):
                self.same(feature["properties"], thing)

        return Ask(f"/ogc/collections/{layer}/items?{asked}", check, layer)

    def filtered(self) -> Ask:
        """By a value that some row really has, whoever may see it, and in the order of a field, whoever may know it."""
        layer = self.rng.choice(SCOPED)
        about = oracle.declared(layer)
        plain = [name for name, each in about.fields.items() if each["type"] in ("text", "integer", "boolean")]
        name = self.rng.choice(plain)
        value = oracle.values_of(self.world, self.a_thing(layer))[name]
        way = self.rng.choice(("filter", "parameter", "sortby", "null"))
        if value is None and way != "sortby":
            way = "null"
        quoted = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else json.dumps(value)
        down = self.rng.random() < 0.5
        asked = {
            "filter": f"filter={quote(f'{name} = {quoted}')}",
            "parameter": f"{name}={quote(value if isinstance(value, str) else json.dumps(value))}",
            "sortby": f"sortby={'-' if down else ''}{name}",
            "null": f"filter={quote(f'{name} IS NULL')}",
        }[way]

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            told = json.loads(body)
            mine = oracle.fields(self.account, layer)
            if name not in mine or (way == "sortby" and "mask" in about.fields[name]):
                assert status == 400
                assert name not in told.get("properties", []) + told.get("known", [])
                return
            assert status == 200, body
            rows = [(t, oracle.properties(self.world, self.account, t)[name]) for t in self.rows(layer)]
            if way == "sortby":
                # Twice: what is equal keeps the order of its keys. Nulls last, whichever way.
                there = sorted((row for row in rows if row[1] is not None), key=lambda row: row[1], reverse=down)
                found = [t.key for t, _ in there] + [t.key for t, shown in rows if shown is None]
            else:
                found = [t.key for t, shown in rows if shown == (None if way == "null" else value)]
                assert told["numberMatched"] == len(found)
            assert [f["id"] for f in told["features"]] == found[:1000]
            for feature in told["features"]:
                self.same(feature["properties"], self.world.things[layer][feature["id"]])

        return Ask(f"/ogc/collections/{layer}/items?limit=1000&count=true&{asked}", check, layer)

    def item(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        thing = self.a_thing(layer)

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
            elif oracle.sees_row(self.world, self.account, thing):
                assert status == 200
                self.same(json.loads(body)["properties"], thing)
            else:
                assert status == 404
                # The very words of a key that nobody has.
                missing = self.words_of_missing(f"/ogc/collections/{layer}/items/nobody-has-it")
                assert body.replace(thing.key.encode(), b"nobody-has-it") == missing

        return Ask(f"/ogc/collections/{layer}/items/{thing.key}", check, layer)

    def same(self, told: dict[str, Any], thing: Thing) -> None:
        """The properties are the oracle's: the same names, the same values."""
        want = oracle.properties(self.world, self.account, thing)
        assert list(told) == list(want), thing.key
        for name, value in want.items():
            got = told[name]
            if isinstance(value, datetime):
                got = datetime.fromisoformat(got)
            assert got == value, (thing.key, name)

    def tile(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        about = oracle.declared(layer)
        z = self.rng.choice([z for z in (10, 12, 13, 14, 15, 16, 17) if about.minzoom <= z <= about.maxzoom])
        near = self.a_thing(layer)
        x, y = (math.floor(n) for n in tile_xy(near.lon, near.lat, z))
        buffer = about.tiles.get("buffer", 64) / 4096

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            at = {t.key: tile_xy(t.lon, t.lat, z) for t in self.rows(layer)}
            inside = {key for key, (tx, ty) in at.items() if math.floor(tx) == x and math.floor(ty) == y}
            drawn = mapbox_vector_tile.decode(body) if body else {}
            features = drawn.get(layer, {"features": []})["features"]
            assert status == (200 if body else 204)
            if z < about.tiles.get("counted_below", 0):
                assert sum(f["properties"]["count"] for f in features) == len(inside)
                return
            # A building reaches beyond its middle by a fiftieth of a cell.
            reach = buffer + (0.02 * SIDE / 360 * (1 << z) * 1.1 if layer == "buildings" else HALF_A_UNIT)
            near_by = {
                key for key, (tx, ty) in at.items() if -reach <= tx - x <= 1 + reach and -reach <= ty - y <= 1 + reach
            }
            # What is less than a pixel is counted, in the tile that holds its middle, and told nothing of.
            squares = [f for f in features if "count" in f["properties"]]
            assert not squares or about.tiles.get("smallest_px")
            features = [f for f in features if "count" not in f["properties"]]
            keys = [f["properties"][about.key] for f in features]
            assert len(keys) == len(set(keys))
            assert set(keys) <= near_by, [(k, at.get(k), x, y) for k in set(keys) - near_by]
            assert len(inside - set(keys)) == sum(f["properties"]["count"] for f in squares)
            things = {t.key: t for t in self.rows(layer)}
            for feature in features:
                want = oracle.properties(self.world, self.account, things[feature["properties"][about.key]])
                told = [
                    n for n in want if about.fields[n].get("in_tiles") and z >= about.fields[n].get("tiles_from", 0)
                ]
                _same_attributes(feature["properties"], want, told)
            for feature in drawn.get(f"{layer}_label", {"features": []})["features"]:
                want = oracle.properties(self.world, self.account, things[feature["properties"][about.key]])
                _same_attributes(feature["properties"], want, [n for n in want if about.fields[n].get("in_labels")])

        addresses = [f"/tiles/{layer}/{z}/{x}/{y}.mvt", f"/tiles/{layer},roads/{z}/{x}/{y}.mvt"]
        if 0 <= near.x <= COLUMNS + 1 and 0 <= near.y <= ROWS:
            # A tileset has limits, and they are the city's.
            addresses.append(f"/ogc/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}")
        return Ask(self.rng.choice(addresses), check, layer)

    def tilejson(self) -> Ask:
        layer = self.rng.choice(SCOPED + OTHERS)

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200
            about = oracle.declared(layer)
            want = [name for name in oracle.fields(self.account, layer) if about.fields[name].get("in_tiles")]
            assert list(json.loads(body)["vector_layers"][0]["fields"]) == [*want, *_of_squares(about)]

        return Ask(self.rng.choice((f"/tiles/{layer}.json", f"/tiles/{layer},roads.json")), check, layer)

    def tileset(self) -> Ask:
        layers = self.rng.sample(SCOPED + OTHERS, self.rng.choice((1, 2)))
        by_name = f"/ogc/tiles/WebMercatorQuad?collections={','.join(layers)}"
        one = self.rng.choice((by_name, f"/ogc/collections/{layers[0]}/tiles/WebMercatorQuad"))

        def check(status: int, body: bytes) -> None:
            asked = layers if one == by_name else layers[:1]
            if (wrong := next((w for layer in asked if (w := self.closed(layer)) is not None), None)) is not None:
                assert status == wrong
                return
            assert status == 200
            told = {each["id"]: each["propertiesSchema"]["properties"] for each in json.loads(body)["layers"]}
            for layer in asked:
                about = oracle.declared(layer)
                want = [name for name in oracle.fields(self.account, layer) if about.fields[name].get("in_tiles")]
                assert list(told[layer]) == [*want, *_of_squares(about)]

        return Ask(one, check, layers[0] if len(layers) == 1 else None)

    def collections(self) -> Ask:
        def check(status: int, body: bytes) -> None:
            assert status == 200
            told = {each["id"]: [f["name"] for f in each["fields"]] for each in json.loads(body)["collections"]}
            mine = [layer for layer in oracle.layers() if oracle.may_see_layer(self.account, layer)]
            assert told == {layer: oracle.fields(self.account, layer) for layer in mine}

        return Ask("/ogc/collections", check)

    def collection(self) -> Ask:
        layer = self.rng.choice(SCOPED + OTHERS)

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert [f["name"] for f in json.loads(body)["fields"]] == oracle.fields(self.account, layer)

        return Ask(f"/ogc/collections/{layer}", check, layer)

    def map_style(self) -> Ask:
        def check(status: int, body: bytes) -> None:
            assert status == 200
            shown = {s["source-layer"] for s in json.loads(body)["layers"] if "source-layer" in s}
            for layer in oracle.layers():
                assert oracle.may_see_layer(self.account, layer) or layer not in shown

        return Ask(f"/styles/{self.rng.choice(('day', 'dark', 'screen'))}.json", check)

    def layer_style(self) -> Ask:
        layer = self.rng.choice(SCOPED + OTHERS)

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            told = json.loads(body)
            assert told["metadata"]["gisops:layers"] == [layer]
            shown = {s["source-layer"] for s in told["layers"] if "source-layer" in s}
            assert shown <= {layer, f"{layer}_label"}

        return Ask(f"/styles/layers/{layer}.json", check, layer)

    # ---- cases --------------------------------------------------------------------------------------------------

    def cases(self) -> Ask:
        box = self.box() if self.rng.random() < 0.5 else None
        limit = self.rng.choice((1, 10, 1000))
        state = self.rng.choice((None, None, "dispatched", "closed"))
        mine = self.account is not None and self.account.staff_id is not None and self.rng.random() < 0.2
        asked = f"limit={limit}" + (f"&bbox={','.join(map(repr, box))}" if box else "")
        asked += (f"&state={state}" if state else "") + ("&mine=1" if mine else "")

        def wanted(case: Thing) -> bool:
            if mine and (case.columns["handler_id"] != self.staff_id or case.columns["stage"] == 7):
                return False
            return (state is None or case.columns["state"] == state) and (box is None or _touches(case, box))

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
                return
            found = [case for case in self.my_cases() if wanted(case)]
            told = json.loads(body)
            assert status == 200
            assert [each["case_no"] for each in told["cases"]] == [case.key for case in found[:limit]]
            assert (told["next"] is not None) == (len(found) > limit)
            for each, case in zip(told["cases"], found, strict=False):
                self.same_case(each, case)

        return Ask(f"/api/cases?{asked}", check, "cases")

    def tasks(self) -> Ask:
        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
                return
            account = self.account
            # No clock of this world has a limit: the first to come in is the first to be done.
            mine = [
                case.key
                for case in reversed(self.my_cases())
                if case.columns["stage"] < 7
                and (
                    (self.staff_id is not None and case.columns["handler_id"] == self.staff_id)
                    or (
                        account.role == "department"
                        and case.columns["organisation_id"] == account.organisation_id
                        and case.columns["state"] in ("dispatched", "handling")
                    )
                )
            ]
            assert status == 200
            assert [each["case_no"] for each in json.loads(body)["tasks"]] == mine

        return Ask("/api/me/tasks?limit=1000", check, "cases")

    def inbox(self) -> Ask:
        states = self.rng.sample(("reported", "accepted", "filed", "dispatched", "handling", "to_close"), 3)
        limit = self.rng.choice((3, 40))

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
                return
            assert status == 200, body
            told = json.loads(body)
            mine = [case for case in reversed(self.my_cases()) if case.columns["state"] in states]
            assert [each["case_no"] for each in told["cases"]] == [case.key for case in mine][:limit]
            assert (told["next"] is None) == (len(mine) <= limit)
            counted = {each["state"]: each["count"] for each in told["counts"]}
            assert counted == {state: sum(case.columns["state"] == state for case in mine) for state in states}

        asked = "&".join(f"state={state}" for state in states)
        return Ask(f"/api/inbox?limit={limit}&{asked}", check, "cases")

    def one_case(self) -> Ask:
        case = self.a_thing("cases")
        tail = self.rng.choice(("", "", "/dispatch"))

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
            elif not oracle.sees_case(self.world, self.account, case):
                self.like_a_missing_case(case, status, body, tail)
            else:
                assert status == 200
                told = json.loads(body)
                assert told["case_no"] == case.key
                if not tail:
                    self.same_case(told, case)
                    texts = [report.get("text") for report in told["reports"]]
                    knows = oracle.knows_people(self.account, case)
                    assert texts == (case.reports if knows else [None] * len(case.reports))

        return Ask(f"/api/cases/{case.key}{tail}", check, "cases")

    def replay(self) -> Ask:
        case = self.a_thing("cases")

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
            elif oracle.sees_case(self.world, self.account, case):
                assert status == 200, body
            else:
                assert status == 404

        return Ask("/api/dispatch/replay", check, "cases", {"case_no": case.key, "mode": "as_recorded"})

    def send(self) -> Ask:
        """Send a case somewhere, as of a version that it never had: who sees it is told to read it again."""
        case = self.a_thing("cases")
        body = {"organisation": "ORG2", "reason": "样例 / sample", "expected_version": 2**30}

        def check(status: int, answer: bytes) -> None:
            if self.account is None:
                assert status == 401
            elif self.account.role not in ("acceptor", "dispatcher", "shift_leader", "admin"):
                assert status == 403
            elif oracle.sees_case(self.world, self.account, case):
                assert status == 409
            else:
                self.like_a_missing_case(case, status, answer, "/dispatch", body)

        return Ask(f"/api/cases/{case.key}/dispatch", check, "cases", body)

    def reveal(self) -> Ask:
        """Ask for full values; so many an hour only."""
        layer = self.rng.choice(("poverty_relief", "party_building", "places", "officers"))
        thing, about = self.a_thing(layer), oracle.declared(layer)
        body = {"layer": layer, "key": thing.key, "purpose": "emergency", "note": "样例 / sample"}

        def check(status: int, answer: bytes) -> None:
            if self.account is None:
                assert status == 401
            elif status == 429:
                return
            elif self.account.role not in about.personal_roles:
                assert status == 403
            elif oracle.in_scope(self.world, self.account, thing):
                assert status == 200, answer
                person = person_of(self.world, thing) if layer == "officers" else None
                raw = vars(person) if person else thing.columns
                masked = [name for name, field in about.fields.items() if "mask" in field]
                assert json.loads(answer)["values"] == {name: raw[name] for name in masked}
            else:
                assert status == 404
                missing = self.words_of_missing("/api/reveal", body | {"key": "nobody-has-it"})
                assert answer.replace(thing.key.encode(), b"nobody-has-it") == missing

        return Ask("/api/reveal", check, layer, body, whole=True)

    def my_cases(self) -> list[Thing]:
        """The cases that exist for the account, newest first."""
        found = [c for c in self.world.things["cases"].values() if oracle.sees_case(self.world, self.account, c)]
        return sorted(found, key=lambda case: case.ident.bytes, reverse=True)

    @property
    def staff_id(self) -> int | None:
        return self.account.staff_id if self.account is not None else None

    def same_case(self, told: dict[str, Any], case: Thing) -> None:
        """A case's own columns, and its handler's name for whom it is meant."""
        assert self.account is not None
        columns = case.columns
        for name in ("state", "stage", "severity", "ambiguous", "report_count", "version"):
            assert told[name] == columns[name], (case.key, name)
        assert told["organisation"]["code"] == self.world.organisations[columns["organisation_id"]].code
        assert (told["handler"] is None) == (columns["handler_id"] is None)
        if told["handler"] is not None:
            named = told["handler"].get("name")
            person = self.world.people[columns["handler_id"]]
            assert named == (person.name if oracle.knows_people(self.account, case) else None)

    def like_a_missing_case(
        self, case: Thing, status: int, body: bytes, tail: str, sent: dict[str, Any] | None = None
    ) -> None:
        """A hidden case answers as one that there is not, but for the number asked."""
        missing = "460105-2020-999999"
        assert status == 404, body
        assert body.replace(case.key.encode(), missing.encode()) == self.words_of_missing(
            f"/api/cases/{missing}{tail}", sent
        )

    # ---- looking for things -----------------------------------------------------------------------------------------

    def search(self) -> Ask:
        """Look for a row by what it is called, or by what nobody may find it by: a person, a telephone."""
        layer = self.rng.choice(SCOPED)
        thing = self.a_thing(layer)
        texts = [thing.key, thing.key[:-1], *(v for v in thing.columns.values() if isinstance(v, str) and len(v) > 1)]
        asked = self.rng.choice(texts)
        about = oracle.declared(layer)

        def found(one: Thing) -> bool:
            told = oracle.properties(self.world, self.account, one)
            if one.key.startswith((asked, asked.upper())):
                return True
            names = [told[name] for name in about.search if name != about.key]
            return any(asked.lower() in name.lower() for name in names if name)

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200, body
            wanted = {t.key for t in self.rows(layer) if found(t)}
            hits = [hit["key"] for hit in json.loads(body)["hits"]]
            assert len(hits) == len(set(hits)) == min(len(wanted), 100)
            assert set(hits) <= wanted
            if asked in wanted:
                assert hits[0] == asked

        return Ask(f"/api/search?q={quote(asked)}&layers={layer}&limit=100", check, layer)

    def nearest(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        lon, lat = WEST + self.rng.uniform(0, COLUMNS) * SIDE, SOUTH + self.rng.uniform(0, ROWS) * SIDE
        limit, within_m = self.rng.choice((1, 5, 100)), self.rng.choice((300, 1000, 20_000))
        # A building is as far as its nearest corner, which is at most so much nearer than its middle.
        slack = 15.0 if layer == "buildings" else 0.02

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200, body
            told = json.loads(body)["features"]
            things = {t.key: t for t in self.rows(layer)}
            far = {key: GEOD.inv(lon, lat, t.lon, t.lat)[2] for key, t in things.items()}
            got = [feature["id"] for feature in told]
            assert len(got) == len(set(got))
            assert set(got) <= set(things)
            for feature in told:
                assert abs(feature["distance_m"] - far[feature["id"]]) <= slack
                self.same(feature["properties"], things[feature["id"]])
            distances = [feature["distance_m"] for feature in told]
            assert distances == sorted(distances)
            rest = [metres for key, metres in far.items() if key not in got and metres <= within_m - slack]
            assert not rest or (len(got) == limit and min(rest) >= distances[-1] - slack)

        asked = f"lon={lon!r}&lat={lat!r}&crs=WGS84&layers={layer}&limit={limit}&within_m={within_m}"
        return Ask(f"/api/nearest?{asked}", check, layer)

    def beneath(self) -> Ask:
        """What lies in an area, or under a case of pipes: none here, so that the case is the question."""
        if self.rng.random() < 0.3:
            return self._beneath_a_case()
        layer = self.rng.choice(SCOPED)
        west, south, east, north = box = self.box()
        # An area of the city, and no larger than it.
        west, south = max(west, WEST), max(south, SOUTH)
        east, north = min(east, WEST + COLUMNS * SIDE), min(north, SOUTH + ROWS * SIDE)
        if west >= east or south >= north:
            return self.nearest()
        limit = self.rng.choice((3, 1000))
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        sent = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "crs": "WGS84", "limit": limit}
        cut = (west, south, east, north) != box

        def check(status: int, body: bytes) -> None:
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200, body
            told = json.loads(body)
            things = {t.key: t for t in self.rows(layer)}
            wanted = {key for key, t in things.items() if _touches(t, (west, south, east, north))}
            got = [feature["id"] for feature in told["features"]]
            assert len(got) == len(set(got)) <= limit
            assert set(got) <= set(things)
            if not cut:
                assert set(got) <= wanted
                assert len(got) == min(len(wanted), limit)
                assert told["more"] == (len(wanted) > limit)
            for feature in told["features"]:
                assert feature["distance_m"] == 0
                self.same(feature["properties"], things[feature["id"]])

        return Ask(f"/api/layers/{layer}/at", check, layer, sent)

    def _beneath_a_case(self) -> Ask:
        case = self.a_thing("cases")

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
            elif oracle.sees_case(self.world, self.account, case):
                assert status == 200, body
                told = json.loads(body)
                assert (told["case_no"], told["owners"], told["features"]) == (case.key, [], [])
                assert math.isclose(told["lon"], case.lon, abs_tol=1e-9)
            else:
                self.like_a_missing_case(case, status, body, "/beneath")

        return Ask(f"/api/cases/{case.key}/beneath", check, "cases")

    def overview(self, layer: str) -> bool:
        """Whether the account learns how many there are, roughly where, of what it may not see one by one."""
        whole = self.account is not None and self.account.everywhere
        return whole and self.closed(layer) is not None and oracle.declared(layer).layer_class == "personal"

    def count(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        about = oracle.declared(layer)
        box = self.box() if self.rng.random() < 0.5 else None
        # Neither one by one, nor by what is shown in part.
        kinds = [
            name
            for name, field in about.fields.items()
            if field["type"] in ("text", "integer", "boolean") and "mask" not in field and name != about.key
        ]
        by = self.rng.choice([None, *kinds])
        if self.overview(layer):
            by = None
        asked = (f"&bbox={','.join(map(repr, box))}" if box else "") + (f"&by={by}" if by else "")

        def check(status: int, body: bytes) -> None:
            told = json.loads(body)
            if self.overview(layer):
                assert status == 200
                assert told["count"] == 0 or told["count"] >= 5
                return
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            if by is not None and by not in oracle.fields(self.account, layer):
                assert (status, told["code"]) == (422, "invalid_input")
                assert by not in told["fields"]
                return
            found = [t for t in self.rows(layer) if box is None or _touches(t, box)]
            assert (status, told["count"]) == (200, len(found))
            if by is not None:
                values = Counter((oracle.properties(self.world, self.account, t)[by]) for t in found)
                assert {each["value"]: each["count"] for each in told["groups"]} == dict(values)

        # What a personal layer's overview tells moves with its rows, five at a time: another layer is changed then.
        return Ask(f"/api/layers/{layer}/count?{asked[1:]}", check, "cases" if self.overview(layer) else layer)

    def heat(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        z = self.rng.choice((14, 15, 16, 17))

        def check(status: int, body: bytes) -> None:
            if not self.overview(layer) and (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200
            things = list(self.world.things[layer].values()) if self.overview(layer) else self.rows(layer)
            at = [(t, "/".join(str(math.floor(n)) for n in tile_xy(t.lon, t.lat, z))) for t in things]
            everything = Counter(f"{z}/{xy}" for t, xy in at if oracle.on_map(t))
            # The city's box, in whole squares: what lies beyond it may or may not be within one.
            within = Counter(f"{z}/{xy}" for t, xy in at if oracle.on_map(t) and t.x < COLUMNS + 1)
            told = json.loads(body)
            shown = Counter({each["id"]: each["properties"]["count"] for each in told["features"]})
            assert told["count"] == shown.total()
            assert all(number == everything[square] for square, number in shown.items())
            if self.overview(layer):
                assert min(shown.values(), default=5) >= 5
            else:
                assert all(square in shown for square in within)

        return Ask(f"/api/layers/{layer}/heat?cell={z}", check, "cases" if self.overview(layer) else layer)

    def export(self) -> Ask:
        layer = self.rng.choice(SCOPED)
        box = self.box() if self.rng.random() < 0.5 else None
        # What GDAL writes is the same table as Parquet holds, read by the same statement.
        form = self.rng.choice(("csv", "geojsonseq", "parquet", "parquet"))
        asked = f"format={form}" + (f"&bbox={','.join(map(repr, box))}" if box else "")

        def check(status: int, body: bytes) -> None:
            if self.account is None:
                assert status == 401
                return
            if (wrong := self.closed(layer)) is not None:
                assert status == wrong
                return
            assert status == 200
            found = [t for t in self.rows(layer) if box is None or _touches(t, box)]
            if form == "csv":
                told = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
                assert [row[oracle.declared(layer).key] for row in told] == [t.key for t in found]
                for row, thing in zip(told, found, strict=True):
                    want = oracle.properties(self.world, self.account, thing)
                    assert list(row)[: len(want)] == list(want)
                    for name in (
                        "phone",
                        "householder",
                        "contact_person",
                        "responsible_person",
                        "members",
                        "residents",
                    ):
                        if name in want:
                            assert row[name] == ("" if want[name] is None else str(want[name]))
            elif form == "parquet":
                rows = pq.read_table(io.BytesIO(body)).drop_columns(["geom", "geom_bbox"]).to_pylist()
                assert [row[oracle.declared(layer).key] for row in rows] == [t.key for t in found]
                for row, thing in zip(rows, found, strict=True):
                    moments = {name: at.isoformat() for name, at in row.items() if isinstance(at, datetime)}
                    self.same(row | moments, thing)
            else:
                features = [json.loads(line) for line in body.decode().replace("\x1e", "").splitlines()]
                assert [feature["id"] for feature in features] == [t.key for t in found]
                for feature, thing in zip(features, found, strict=True):
                    self.same(feature["properties"], thing)

        return Ask(f"/api/layers/{layer}/export?{asked}", check, layer)

    # ---- who is responsible -----------------------------------------------------------------------------------------

    def locate(self) -> Ask:
        # Where somebody has to be chosen among some.
        zone = self.rng.choice([z for z in self.world.zones if z.in_force and sum(z.staff.values()) > 1])
        west, south, east, north = zone.box
        x, y = self.rng.uniform(west, min(east, COLUMNS)), self.rng.uniform(south, min(north, ROWS))
        asked = f"lon={WEST + x * SIDE:.7f}&lat={SOUTH + y * SIDE:.7f}&crs=WGS84&accuracy_m=10&category=E04-05"

        def check(status: int, body: bytes) -> None:
            assert status == 200, body
            told = json.loads(body)
            if self.account is None or self.account.role in ("planner", "department"):
                assert told["handler"] is None or "name" not in told["handler"]
                assert all(reason["code"] != "STAFF_NEARBY" for reason in told["reasons"])

        # What decides among people: where they are, and how much they have to do.
        staff = frozenset(self.world.people[n].code for n, holds in zone.staff.items() if holds)
        if self.rng.random() < 0.5:
            return Ask(f"/api/locate?{asked}", check, "officers", about=staff)
        return Ask(f"/api/locate?{asked}", check, "cases")


def _touches(thing: Thing, box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    half = 0.02 * SIDE if thing.layer == "buildings" else 0.0
    return (
        west <= thing.lon + half
        and thing.lon - half <= east
        and south <= thing.lat + half
        and thing.lat - half <= north
    )


def _of_squares(about: oracle.Declared) -> list[str]:
    return ["count", *(["area_m2"] if about.tiles.get("summed_area") else [])]


# A point is drawn on the nearest whole unit of its tile.
HALF_A_UNIT = 0.5 / 4096


def tile_xy(lon: float, lat: float, z: int) -> tuple[float, float]:
    side = 1 << z
    return (lon + 180) / 360 * side, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side


def _same_attributes(told: dict[str, Any], want: dict[str, Any], names: list[str]) -> None:
    """A tile has no nulls: what is null is absent. Its floats are short."""
    assert set(told) == {name for name in names if want[name] is not None}
    for name, got in told.items():
        value = want[name]
        if isinstance(value, datetime):
            assert datetime.fromisoformat(got) == value
        elif isinstance(value, float):
            assert math.isclose(got, value, rel_tol=1e-6)
        else:
            assert got == value, name
