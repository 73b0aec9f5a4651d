"""kill -9 in the middle of the rush: what was answered is there, once, and the next report is taken within seconds.

A real `gisops up` in a home of its own, its cluster writing to disk as in service; clients that send each report under
one key until it is answered; and somebody who kills the web processes, PostgreSQL, the supervisor, everything.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from gisops import cluster as private_cluster
from gisops import cluster_files
from gisops.settings import Settings

PASSWORD = "a sample password for tests"
CLIENTS = 16
# Promised on a machine of one's own: the first report is taken within 5 s. A test runs among others, so it is held to
# twice that; the figures measured are printed.
PROMISED_S = 5.0
ALLOWED_S = 2 * PROMISED_S
PATIENCE_S = 60.0


def _free_port() -> int:
    """A free port that is not one of those the kernel gives to callers: while the server is away, a client's own end
    could be given its port, and the server would come back on another.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10_000, min(lowest, 32_768)), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port was found")


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class House:
    """`gisops up` in a home of its own, and ways to kill parts of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = Settings(home=home)
        self.place = cluster_files.place(home)
        self.log = home / "up.log"
        self.port = _free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.up: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
        environment |= {
            "GISOPS_HOME": str(self.home),
            "GISOPS_PORT": str(self.port),
            "GISOPS_PROCESSES": "2",
            "GISOPS_SAMPLE_PASSWORD": PASSWORD,
            "GISOPS_SAMPLE_SIZE": "district",
        }
        command = [Path(sys.executable).with_name("gisops"), "up"]
        with self.log.open("ab") as log:
            self.up = subprocess.Popen(
                command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            assert self.up.poll() is None, self.said()
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.base_url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.said())

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")[-4000:]

    def web_processes(self) -> list[int]:
        children = Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"api.web" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def kill_web(self) -> None:
        killed = self.web_processes()
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self._wait_for_end(killed)

    def kill_postgres(self) -> None:
        """The postmaster first, and every backend, before any of them can tidy up."""
        killed = cluster_files.backends(self.place)
        postmaster = cluster_files.postmaster(self.place)
        assert postmaster in killed
        for pid in sorted(killed, key=lambda pid: pid != postmaster):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait_for_end(killed)

    def kill_up(self) -> None:
        """The supervisor; its processes go with it, PostgreSQL stays. Then started again, as an init system would."""
        web = self.web_processes()
        self.up.kill()
        self.up.wait()
        self._wait_for_end(web)
        self.start()

    def kill_everything(self) -> None:
        """As a power cut does."""
        web = self.web_processes()
        self.up.kill()
        self.kill_postgres()
        self.up.wait()
        self._wait_for_end(web)
        self.start()

    def _wait_for_end(self, pids: list[int]) -> None:
        """A killed process ends soon, not at once; the kernel ends the children of a killed supervisor."""
        give_up = time.monotonic() + 5
        while not all(_is_gone(pid) for pid in pids):
            assert time.monotonic() < give_up, "a killed process lives on"
            time.sleep(0.002)

    def end(self) -> None:
        self.up.terminate()
        try:
            self.up.wait(15)
        except subprocess.TimeoutExpired:
            self.up.kill()
            self.up.wait()
        private_cluster.destroy(self.settings)


@dataclass
class Rush:
    """Clients at work: what was answered to each key, and when."""

    client: httpx2.Client
    body: dict[str, object]
    answers: dict[UUID, bytes] = field(default_factory=dict)
    taken_at: list[float] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)
    called_off: threading.Event = field(default_factory=threading.Event)

    def send(self, uid: UUID) -> None:
        """One report, under one key, until it is answered."""
        body = self.body | {"client_uid": str(uid)}
        give_up = time.monotonic() + PATIENCE_S
        while not self.called_off.is_set():
            sent_at = time.monotonic()
            assert sent_at < give_up, f"never answered: {dict(self.met)}"
            try:
                answer = self.client.post("/api/reports", json=body)
            except httpx2.HTTPError as error:
                self._meet(type(error).__name__)
            else:
                self._meet(str(answer.status_code))
                if answer.status_code in (200, 201):
                    self._keep(uid, answer.content, sent_at)
                    return
                # only "not now" may be said to a good report
                assert answer.status_code == 503, answer.text
            # as a phone would wait; sixteen that knock without pause would take the processor from what comes back
            time.sleep(0.2)

    def _meet(self, what: str) -> None:
        with self.changed:
            self.met[what] += 1

    def _keep(self, uid: UUID, content: bytes, sent_at: float) -> None:
        with self.changed:
            self.answers[uid] = content
            self.taken_at.append(sent_at)
            self.changed.notify_all()

    def wait_for(self, done: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(done, PATIENCE_S), f"it did not happen: {dict(self.met)}"

    def first_taken_after(self, moment: float) -> float:
        """Wait for a report that was sent after the moment and taken; seconds from the moment to its answer."""
        self.wait_for(lambda: any(sent_at > moment for sent_at in self.taken_at))
        return time.monotonic() - moment


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    made = House(home)
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.end()


def a_round(house: House, reports: int, kills: list[str]) -> tuple[Rush, dict[str, float]]:
    """Send reports; kill at even distances; return what the clients know and how long each way back took."""
    took: dict[str, float] = {}
    with httpx2.Client(base_url=house.base_url, timeout=10) as client, ThreadPoolExecutor(CLIENTS) as pool:
        lon, lat = client.get("/api/city").json()["center"]
        token = client.post("/api/session", json={"login": "desk", "password": PASSWORD}).json()["token"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        body = {"channel": "citizen", "category": "E04-05", "lon": lon, "lat": lat, "crs": "WGS84", "accuracy_m": 5}
        rush = Rush(client, body)
        sending = [pool.submit(rush.send, uuid4()) for _ in range(reports)]
        try:
            for n, what in enumerate(kills, 1):
                least = n * reports // (len(kills) + 1)
                rush.wait_for(lambda least=least: len(rush.answers) >= least)
                getattr(house, f"kill_{what}")()
                took[what] = rush.first_taken_after(time.monotonic())
                if took[what] > ALLOWED_S:
                    print(house.said())
        except BaseException:
            rush.called_off.set()
            raise
        for one in sending:
            one.result()
    return rush, took


def check_the_books(house: House, kept: dict[UUID, bytes]) -> None:
    """Everything that was answered is there once, with all that belongs to it, and nothing else is."""
    urls = private_cluster.database_urls(house.settings)
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert conn.execute(f"SHOW {name}").fetchone() == ("on",), name  # type: ignore[call-overload]
        counts = conn.execute(
            "SELECT (SELECT count(*) FROM cases), (SELECT count(DISTINCT case_no) FROM cases),"
            " (SELECT count(*) FROM intake_keys), (SELECT count(*) FROM reports),"
            " (SELECT count(DISTINCT client_uid) FROM reports), (SELECT count(*) FROM dispatch_decisions),"
            " (SELECT count(*) FROM outbox WHERE kind = 'case'), (SELECT count(*) FROM case_history WHERE seq = 1)"
        ).fetchone()
        assert counts == (len(kept),) * 8
        there = dict(conn.execute("SELECT client_uid, answer FROM intake_keys").fetchall())
        assert {uid: answer.encode() for uid, answer in there.items()} == kept
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []
        unfinished = conn.execute(
            "SELECT c.case_no FROM cases c LEFT JOIN case_history h USING (district_code, case_id)"
            " GROUP BY c.district_code, c.case_id, c.case_no, c.version HAVING count(h.seq) <> c.version"
        ).fetchall()
        assert unfinished == []
        # one for the case, and one for each who has a notice of it
        (events,) = conn.execute("SELECT count(*) FROM outbox").fetchone() or (0,)
        noticed = conn.execute("SELECT count(*), count(DISTINCT (case_id, recipient, cause)) FROM notices").fetchone()
        assert noticed == (events - len(kept),) * 2
        told = "SELECT count(pos), count(DISTINCT pos), max(pos) FROM outbox"
        give_up = time.monotonic() + PATIENCE_S
        while conn.execute(told).fetchone() != (events,) * 3:  # the relay numbers them without a gap
            assert time.monotonic() < give_up, conn.execute(told).fetchone()
            time.sleep(0.05)


def tell(capsys: pytest.CaptureFixture[str], rush: Rush, took: dict[str, float]) -> None:
    back = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in took.items())
    with capsys.disabled():
        print(f"\n{len(rush.answers)} reports; clients met {dict(rush.met)}; kill -9, back after: {back}")


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_kill_9_in_the_rush_loses_nothing_and_doubles_nothing(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    rush, took = a_round(house, 200, ["web", "postgres", "up"])
    tell(capsys, rush, took)
    check_the_books(house, rush.answers)
    assert max(took.values()) <= ALLOWED_S, took


@pytest.mark.soak
@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_five_rounds_of_a_thousand_reports(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    kept: dict[UUID, bytes] = {}
    slowest = 0.0
    for n in range(5):
        kinds = ["web", "postgres", "up", "everything"]
        rush, took = a_round(house, 1000, kinds[n % 4 :] + kinds[: n % 4])
        tell(capsys, rush, took)
        kept |= rush.answers
        assert len(kept) == 1000 * (n + 1)
        check_the_books(house, kept)
        slowest = max(slowest, *took.values())
    assert slowest <= ALLOWED_S
