"""Photographs: taken in, kept by the hash of what was sent, shown as copies, forgotten where nobody used them.

The files are there before the row is: a crash between the two leaves files that nobody knows of. What is on its way
lies in a folder of its own (`incoming`), marked with its hash, so `tidy` finds them without looking through the rest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import pictures, storage
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound, TooManyRequests
from gisops.pictures import SIZES, SUFFIXES, Picture
from gisops.room import StorageFull
from gisops.storage import Storage

_SQL = queries.load("gisops", "photos.sql")

SENT = "sent"
_MARK = "sha256"
# What has been on its way for an hour was left by a process that was killed.
_LEFT_S = 3600.0
_ON_ITS_WAY_S = 2.0
# When whoever has his fill may ask again: a report that names them may have come in by then.
_QUOTA_RETRY_S = 600
# How many are let go of at a time.
_MOST = 500
# How long one lies here that nobody names: of somebody who signed in, of whoever is passing by. It may be named for six
# sevenths of that (`usable`).
_KEPT = timedelta(days=7)
_KEPT_OF_STRANGERS = timedelta(days=1)
# What a file takes where it lies, and what a photograph counts at least, however small: rows and folders are room too.
_BLOCK_BYTES = 4096
_LEAST_BYTES = 65536


class InvalidPhoto(InvalidInput):
    """This is not a picture that is taken."""

    code = "invalid_photo"


class UnknownPhoto(InvalidInput):
    """No photograph with this hash was sent in."""

    code = "unknown_photo"


@dataclass(frozen=True, slots=True)
class Developed:
    """A photograph that was decoded: what is known of it, and the folder in which it and its copies lie."""

    picture: Picture
    folder: Path

    def files(self) -> Iterator[tuple[str, Path]]:
        """Each file with the name under which it is kept, the original first."""
        yield self.picture.sha256, self.folder / SENT
        for size, suffix in SUFFIXES.items():
            yield self.picture.sha256 + suffix, self.folder / f"{size}.jpg"

    def room_bytes(self) -> int:
        """What it takes: its files in whole blocks, and not less than a least."""
        return max(
            _LEAST_BYTES, sum(-(-file.stat().st_size // _BLOCK_BYTES) * _BLOCK_BYTES for _, file in self.files())
        )


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody without a sign-in: his address (`limits.key`), and how many bytes of it, and of all such together, may
    lie here that no report names.
    """

    sender: str
    most_bytes: int
    most_bytes_of_all: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a photograph: ``problem`` is one of missing, altered, copy missing, copy altered, unknown to
    the database, used but unknown.
    """

    sha256: str
    problem: str
    file: str


@contextmanager
def arriving(home: Path) -> Iterator[Path]:
    """A folder for a photograph on its way, in the folder ``home`` (`storage.folder_of`); gone afterwards, whatever
    happens. The file that is sent is to be written into it as ``SENT``. Raises ``StorageFull``.
    """
    incoming = home / "incoming"
    try:
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(dir=incoming))
    except OSError as error:
        raise storage.refused(error, str(incoming)) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def develop(folder: Path, claimed: str | None = None) -> Developed:
    """Decode what was sent and make its copies. ``claimed`` is the media type the sender said, if he said one.

    Raises ``InvalidPhoto`` with ``reason`` (type, claimed, damaged, too_many_pixels, animated, undecodable, too_slow)
    and what would be right; ``StorageFull``.
    """
    try:
        picture = pictures.develop(folder / SENT, folder)
    except pictures.Refused as error:
        raise InvalidPhoto(
            str(error),
            reason=error.reason,
            types=sorted(set(pictures.MIME.values())),
            most_pixels=pictures.MOST_PIXELS,
        ) from None
    except OSError as error:
        raise storage.refused(error, str(folder)) from error
    if claimed is not None and claimed != picture.mime:
        raise InvalidPhoto(f"It was sent as {claimed} and is {picture.mime}.", reason="claimed", type=picture.mime)
    return Developed(picture, folder)


def keep_files(kept: Storage, one: Developed) -> None:
    """Put the files where they stay, before anybody can know of them.

    Raises ``StorageFull``, ``StorageUnavailable``.
    """
    try:
        mark = one.folder / _MARK
        mark.write_text(one.picture.sha256, "ascii")
        handle = os.open(mark, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise storage.refused(error, str(one.folder)) from error
    for name, file in one.files():
        kept.put(name, file)


def check_quota(conn: Connection, who: Stranger) -> None:
    """Refuse a photograph of somebody without a sign-in while too much of his address, or of all such together, lies
    here that no report names, copies included. They are let go of when one does, or within a day.

    Refused, and not made room for: else a stranger with many addresses pushes out what is on its way to a report.
    Raises ``TooManyRequests`` for the address, ``StorageFull`` for all.
    """
    row = conn.execute(_SQL["unnamed"], {"sender": who.sender}).fetchone()
    own_bytes, all_bytes = (row["own_bytes"], row["all_bytes"]) if row else (0, 0)
    if own_bytes >= who.most_bytes:
        raise TooManyRequests(
            f"Photographs from this address that no report names take {own_bytes} bytes here; {who.most_bytes} are the "
            "most. Send the report that names them, or sign in.",
            retry_after_s=_QUOTA_RETRY_S,
            bytes=own_bytes,
            most_bytes=who.most_bytes,
        )
    if all_bytes >= who.most_bytes_of_all:
        raise StorageFull(
            "So many photographs lie here that no report names: those without a sign-in are not taken now.",
            retry_after_s=_QUOTA_RETRY_S,
        )


def record(
    conn: Connection,
    kept: Storage,
    one: Developed,
    by: Actor | None,
    key_id: int | None = None,
    stranger: Stranger | None = None,
) -> bool:
    """Make a photograph known whose files were put there; says whether it is new. ``stranger`` is who sent it without a
    sign-in: then `check_quota` has the last word here, as many may have come past it at once.

    Under the same lock as its removal, which begins with the original: if `tidy` was there in between, the files are
    put again. Sent a second time, it may be named for as long as if that were the first.
    """
    picture = one.picture
    conn.execute(_SQL["lock"], {"sha256": f"photo {picture.sha256}"})
    known = conn.execute(_SQL["there"], {"sha256s": [picture.sha256]}).fetchone() is not None
    if stranger is not None and not known:
        conn.execute(_SQL["one_stranger_at_a_time"])
        try:
            check_quota(conn, stranger)
        except (TooManyRequests, StorageFull):
            _drop(kept, picture.sha256)
            raise
    if not kept.has(picture.sha256):
        for name, file in one.files():
            kept.put(name, file)
    conn.execute(
        _SQL["record"],
        {
            "sha256": picture.sha256,
            "mime": picture.mime,
            "bytes": picture.bytes,
            "width": picture.width,
            "height": picture.height,
            "phash": picture.phash,
            "bands": pictures.bands(picture.phash),
            "copies": list(picture.copies),
            "account_id": by.account_id if by else None,
            "sender": stranger.sender if stranger else None,
            "room_bytes": one.room_bytes(),
            "kept_for": _KEPT_OF_STRANGERS if stranger else _KEPT,
            "taken_at": picture.taken_at,
            "exif_lon": picture.exif_lon,
            "exif_lat": picture.exif_lat,
            "exif": Jsonb(picture.exif),
        },
    )
    if by is not None and not known:
        audit.add(conn, "photo", "photos", object=picture.sha256, rows=1, account_id=by.account_id, key_id=key_id)
    elif by is not None:
        conn.execute(_SQL["of_somebody"], {"sha256": picture.sha256})
    return not known


def usable(conn: Connection, sha256s: Collection[str]) -> dict[str, dict[str, Any]]:
    """Which of these photographs may be named by a report or a move: ``{sha256: {phash, bands}}``."""
    if not sha256s:
        return {}
    return {row["sha256"]: row for row in conn.execute(_SQL["usable"], {"sha256s": list(sha256s)})}


def be_known(named: Collection[str], known: Collection[str]) -> None:
    """Refuse photographs that were never sent in, or so long ago that they were let go of: those that are not among
    ``known``. Raises ``UnknownPhoto`` with them.
    """
    if missing := sorted(set(named) - set(known)):
        raise UnknownPhoto(
            "There is no photograph with this hash; send it to POST /api/photos first, and name it within six days; "
            "without a sign-in within twenty hours.",
            photos=missing,
        )


def came_with(conn: Connection, rows: Collection[Mapping[str, Any]]) -> None:
    """Keep which photographs reports came with: ``district_code, report_id, photos, received_at`` of each."""
    names = ("district_code", "report_id", "photos", "received_at")
    shown = [{name: row[name] for name in names} for row in rows if row["photos"]]
    if shown:
        conn.execute(_SQL["came_with"], {"rows": Jsonb(shown)})


def show(conn: Connection, sha256: str, size: str, to: Actor, key_id: int | None = None) -> tuple[str, str]:
    """The name of a copy's file and that file's hash, for a viewer (`scopes.look_as`) who may see a case with it and
    ``people.knows_people`` of that case; that he looked is written down. Raises ``NotFound``, whatever the reason.
    """
    for row in conn.execute(_SQL["seen"], {"sha256": sha256}):
        if knows_people(to, row["organisation_id"]):
            audit.looked(conn, "photos", None, 1, object=sha256, key_id=key_id)
            return _copy(sha256, size, row["copies"])
    raise no_such(sha256)


def show_to_reporter(conn: Connection, client_uid: UUID, sha256: str, size: str) -> tuple[str, str, bool]:
    """The same for whoever holds the key of the report that showed this photograph first, or of whose case it shows the
    result; and whether it is the report's own: what shows a result is withdrawn where the case is opened again. Raises
    ``NotFound``.
    """
    row = conn.execute(_SQL["of_report"], {"client_uid": client_uid, "sha256": sha256}).fetchone()
    if row is None:
        raise no_such(sha256)
    return *_copy(sha256, size, row["copies"]), row["is_own"]


def no_such(sha256: str) -> NotFound:
    """The error for a photograph that is not there, or not for this caller."""
    return NotFound("There is no photograph with this hash.", sha256=sha256)


def _copy(sha256: str, size: str, copies: list[str]) -> tuple[str, str]:
    return sha256 + SUFFIXES[size], copies[list(SIZES).index(size)]


# ---- looking after them ----------------------------------------------------------------------------------------------

Connect = Callable[[], AbstractContextManager[Connection]]


def tidy(connect: Connect, kept: Storage, home: Path, now: float | None = None) -> int:
    """Remove files that a killed process left, and photographs that nobody used in their time; returns how many files
    or uploads went. ``connect`` opens a transaction of its own each time.
    """
    now = time.time() if now is None else now
    incoming = home / "incoming"
    with connect() as conn:
        unused = [row["sha256"] for row in conn.execute(_SQL["unused"], {"most": _MOST})]
    if unused:
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for sha256 in unused:
            # The mark first: a crash behind the deletion leaves files that the next round finds by it.
            mark = incoming / f"forget-{sha256}" / _MARK
            mark.parent.mkdir(exist_ok=True, mode=0o700)
            mark.write_text(sha256, "ascii")
            os.utime(mark.parent, (now - 2 * _LEFT_S,) * 2)
        with connect() as conn:
            conn.execute(_SQL["forget"], {"sha256s": unused})
    gone = 0
    for folder in sorted(incoming.glob("*")) if incoming.is_dir() else ():
        try:
            if now - folder.stat().st_mtime < _LEFT_S:
                continue
            mark = folder / _MARK
            sha256 = mark.read_text("ascii") if mark.exists() else ""
        except OSError:
            continue  # its own process was first
        if len(sha256) == 64:
            with connect() as conn:
                conn.execute(_SQL["lock"], {"sha256": f"photo {sha256}"})
                if conn.execute(_SQL["there"], {"sha256s": [sha256]}).fetchone() is None:
                    _drop(kept, sha256)
        shutil.rmtree(folder, ignore_errors=True)
        gone += 1
    return gone


def _drop(kept: Storage, sha256: str) -> None:
    """Remove a photograph's files, the original first."""
    for name in (sha256, *(sha256 + suffix for suffix in SUFFIXES.values())):
        kept.drop(name)


def check(conn: Connection, kept: Storage, progress: Callable[[int], None] = lambda done: None) -> Iterator[Fault]:
    """Compare rows with files, and files with rows: every file is there and is what its hash says, every file has a
    row, every photograph that was used has one. ``progress`` is told how many rows were looked at.
    """
    with conn.cursor(name="every_photo") as rows:
        for done, row in enumerate(rows.execute(_SQL["every"]), 1):
            wanted = {row["sha256"]: row["sha256"]}
            wanted |= dict(zip((row["sha256"] + s for s in SUFFIXES.values()), row["copies"], strict=True))
            for name, digest in wanted.items():
                content = kept.read(name)
                what = "" if name == row["sha256"] else "copy "
                if content is None:
                    yield Fault(row["sha256"], f"{what}missing", name)
                elif hashlib.sha256(content).hexdigest() != digest:
                    yield Fault(row["sha256"], f"{what}altered", name)
            progress(done)
    for row in conn.execute(_SQL["unkept"]):
        yield Fault(row["sha256"], "used but unknown", row["sha256"])
    for name in _strangers(conn, kept):
        yield Fault(name[:64], "unknown to the database", name)


def _strangers(conn: Connection, kept: Storage) -> Iterator[str]:
    """Files of which there is no row."""
    some: list[str] = []

    def unknown_of(names: list[str]) -> list[str]:
        asked = {"sha256s": sorted({name[:64] for name in names})}
        known = {row["sha256"] for row in conn.execute(_SQL["there"], asked)}
        return [name for name in names if name[:64] not in known]

    found: list[str] = []
    for name in kept.names():
        some.append(name)
        if len(some) == 1000:
            found += unknown_of(some)
            some = []
    found += unknown_of(some)
    if found:
        # A photograph that comes in at this moment has its files before its row.
        time.sleep(_ON_ITS_WAY_S)
    yield from sorted(unknown_of(found))
