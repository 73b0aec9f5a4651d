"""The supervisor: everything stays alive, stops in order, and nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from api import supervisor
from gisops import cluster as private_cluster
from gisops.errors import NotReady
from gisops.settings import Settings

# A supervisor with two children of our own and a real private cluster. Each child writes its pid and dies with its
# parent; `bad` ends at once, every time.
HOUSE = """
import sys, os, logging
from pathlib import Path
from api.supervisor import Child, keep
from gisops import cluster
from gisops.settings import Settings
logging.basicConfig()
home = Path(sys.argv[1])
child = '''
import os, sys, signal, time
from api.lifeline import die_with_parent
die_with_parent(int(sys.argv[1]))
open(sys.argv[2], "a").write(f"{os.getpid()}\\\\n")
if sys.argv[3] == "bad": sys.exit(3)
if sys.argv[3] == "brief": sys.exit(0)
if sys.argv[3] == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: signal.pause()
'''
def made(name):
    command = [sys.executable, "-c", child, str(os.getpid()), str(home / name), name]
    return Child(name, command, ends=name == "brief")
conf = {"fsync": "off", "shared_buffers": "32MB"}
own = cluster.ensure(Settings(home=home), conf=conf) if "cluster" in sys.argv else None
keep([made(name) for name in sys.argv[2:] if name != "cluster"], own, lambda: (home / "up").touch())
"""


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(done: Callable[[], object], seconds: float = 10) -> float:
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def house(home: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*names: str) -> subprocess.Popen[bytes]:
        (home / "up").unlink(missing_ok=True)
        begun.append(subprocess.Popen([sys.executable, "-c", HOUSE, str(home), *names], stderr=subprocess.DEVNULL))
        until((home / "up").exists, 20)
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()
        one.wait()
    private_cluster.destroy(Settings(home=home))


@pytest.mark.faults
def test_a_killed_child_is_started_again(house: Callable[..., subprocess.Popen[bytes]], home: Path) -> None:
    house("good")
    until(lambda: len(pids(home / "good")) == 1)
    os.kill(pids(home / "good")[0], signal.SIGKILL)
    until(lambda: len(pids(home / "good")) == 2)
    assert alive(pids(home / "good")[1])


def test_a_child_that_ends_at_once_is_tried_less_and_less_often(
    house: Callable[..., subprocess.Popen[bytes]], home: Path
) -> None:
    house("bad")
    time.sleep(2.5)
    # Pauses double from a tenth of a second: 0, 0.1, 0.3, 0.7, 1.5 s and the starting itself.
    assert 2 <= len(pids(home / "bad")) <= 5


def test_a_child_that_comes_to_its_end_is_left_alone(house: Callable[..., subprocess.Popen[bytes]], home: Path) -> None:
    house("brief", "good")
    until(lambda: pids(home / "brief") and pids(home / "good"))
    until(lambda: not alive(pids(home / "brief")[0]))
    time.sleep(0.5)  # five times the pause after which one is started again
    assert len(pids(home / "brief")) == 1


@pytest.mark.faults
def test_the_postmaster_is_back_soon_after_kill_9(house: Callable[..., subprocess.Popen[bytes]], home: Path) -> None:
    house("good", "cluster")
    settings = Settings(home=home)
    url = private_cluster.database_urls(settings).app

    def is_another(pid: int) -> bool:
        return private_cluster.status(settings).pid not in (None, pid)

    for _ in range(3):
        pid = private_cluster.status(settings).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(partial(is_another, pid), 5)

        def answers() -> bool:
            try:
                psycopg.connect(url, connect_timeout=1).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers, 5)
    assert len(pids(home / "good")) == 1, "the other children are not disturbed"


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_everything_in_order_within_ten_seconds(
    house: Callable[..., subprocess.Popen[bytes]], home: Path, asked: signal.Signals
) -> None:
    running = house("good", "deaf", "cluster")
    until(lambda: pids(home / "good") and pids(home / "deaf"))
    running.send_signal(asked)
    assert running.wait(10) == 0
    assert not any(alive(pid) for pid in pids(home / "good") + pids(home / "deaf"))
    found = private_cluster.status(Settings(home=home))
    assert (found.pid, found.held) == (None, False)


@pytest.mark.faults
def test_after_kill_9_of_the_supervisor_only_postgres_is_left_and_the_next_one_adopts_it(
    house: Callable[..., subprocess.Popen[bytes]], home: Path
) -> None:
    first = house("good", "cluster")
    until(lambda: pids(home / "good"))
    first.kill()
    first.wait()
    until(lambda: not alive(pids(home / "good")[0]), 2)
    survivor = private_cluster.status(Settings(home=home)).pid
    assert survivor is not None
    house("good", "cluster")
    assert private_cluster.status(Settings(home=home)).pid == survivor


@pytest.mark.faults
def test_the_supervisor_sleeps_when_nothing_happens(house: Callable[..., subprocess.Popen[bytes]], home: Path) -> None:
    running = house("good", "cluster")
    until(lambda: pids(home / "good"))
    time.sleep(0.3)

    def ticks() -> int:
        return sum(int(n) for n in Path(f"/proc/{running.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])

    before = ticks()
    time.sleep(1.5)
    assert ticks() - before <= 1, "hundredths of a second of processor time in a second and a half"


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with supervisor.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with supervisor.listen("127.0.0.1", port) as got:
            assert port < got.getsockname()[1] < port + 50
            assert supervisor.address(got) == f"http://127.0.0.1:{got.getsockname()[1]}"


def test_when_no_port_is_free_the_setting_is_named() -> None:
    with supervisor.listen("127.0.0.1", 0) as taken:
        with pytest.raises(NotReady, match="taken") as caught:
            supervisor.listen("127.0.0.1", taken.getsockname()[1], tries=1)
        assert "GISOPS_PORT" in caught.value.facts["do"]


@pytest.mark.parametrize("host", ["no such host", "192.0.2.77"])
def test_an_address_that_is_not_ours_is_refused_with_the_setting_to_change(host: str) -> None:
    with pytest.raises(NotReady) as caught:
        supervisor.listen(host, 0)
    assert "GISOPS_HOST" in caught.value.facts["do"]


def test_the_address_to_type_for_a_server_on_every_interface_is_one_that_works() -> None:
    with supervisor.listen("0.0.0.0", 0) as listening:
        address = supervisor.address(listening)
        assert address.startswith("http://127.0.0.1:")
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), 2).close()
