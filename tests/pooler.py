"""A PgBouncer of the test's own, pooling by transaction: on loopback, gone with the test, no service touched."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from gisops.cluster import APP, Cluster

# Where an ordinary user's PATH does not look.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

_CONFIGURATION = """\
[databases]
* = host={sockets} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 400
auth_type = trust
auth_file = {folder}/users
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def pooler(cluster: Cluster, database: str, *, size: int = 3) -> Iterator[str]:
    """Run a PgBouncer before the cluster; yields the address of ``database`` through it as the doors' role.

    Fewer connections than clients hold at once, so that each meets what others left behind.
    """
    assert PROGRAM is not None
    runner = cluster.place.runner
    straight = conninfo_to_dict(cluster.url(APP, database))
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="gisops-test-pooler-") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{APP}" ""\n')
        (folder / "conf").write_text(
            _CONFIGURATION.format(
                sockets=straight["host"], port=straight["port"], listen=listen, size=size, folder=folder
            )
        )
        command = [PROGRAM, str(folder / "conf")]
        if runner:
            # As root runs no PgBouncer, and the cluster knows its own user.
            user = pwd.getpwnam(runner)
            for path in (folder, folder / "users", folder / "conf"):
                os.chown(path, user.pw_uid, user.pw_gid)
            command = ["setpriv", f"--reuid={runner}", f"--regid={user.pw_gid}", "--init-groups", "--", *command]
        ran = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"postgresql://{APP}@127.0.0.1:{listen}/{database}"
            _wait(url, ran, folder)
            yield url
        finally:
            ran.terminate()
            ran.wait(10)


def _wait(url: str, ran: subprocess.Popen[bytes], folder: Path) -> None:
    give_up = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            log = folder / "log"
            assert ran.poll() is None, f"PgBouncer ended: {log.read_text() if log.exists() else ''}"
            assert time.monotonic() < give_up, log.read_text() if log.exists() else "PgBouncer says nothing"
            time.sleep(0.05)
