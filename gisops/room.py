"""Room on the disk: how much is left, when writing stops, and a ballast to get up again with.

A full disk is not like other faults: PostgreSQL goes on reading, but where its log of changes (WAL) cannot grow it
stops altogether and does not start again until there is room. So writes are refused while some room is left, and a
file of our own, kept for nothing else, is dropped where a start fails for want of room.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from gisops.errors import GisopsError

MIB = 2**20
BALLAST_BYTES = 64 * MIB
# Four of PostgreSQL's WAL segments and what it writes beside them: below this a write is refused.
FULL_BELOW_BYTES = 96 * MIB
# One WAL segment and some room beside it: with less PostgreSQL may fail to start.
RECOVERY_BYTES = 24 * MIB
# Readiness turns red at a twentieth of the disk, or at 10 GiB where a twentieth is more than that.
LOW_SHARE, LOW_AT_MOST_BYTES = 0.05, 10 * 1024 * MIB


class StorageFull(GisopsError):
    """There is no room left on the disk: nothing can be written, reading goes on."""

    code = "storage_full"


@dataclass(frozen=True)
class Room:
    """Size and free bytes of the file system a folder lies on."""

    total: int
    free: int

    @property
    def low(self) -> bool:
        """Somebody has to make room soon."""
        return self.free < min(self.total * LOW_SHARE, LOW_AT_MOST_BYTES)

    @property
    def full(self) -> bool:
        """Nothing more is written."""
        return self.free < FULL_BELOW_BYTES

    @property
    def state(self) -> str:
        """In one word: ok, low, full."""
        return "full" if self.full else "low" if self.low else "ok"


def look(folder: Path) -> Room:
    """Room where a folder lies, or would lie. Raises ``OSError``."""
    there = next(step for step in (folder, *folder.parents) if step.exists())
    found = shutil.disk_usage(there)
    return Room(found.total, found.free)


def keep_ballast(folder: Path) -> bool:
    """Lay the ballast down where there is none and much room; returns whether it lies there."""
    file = folder / "ballast"
    try:
        if file.exists() and file.stat().st_size == BALLAST_BYTES:
            return True
        if look(folder).free < FULL_BELOW_BYTES + 2 * BALLAST_BYTES:
            return False
        handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # Really taken, not a hole: the room must be there when it is given back.
            os.posix_fallocate(handle, 0, BALLAST_BYTES)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def drop_ballast(folder: Path) -> bool:
    """Give the ballast's room back; returns whether there was one."""
    try:
        (folder / "ballast").unlink()
    except OSError:
        return False
    return True
