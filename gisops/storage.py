"""Where the files of photographs lie: a folder, or a bucket of an S3-compatible store.

A file's name is ``<sha256><suffix>``, so it is written once and never changed, and one that is there already is the
same one. In a folder it lies two levels down (``ab/cd/abcd…``), and appears whole or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from gisops import room
from gisops.errors import NotReady
from gisops.room import StorageFull
from gisops.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config


class StorageUnavailable(NotReady):
    """The place where photographs are kept cannot be reached."""

    code = "storage_unavailable"


class Storage(Protocol):
    """What a place for files can do. Everything but ``read`` is safe to do twice."""

    where: str

    def put(self, name: str, source: Path) -> None:
        """Keep a file under a name; one that is there already stays. Raises ``StorageFull``."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name."""

    def drop(self, name: str) -> None:
        """Remove a file, if there is one."""

    def names(self) -> Iterator[str]:
        """Name every file there is, in any order."""


class Folder:
    """Files in a folder, private to whoever runs the server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def path(self, name: str) -> Path:
        """Where a file of this name lies, or would lie."""
        return self.root / name[:2] / name[2:4] / name

    def put(self, name: str, source: Path) -> None:
        """Keep a file under a name: written beside, synced, then renamed."""
        target = self.path(name)
        if target.exists():
            return
        try:
            if room.look(self.root).full:
                raise StorageFull(retry_after_s=30)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, half = tempfile.mkstemp(dir=target.parent, prefix=".half-")
            try:
                with os.fdopen(handle, "wb") as file, source.open("rb") as content:
                    shutil.copyfileobj(content, file, 1 << 20)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(half, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(half)
                raise
            _sync(target.parent)
        except OSError as error:
            raise refused(error, self.where) from error

    def read(self, name: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return self.path(name).is_file()

    def drop(self, name: str) -> None:
        """Remove a file, if there is one."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Name every file there is, folder by folder."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/[0-9a-f]*"):
            yield path.name


class Bucket:
    """Files in a bucket of an S3-compatible store; the store writes each whole or not at all."""

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        # Only who keeps files in a store needs its client.
        from obstore.exceptions import NotFoundError
        from obstore.store import S3Store

        self.where = f"s3://{bucket}/{prefix}".rstrip("/")
        self._absent = (NotFoundError, FileNotFoundError)
        secret = settings.photos_secret_key
        config: S3Config = {}
        if settings.photos_endpoint is not None:
            config["endpoint"] = settings.photos_endpoint
        if settings.photos_region is not None:
            config["region"] = settings.photos_region
        if settings.photos_access_key is not None:
            config["access_key_id"] = settings.photos_access_key
        if secret is not None:
            config["secret_access_key"] = secret.get_secret_value()
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            # Over plain http only where the city itself said so: a store in its own network.
            client_options={"allow_http": (settings.photos_endpoint or "").startswith("http://"), "timeout": "30s"},
            retry_config={"max_retries": 3},
        )

    def put(self, name: str, source: Path) -> None:
        """Keep a file under a name."""
        if not self.has(name):
            self._ask(lambda: self._store.put(name, source.read_bytes(), use_multipart=False))

    def read(self, name: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        found = self._ask(lambda: self._store.get(name).bytes())
        return None if found is None else bytes(found)

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return self._ask(lambda: self._store.head(name)) is not None

    def drop(self, name: str) -> None:
        """Remove a file, if there is one."""
        self._ask(lambda: self._store.delete(name))

    def names(self) -> Iterator[str]:
        """Name every file there is."""
        for page in self._ask(lambda: list(self._store.list())) or ():
            for one in page:
                yield str(one["path"]).rpartition("/")[2]

    def _ask(self, act: Any) -> Any:
        try:
            return act()
        except self._absent:
            return None
        except Exception as error:  # the library raises by transport and by answer, and neither is the sender's fault
            raise StorageUnavailable(f"{self.where} does not answer: {type(error).__name__}.") from error


def folder_of(settings: Settings) -> Path:
    """The folder for photographs that are on their way, and for those that are kept unless the settings name another
    place.
    """
    return settings.home.expanduser().resolve() / "photos"


def storage_of(settings: Settings) -> Storage:
    """The place the settings name: ``s3://bucket/prefix``, a folder, or the folder in the home."""
    if settings.photos is None:
        return Folder(folder_of(settings))
    if settings.photos.startswith("s3://"):
        parts = urlsplit(settings.photos)
        return Bucket(parts.netloc, parts.path.strip("/"), settings)
    return Folder(Path(settings.photos).expanduser().resolve())


def refused(error: OSError, where: str) -> StorageFull | StorageUnavailable:
    """The error for what the file system refused: no room, or no access."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(retry_after_s=30)
    return StorageUnavailable(f"{where} cannot be written: {error.strerror or type(error).__name__}.")


def _sync(folder: Path) -> None:
    """Let a rename outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
