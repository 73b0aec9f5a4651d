"""Backups of the private cluster, by PostgreSQL's own tools: base backups, and the WAL since, kept without end.

The first `take` starts it: from then on the server hands over its WAL (``wal_archive.py``), and any moment between a
base backup's end and the last commit handed over can be made again (``restores.py``). A database of one's own
(``GISOPS_DATABASE_URL``) has its own server's backups, and none of this.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from gisops import cluster as private_cluster
from gisops import cluster_files, wal_archive
from gisops.cluster import ADMIN, BACKUPS, Cluster
from gisops.cluster_files import Place
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.errors import Conflict, NotFound, NotReady
from gisops.settings import Settings
from gisops.wal_archive import Segment

_SQL = queries.load("gisops", "backups.sql")

# What is being done, how far it is, of how much (bytes or segments; 0 where nobody knows).
Progress = Callable[[str, int, int], None]
Result = TypeVar("Result")
_HANDED_OVER_S = 120.0


class BrokenBackup(NotReady):
    """A backup cannot be made, or is not what it was."""

    code = "broken_backup"


class MissingWal(BrokenBackup):
    """A segment of WAL that a restore needs is not in the archive."""

    code = "missing_wal"


class NoBackup(NotFound):
    """There is no backup to restore from."""

    code = "no_backup"


def silent(what: str, done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class Base:
    """A base backup: of which cluster, from when to when it was taken, and the WAL it begins and ends in."""

    name: str
    folder: Path
    identifier: str
    began_at: datetime
    ended_at: datetime
    bytes: int
    postgres: int
    timeline: int
    first_lsn: str
    last_lsn: str

    @property
    def first_segment(self) -> Segment:
        """The oldest segment of WAL that a restore from it reads."""
        return Segment(self.timeline, wal_archive.segment_of(self.first_lsn))


@dataclass(frozen=True)
class Span:
    """Which moments can be made again from a base backup, both ends included; ``missing`` is the segment at which the
    WAL breaks off although later ones are there. ``left`` says that a restore to an earlier moment has left its line.
    """

    base: Base
    first: datetime
    last: datetime
    segments: int
    missing: str | None
    left: bool = False


def root(settings: Settings) -> Path:
    """The folder of all backups: the settings', else one beside the data."""
    if settings.backup_dir is not None:
        return settings.backup_dir.expanduser().resolve()
    return cluster_files.place(settings.home).base / BACKUPS


def take(settings: Settings, *, to: Path | None = None, keep: int = 0, progress: Progress = silent) -> Base:
    """Take a base backup while everybody works on, check it, and from now on keep the WAL that follows.

    ``to`` is another folder for a copy to take away: it holds what it needs for its own end, and no WAL after it.
    With ``keep``, older base backups beyond that number are dropped, and the WAL only they needed. A cluster that is
    down is started for it. Raises :class:`BrokenBackup`, :class:`Conflict`.
    """
    be_ours(settings)
    if keep < 0:
        raise Conflict(f"--keep is how many base backups to keep, not {keep}.", do="gisops backup --keep 7")
    with private_cluster.running(settings) as own, connect(own.url(ADMIN), autocommit=True, unhurried=True) as conn:
        place, facts = own.place, _archiving(conn)
        folder = (to.expanduser().resolve() if to else root(settings)) / facts["identifier"]
        _make(place, folder)
        if to is None:
            _hand_over_wal(own, conn, folder / "wal")
        base = _base(place, conn, own, folder, facts["identifier"], progress)
        if to is None:
            progress("wal", 0, 0)
            _wait_for(conn, folder / "wal", base.timeline)
    if keep:
        drop(place, folder, keep)
    return base


def bases(folder: Path) -> list[Base]:
    """The base backups of one cluster's folder, oldest first; one that was cut short is none."""
    found = []
    for path in folder.glob("base/*.json"):
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for name in ("began_at", "ended_at"):
            facts[name] = datetime.fromisoformat(facts[name])
        base = Base(folder=path.with_suffix(""), **facts)
        if base.folder.is_dir():
            found.append(base)
    return sorted(found, key=lambda base: base.ended_at)


def spans(folder: Path, rescued: Path | None = None) -> list[Span]:
    """Of every base backup in one cluster's folder, which moments can be made again; ``rescued`` holds WAL saved from
    a wreck.
    """
    archive = folder / "wal"
    more = [rescued] if rescued is not None else []
    forked = wal_archive.forks(archive, *more)
    return [_span(base, archive, more, forked) for base in bases(folder)]


def clusters(folder: Path) -> list[Path]:
    """The folders of the clusters that keep backups here: this folder itself, or those in it."""
    if (folder / "base").is_dir():
        return [folder]
    return sorted(path for path in folder.glob("[0-9]*") if (path / "base").is_dir())


def drop(place: Place, folder: Path, keep: int) -> list[str]:
    """Drop all but the newest ``keep`` base backups, and the WAL that none of the others needs; returns their names."""
    there = bases(folder)
    gone = there[:-keep]
    for base in gone:
        # Its facts first: a base backup without them is none, whatever is still there of it.
        base.folder.with_suffix(".json").unlink()
        shutil.rmtree(base.folder)
    left = there[-keep:]
    if gone and left and (folder / "wal").is_dir():
        wal_archive.clean(place, folder / "wal", min((b.first_segment for b in left), key=lambda s: s.number))
    return [base.name for base in gone]


def troubles(settings: Settings) -> Iterator[str]:
    """What is wrong with the backups of a private cluster that runs, in words; nothing where all is well."""
    with connect(private_cluster.database_urls(settings).owner, connect_timeout=5) as conn:
        row = _archiving(conn)
    failed, archived = row["last_failed_time"], row["last_archived_time"]
    if failed is not None and (archived is None or archived < failed):
        yield f"WAL could not be handed over since {failed:%Y-%m-%d %H:%M:%S %Z} ({row['last_failed_wal']})"


def be_ours(settings: Settings) -> None:
    """Refuse a database that is not the private cluster. Raises :class:`Conflict`."""
    if settings.database_url is not None:
        raise Conflict(
            "GISOPS_DATABASE_URL is set: the database is your own, and so are its backups.",
            do="Use that server's own tools: pg_basebackup with WAL archiving, or pgBackRest or Barman.",
        )


def _archiving(conn: Connection) -> dict[str, Any]:
    row = conn.execute(_SQL["archiving"]).fetchone()
    assert row is not None  # the view has one row  # noqa: S101
    if row["mode"] != "on":
        raise BrokenBackup(
            "The database was started by an earlier release and keeps no WAL yet.", do="gisops down, then gisops up"
        )
    return row


def _make(place: Place, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for step in (folder, folder / "base", folder / "wal"):
            cluster_files.own_folder(place, step)
    except OSError as error:
        raise BrokenBackup(
            f"{folder} cannot be written: {error.strerror}.", do="Set GISOPS_BACKUP_DIR to a folder you may write."
        ) from error
    if place.runner and not cluster_files.may_enter(place.runner, folder.parent):
        raise BrokenBackup(
            f"{folder.parent} is closed to {place.runner}, who runs the database.",
            do="Set GISOPS_BACKUP_DIR to a folder that user can reach.",
        )


def _hand_over_wal(own: Cluster, conn: Connection, archive: Path) -> None:
    """Have the server hand its WAL over to a folder from now on; a line in a file of the data says so for good."""
    file, wanted = own.place.data / wal_archive.CONF, wal_archive.conf(archive)
    if file.exists() and file.read_text("utf-8") == wanted:
        return
    cluster_files.write(own.place, file, wanted)
    cluster_files.pg_ctl(own.place, "reload", "-s")
    give_up = time.monotonic() + 10
    while str(archive) not in _archiving(conn)["command"]:
        if time.monotonic() > give_up:
            raise BrokenBackup("The server did not take up its new configuration.", do="gisops down, then gisops up")
        time.sleep(0.05)


def _base(place: Place, conn: Connection, own: Cluster, folder: Path, identifier: str, progress: Progress) -> Base:
    began_at = datetime.now(UTC)
    name = f"{began_at:%Y%m%dT%H%M%SZ}"
    half, whole = folder / "base" / f"{name}.new", folder / "base" / name
    words = ["-h", str(place.sockets), "-p", str(cluster_files.PORT), "-U", ADMIN, "-w", "-D", str(half), "-P"]
    if not _archiving(conn)["synced"]:
        words.append("--no-sync")  # a server that writes nothing safely has no backup to write safely
    words += ["--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256", "--label", f"gisops {name}"]
    try:
        done = beside(lambda: cluster_files.run(place, "pg_basebackup", *words), lambda: _tell_how_far(conn, progress))
        row = conn.execute("SELECT clock_timestamp() AS at").fetchone()
        if done.returncode != 0 or row is None:
            raise BrokenBackup(f"pg_basebackup: {done.stderr.strip()[-600:]}", do="Look at the free space (df).")
        verify(place, half, progress)
        manifest = json.loads((half / "backup_manifest").read_text("utf-8"))
        [reach] = manifest["WAL-Ranges"]
        size = sum(file["Size"] for file in manifest["Files"])
        version = int((half / "PG_VERSION").read_text())
        span = (began_at, row["at"], size, version, reach["Timeline"], reach["Start-LSN"], reach["End-LSN"])
        base = Base(name, whole, identifier, *span)
        half.rename(whole)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    facts = {**asdict(base), "began_at": began_at.isoformat(), "ended_at": base.ended_at.isoformat()}
    del facts["folder"]
    cluster_files.write(place, whole.with_suffix(".json"), json.dumps(facts, indent=1) + "\n")
    return base


def verify(place: Place, folder: Path, progress: Progress = silent) -> None:
    """Compare every file of a base backup with its checksum. Raises :class:`BrokenBackup` in PostgreSQL's words."""
    progress("verify", 0, 0)
    done = cluster_files.run(place, "pg_verifybackup", "-q", str(folder))
    if done.returncode != 0:
        raise BrokenBackup(
            f"The base backup {folder.name} is damaged: {done.stderr.strip()[-600:]}",
            do="Restore from another one: gisops backups",
        )


def _tell_how_far(conn: Connection, progress: Progress) -> None:
    row = conn.execute(_SQL["progress"]).fetchone()
    if row is not None:
        progress("copy", row["done"], row["total"])


def beside(work: Callable[[], Result], look: Callable[[], None]) -> Result:
    """Do something long and look at it meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        while not wait([running], 0.2).done:
            look()
        return running.result()


def _wait_for(conn: Connection, archive: Path, timeline: int) -> None:
    """Wait until the WAL up to now has been handed over: a backup without it would be one of a moment only."""
    row = conn.execute(_SQL["turn_over"]).fetchone()
    assert row is not None  # noqa: S101
    wanted = archive / f"{row['name']}.gz"
    give_up = time.monotonic() + _HANDED_OVER_S
    while not wanted.exists():
        if time.monotonic() > give_up:
            failed = _archiving(conn)["last_failed_wal"]
            raise BrokenBackup(
                f"The base backup is whole, but WAL is not handed over to {archive} (stuck at {failed or 'nothing'}).",
                do="Look at the folder's rights and free space; the database's log has the command's own words.",
            )
        time.sleep(0.05)


def _span(base: Base, archive: Path, more: list[Path], forked: dict[int, list[tuple[int, int]]]) -> Span:
    first = base.first_segment.number
    line = wal_archive.descent(base.timeline, wal_archive.position(base.last_lsn), forked)
    there = wal_archive.segments(archive, *more, base.folder / "pg_wal")
    # One that a restore has left behind leads to the end of its own, abandoned line.
    files, missing = wal_archive.run(line or [wal_archive.Branch(base.timeline, 0)], first, there)
    last = wal_archive.last_commit(files[wal_archive.segment_of(base.last_lsn) - first :])
    until = max(last or base.ended_at, base.ended_at)
    return Span(base, base.ended_at, until, len(files), missing.name if missing else None, left=line is None)
