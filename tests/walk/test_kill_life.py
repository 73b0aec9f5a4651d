"""kill -9 while the city lives: workers and PostgreSQL are killed at random instants, and afterwards the books balance.

A simulation (`gisops.simulation`) plays on a cluster of its own that writes to disk as in service; what is due is done
by two real workers, on one clock for all processes. Somebody kills a worker, both, or PostgreSQL with every backend.
Whoever acts and gets no answer asks again, as a phone would.
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
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import psycopg
import pytest

from gisops import city as cities
from gisops import cluster as private_cluster
from gisops import cluster_files, sample
from gisops.cluster import ADMIN, APP, OWNER, Cluster
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.settings import Settings
from gisops.simulation import books, days, ground
from gisops.simulation.cast import cast
from gisops.simulation.days import MADE, Days, Seen, Tally
from gisops.simulation.town import Town
from layers.catalog import view_sql
from tests.clock import Clock, moved
from tests.conftest import Database

WORKERS = 2
PATIENCE_S = 60.0
_WORK = "from gisops.settings import Settings; from gisops.worker import run; run(Settings(_env_file=None))"
T = TypeVar("T")


class House:
    """A cluster of its own with the sample city, its workers, and ways to kill them."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.cluster: Cluster = private_cluster.ensure(self.settings)
        url = self.cluster.url
        migrate(url(OWNER), view_sql())
        self.database = Database("gisops", url(APP), url(OWNER), url(ADMIN))
        sample.load(url(OWNER), self.database.settings(home), size="district")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = home / "workers.log"
        self.killed: Counter[str] = Counter()
        self.hire()

    def hire(self) -> None:
        """Have as many workers as there should be."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
        environment |= {"GISOPS_DATABASE_URL": self.database.app_url, "GISOPS_HOME": str(self.settings.home)}
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < WORKERS:
            with self.log.open("ab") as log:
                command = [sys.executable, "-c", _WORK]
                one = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            self.workers.append(one)

    def kill(self, what: str) -> None:
        """A worker, both, or PostgreSQL with every backend; what was killed is started again."""
        self.killed[what] += 1
        if what == "postgres":
            pids = cluster_files.backends(self.cluster.place)
            first = cluster_files.postmaster(self.cluster.place)
            for pid in sorted(pids, key=lambda pid: pid != first):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            private_cluster.start(self.cluster)
        else:
            for one in self.workers[: WORKERS if what == "workers" else 1]:
                one.kill()
                one.wait()
        self.hire()

    def end(self) -> None:
        for one in self.workers:
            one.kill()
            one.wait()
        private_cluster.stop(self.cluster)
        private_cluster.release(self.cluster)
        private_cluster.destroy(self.settings)


class Stubborn:
    """The town as seen by people whose line breaks: each act is committed; what got no answer is asked again."""

    def __init__(self, house: House, clock: Clock, seed: int) -> None:
        self.house, self.clock, self.seed = house, clock, seed
        with connect(house.database.owner_url) as owner:
            self.city = cities.load(owner)
            self.who = cast(owner, self.city)
        self.town = self._town()
        self.again: Counter[str] = Counter()
        self.reported: dict[int, str] = {}

    def _town(self) -> Town:
        conn = connect(self.house.database.app_url)
        try:
            return Town(conn, self.city, self.who, self.seed, together=0)
        except BaseException:
            conn.close()
            raise

    def _try(self, what: str, ask: Callable[[], T]) -> T:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = ask()
                self.town.end()
            except psycopg.OperationalError:
                assert time.monotonic() < give_up, f"{what}: the database does not come back"
                self.again[what] += 1
                self._reconnect(give_up)
            else:
                return answer

    def _reconnect(self, give_up: float) -> None:
        kept = self.town
        kept.conn.close()
        while True:
            with suppress(psycopg.OperationalError):
                self.town = self._town()
                break
            assert time.monotonic() < give_up, "the database does not come back"
            time.sleep(0.05)
        self.town.now, self.town._reports, self.town._lowest = kept.now, kept._reports, kept._lowest

    def close(self) -> None:
        self.town.conn.close()

    def go_to(self, at: datetime) -> None:
        self._try("clock", lambda: self.clock.set(at))
        self.town.now = at

    def report(self, n: int, rng: Random) -> str:
        state = rng.getstate()

        def ask() -> str:
            rng.setstate(state)
            return self.town.report(n, rng)

        return self._try("report", ask)

    def report_again(self, n: int) -> bool:
        return self._try("report", lambda: self.town.report_again(n))

    def act(self, key: str, action: str, role: str, version: int, rng: Random) -> str:
        asked = 0

        def ask() -> str:
            nonlocal asked
            asked += 1
            if asked > 1 and self.town.seen(key).version > version:
                return MADE  # it was done; only the answer was lost
            return self.town.act(key, action, role, version, rng)

        before = self.seen(key).version
        outcome = self._try("act", ask)
        return outcome if before == version or outcome != MADE else "stale_version"

    def seen(self, key: str) -> Seen:
        return self._try("seen", lambda: self.town.seen(key))

    def due(self) -> datetime | None:
        return self._try("due", lambda: self.town.due())

    def fire(self) -> list[str]:
        """Wait until the workers have done what is due now."""
        before = self._try("fire", self._waiting)
        give_up = time.monotonic() + PATIENCE_S
        while self._try("fire", self._waiting):
            assert time.monotonic() < give_up, self.house.log.read_text()[-2000:]
            time.sleep(0.02)
        return [key for key, version in before.items() if self.seen(key).version != version]

    def _waiting(self) -> dict[str, int]:
        self.town._step()
        return {row["case_no"]: row["version"] for row in self.town.conn.execute(self.town.DUE_NOW)}

    def broken(self, key: str) -> str | None:
        return self._try("books", lambda: self.town.broken(key))


class Killer(threading.Thread):
    """Kills something at random instants until it was so many times."""

    def __init__(self, house: House, rounds: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.house, self.rounds, self.rng = house, rounds, random.Random(seed)
        self.over = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            for n in range(self.rounds):
                if self.over.wait(self.rng.uniform(0.3, 1.5)):
                    return
                self.house.kill(("postgres", "worker", "workers")[n % 3])
        except BaseException as error:
            self.failed = error


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    made = House(home)
    try:
        yield made
    finally:
        made.end()


def lived(house: House, rounds: int, seed: int) -> tuple[Tally, Stubborn]:
    """Live until everything was killed that was to be, and then until what is open has come to rest for some hours."""
    with connect(house.database.owner_url) as owner:
        # the sample's own open cases are others' business
        owner.execute("UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE due_at IS NOT NULL")
    clock = moved(house.database)
    start = clock.now() + timedelta(minutes=1)
    world = Stubborn(house, clock, seed)
    run = Days(world, seed, start, 90, ground.ZONE, days.Weather(a_day=60))
    killer = Killer(house, rounds, seed)
    killer.start()
    try:
        while killer.is_alive():
            run.run(10)
        run.run(20)
    finally:
        killer.over.set()
        killer.join(PATIENCE_S)
        world.close()
    assert killer.failed is None, killer.failed
    return run.tally, world


def balanced(house: House) -> dict[str, Any]:
    """Every act that was answered is in the history once, and nothing else; the clocks and chains hold."""
    with connect(house.database.owner_url) as owner:
        assert books.broken(owner) == []
        assert owner.execute("SELECT count(*) AS n FROM broken_history()").fetchone() == {"n": 0}
        twice = owner.execute(
            "SELECT count(*) AS n FROM (SELECT FROM notices GROUP BY case_id, seq, kind, recipient, cause"
            " HAVING count(*) > 1) d"
        ).fetchone()
        overdue = owner.execute("SELECT count(*) AS n FROM case_clocks WHERE due_at < app_now()").fetchone()
    assert twice == {"n": 0}
    assert overdue == {"n": 0}, "a timer was lost"
    return counted(house)


def told(capsys: pytest.CaptureFixture[str], house: House, tally: Tally, world: Stubborn) -> None:
    with capsys.disabled():
        print(
            f"\n{tally.steps} steps; kill -9: {dict(house.killed)}; asked again: {dict(world.again)};"
            f" moves {sum(tally.made.values())}"
        )


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_workers_and_postgresql_are_killed_and_the_books_balance(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counted(house)
    tally, world = lived(house, rounds=3, seed=11)
    told(capsys, house, tally, world)
    after = balanced(house)
    assert house.killed == {"postgres": 1, "worker": 1, "workers": 1}
    assert after["acts"] - before["acts"] == sum(tally.made.values())
    assert after["reports"] - before["reports"] == tally.reports


@pytest.mark.soak
@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_fifty_kills(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    before = counted(house)
    tally, world = lived(house, rounds=50, seed=50)
    told(capsys, house, tally, world)
    after = balanced(house)
    assert sum(house.killed.values()) == 50
    assert after["acts"] - before["acts"] == sum(tally.made.values())
    assert after["reports"] - before["reports"] == tally.reports


def counted(house: House) -> dict[str, Any]:
    with connect(house.database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*) FILTER (WHERE action = 'report') AS reports,"
            " count(*) FILTER (WHERE action <> 'report' AND role <> 'system'"
            "   AND action NOT IN ('take_in', 'give_up')) AS acts FROM case_history"
        ).fetchone()
    assert row is not None
    return row
