"""The archive of WAL: every change of the database in segments of 16 MiB, from which any moment can be made again.

PostgreSQL hands over each segment once (``archive_command``) and asks for them again in a restore
(``restore_command``). One cluster's folder, named by its system identifier, so that two clusters cannot mix::

    <folder>/<system identifier>/wal/000000010000000000000003.gz     a segment: timeline, then its number
                                 wal/00000002.history.gz             where timeline 2 left its parent
                                 base/20261122T021503Z/              a base backup, see backups.py

A restore begins a new timeline; what came after the restored moment stays in the archive under the old one.
"""

from __future__ import annotations

import gzip
import itertools
import os
import re
import shlex
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gisops import cluster_files
from gisops.cluster_files import Place

SEGMENT_BYTES = 16 * 2**20
_PER_LOG = 2**32 // SEGMENT_BYTES
# At most so much is lost with the disk the database lies on; with that disk there, nothing is.
TIMEOUT_S = 60
CONF = "archive.conf"

_SEGMENT = re.compile(r"^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.gz)?$")
_HISTORY = re.compile(r"^([0-9A-F]{8})\.history(\.gz)?$")
_COMMIT = re.compile(r"desc: (?:COMMIT|COMMIT_PREPARED|ABORT)\b[^0-9]*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
# magic, info, timeline, address of the page, bytes left of a record; (4 bytes of padding) system identifier, size
_PAGE_HEAD = struct.Struct("<HHIQI4xQI")


@dataclass(frozen=True, order=True)
class Segment:
    """Which piece of WAL: its timeline and its number, counted in segments from the beginning of all WAL."""

    timeline: int
    number: int

    @property
    def name(self) -> str:
        """As PostgreSQL writes it."""
        return f"{self.timeline:08X}{self.number // _PER_LOG:08X}{self.number % _PER_LOG:08X}"


@dataclass(frozen=True)
class Branch:
    """One timeline of a line of descent: from which segment on it counts."""

    timeline: int
    first: int


def segment_of(lsn: str) -> int:
    """The number of the segment that holds an address such as ``0/3000028``."""
    high, low = lsn.split("/")
    return ((int(high, 16) << 32) + int(low, 16)) // SEGMENT_BYTES


def position(lsn: str) -> int:
    """An address such as ``0/3000028`` as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def conf(folder: Path) -> str:
    """The lines that have a server hand its WAL over to ``folder``, compressed and safely on the disk.

    A segment that is there already is handed over again after some crashes: right if it is the same. A segment handed
    over early, because ``archive_timeout`` ran out, is mostly zeros: compressed, a minute of an idle city is 20 kB.
    """
    target = shlex.quote(str(folder)).replace("%", "%%")
    command = (
        f'f={target}/%f.gz; if test -f "$f"; then gzip -cd "$f" | cmp -s - "%p"; '
        f'else gzip -1 <"%p" >"$f.new" && sync "$f.new" && mv "$f.new" "$f" && sync {target}; fi'
    )
    quoted = command.replace("'", "''")
    return f"archive_command = '{quoted}'\narchive_timeout = '{TIMEOUT_S}s'\n"


def restore_command(folder: Path, rescued: Path) -> str:
    """The command that gets a segment back. One that is there and cannot be read ends the restore, where one that is
    not there is the end of the WAL: over 125 PostgreSQL gives up.
    """
    here, there = (shlex.quote(str(path)).replace("%", "%%") for path in (folder, rescued))
    return (
        f'if test -f {here}/%f.gz; then gzip -cd {here}/%f.gz >"%p" || exit 200; '
        f'elif test -f {there}/%f; then cp {there}/%f "%p" || exit 200; else exit 1; fi'
    )


def segments(*folders: Path) -> dict[Segment, Path]:
    """The segments in some folders; of one that is in several, the file in the first of them."""
    found: dict[Segment, Path] = {}
    for folder in reversed(folders):
        for path in folder.iterdir() if folder.is_dir() else ():
            if named := _SEGMENT.match(path.name):
                timeline, high, low = (int(piece, 16) for piece in named.groups()[:3])
                found[Segment(timeline, high * _PER_LOG + low)] = path
    return found


def forks(*folders: Path) -> dict[int, list[tuple[int, int]]]:
    """Of every timeline that began with a restore: the timelines it descends from, oldest first, each with the
    position at which it was left.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if named := _HISTORY.match(path.name):
                lines = (line.split() for line in _text(path).splitlines())
                found[int(named[1], 16)] = [(int(line[0]), position(line[1])) for line in lines if len(line) >= 2]
    return found


def descent(timeline: int, position_at_end: int, forked: dict[int, list[tuple[int, int]]]) -> list[Branch] | None:
    """The line from a base backup, which ended on a timeline at a position, to the latest timeline there is.

    ``None`` where the backup is not on that line: a restore to a moment before it has left it behind.
    """
    latest = max([timeline, *forked])
    if latest == timeline:
        return [Branch(timeline, 0)]
    parents = forked[latest]
    if not any(parent == timeline and position_at_end <= left_at for parent, left_at in parents):
        return None
    later = [parent for parent, _ in parents[[parent for parent, _ in parents].index(timeline) :]] + [latest]
    left = dict(parents)
    line = [Branch(timeline, 0)]
    for before, after in itertools.pairwise(later):
        line.append(Branch(after, left[before] // SEGMENT_BYTES))
    return line


def run(line: list[Branch], first: int, there: dict[Segment, Path]) -> tuple[list[Path], Segment | None]:
    """The files from segment ``first`` on along a line of descent, without a gap, and the first one missing although
    later ones are there.
    """

    def at(number: int) -> Segment:
        # In the segment in which a timeline began, the newer one holds what the older one held up to there.
        return Segment(next(b.timeline for b in reversed(line) if number >= b.first), number)

    files: list[Path] = []
    on_line = (segment.number for segment in there if segment.number >= first and segment == at(segment.number))
    for number in range(first, max(on_line, default=first - 1) + 1):
        path = there.get(at(number))
        if path is None:
            return files, at(number)
        files.append(path)
    return files, None


def last_commit(files: list[Path]) -> datetime | None:
    """The moment of the last commit in a run of segments, read with ``pg_waldump`` from its end."""
    for path in reversed(files):
        found = list(_commits(path))
        if found:
            return max(found)
    return None


def rescue(wal: Path, archive: Path, rescued: Path, identifier: int) -> int:
    """Copy what a stopped or wrecked cluster still has and the archive has not, up to the last thing it wrote.

    Only segments of that cluster that are what their name says: PostgreSQL keeps used files under names to come.
    Returns how many.
    """
    count = 0
    have = segments(archive)
    for segment, path in segments(wal).items():
        if segment not in have and path.stat().st_size == SEGMENT_BYTES:
            with path.open("rb") as file:
                _, _, timeline, address, _, system, _ = _PAGE_HEAD.unpack(file.read(_PAGE_HEAD.size))
            # The first segment of a timeline begins with what its parent wrote there.
            is_it = timeline <= segment.timeline and address == segment.number * SEGMENT_BYTES
            if is_it and system == identifier:
                (rescued / path.name).write_bytes(path.read_bytes())
                count += 1
    for path in wal.iterdir() if wal.is_dir() else ():
        if _HISTORY.match(path.name) and not (archive / f"{path.name}.gz").exists():
            (rescued / path.name).write_bytes(path.read_bytes())
    return count


def adopt(place: Place, rescued: Path, archive: Path) -> None:
    """Put rescued segments into the archive for good, once nobody can write their ends any more."""
    for path in sorted(rescued.iterdir()):
        half = archive / f"{path.name}.gz.new"
        with gzip.open(half, "wb", compresslevel=1) as packed:
            packed.write(path.read_bytes())
        cluster_files.hand_over(place, half)
        half.replace(archive / f"{path.name}.gz")


def clean(place: Place, archive: Path, oldest: Segment) -> None:
    """Drop the segments that no base backup needs any more: those before ``oldest``, on any timeline."""
    cluster_files.run(place, "pg_archivecleanup", "-x", ".gz", str(archive), oldest.name)


def _text(path: Path) -> str:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()


def _commits(path: Path) -> Iterator[datetime]:
    with tempfile.TemporaryDirectory(prefix="gisops-wal-") as folder:
        if path.suffix == ".gz":
            plain = Path(folder, path.stem)
            plain.write_bytes(gzip.decompress(path.read_bytes()))
        else:
            plain = path
        # Of the last one the end is not written yet, which pg_waldump calls an error after it has told the rest.
        said = subprocess.run(
            [cluster_files.binaries() / "pg_waldump", "--rmgr=Transaction", str(plain)],
            capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        ).stdout  # fmt: skip
    for match in _COMMIT.finditer(said):
        yield datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
