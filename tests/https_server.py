"""`gisops serve --tls` as it is typed, on all of this machine's addresses, with a certificate of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gisops import certificates
from tests.conftest import _WORK, Database

ROOT = Path(__file__).parent.parent
_READY = "地图 / map"


def other_address() -> str:
    """An address of this machine that is not loopback, as a phone would type it; loopback where there is none."""
    found = [str(one) for one in certificates.local_addresses() if one.version == 4 and not one.is_loopback]
    return found[0] if found else "127.0.0.1"


@dataclass
class Secure:
    """A running server: where others reach it, the root it is trusted by, and what it printed."""

    host: str
    port: int
    root: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"https://{self.host}:{self.port}"


def environment(database: Database, home: Path, **settings: str) -> dict[str, str]:
    """What the process around it sets, and nothing that this one's does."""
    chosen = {"database_url": database.app_url, "home": str(home), "host": "0.0.0.0", "port": "0", "processes": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    # Run where no .env of this project is read.
    paths = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return kept | paths | {f"GISOPS_{name.upper()}": value for name, value in (chosen | settings).items()}


def serve(*options: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", "serve", *options]


@contextmanager
def secure_server(database: Database, home: Path, **settings: str) -> Iterator[Secure]:
    """Run it until the block ends; it is asked to stop then, and must within ten seconds."""
    told = environment(database, home, **settings)
    # Without a worker nothing is ready.
    worker = subprocess.Popen([sys.executable, "-c", _WORK], cwd=home, env=told)
    process = subprocess.Popen(serve("--tls"), cwd=home, env=told, stdout=subprocess.PIPE, text=True)
    server = Secure(other_address(), 0, home / "tls" / "root.crt", process)
    reader = threading.Thread(target=_listen, args=[server], daemon=True)
    reader.start()
    try:
        give_up = time.monotonic() + 60
        while not any(_READY in line for line in server.said):
            assert process.poll() is None, server.said
            assert time.monotonic() < give_up, server.said
            time.sleep(0.05)
        found = re.search(r"https://127\.0\.0\.1:(\d+)/", "".join(server.said))
        assert found, server.said
        server.port = int(found[1])
        yield server
    finally:
        for one in (process, worker):
            one.terminate()
        for one in (process, worker):
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        reader.join(5)
        if process.stdout is not None:
            process.stdout.close()


def _listen(server: Secure) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        server.said.append(line)


def silent(server: Secure) -> socket.socket:
    """A connection on which nobody says anything."""
    return socket.create_connection((server.host, server.port), timeout=5)
