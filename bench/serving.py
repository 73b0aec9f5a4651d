"""Servers to be measured: ours and a peer on the same database, each by itself, and the processor time both of them and
the database's processes take.

The peer is TiPg, installed once into an environment of its own under ``.make``. Others of its kind (pg_tileserv,
pg_featureserv, Martin, GeoServer) are not had from the registries this project installs from, so they are not measured.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2 as httpx

from bench.town import Town
from gisops import cluster_files
from gisops.cluster import OWNER

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".make" / "peers"
PEER = ("tipg==1.6.1", "uvicorn[standard]")
# How long a server is watched doing nothing, and how long it is given after it is ready: what the first question waits
# for is imported a second later (api.web).
IDLE_S, SETTLED_S = 2.0, 3.0
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Spent:
    """Processor seconds, once it is over."""

    cpu_s: float = 0.0


@dataclass(frozen=True)
class Served:
    """A server that runs: its address, the process all of it descends from, and the database's first process."""

    address: str
    pid: int
    postmaster: int

    def cpu_s(self) -> float:
        """Processor seconds taken until now by the server and the database together."""
        return tree_s(self.pid) + tree_s(self.postmaster)

    @contextmanager
    def measuring(self) -> Iterator[Spent]:
        """Measure what is done inside. What both take anyway, as seen for a while before and after, is left out."""
        before, spent = self._idle(), Spent()
        clock, cpu = time.perf_counter(), self.cpu_s()
        yield spent
        took, spent.cpu_s = time.perf_counter() - clock, self.cpu_s() - cpu
        spent.cpu_s -= min(before, self._idle()) * took

    def _idle(self) -> float:
        """Processor seconds a second while nobody asks."""
        clock, cpu = time.perf_counter(), self.cpu_s()
        time.sleep(IDLE_S)
        return (self.cpu_s() - cpu) / (time.perf_counter() - clock)


def free_port() -> int:
    """A port that nobody listens on, so that no other server is measured in place of ours."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def below(pid: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    children: dict[int, list[int]] = defaultdict(list)
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and (fields := _stat(int(each.name))):
            children[int(fields[1])].append(int(each.name))
    found, left = [], [pid]
    while left:
        started = children[left.pop()]
        left += started
        found += started
    return found


def tree_s(pid: int) -> float:
    """Processor seconds of a process and all below it, those that have ended too."""
    found = 0.0
    for one in [pid, *below(pid)]:
        fields = _stat(one)
        found += own_s(one) + (int(fields[13]) + int(fields[14])) / _TICK if fields else 0.0
    return found


def _stat(pid: int) -> list[str]:
    """A process's figures from behind its name, none if it is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def own_s(pid: int) -> float:
    """Processor seconds of one process's threads, to the nanosecond where the kernel tells."""
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except OSError:
        return 0.0
    return total / 1e9


@contextmanager
def ours(place: Town, **settings: str) -> Iterator[Served]:
    """`gisops serve` with one process, and the worker beside it, without which it is not ready and keeps looking why.
    ``settings`` are further ones.
    """
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GISOPS_")}
    environment |= {
        "GISOPS_DATABASE_URL": place.url(),
        "GISOPS_MIGRATE_URL": place.url(OWNER),
        "GISOPS_HOME": str(place.settings.home),
        "GISOPS_PROCESSES": "1",
        "GISOPS_PORT": str(port),
        "GISOPS_LOG_LEVEL": "WARNING",
    }
    environment |= {f"GISOPS_{name.upper()}": value for name, value in settings.items()}
    gisops = str(Path(sys.executable).with_name("gisops"))
    worker = subprocess.Popen([gisops, "worker"], env=environment, stdout=subprocess.DEVNULL)
    try:
        with _running([gisops, "serve"], environment, port, "/readyz") as pid:
            time.sleep(SETTLED_S)
            yield Served(f"http://127.0.0.1:{port}", pid, _postmaster(place))
    finally:
        worker.terminate()
        worker.wait(20)


@contextmanager
def whole(place: Town) -> Iterator[Served]:
    """Ours with a catalogue that thins nothing: what the peer sends (see bench/whole.py)."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GISOPS_")}
    environment |= {"GISOPS_DATABASE_URL": place.url(), "GISOPS_HOME": str(place.settings.home)}
    command = [sys.executable, "-m", "bench.whole", str(port)]
    with _running(command, environment, port, "/healthz") as pid:
        yield Served(f"http://127.0.0.1:{port}", pid, _postmaster(place))


@contextmanager
def peer(place: Town) -> Iterator[Served]:
    """TiPg as it comes, with one process, on the tables made for it (bench/full_size.sql)."""
    if not (PEERS / "bin" / "uvicorn").exists():
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, PEERS], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", PEERS / "bin" / "python", *PEER], check=True)
    port = free_port()
    sockets = quote(str(place.cluster.place.sockets), safe="")
    environment = dict(os.environ) | {
        "DATABASE_URL": f"postgresql://{OWNER}@{sockets}:{cluster_files.PORT}/{place.name}",
        "TIPG_DB_SCHEMAS": '["peer"]',
        # Nothing of it changes during the run, so that it need not look.
        "TIPG_CATALOG_TTL": "0",
    }
    command = [str(PEERS / "bin" / "uvicorn"), "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    with _running([*command, "--no-access-log"], environment, port, "/healthz") as pid:
        yield Served(f"http://127.0.0.1:{port}", pid, _postmaster(place))


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], port: int, ready: str) -> Iterator[int]:
    process = subprocess.Popen(command, env=dict(environment), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}{ready}", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{address} did not become ready within a minute")


def _postmaster(place: Town) -> int:
    found = cluster_files.postmaster(place.cluster.place)
    if found is None:
        raise RuntimeError("the database does not run")
    return found
