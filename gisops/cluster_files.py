"""Files and processes of the private cluster: where it lies, which binaries it runs, how it is tuned."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gisops.errors import NotReady

PORT = 5432  # only names the socket file: the cluster opens no TCP port
OLDEST = 15
_SOCKET_LIMIT = 100  # bytes; the kernel's own limit is 107


@dataclass(frozen=True)
class Place:
    """Where one home's cluster lies and who runs it (``runner`` is set where that is not ourselves)."""

    home: Path
    base: Path
    sockets: Path
    runner: str | None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.base / "pg"

    @property
    def log(self) -> Path:
        """What the server wrote at its start, before its own collector took over."""
        return self.base / "postgres.log"

    @property
    def owner_uid(self) -> int:
        """Who must own the data folder."""
        return pwd.getpwnam(self.runner).pw_uid if self.runner else os.geteuid()


def place(home: Path) -> Place:
    """Work out where the cluster of ``home`` lies. Pure: nothing is made."""
    home = home.expanduser().resolve()
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    base, runner = home, None
    if os.geteuid() == 0:
        runner = "postgres"
        apart = Path("/var/lib/gisops") / mark
        # A cluster that exists is found again, even if somebody changed a folder's mode since.
        if (apart / "pg").exists() or not ((home / "pg").exists() or may_enter(runner, home)):
            base = apart
    sockets = base / "run"
    if len(os.fsencode(sockets / f".s.PGSQL.{PORT}")) > _SOCKET_LIMIT:
        sockets = Path(tempfile.gettempdir()) / f"gisops-{os.geteuid()}-{mark}"
    return Place(home, base, sockets, runner)


@functools.cache
def binaries(root: Path = Path("/")) -> Path:
    """Find the newest PostgreSQL (15 or later) that has PostGIS; raises :class:`NotReady` with what to install."""
    folders: list[Path] = []
    with suppress(OSError, subprocess.CalledProcessError):
        folders.append(Path(subprocess.check_output(["pg_config", "--bindir"], text=True).strip()))
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        folders += root.glob(pattern)
    versions = {folder: _version(folder) for folder in folders}
    bare = 0
    for folder, version in sorted(versions.items(), key=lambda item: -item[1]):
        if version >= OLDEST and os.access(folder / "initdb", os.X_OK):
            if _has_postgis(folder):
                return folder
            bare = bare or version
    wanted = f"postgresql-{bare}-postgis-3" if bare else "postgresql-postgis"
    missing = f"PostgreSQL {bare} is here, but PostGIS is" if bare else "PostgreSQL 15 or later with PostGIS is"
    raise NotReady(
        f"{missing} not installed.",
        do=f"apt-get install {wanted}   (or set GISOPS_DATABASE_URL to a PostGIS of your own)",
    )


def claim_home(place: Place) -> None:
    """Make the home folder and see that it, and a cluster in it, are ours."""
    try:
        place.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotReady(
            f"{place.home} cannot be made: {error.strerror}.", do="Set GISOPS_HOME to a folder you may write."
        ) from error
    if os.geteuid() != 0 and (owner := place.home.stat().st_uid) != os.geteuid():
        raise NotReady(
            f"{place.home} belongs to {_name(owner)}, and you are {_name(os.geteuid())}.",
            do=f"Run gisops as {_name(owner)}, or set GISOPS_HOME to a folder of your own.",
        )
    check_owner(place)


def check_owner(place: Place) -> None:
    """See that a cluster that is there belongs to the one who would run it."""
    if exists(place) and (owner := place.data.stat().st_uid) != place.owner_uid:
        raise NotReady(
            f"The cluster in {place.data} belongs to {_name(owner)}; "
            f"as {_name(os.geteuid())} it would run as {_name(place.owner_uid)}.",
            do=f"Run gisops as {_name(owner)}, or set GISOPS_HOME to another folder.",
        )


def exists(place: Place) -> bool:
    """Whether a cluster was made here."""
    return (place.data / "PG_VERSION").exists()


def create(place: Place, conf: Mapping[str, str]) -> None:
    """Make the folders and, where there is none, the cluster (UTF-8, C.UTF-8, data checksums)."""
    try:
        place.base.mkdir(parents=True, exist_ok=True)
        own_folder(place, place.sockets)
        if exists(place):
            version = (place.data / "PG_VERSION").read_text().strip()
            if str(_version(binaries())) != version:
                raise NotReady(
                    f"The cluster in {place.data} is of PostgreSQL {version}, and {binaries()} is not.",
                    do=f"apt-get install postgresql-{version}-postgis-3, or set GISOPS_HOME to another folder.",
                )
            return
        # Made beside and then named: a run cut short leaves no half cluster that looks whole.
        half = place.base / "pg.new"
        if half.exists():
            shutil.rmtree(half)
        own_folder(place, half)
    except OSError as error:
        raise NotReady(
            f"{place.base} cannot be written: {error.strerror}.",
            do="Make room or give the right to write there, or set GISOPS_HOME to another folder.",
        ) from error
    words = ["-D", str(half), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--auth=peer"]
    if conf.get("fsync") == "off":
        words.append("--no-sync")
    done = run(place, "initdb", *words)
    if done.returncode != 0:
        raise NotReady(
            f"The cluster could not be made in {place.data}: {done.stderr.strip()[-600:]}",
            do="Look at the free space (df) and the folder's owner.",
        )
    half.rename(place.data)


def write_conf(place: Place, conf: Mapping[str, str]) -> None:
    """Write the server's own configuration anew: it follows the machine, and who runs us."""
    lines = {**tuned(_memory_bytes(), os.cpu_count() or 1), **conf}
    lines |= {"listen_addresses": "", "unix_socket_directories": str(place.sockets), "port": str(PORT)}
    text = "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in lines.items())
    users = dict.fromkeys([_name(os.geteuid()), place.runner or ""])
    roles = ("postgres", "gisops_owner", "gisops_app")
    ident = "".join(f'gisops "{user}" {role}\n' for user in users if user for role in roles)
    # Where WAL is handed over, once there is a base backup for it to go with (backups.py).
    write(place, place.data / "gisops.conf", text + "include_if_exists 'archive.conf'\n")
    write(place, place.data / "pg_hba.conf", "local all,replication all peer map=gisops\n")
    write(place, place.data / "pg_ident.conf", ident)
    main = place.data / "postgresql.conf"
    if "include 'gisops.conf'" not in (written := main.read_text("utf-8")):
        write(place, main, written + "\ninclude 'gisops.conf'\n")
    if place.log.exists() and place.log.stat().st_size > 16 * 2**20:
        place.log.replace(place.log.with_suffix(".log.1"))
    if not place.log.exists():
        write(place, place.log, "")


def tuned(memory: int, cores: int) -> dict[str, str]:
    """Configuration for a machine with ``memory`` bytes and ``cores``, which the server shares with our processes."""
    mb = memory // 2**20
    return {
        "shared_buffers": f"{max(64, min(mb // 4, 16384))}MB",
        "effective_cache_size": f"{max(128, mb * 6 // 10)}MB",
        "work_mem": f"{max(4, min(mb // 512, 64))}MB",
        "maintenance_work_mem": f"{max(64, min(mb // 16, 2048))}MB",
        "max_connections": str(max(100, cores * 25)),
        "max_worker_processes": str(max(8, cores + 4)),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(max(1, cores // 2)),
        "max_parallel_maintenance_workers": str(max(1, cores // 2)),
        "random_page_cost": "1.1",
        "jit": "off",
        "wal_compression": "on",
        # Can be switched on at a start only; nothing is kept until there is a base backup.
        "archive_mode": "on",
        "archive_command": "true",
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "autovacuum_naptime": "20s",
        "autovacuum_vacuum_cost_limit": "2000",
        "track_io_timing": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Its own collector turns the files over: one for each day of the week, begun anew when the day comes again.
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_file_mode": "0600",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_min_duration_statement": "2s",
        "log_lock_waits": "on",
        "log_checkpoints": "off",
        # A slow statement is told without its values: they are what people wrote and the hashes of their tokens.
        "log_parameter_max_length": "0",
    }


def pg_ctl(place: Place, action: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``pg_ctl`` on the cluster as the one who runs it."""
    return run(place, "pg_ctl", action, "-D", str(place.data), *words)


def postmaster(place: Place) -> int | None:
    """The live postmaster of this very data folder, by its pid file; a reused pid is not taken for it."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if _works_in(pid, place.data) else None


def drop_stale_locks(place: Place) -> None:
    """Remove a dead postmaster's lock files where PostgreSQL would not dare to: its number is still listed, because
    nobody has reaped it yet or another program has the number now. Kept while any backend of ours still lives.
    """
    file = place.data / "postmaster.pid"
    with suppress(OSError, ValueError):
        pid = int(file.read_text().split("\n", 1)[0])
        if Path(f"/proc/{pid}").exists() and not backends(place):
            (place.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
            file.unlink()


def backends(place: Place) -> list[int]:
    """All of the cluster's processes that live, with or without a postmaster."""
    if not Path("/proc/self").exists():
        return []
    listed = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in listed if _works_in(pid, place.data)]


def put_down_orphans(place: Place) -> None:
    """End backends of ours that outlived their postmaster and keep its shared memory from being taken down."""
    if postmaster(place) is None:
        for pid in backends(place):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def logs(place: Place) -> list[Path]:
    """The server's log files, the one written last at the end."""
    found = [file for file in (place.log, *(place.data / "log").glob("*.log")) if file.exists()]
    return sorted(found, key=lambda file: file.stat().st_mtime_ns)


def log_sizes(place: Place) -> dict[Path, int]:
    """How far each log file goes, so that what comes later can be told from what was there."""
    return {file: file.stat().st_size for file in logs(place)}


def last_words(place: Place, since: Mapping[Path, int]) -> str:
    """The end of what the server logged after ``since`` was taken."""
    words = []
    for file in logs(place):
        with suppress(OSError), file.open("rb") as opened:
            size = file.stat().st_size
            before = since.get(file, 0)
            # A file that is shorter now was begun anew.
            opened.seek(max(before if before <= size else 0, size - 1500))
            words.append(opened.read().decode("utf-8", "replace"))
    return "".join(words)


def holder(place: Place) -> int | None:
    """Which process holds this home's lock, if any."""
    try:
        with (place.home / "cluster.lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                words = file.read().split()
                return int(words[0]) if words else 0
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        pass
    return None


def _works_in(pid: int, data: Path) -> bool:
    # PostgreSQL's processes change into the data folder and stay there.
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(data) and _is_postgres(pid)
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:  # a system without /proc
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    except OSError:
        return False


def _is_postgres(pid: int) -> bool:
    # A program of somebody who merely stands in the folder is not ours.
    return Path(f"/proc/{pid}/comm").read_text().strip() in {"postgres", "postmaster"}


def run(place: Place, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the one who runs the cluster; what it said is in ``stderr``."""
    command = [str(binaries() / program), *words]
    # Our caller's PG* variables must not steer the server, and its folder may be one that `postgres` cannot enter.
    environment = {name: os.environ[name] for name in ("PATH", "TZDIR") if name in os.environ} | {"LC_ALL": "C.UTF-8"}
    if place.runner:
        command = ["setpriv", f"--reuid={place.runner}", f"--regid={place.runner}", "--init-groups", "--", *command]
    # Output goes through a file: a started postmaster keeps the ends it inherits, and a pipe would never close.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
        out.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, "", out.read())


def own_folder(place: Place, folder: Path) -> None:
    """Make a folder that only the server's user may enter; one that another made for us is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), place.owner_uid}:
        raise NotReady(f"{folder} belongs to {_name(found.st_uid)}.", do=f"Remove {folder}.")
    os.chmod(folder, 0o700)
    hand_over(place, folder)


def hand_over(place: Place, path: Path) -> None:
    """Give a file or folder to the one who runs the cluster."""
    if place.runner:
        shutil.chown(path, place.runner, place.runner)


def write(place: Place, file: Path, text: str) -> None:
    """Write a file of the cluster whole or not at all, for nobody but who runs it; one that says so already stays."""
    with suppress(OSError, UnicodeDecodeError):
        if text and file.read_text("utf-8") == text:
            hand_over(place, file)
            return
    half = file.with_name(file.name + ".new")
    half.write_text(text, "utf-8")
    half.chmod(0o600)
    hand_over(place, half)
    half.replace(file)


def may_enter(user: str, folder: Path) -> bool:
    """Whether ``user`` can pass through ``folder``, or through the nearest of its parents that exists."""
    while not folder.exists():
        folder = folder.parent
    try:
        there = pwd.getpwnam(user)
    except KeyError:
        return False  # PostgreSQL is not installed yet; its absence is said where it is needed
    groups = set(os.getgrouplist(user, there.pw_gid))
    for step in (folder, *folder.parents):
        found = step.stat()
        bit = stat.S_IXUSR if found.st_uid == there.pw_uid else stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH
        if not found.st_mode & bit:
            return False
    return True


def _has_postgis(folder: Path) -> bool:
    try:
        share = subprocess.check_output([folder / "pg_config", "--sharedir"], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        # Debian's server package has no pg_config of its own unless the headers are installed.
        share = f"/usr/share/postgresql/{_version(folder)}"
    return Path(share, "extension", "postgis.control").exists()


def version() -> int:
    """The installed PostgreSQL's major version."""
    return _version(binaries())


def _version(folder: Path) -> int:
    try:
        said = subprocess.check_output([folder / "postgres", "--version"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


def _memory_bytes() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # a container's share of it ("max" where there is no limit)
        whole = min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return whole


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
