"""Restore: a private cluster made again as it was at a named second, from a base backup and the WAL since.

The old data folder is set aside and comes back if anything fails. What it still holds of WAL is used, so that a
database whose files are wrecked loses nothing that was committed, as long as its ``pg_wal`` can be read.
"""

from __future__ import annotations

import os
import pwd
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from gisops import backups, cluster_files, photo_backups, wal_archive
from gisops import cluster as private_cluster
from gisops.backups import Base, BrokenBackup, MissingWal, NoBackup, Progress, Span, silent
from gisops.cluster import ADMIN, Cluster
from gisops.cluster_files import Place
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from gisops.settings import Settings

_SQL = queries.load("gisops", "backups.sql")

_HANDED_OVER_S = 60.0


class OutsideSpan(InvalidInput):
    """The moment is not one that can be made again."""

    code = "outside_span"


@dataclass(frozen=True)
class Restored:
    """What a restore did: from which base backup, to the commits of which moment, in which life of the events."""

    base: Base
    at: datetime
    epoch: int
    timeline: int
    took_s: float


def moment(text: str) -> datetime:
    """Read a moment such as ``2026-11-22 10:15:03+08``. Raises ``InvalidInput`` where it has no zone or is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        why = "names no time zone" if at is not None else "is not a moment"
        raise InvalidInput(f"{text!r} {why}; one is written 2026-11-22 10:15:03+08", field="at")
    return at


def restore(
    settings: Settings,
    *,
    source: Path | None = None,
    at: datetime | None = None,
    base: str | None = None,
    conf: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Restored:
    """Make the cluster again as it was at ``at``, what was committed at that very moment included; without it, as it
    was at the last commit there is. It is left stopped. ``base`` names the base backup to begin with: the only way back
    to what an earlier restore has left behind. ``conf`` overrides lines of the server's configuration, as in
    :func:`gisops.cluster.ensure`.

    Raises :class:`Conflict` while gisops runs; :class:`NoBackup`; :class:`OutsideSpan` with the span in words;
    :class:`MissingWal` with the segment's name; :class:`BrokenBackup`. In every case the data is what it was before.
    """
    backups.be_ours(settings)
    began = time.monotonic()
    held = private_cluster.hold(settings)
    held.conf = dict(conf or {})
    try:
        place = held.place
        place.base.mkdir(parents=True, exist_ok=True)
        cluster_files.own_folder(place, place.sockets)
        folder = _one_cluster(place, source or backups.root(settings))
        rescued = place.base / "wal.rescued"
        with _emptied(place, rescued):
            wal_archive.rescue(_old(place) / "pg_wal", folder / "wal", rescued, _identifier(folder))
            span = _choose(backups.spans(folder, rescued), at, base)
            _version_fits(span.base)
            backups.verify(place, span.base.folder, progress)
            made = _bring_back(held, folder, span, at, rescued, progress)
            _keep_on(held, settings, folder, rescued, made)
        photo_backups.bring_back(settings, folder, progress)
        cluster_files.write_conf(place, held.conf)
        return Restored(span.base, made.at, made.epoch, made.timeline, time.monotonic() - began)
    finally:
        private_cluster.release(held)


@dataclass(frozen=True)
class _Made:
    """What the restored cluster says of itself."""

    at: datetime
    epoch: int
    timeline: int


def _one_cluster(place: Place, source: Path) -> Path:
    """The folder of the one cluster whose backups are meant: the only one there, or the one whose data lies here."""
    source = source.expanduser().resolve()
    there = [folder for folder in backups.clusters(source) if backups.bases(folder)]
    if len(there) > 1:
        with suppress(OSError):
            mine = str(int.from_bytes((_old(place) / "global" / "pg_control").read_bytes()[:8], "little"))
            there = [folder for folder in there if folder.name == mine] or there
    if not there:
        raise NoBackup(f"There is no base backup in {source}.", do="gisops backup   (while there is time)")
    if len(there) > 1:
        names = ", ".join(str(folder) for folder in there)
        raise NoBackup(f"{source} holds backups of {len(there)} clusters: {names}.", do="Name one of them with --from.")
    return there[0]


def _identifier(folder: Path) -> int:
    return int(backups.bases(folder)[-1].identifier)


def _choose(spans: list[Span], at: datetime | None, name: str | None) -> Span:
    """The newest base backup from which the moment can be reached."""
    usable = [span for span in spans if (span.base.name == name if name else not span.left)]
    if not usable:
        wanted = f"There is no base backup {name}" if name else "A restore has left all of these base backups behind"
        raise NoBackup(f"{wanted}; there is {', '.join(span.base.name for span in spans)}.", do="gisops backups")
    fitting = [span for span in usable if at is not None and span.first <= at <= span.last]
    if fitting:
        return fitting[-1]
    newest = usable[-1]
    if newest.missing and (at is None or at > newest.last):
        raise MissingWal(
            f"WAL segment {newest.missing} is missing from the archive, and later ones are there: "
            f"nothing after {newest.last.isoformat(sep=' ')} can be made again.",
            segment=newest.missing,
            do=f'Find the segment, or accept the loss: gisops restore --at "{newest.last.isoformat(sep=" ")}"',
        )
    if at is None:
        return newest
    raise OutsideSpan(
        f"{at.isoformat(sep=' ')} cannot be made again; what can is {words(usable)}.",
        field="at",
        spans=[[span.first.isoformat(), span.last.isoformat()] for span in usable],
        do="Without --at the last commit is restored.",
    )


def words(spans: list[Span]) -> str:
    """Spans as a sentence has them, one after the other where they do not overlap."""
    joined: list[tuple[datetime, datetime]] = []
    for span in sorted(spans, key=lambda span: span.first):
        if joined and span.first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span.last))
        else:
            joined.append((span.first, span.last))
    return ", and ".join(f"from {first.isoformat(sep=' ')} to {last.isoformat(sep=' ')}" for first, last in joined)


def _version_fits(base: Base) -> None:
    version = cluster_files.version()
    if base.postgres != version:
        raise BrokenBackup(
            f"The base backup {base.name} is of PostgreSQL {base.postgres}, and the one installed is {version}.",
            do=f"apt-get install postgresql-{base.postgres}-postgis-3",
        )


def _old(place: Place) -> Path:
    """The data that was there: where it lies, or where a restore that was cut short has set it aside."""
    aside = _aside(place)
    return aside if aside.exists() else place.data


def _aside(place: Place) -> Path:
    return place.base / "pg.before-restore"


@contextmanager
def _emptied(place: Place, folder: Path) -> Iterator[None]:
    """A folder for the length of a restore."""
    shutil.rmtree(folder, ignore_errors=True)
    cluster_files.own_folder(place, folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bring_back(
    held: Cluster, folder: Path, span: Span, at: datetime | None, rescued: Path, progress: Progress
) -> _Made:
    """Copy the base backup, set the old data aside, recover, begin the new life; on any failure all is put back."""
    place, half, aside = held.place, held.place.base / "pg.restoring", _aside(held.place)
    shutil.rmtree(half, ignore_errors=True)
    if shutil.disk_usage(place.base).free < span.base.bytes * 1.1:
        raise BrokenBackup(
            f"{place.base} has no room for another {span.base.bytes / 2**30:.1f} GiB beside the data that is there.",
            do="Make room there.",
        )
    swapped = False
    try:
        _copy(place, span.base, half, progress)
        if aside.exists():
            shutil.rmtree(place.data, ignore_errors=True)
        elif place.data.exists():
            place.data.rename(aside)
        half.rename(place.data)
        swapped = True
        made = _recover(held, folder, span, at, rescued, progress)
    except BaseException:
        if swapped:
            private_cluster.stop(held)
            shutil.rmtree(place.data, ignore_errors=True)
        shutil.rmtree(half, ignore_errors=True)
        if aside.exists():
            aside.rename(place.data)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    return made


def _copy(place: Place, base: Base, to: Path, progress: Progress) -> None:
    done = 0

    def one(source: str, target: str) -> str:
        nonlocal done
        shutil.copyfile(source, target)
        os.chmod(target, 0o600)
        done += os.stat(target).st_size
        progress("copy", done, base.bytes)
        return target

    # The log of those days stays with the backup; a new one begins.
    shutil.copytree(base.folder, to, copy_function=one, symlinks=True, ignore=shutil.ignore_patterns("log"))
    # PostgreSQL wants its files for itself, whoever owns the copy they come from.
    owner = pwd.getpwuid(place.owner_uid)
    for folder, _, files in os.walk(to):
        os.chmod(folder, 0o700)
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _recover(held: Cluster, folder: Path, span: Span, at: datetime | None, rescued: Path, progress: Progress) -> _Made:
    """Start the copy so that it reads WAL up to the moment, and begin a new timeline there."""
    place = held.place
    (place.data / wal_archive.CONF).unlink(missing_ok=True)
    cluster_files.write(place, place.data / "recovery.signal", "")
    conf = {
        **held.conf,
        "restore_command": wal_archive.restore_command(folder / "wal", rescued),
        "recovery_target_timeline": str(span.base.timeline) if span.left else "latest",
        "recovery_target_action": "promote",
        # Only the recovered city is opened; so settings of another machine cannot hold the recovery up half-way.
        "hot_standby": "off",
        # Kept until the new life is sure: nothing of a restore that fails gets into the archive.
        "archive_command": "",
    }
    # PostgreSQL stops at the first commit after the moment; where there is none, it would miss it.
    if at is not None and at < span.last:
        conf["recovery_target_time"] = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        conf["recovery_target_inclusive"] = "on"
    cluster_files.write_conf(place, conf)
    before = cluster_files.log_sizes(place)

    done = cluster_files.pg_ctl(place, "start", "-w", "-s", "-l", str(place.log))
    # Without hot standby, `pg_ctl` calls it started when recovery begins; it is over when somebody is let in.
    while done.returncode != 0 or not _lets_in(held):
        if done.returncode != 0 or cluster_files.postmaster(place) is None:
            said = cluster_files.last_words(place, before).strip()[-900:]
            raise BrokenBackup(f"The restore failed, and the data is as it was before. PostgreSQL said: {said}")
        read = "".join(_since(path, before.get(path, 0)) for path in cluster_files.logs(place))
        progress("wal", read.count("restored log file"), span.segments)
        time.sleep(0.1)
    with connect(held.url(ADMIN), unhurried=True) as conn:
        row = conn.execute(_SQL["restored_at"]).fetchone()
        assert row is not None  # noqa: S101
        reached = row["at"] or span.base.ended_at
        life = conn.execute(_SQL["new_life"], {"at": reached, "timeline": row["timeline"]}).fetchone()
    return _Made(reached, life["epoch"] if life else 0, row["timeline"])


def _keep_on(held: Cluster, settings: Settings, folder: Path, rescued: Path, made: _Made) -> None:
    """Let the archive go on with the new timeline, and stop. What was rescued joins it: its old life is over."""
    place = held.place
    if (folder / "wal").is_dir():
        wal_archive.adopt(place, rescued, folder / "wal")
    mine = backups.root(settings) / folder.name
    if (mine / "wal").is_dir():
        cluster_files.write(place, place.data / wal_archive.CONF, wal_archive.conf(mine / "wal"))
    cluster_files.write_conf(place, held.conf)
    cluster_files.pg_ctl(place, "reload", "-s")
    with connect(held.url(ADMIN), autocommit=True) as conn:
        if (mine / "wal").is_dir():
            _wait_for_history(conn, mine / "wal", made.timeline)
    private_cluster.stop(held, patience_s=60)


def _wait_for_history(conn: Connection, archive: Path, timeline: int) -> None:
    """Until the archive knows of the new timeline, a second restore would give the same number to another life."""
    give_up = time.monotonic() + _HANDED_OVER_S
    while not (archive / f"{timeline:08X}.history.gz").exists() and time.monotonic() < give_up:
        conn.execute(_SQL["turn_over"])
        time.sleep(0.3)


def _lets_in(held: Cluster) -> bool:
    try:
        with connect(held.url(ADMIN), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def _since(path: Path, start: int) -> str:
    with suppress(OSError), path.open("rb") as file:
        file.seek(start)
        return file.read().decode("utf-8", "replace")
    return ""
