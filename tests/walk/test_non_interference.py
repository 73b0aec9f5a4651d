"""Nobody learns anything of what he may not see: not from what is answered, and not from what changes in it.

Random people ask random things of a random city. Each answer is what a plain oracle says; then something that the asker
cannot see is added, changed, moved or removed, and the same question gets the same answer, to the byte.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import people
from gisops.db.pool import Connection, connect
from layers.catalog import load_catalog
from tests.walk import scope_oracle as oracle
from tests.walk import scope_world
from tests.walk.scope_asks import SCOPED, Ask, Asker
from tests.walk.scope_world import COLUMNS, ROWS, SIDE, SOUTH, WEST, Account, ScopeWorld, Thing

# Of each thing that can be asked, so many in a hundred.
SHARES: dict[Callable[[Asker], Ask], int] = {
    Asker.items: 18,
    Asker.filtered: 8,
    Asker.item: 10,
    Asker.tile: 18,
    Asker.search: 8,
    Asker.nearest: 7,
    Asker.beneath: 6,
    Asker.count: 6,
    Asker.heat: 4,
    Asker.export: 6,
    Asker.tilejson: 4,
    Asker.tileset: 4,
    Asker.collections: 2,
    Asker.collection: 2,
    Asker.map_style: 1,
    Asker.layer_style: 1,
    Asker.cases: 12,
    Asker.one_case: 9,
    Asker.tasks: 4,
    Asker.inbox: 6,
    Asker.replay: 2,
    Asker.send: 4,
    Asker.reveal: 5,
    Asker.locate: 8,
}


@dataclass
class Stage:
    """A served world, and the owner's hand in it."""

    world: ScopeWorld
    client: TestClient
    owner: Connection
    rng: random.Random
    about: frozenset[str] = frozenset()
    whole: bool = False

    def ask(self, account: Account | None, ask: Ask) -> tuple[int, bytes, dict[str, str]]:
        """Ask one thing; the answer's status, body and headers, but for the date."""
        headers = ask.headers | ({"Authorization": f"Bearer {account.token}"} if account is not None else {})
        method = "GET" if ask.json is None else "POST"
        answer = self.client.request(method, ask.path, headers=headers, json=ask.json)
        return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k != "date"}

    def asker(self, account: Account | None) -> Asker:
        """Who draws this account's questions."""

        def missing(path: str, sent: dict[str, Any] | None = None) -> bytes:
            status, body, _ = self.ask(account, Ask(path, _any, json=sent))
            assert status == 404
            return body

        return Asker(self.world, account, self.rng, missing)

    def seen(self, account: Account | None, thing: Thing) -> Any:
        """All that an account can learn of a row; ``None`` if it is not there for it."""
        told: dict[str, Any] = {}
        if oracle.sees_row(self.world, account, thing):
            told["row"] = (thing.x, thing.y, oracle.properties(self.world, account, thing))
            if self.whole:
                told["whole"] = thing.columns
        if thing.layer == "cases" and account is not None and oracle.sees_case(self.world, account, thing):
            told["case"] = (thing.x, thing.y, thing.columns)
        return told or None

    # ---- what the asker cannot see ---------------------------------------------------------------------------------

    def change_hidden(self, account: Account | None, ask: Ask) -> str | None:
        """Change something that this account cannot see, where it matters most to what it asks; says what, or ``None``
        if nothing was found.
        """
        layer = ask.layer if ask.layer in SCOPED else self.rng.choice(SCOPED)
        self.about, self.whole = ask.about, ask.whole
        for _ in range(12):
            act = self.rng.choice((self._insert, self._delete, self._change, self._move, self._middle_digits))
            if act(account, layer):
                if layer not in ("cases", "officers"):
                    self.loaded(layer)
                self.owner.commit()
                if layer == "cases":
                    # What moves a case tells of it; nobody tells of what is written by hand.
                    self.client.app.state.live_tiles.changed(load_catalog()["cases"], None, None)  # type: ignore[attr-defined]
                return f"{act.__name__} in {layer}"
        return None

    def loaded(self, layer: str) -> None:
        """What whoever loads a layer does after it."""
        self.owner.execute("SELECT layer_changed(%s)", [layer])

    def _insert(self, account: Account | None, layer: str) -> bool:
        if layer == "officers":
            return False
        thing = self.world.new(layer)
        if self.seen(account, thing) is not None:
            return False
        scope_world.insert(self.owner, self.world, thing)
        self.world.things[layer][thing.key] = thing
        return True

    def _delete(self, account: Account | None, layer: str) -> bool:
        thing = self.rng.choice(list(self.world.things[layer].values()))
        if self.seen(account, thing) is not None or len(self.world.things[layer]) < 10:
            return False
        scope_world.delete(self.owner, self.world, thing)
        del self.world.things[layer][thing.key]
        return True

    def _change(self, account: Account | None, layer: str) -> bool:
        return self._altered(account, layer, lambda new: new.columns.update(self._some(layer)))

    def _move(self, account: Account | None, layer: str) -> bool:
        def move(new: Thing) -> None:
            new.x, new.y = self.world.spot()

        return self._altered(account, layer, move)

    def _middle_digits(self, account: Account | None, layer: str) -> bool:
        """Another telephone that looks the same under its mask."""

        def dial(new: Thing) -> None:
            phone = new.columns.get("phone")
            if phone:
                new.columns["phone"] = phone[:3] + f"{self.rng.randrange(10_000):04d}" + phone[-4:]

        return self._altered(account, layer, dial)

    def _some(self, layer: str) -> dict[str, Any]:
        """New values of one or more columns."""
        drawn = self.world.columns_of(layer)
        # A stage and its state go together, so a case is moved whole.
        names = (
            ["stage", "state"] if layer == "cases" and self.rng.random() < 0.3 else self.rng.sample(sorted(drawn), 1)
        )
        if set(names) & {"stage", "state"}:
            names = ["stage", "state"]
        return {name: drawn[name] for name in names}

    def _altered(self, account: Account | None, layer: str, alter: Callable[[Thing], None]) -> bool:
        some = self.world.things[layer]
        old = some[self.rng.choice(sorted(self.about & some.keys() or some))]
        new = copy.deepcopy(old)
        alter(new)
        if new == old or self.seen(account, old) != self.seen(account, new):
            return False
        scope_world.update(self.owner, self.world, new)
        self.world.things[layer][new.key] = new
        return True


@pytest.fixture(scope="module")
def stage(database: Any) -> Iterator[Stage]:
    world = scope_world.draw(1)
    with connect(database.owner_url) as owner:
        scope_world.write(owner, world)
        owner.commit()
        with TestClient(create_app(database.settings()), raise_server_exceptions=False) as client:
            yield Stage(world, client, owner, random.Random(7))


def test_the_tree_and_what_each_account_was_granted_of_it_are_the_oracles(stage: Stage) -> None:
    world = stage.world
    rows = stage.owner.execute(
        "SELECT account_id, level, code FROM account_units JOIN scope_units USING (unit_id)"
    ).fetchall()
    for account in world.accounts:
        spelled_out = {
            oracle.Unit(row["level"], row["code"]) for row in rows if row["account_id"] == account.account_id
        }
        assert spelled_out == (set() if account.everywhere else oracle.units_of(world, account)), account
    some = [a for a in world.accounts if a.grants == {("own_zones", "")} and oracle.units_of(world, a)]
    assert len(some) > 3, "own zones are worth a look"


def test_nobody_finds_an_officer_whom_he_does_not_see_by_asking_who_would_be_sent(stage: Stage) -> None:
    """Two colleagues look after a zone, one of them near; then the other. Only who sees them both may be told."""
    world = stage.world
    assert oracle.declared("officers").personal_roles == people.COMMAND
    told = zones = 0
    for zone in world.zones:
        pair = [n for n, holds in zone.staff.items() if holds and world.people[n].code in world.things["officers"]][:2]
        if not zone.in_force or len(pair) < 2 or zones == 3:
            continue
        zones += 1
        here = [world.things["officers"][world.people[n].code] for n in pair]
        for case in world.things["cases"].values():
            if case.columns["handler_id"] in pair:
                case.columns["handler_id"] = None
                scope_world.update(stage.owner, world, case)
        west, south, east, north = zone.box
        x, y = (west + min(east, COLUMNS)) / 2, (south + min(north, ROWS)) / 2
        ask = Ask(f"/api/locate?lon={WEST + x * SIDE:.7f}&lat={SOUTH + y * SIDE:.7f}&crs=WGS84&category=E04-05", _any)
        answers: dict[str, list[Any]] = {}
        hidden = {account.login for account in world.accounts}
        for near in here:
            for thing in here:
                # This moment, not the world's: a position counts while it is fresh.
                thing.columns["captured_at"] = datetime.now(UTC)
                thing.x, thing.y = (x, y) if thing is near else (x + 1.5, y)
                scope_world.update(stage.owner, world, thing)
            stage.owner.commit()
            for account in world.accounts:
                answers.setdefault(account.login, []).append(stage.ask(account, ask))
                if any(oracle.sees_row(world, account, thing) for thing in here):
                    hidden.discard(account.login)
        for login, (first, second) in answers.items():
            told += first != second
            assert first == second or login not in hidden, f"{login} learns who is near in {zone}"
    assert told > 10, "whoever sees them both is told"


def _any(*_: object) -> None:
    """Whatever is answered."""


def test_counts_of_a_personal_layer_tell_of_no_fewer_than_five_however_they_are_subtracted(stage: Stage) -> None:
    planner = next(account for account in stage.world.accounts if account.login == "planner.everywhere")
    told: dict[int, dict[tuple[int, int], int]] = {}
    for z in (14, 15, 16, 17):
        status, body, _ = stage.ask(planner, Ask(f"/api/layers/poverty_relief/heat?cell={z}", _any))
        assert status == 200
        squares = {each["id"]: each["properties"]["count"] for each in json.loads(body)["features"]}
        told[z] = {(int(square.split("/")[1]), int(square.split("/")[2])): n for square, n in squares.items()}
        assert min(told[z].values(), default=5) >= 5
    assert told[14], "there are enough of them for something to be told"
    assert told[15], "and for some of their quarters"
    # What is told of a square, less what is told of any finer ones in it, is nothing or again five and more.
    for coarse in (14, 15, 16):
        for (x, y), number in told[coarse].items():
            for fine in range(coarse + 1, 18):
                up = fine - coarse
                parts = sum(n for (fx, fy), n in told[fine].items() if (fx >> up, fy >> up) == (x, y))
                assert number - parts == 0 or number - parts >= 5, (coarse, x, y, fine)
    # Boxes choose whole squares: one moved a little tells the same.
    for shift in range(-10, 11):
        west = WEST + 3 * SIDE + shift * 1e-5
        box = f"{west!r},{SOUTH!r},{west + 2 * SIDE!r},{SOUTH + 2 * SIDE!r}"
        _, body, _ = stage.ask(planner, Ask(f"/api/layers/poverty_relief/heat?cell=16&bbox={box}", _any))
        for each in json.loads(body)["features"]:
            _, x, y = (int(n) for n in each["id"].split("/"))
            assert told[16][x, y] == each["properties"]["count"]


def _triples(stage: Stage, many: int) -> tuple[int, int]:
    """Run so many triples; returns how many were asked twice, and how many answered with something."""
    acts, weights = zip(*SHARES.items(), strict=True)
    viewers = [None, *stage.world.accounts]
    twice = answered = 0
    for n in range(many):
        account = stage.rng.choice(viewers)
        asker = stage.asker(account)
        ask = stage.rng.choices(acts, weights)[0](asker)
        first = stage.ask(account, ask)
        about = f"#{n} {account.login if account else 'nobody'} {ask.path} {ask.json or ''}"
        try:
            ask.check(first[0], first[1])
        except AssertionError as error:
            raise AssertionError(f"{about}\n{first[1][:600]!r}\n{error}") from error
        answered += first[0] == 200
        if (changed := stage.change_hidden(account, ask)) is not None:
            twice += 1
            again = stage.ask(account, ask)
            assert again[:2] == first[:2], f"{about}: {changed} shows, and was hidden"
            assert again[2] == first[2], f"{about}: {changed} shows in the headers, and was hidden"
    return twice, answered


def test_what_is_answered_is_the_oracles_and_what_is_hidden_changes_nothing(stage: Stage) -> None:
    twice, answered = _triples(stage, 1_000)
    assert twice > 600
    assert answered > 400


@pytest.mark.soak
def test_the_same_ten_thousand_times(stage: Stage) -> None:
    twice, answered = _triples(stage, 10_000)
    assert twice > 6_000
    assert answered > 4_000
