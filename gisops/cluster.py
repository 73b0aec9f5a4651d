"""The private PostGIS: a cluster of our own, made, started, adopted and stopped by gisops.

It listens on a unix socket only, in a folder nobody else may enter, and lets in nobody but the operating-system
user that runs gisops (peer), so there is no password to keep and no port to clash. PostgreSQL refuses to run as
root; as root we hand it to the user ``postgres`` and keep its files where that user can go.

Where ``GISOPS_DATABASE_URL`` is set, none of this happens: see :func:`database_urls`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import sql

from gisops import cluster_files, room
from gisops.cluster_files import Place
from gisops.errors import Conflict, NotReady
from gisops.settings import Settings

DATABASE = "gisops"
OWNER = "gisops_owner"
APP = "gisops_app"
READER = "gisops_reader"  # what a request that reads for somebody becomes for its transaction
WINDOWS = "gisops_windows"  # whose functions show rows within a scope
ADMIN = "postgres"
BACKUPS = "backups"  # the folder for them, where the settings name none

# What a start may meet for a moment after a crash: the dead postmaster's pid file, its socket's lock file, and
# the shared memory that its last backends still hold.
_PASSING = ("already exists", "is still in use", "could not lock", "already in use")


_NO_ROOM = "No space left on device"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Urls:
    """Addresses of the database for each role; ``admin`` (a superuser) only where the cluster is our own.

    ``pooled`` is that of the pooler by transaction in front of it, if there is one: for the requests of the web
    processes, which leave nothing on a connection. ``app`` always leads straight to the database.
    """

    app: str
    owner: str
    admin: str | None
    pooled: str | None = None


@dataclass
class Cluster:
    """A running private cluster. ``owned`` says whether this process holds it and should stop it."""

    place: Place
    owned: bool
    started: bool = False
    conf: Mapping[str, str] = field(default_factory=dict)
    _lock: int | None = None

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """Address of one database as one of the cluster's roles."""
        return _url(self.place, role, database)

    def postmaster(self) -> int | None:
        """Process id of the live postmaster, or ``None``."""
        return cluster_files.postmaster(self.place)


@dataclass(frozen=True)
class Status:
    """What is known of the private cluster without touching it."""

    place: Place
    exists: bool
    pid: int | None
    held: bool


def database_urls(settings: Settings) -> Urls:
    """Say how to reach the database: the settings' own addresses, or the private cluster's (running or not)."""
    pooled = settings.pooler == "transaction"
    if pooled and (settings.database_url is None or settings.direct_url is None):
        raise NotReady(
            "GISOPS_POOLER=transaction needs two addresses: the pooler's for requests, and the database's own for what "
            "listens, works in the background or migrates.",
            do="Set GISOPS_DATABASE_URL to the pooler and GISOPS_DIRECT_URL to the database itself.",
        )
    if settings.database_url is not None:
        given = settings.database_url.get_secret_value()
        app = settings.direct_url.get_secret_value() if pooled and settings.direct_url is not None else given
        owner = settings.migrate_url.get_secret_value() if settings.migrate_url is not None else app
        return Urls(app, owner, None, given if pooled else None)
    place = cluster_files.place(settings.home)
    return Urls(_url(place, APP, DATABASE), _url(place, OWNER, DATABASE), _url(place, ADMIN, DATABASE))


def ensure(settings: Settings, *, conf: Mapping[str, str] | None = None, wait_s: float = 20) -> Cluster:
    """Have the private cluster made, running and furnished (roles, database, extensions); adopt a running one.

    ``conf`` overrides lines of the server's configuration. When another process holds the cluster, its cluster is
    returned with ``owned=False`` once it answers. Raises :class:`NotReady` that says what to do.
    """
    place = cluster_files.place(settings.home)
    cluster_files.claim_home(place)
    lock = _take_lock(place)
    cluster = Cluster(place, owned=lock is not None, conf=dict(conf or {}), _lock=lock)
    try:
        if lock is None:
            _wait_for_other(cluster, wait_s)
        else:
            cluster_files.create(place, cluster.conf)
            start(cluster)
            _furnish(cluster)
    except BaseException:
        release(cluster)
        raise
    return cluster


def hold(settings: Settings) -> Cluster:
    """Hold the home without starting anything, so that nobody else does. Raises :class:`Conflict` where it runs."""
    place = cluster_files.place(settings.home)
    cluster_files.claim_home(place)
    lock = _take_lock(place)
    if lock is None or cluster_files.postmaster(place) is not None:
        if lock is not None:
            os.close(lock)
        raise Conflict(f"gisops runs from {place.home}; stop it first.", do="gisops down")
    return Cluster(place, owned=True, _lock=lock)


@contextmanager
def running(settings: Settings) -> Iterator[Cluster]:
    """Have the cluster for the length of one command; what this command started, it stops again."""
    cluster = ensure(settings)
    try:
        yield cluster
    finally:
        if cluster.owned and cluster.started:
            stop(cluster)
        release(cluster)


def start(cluster: Cluster, *, patience_s: float = 10) -> bool:
    """Start the postmaster, or adopt the one that runs. Returns whether it had to be started.

    After kill -9 of everything, the pid file lies there and backends may linger for a moment: tried again until
    ``patience_s`` is over, and half-way there our own orphaned backends are put down. Crash recovery itself may
    take as long as it takes.
    """
    place = cluster.place
    give_up = time.monotonic() + patience_s
    pushed = False
    # Where nothing at all can be written, not even the log says why a start failed: looked at first, read of second.
    if room.look(place.base).free < room.RECOVERY_BYTES:
        _give_room(place)
    while True:
        if cluster_files.postmaster(place) is not None and _answers(cluster.url(ADMIN, "postgres")):
            return False
        cluster_files.drop_stale_locks(place)
        cluster_files.write_conf(place, cluster.conf)
        before = cluster_files.log_sizes(place)
        done = cluster_files.pg_ctl(place, "start", "-w", "-t", "600", "-s", "-l", str(place.log))
        if done.returncode == 0:
            cluster.started = True
            return True
        said = cluster_files.last_words(place, before) + done.stderr
        if _NO_ROOM in said and _give_room(place):
            continue
        left = give_up - time.monotonic()
        if left <= 0 or not (any(words in said for words in _PASSING) or cluster_files.postmaster(place)):
            raise NotReady(
                f"PostgreSQL did not start; its log says: {said.strip()[-600:]}", log=str(cluster_files.logs(place)[-1])
            )
        if left < patience_s / 2 and not pushed:
            cluster_files.put_down_orphans(place)
            pushed = True
        time.sleep(0.1)


def _give_room(place: Place) -> bool:
    dropped = room.drop_ballast(place.base)
    if dropped:
        log.warning("no room on the disk: the ballast is dropped, so that PostgreSQL can recover; make room now")
    return dropped


def stop(cluster: Cluster, *, patience_s: float = 4) -> None:
    """Stop the postmaster in order: sessions are cut, everything is written; past ``patience_s``, at once."""
    _stop_place(cluster.place, patience_s)
    cluster.started = False


def release(cluster: Cluster) -> None:
    """Let go of the cluster without stopping it; it can then be adopted."""
    if cluster._lock is not None:
        os.close(cluster._lock)
        cluster._lock = None
    cluster.owned = False


def down(settings: Settings, *, wait_s: float = 15) -> bool:
    """Stop whatever runs the cluster of this home: its supervisor, which stops all, or a postmaster left behind.

    Returns whether anything ran.
    """
    place = cluster_files.place(settings.home)
    holder = cluster_files.holder(place)
    if holder is not None:
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGTERM)
        give_up = time.monotonic() + wait_s
        while cluster_files.holder(place) is not None:
            if time.monotonic() > give_up:
                raise NotReady(f"Process {holder} still holds {place.home}.", do=f"kill -9 {holder}")
            time.sleep(0.05)
    ran = cluster_files.postmaster(place) is not None
    if ran:
        _stop_place(place, 4)
    return ran or holder is not None


def destroy(settings: Settings) -> None:
    """Stop the cluster and delete its data for good."""
    down(settings)
    place = cluster_files.place(settings.home)
    cluster_files.check_owner(place)
    for folder in (place.data, place.sockets):
        if folder.exists():
            shutil.rmtree(folder)
    place.log.unlink(missing_ok=True)
    room.drop_ballast(place.base)
    if place.base != place.home:
        # Backups are for the day on which the data is gone: they stay, and with them their folder.
        for path in place.base.iterdir() if place.base.exists() else ():
            if path.name != BACKUPS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        with suppress(OSError):
            place.base.rmdir()


def status(settings: Settings) -> Status:
    """Look at the private cluster without changing anything."""
    place = cluster_files.place(settings.home)
    return Status(
        place,
        exists=cluster_files.exists(place),
        pid=cluster_files.postmaster(place),
        held=cluster_files.holder(place) is not None,
    )


def _url(place: Place, role: str, database: str) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(place.sockets), safe='')}&port={cluster_files.PORT}"


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.Error:
        return False


def _take_lock(place: Place) -> int | None:
    """Hold ``cluster.lock`` until released or dead; ``None`` when another process holds it."""
    try:
        held = os.open(place.home / "cluster.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotReady(
            f"{place.home} cannot be written: {error.strerror}.", do="Set GISOPS_HOME to a folder you may write."
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    return held


def _wait_for_other(cluster: Cluster, wait_s: float) -> None:
    give_up = time.monotonic() + wait_s
    while not _answers(cluster.url(OWNER)):
        if time.monotonic() > give_up:
            raise NotReady(
                f"Process {cluster_files.holder(cluster.place)} holds {cluster.place.home}, "
                "but its database does not answer.",
                do="gisops down",
            )
        time.sleep(0.1)


def _stop_place(place: Place, patience_s: float) -> None:
    if cluster_files.postmaster(place) is None:
        return
    seconds = str(max(1, round(patience_s)))
    if cluster_files.pg_ctl(place, "stop", "-m", "fast", "-w", "-s", "-t", seconds).returncode != 0:
        cluster_files.pg_ctl(place, "stop", "-m", "immediate", "-w", "-s", "-t", seconds)


def _furnish(cluster: Cluster) -> None:
    """Roles, database, extensions: each only if it is not there, so that a start cut short is made good."""
    with psycopg.connect(cluster.url(ADMIN, "postgres"), autocommit=True) as conn:
        roles = {name for (name,) in conn.execute("SELECT rolname FROM pg_roles")}
        if OWNER not in roles:
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(OWNER)))
        if APP not in roles:
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(sql.Identifier(APP)))
        for name in (READER, WINDOWS):
            if name not in roles:
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
        # The owner gives functions to the one, and looks as the other where it reads for somebody.
        both = sql.SQL("{}, {}").format(sql.Identifier(READER), sql.Identifier(WINDOWS))
        conn.execute(sql.SQL("GRANT {} TO {}").format(both, sql.Identifier(OWNER)))
        conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(READER), sql.Identifier(APP)))
        # A row that a constraint refuses stands in the error's DETAIL, with what somebody wrote: not in our log.
        conn.execute(sql.SQL("ALTER ROLE {} SET log_error_verbosity = terse").format(sql.Identifier(APP)))
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            # template0, so that nothing somebody put into template1 comes along, and template1 stays untouched.
            conn.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
    with psycopg.connect(cluster.url(ADMIN), autocommit=True) as conn:
        present = {name for (name,) in conn.execute("SELECT extname FROM pg_extension")}
        for name in ("postgis", "btree_gist"):
            if name not in present:
                conn.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
