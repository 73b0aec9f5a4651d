"""Photographs beside the backups: copied once each, as they never change, and put back where they are missing.

Only those in a folder: a bucket has its store's own copies and versions. A base backup is taken first and photographs
are copied after it, so each one that it knows is there; those that came in later are not, until the next backup.
"""

from __future__ import annotations

from pathlib import Path

from gisops import storage
from gisops.backups import Progress, silent
from gisops.settings import Settings
from gisops.storage import Folder

PHOTOS = "photos"


def elsewhere(settings: Settings) -> str | None:
    """Where photographs are that no backup of ours takes along: a bucket's address; None where they lie in a folder."""
    kept = storage.storage_of(settings)
    return None if isinstance(kept, Folder) else kept.where


def copy(settings: Settings, folder: Path, progress: Progress = silent) -> int:
    """Copy what a folder of backups (`backups.Base.folder`'s cluster) does not have yet; returns how many files.

    Raises ``StorageFull``, ``StorageUnavailable``.
    """
    kept = storage.storage_of(settings)
    return _carry(kept, Folder(folder / PHOTOS), progress) if isinstance(kept, Folder) else 0


def bring_back(settings: Settings, folder: Path, progress: Progress = silent) -> int:
    """Put back what is missing where photographs are kept; returns how many files. What is there stays as it is."""
    kept = storage.storage_of(settings)
    return _carry(Folder(folder / PHOTOS), kept, progress) if isinstance(kept, Folder) else 0


def _carry(source: Folder, target: Folder, progress: Progress) -> int:
    carried = 0
    if not source.root.is_dir():
        return 0
    for looked_at, name in enumerate(source.names(), 1):
        if not target.has(name):
            target.put(name, source.path(name))
            carried += 1
        if looked_at % 100 == 0:
            progress(PHOTOS, looked_at, 0)
    return carried
