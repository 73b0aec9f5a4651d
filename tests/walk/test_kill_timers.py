"""kill -9 of workers and of the database while timers fire and messages go out: afterwards the books balance.

A cluster of its own that writes to disk as in service, two real workers, another system that listens; the clock is
moved on step by step, and whatever is killed is started again. Each timer has then fired once, each notice has been
delivered at least once, with one key however often it came, and every history is whole.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gisops import city, cluster_files, operations, sample, webhooks
from gisops import cluster as private_cluster
from gisops.cases.reports import NewReport
from gisops.cluster import ADMIN, APP, OWNER
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.keys import new_key
from layers.catalog import view_sql
from tests.clock import Clock, moved
from tests.conftest import Database
from tests.gisops.receiver import Receiver, receiving

PATIENCE_S = 60.0
_WORK = "from gisops.settings import Settings; from gisops.worker import run; run(Settings(_env_file=None))"


class House:
    """A city on a cluster of its own, with a clock that is moved by hand and two workers."""

    def __init__(self, home: Path, there: Receiver) -> None:
        self.cluster = private_cluster.ensure(
            Database("", "", "", "").settings(home).model_copy(update={"database_url": None, "migrate_url": None})
        )
        name = private_cluster.DATABASE
        self.database = Database(
            name, self.cluster.url(APP, name), self.cluster.url(OWNER, name), self.cluster.url(ADMIN, name)
        )
        self.home, self.there = home, there
        migrate(self.database.owner_url, view_sql())
        sample.load(self.database.owner_url, self.database.settings(home), size="district")
        self.clock: Clock = moved(self.database)
        with connect(self.database.owner_url) as conn:
            conn.execute("UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE due_at IS NOT NULL")
            webhooks.add(conn, "sample system", there.url, ["remind", "overdue", "escalate"])
        self.workers: list[subprocess.Popen[bytes]] = [self._work(), self._work()]

    def _work(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
        environment |= {
            "GISOPS_HOME": str(self.home),
            "GISOPS_DATABASE_URL": self.database.app_url,
            "GISOPS_WEBHOOK_PRIVATE": "true",
            "GISOPS_AUDIT_SEALS": str(self.home / "seals.log"),
        }
        with (self.home / "worker.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", _WORK], env=environment, stdout=log, stderr=log)

    def kill_worker(self, chance: random.Random) -> None:
        n = chance.randrange(len(self.workers))
        self.workers[n].kill()
        self.workers[n].wait()
        self.workers[n] = self._work()

    def kill_workers(self, _chance: random.Random) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()
        self.workers = [self._work(), self._work()]

    def kill_database(self, _chance: random.Random) -> None:
        """The postmaster first, and every backend, before any of them can tidy up."""
        killed = cluster_files.backends(self.cluster.place)
        postmaster = cluster_files.postmaster(self.cluster.place)
        for pid in sorted(killed, key=lambda pid: pid != postmaster):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        give_up = time.monotonic() + 10
        while cluster_files.backends(self.cluster.place) and time.monotonic() < give_up:
            time.sleep(0.01)
        private_cluster.start(self.cluster)

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        private_cluster.stop(self.cluster)
        private_cluster.release(self.cluster)

    def plant(self, reminders: int, escalations: int, within: timedelta) -> None:
        """Cases with a reminder that comes due within a while, and such that nobody acknowledges in time."""
        now, (west, south, east, north) = self.clock.now(), self._extent()
        with connect(self.database.app_url) as conn:
            known = city.load(conn)
            for _ in range(escalations):
                sent = NewReport(uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0)
                operations.receive_report(conn, known, sent, None)
            fresh = [
                row["case_id"]
                for row in conn.execute("SELECT case_id FROM cases ORDER BY case_id DESC LIMIT %s", [escalations])
            ]
        with connect(self.database.owner_url) as conn:
            conn.execute(
                "UPDATE case_clocks SET step = 'ack', unit = 'minute', value = 20,"
                " started_at = %(now)s - interval '20 min', deadline = %(now)s + random() * %(within)s,"
                " due_at = %(now)s, due_kind = 'escalate' WHERE case_id = ANY (%(keys)s) AND stopped_at IS NULL",
                {"now": now, "within": within, "keys": fresh},
            )
            conn.execute(
                "UPDATE case_clocks SET due_at = deadline WHERE case_id = ANY (%s) AND due_at IS NOT NULL", [fresh]
            )
            conn.execute(
                "INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,"
                " organisation_id, handler_id, superior_id, reported_at, version, unit_id)"
                " SELECT c.district_code, k.key, c.case_no || k.n, c.category_id, c.state, c.stage, c.severity, c.geom,"
                " c.organisation_id, c.handler_id, c.superior_id, c.reported_at, 1, c.unit_id"
                " FROM cases c, unnest(%s::uuid[]) WITH ORDINALITY AS k (key, n) WHERE c.case_id = %s",
                [copies := [new_key() for _ in range(reminders)], fresh[0]],
            )
            conn.execute(
                "INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit,"
                " value, deadline, due_at, due_kind)"
                " SELECT c.district_code, c.case_id, 1, 'handle', c.organisation_id, %(now)s, 'minute', 6000,"
                " %(now)s + interval '100 hours', %(now)s + random() * %(within)s, 'remind'"
                " FROM cases c WHERE c.case_id = ANY (%(keys)s)",
                {"now": now, "within": within, "keys": copies},
            )

    def _extent(self) -> tuple[float, float, float, float]:
        with connect(self.database.app_url) as conn:
            return city.load(conn).extent

    def ask(self, statement: str) -> dict[str, Any]:
        """One row, however long the database is away."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                with connect(self.database.owner_url) as conn:
                    row = conn.execute(statement.encode()).fetchone()
                assert row is not None
                return row
            except psycopg.OperationalError:
                assert time.monotonic() < give_up
                time.sleep(0.05)

    def ahead(self, by: timedelta) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.clock.ahead(by)
                return
            except psycopg.OperationalError:
                assert time.monotonic() < give_up
                time.sleep(0.05)


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with receiving() as there:
        made = House(home, there)
        try:
            yield made
        finally:
            made.end()


def rush(house: House, rounds: int, reminders: int, escalations: int, seed: int) -> Counter[str]:
    """Let timers come due while somebody kills; then wait until nothing is due and nothing is to be delivered."""
    chance = random.Random(seed)
    within = timedelta(seconds=60)
    house.plant(reminders, escalations, within)
    kills = [house.kill_worker, house.kill_database, house.kill_workers]
    met: Counter[str] = Counter()
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.05):
            house.ahead(timedelta(seconds=60 / (12 * rounds)))

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        for n in range(rounds):
            time.sleep(chance.uniform(0.1, 0.6))
            kill = kills[n % len(kills)]
            kill(chance)
            met[kill.__name__] += 1
    finally:
        stop.set()
        ticking.join()
    house.ahead(within)
    give_up = time.monotonic() + PATIENCE_S + reminders / 20
    while True:
        left = house.ask(
            "SELECT (SELECT count(*) FROM case_clocks WHERE due_at <= app_now()) AS due,"
            " (SELECT count(*) FROM deliveries WHERE state = 'waiting') AS waiting"
        )
        if left == {"due": 0, "waiting": 0}:
            return met
        assert time.monotonic() < give_up, (left, (house.home / "worker.log").read_text()[-3000:])
        if left["due"] == 0:
            house.ahead(timedelta(seconds=31))  # what a killed worker had taken is let go of
        time.sleep(0.3)


def check_the_books(house: House, reminders: int, escalations: int) -> None:
    told = house.ask(
        "SELECT count(*) FILTER (WHERE kind = 'remind' AND webhook_id IS NULL) AS reminded,"
        " count(DISTINCT case_id) FILTER (WHERE kind = 'remind' AND webhook_id IS NULL) AS cases,"
        " count(*) FILTER (WHERE webhook_id IS NOT NULL) AS for_others FROM notices"
    )
    assert (told["reminded"], told["cases"]) == (reminders, reminders), "a reminder was lost, or sent twice"
    acts = house.ask(
        "SELECT count(*) AS acts, count(DISTINCT case_id) AS cases FROM case_history WHERE action = 'escalate'"
    )
    levels = house.ask("SELECT coalesce(sum(escalation), 0)::int AS levels FROM cases")["levels"]
    assert acts["cases"] == escalations
    assert (
        acts["acts"]
        == house.ask(
            "SELECT count(DISTINCT (case_id, payload ->> 'level')) AS n FROM case_history WHERE action = 'escalate'"
        )["n"]
    ), "a level was gone up to twice"
    assert levels >= acts["acts"]
    assert house.ask("SELECT count(*) AS n FROM broken_history()")["n"] == 0
    versions = house.ask(
        "SELECT count(*) AS n FROM (SELECT c.case_id FROM cases c JOIN case_history h USING (district_code, case_id)"
        " GROUP BY c.district_code, c.case_id, c.version HAVING count(*) <> c.version) q"
    )
    assert versions["n"] == 0
    delivered = house.ask("SELECT count(*) AS n, array_agg(delivery_id::text) AS keys FROM deliveries")
    assert delivered["n"] == told["for_others"] == reminders + acts["acts"]
    assert set(house.there.ids()) == set(delivered["keys"]), "a notice was lost on its way"


@pytest.mark.faults
@pytest.mark.timeout(180)
def test_kill_9_of_workers_and_database_while_timers_fire(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    began = datetime.now()
    met = rush(house, 4, 600, 12, seed=6)
    check_the_books(house, 600, 12)
    again = len(house.there.ids()) - len(set(house.there.ids()))
    with capsys.disabled():
        took = (datetime.now() - began).total_seconds()
        print(f"\n612 timers, {dict(met)} in {took:.0f} s; {again} messages came more than once, with the same key")


@pytest.mark.soak
@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_fifty_kills(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(10**6)
    met = rush(house, 50, 6000, 60, seed)
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(met)}; {len(house.there.ids())} messages")
    check_the_books(house, 6000, 60)
