"""Shared fixtures: one throw-away PostGIS cluster per run, a migrated template in it, and clones of that.

``database``       a clone for this module, schema only        ``conn`` / ``owner_conn``   rolled back after each test
``sample_database`` a clone for this module with the sample     ``fresh_database()``       one more clone
``live_server``    a web process and a worker that serve ``sample_database``
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from gisops import cluster as private_cluster
from gisops.cluster import ADMIN, APP, OWNER, Cluster
from gisops.db.migrate import migrate
from gisops.db.pool import Connection, connect
from gisops.settings import Settings
from tests.photos import evidence_asked

# Nothing here outlives a run, so nothing needs to reach the disk.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "256MB"}

SAMPLE_PASSWORD = "a sample password for tests"


@dataclass(frozen=True)
class Database:
    """One database of the test cluster and how each role reaches it."""

    name: str
    app_url: str
    owner_url: str
    admin_url: str

    def settings(self, home: Path | None = None) -> Settings:
        """Settings of a process that serves this database."""
        return Settings(
            home=home or Path(tempfile.gettempdir()),
            database_url=SecretStr(self.app_url),
            migrate_url=SecretStr(self.owner_url),
            sample_password=SecretStr(SAMPLE_PASSWORD),
        )


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own GISOPS_* variables and .env must not steer a test."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("GISOPS_") and "TEST" not in name}
    for name in kept:
        del os.environ[name]
    env_file, Settings.model_config["env_file"] = Settings.model_config.get("env_file"), None
    yield
    os.environ.update(kept)
    Settings.model_config["env_file"] = env_file


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder that PostgreSQL's user can reach too (pytest's own temporary folders are closed to it)."""
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The run's own PostGIS."""
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        settings = Settings(home=Path(folder))
        made = private_cluster.ensure(settings, conf=QUICK)
        try:
            yield made
        finally:
            private_cluster.stop(made)
            private_cluster.release(made)
            private_cluster.destroy(settings)


def _database(cluster: Cluster, name: str) -> Database:
    return Database(name, cluster.url(APP, name), cluster.url(OWNER, name), cluster.url(ADMIN, name))


_numbers = itertools.count(1)


def _create(cluster: Cluster, template: str) -> Database:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(cluster.url(ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )
    return _database(cluster, name)


def _drop(cluster: Cluster, database: Database) -> None:
    with psycopg.connect(cluster.url(ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))


@pytest.fixture(scope="session")
def empty_template(cluster: Cluster) -> str:
    """Name of a database with the extensions and nothing else."""
    return private_cluster.DATABASE


@pytest.fixture(scope="session")
def template(cluster: Cluster, empty_template: str) -> str:
    """Name of a database with the whole schema."""
    from layers.catalog import view_sql

    made = _create(cluster, empty_template)
    migrate(made.owner_url, view_sql())
    return made.name


@pytest.fixture(scope="session")
def sample_template(cluster: Cluster, template: str) -> str:
    """Name of a database with the sample city in it."""
    from gisops import sample

    made = _create(cluster, template)
    sample.load(made.owner_url, made.settings(), size="district")
    with connect(made.owner_url) as conn:
        # What moves ask of photographs is tests/gisops/cases/test_evidence.py's business, which asks for it anew.
        evidence_asked(conn, False)
    return made.name


@pytest.fixture(scope="module")
def fresh_database(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[..., Database]]:
    """A function that makes one more clone: ``fresh_database()``, or of ``"sample_template"``, ``"empty_template"``."""
    made: list[Database] = []

    def make(of: str = "template") -> Database:
        made.append(_create(cluster, request.getfixturevalue(of)))
        return made[-1]

    yield make
    for database in made:
        _drop(cluster, database)


@pytest.fixture(scope="module")
def database(fresh_database: Callable[..., Database]) -> Database:
    """This module's own database: the schema, no rows."""
    return fresh_database()


@pytest.fixture(scope="module")
def sample_database(fresh_database: Callable[..., Database]) -> Database:
    """This module's own database with the sample city."""
    return fresh_database("sample_template")


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """A connection as the doors' role; what the test wrote is rolled back."""
    with connect(database.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def owner_conn(database: Database) -> Iterator[Connection]:
    """A connection as the owner; what the test wrote is rolled back."""
    with connect(database.owner_url) as opened:
        yield opened
        opened.rollback()


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, which database it serves, and the sample accounts' password."""

    base_url: str
    database: Database
    password: str
    web: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]


def new_token(server: Server, login: str) -> str:
    """Sign a sample account in."""
    answer = httpx2.post(
        f"{server.base_url}/api/session", json={"login": login, "password": server.password}, timeout=30
    )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["token"])


@cache
def token_of(server: Server, login: str) -> str:
    """The token of a session that a module's tests share, as checking a password takes its time; none may end it."""
    return new_token(server, login)


def client_as(server: Server, login: str) -> httpx2.Client:
    """Who asks the server as a sample account; to be closed."""
    signed = {"Authorization": f"Bearer {token_of(server, login)}"}
    return httpx2.Client(base_url=server.base_url, headers=signed, timeout=60)


# One web process on a socket of ours, as `gisops up` starts them, but without its supervisor. It is handed the socket
# and not its number, which uvicorn takes for that of a Unix socket: each answer would wait 40 ms for Nagle.
_SERVE = """
import socket, sys, uvicorn
from api.app import create_app
from api.serving import Server
from gisops.settings import Settings
Server(uvicorn.Config(create_app(Settings(_env_file=None)), loop="uvloop",
    http="httptools", proxy_headers=False, access_log=False, log_level="warning", timeout_graceful_shutdown=1,
    )).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""
_WORK = "from gisops.settings import Settings; from gisops.worker import run; run(Settings(_env_file=None))"


@pytest.fixture(scope="module")
def live_server(sample_database: Database) -> Iterator[Server]:
    """A real web process and a real worker on this module's own copy of the sample city."""
    with serve(sample_database) as server:
        yield server


@contextmanager
def serve(database: Database, **settings: str) -> Iterator[Server]:
    """Serve a database on a free port; ``settings`` are further GISOPS_* variables by their lower-case name."""
    chosen = {
        "home": tempfile.gettempdir(),
        "database_url": database.app_url,
        "pool_size": "4",
        "audit_seals": str(Path(tempfile.gettempdir()) / f"gisops-{os.getpid()}-{database.name}-seals.log"),
        **settings,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    environment |= {f"GISOPS_{name.upper()}": value for name, value in chosen.items()}
    root = Path(__file__).parent.parent
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        web = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(fd)], cwd=root, env=environment, pass_fds=[fd], start_new_session=True
        )
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    worker = subprocess.Popen([sys.executable, "-c", _WORK], cwd=root, env=environment, start_new_session=True)
    try:
        _wait_until_ready(base_url, web)
        yield Server(base_url, database, SAMPLE_PASSWORD, web, worker)
    finally:
        for process in (web, worker):
            process.terminate()
        for process in (web, worker):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        Path(chosen["audit_seals"]).unlink(missing_ok=True)


def _wait_until_ready(base_url: str, web: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    said = "nothing"
    while time.monotonic() < deadline:
        assert web.poll() is None, "the web process ended"
        try:
            answer = httpx2.get(f"{base_url}/readyz", timeout=5)
        except httpx2.HTTPError as error:
            said = repr(error)
        else:
            if answer.status_code == 200:
                return
            said = answer.text
        time.sleep(0.05)
    raise AssertionError(f"not ready within 30 s: {said}")
