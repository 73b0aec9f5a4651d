"""Many streams, and what happens in a random city: each is told what an oracle says is for it, and nothing else."""

from __future__ import annotations

import json
import random
import time
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.cases import moves
from gisops.cases.moves import Addressee, Move
from gisops.db.pool import Connection, connect
from tests.api.test_live import Stream, listening
from tests.conftest import serve
from tests.walk import scope_oracle as oracle
from tests.walk import scope_world
from tests.walk.scope_world import SIDE, SOUTH, WEST, Account, ScopeWorld, Thing

# Who sees all, some places, what is his own, and nothing.
LISTENERS = (
    "admin.everywhere", "dispatcher.area", "supervisor.cells", "handler.none", "handler.cells", "officer.own_zones",
    "inspector.area", "planner.area", "planner.none", "department.none", "department.area", "leader.everywhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(database: Any) -> ScopeWorld:
    drawn = scope_world.draw(5)
    with connect(database.owner_url) as owner:
        scope_world.write(owner, drawn)
    return drawn


def _case(owner: Connection, world: ScopeWorld, case_no: str) -> Thing:
    """A case as it stands, for the oracle."""
    row = owner.execute(
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, handler_id, superior_id, organisation_id, stage, version"
        " FROM cases WHERE case_no = %s",
        [case_no],
    ).fetchone()
    owner.commit()
    assert row is not None
    x, y = (row.pop("lon") - WEST) / SIDE, (row.pop("lat") - SOUTH) / SIDE
    return Thing("cases", case_no, x, y, row, uuid4())


def _report(admin: httpx2.Client, world: ScopeWorld) -> str:
    x, y = world.spot()
    body = {
        "client_uid": str(uuid4()), "channel": "citizen", "category": "E04-05", "lon": WEST + min(x, 10.9) * SIDE,
        "lat": SOUTH + y * SIDE, "crs": "WGS84", "accuracy_m": 5, "text": "KANARIE-reports.text-live",
    }  # fmt: skip
    answer = admin.post("/api/reports", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["case"]["case_no"])


def _send(database: Any, world: ScopeWorld, rng: random.Random, case: Thing) -> bool:
    """Send a case to somebody else, or take it back; says whether that could be done from where it stands."""
    organisation = rng.choice([each for each in world.organisations.values() if each.organisation_id != 1])
    staff = rng.choice([p for p in world.people.values() if p.organisation_id == organisation.organisation_id])
    to = Addressee(organisation.organisation_id, organisation.code, staff.staff_id, staff.code, None)
    with connect(database.app_url) as conn:
        for action, whom in rng.sample([("dispatch", to), ("return", None), ("force_close", None)], 3):
            if moves.move(conn, [Move(case.key, action, case.columns["version"], "样例 / sample", whom)], "admin", 1):
                return True
    return False


@pytest.mark.parametrize("many", [40, pytest.param(400, marks=pytest.mark.soak)])
def test_each_stream_is_told_what_is_its_own_and_nothing_of_the_rest(
    database: Any, world: ScopeWorld, many: int
) -> None:
    rng = random.Random(many)
    accounts = {account.login: account for account in world.accounts if account.login in LISTENERS}
    wanted: dict[str, list[tuple[str, str]]] = {login: [] for login in accounts}
    with serve(database) as server, connect(database.owner_url) as owner, ExitStack() as open_streams:

        def client(account: Account) -> httpx2.Client:
            made = httpx2.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {account.token}"})
            return open_streams.enter_context(made)

        streams: dict[str, Stream] = {}
        for login, account in accounts.items():
            streams[login] = open_streams.enter_context(listening(client(account)))
        admin = client(accounts["admin.everywhere"])
        reported: list[str] = []
        for _ in range(many):
            if not reported or rng.random() < 0.5:
                before, case_no = None, _report(admin, world)
                reported.append(case_no)
            else:
                case_no = rng.choice(reported)
                before = _case(owner, world, case_no)
                if not _send(database, world, rng, before):
                    continue
            after = _case(owner, world, case_no)
            for login, account in accounts.items():
                if oracle.in_scope(world, account, after):
                    # One event for each step it took, of which there is one at least.
                    wanted[login].append(("case", case_no))
                elif before is not None and oracle.in_scope(world, account, before):
                    wanted[login].append(("gone", case_no))
        streams["admin.everywhere"].wait_for("case", len(wanted["admin.everywhere"]), within_s=20)
        time.sleep(0.5)
        for login, stream in streams.items():
            told = [event for event in stream.events if event["event"] in ("case", "gone")]
            assert [(event["event"], json.loads(event["data"])["case_no"]) for event in told] == wanted[login], login
            assert all(set(json.loads(e["data"])) == {"case_no"} for e in told if e["event"] == "gone")
            assert {event["event"] for event in stream.events} <= {"hello", "case", "gone", "notice"}
            for event in stream.events:
                if event["event"] == "notice":
                    assert set(json.loads(event["data"])) == {"kinds", "count", "at"}
            assert "KANARIE" not in json.dumps(stream.events)
    assert sum(kind == "gone" for each in wanted.values() for kind, _ in each) > 3
    assert wanted["planner.none"] == []
