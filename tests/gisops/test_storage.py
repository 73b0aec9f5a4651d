"""Where files lie: a folder and an S3-compatible store do the same.

The store is one that ``GISOPS_TEST_S3`` names (``http://key:secret@host:9000/bucket``), or moto's, where its
``moto_server`` is on the path.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr, ValidationError

from gisops import photos, storage
from gisops.db.pool import connect
from gisops.settings import Settings
from gisops.storage import Bucket, Folder, Storage, StorageUnavailable, storage_of
from tests.photos import jpeg

NAME = "ab" * 32


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of a store with a bucket: ``http://key:secret@host:port/bucket``."""
    if given := os.environ.get("GISOPS_TEST_S3"):
        yield given
        return
    program = shutil.which("moto_server")
    if program is None:
        pytest.skip("no S3-compatible store: set GISOPS_TEST_S3, or have moto_server on the path")
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=quiet, stderr=quiet)
    try:
        give_up = time.monotonic() + 30
        while True:
            try:
                httpx2.put(f"http://127.0.0.1:{port}/photographs", timeout=5).raise_for_status()
                break
            except httpx2.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.1)
        yield f"http://key:secret@127.0.0.1:{port}/photographs"
    finally:
        process.terminate()
        process.wait()


def settings_of(address: str, prefix: str) -> Settings:
    where = urlsplit(address)
    return Settings(
        photos=f"s3:/{where.path}/{prefix}",
        photos_endpoint=f"{where.scheme}://{where.hostname}:{where.port}",
        photos_region="us-east-1",
        photos_access_key=where.username,
        photos_secret_key=SecretStr(where.password or ""),
    )


@pytest.fixture(params=["folder", "store"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Folder(tmp_path / "kept")
    return storage_of(settings_of(request.getfixturevalue("store"), f"test-{uuid4()}"))


def test_what_is_put_is_there_until_it_is_dropped(kept: Storage, tmp_path: Path) -> None:
    source = tmp_path / "one"
    source.write_bytes(b"\0\xff" * 50_000)
    assert not kept.has(NAME)
    assert kept.read(NAME) is None
    kept.drop(NAME)
    kept.put(NAME, source)
    assert kept.has(NAME)
    assert kept.read(NAME) == source.read_bytes()
    kept.drop(NAME)
    assert (kept.has(NAME), kept.read(NAME), list(kept.names())) == (False, None, [])


def test_what_is_there_stays_as_it_is(kept: Storage, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    kept.put(NAME, first)
    kept.put(NAME, second)
    assert kept.read(NAME) == b"first"


def test_every_file_is_named_once(kept: Storage, tmp_path: Path) -> None:
    source = tmp_path / "one"
    source.write_bytes(b"one")
    names = {f"{n:02x}" * 32 + suffix for n in range(5) for suffix in ("", ".small.jpg")}
    for name in names:
        kept.put(name, source)
    assert sorted(kept.names()) == sorted(names)


def test_a_photograph_s_whole_way(database: Any, kept: Storage, tmp_path: Path) -> None:
    """In, known, checked, changed, found out, and let go."""
    with photos.arriving(tmp_path) as folder, connect(database.app_url) as conn:
        (folder / photos.SENT).write_bytes(jpeg(800 + isinstance(kept, Bucket)))
        one = photos.develop(folder)
        photos.keep_files(kept, one)
        assert photos.record(conn, kept, one, None)
        conn.commit()
        assert list(photos.check(conn, kept)) == []
        kept.drop(one.picture.sha256)
        assert [fault.problem for fault in photos.check(conn, kept)] == ["missing"]
        # the same photograph sent again mends it
        photos.keep_files(kept, one)
        assert not photos.record(conn, kept, one, None)
        assert list(photos.check(conn, kept)) == []
        conn.commit()
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE photos SET stored_at = stored_at - interval '8 days'")
    assert photos.tidy(lambda: connect(database.app_url), kept, tmp_path) == 1
    assert list(kept.names()) == []


def test_a_store_that_does_not_answer_is_told_as_such(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    kept = storage_of(settings_of(f"http://key:secret@127.0.0.1:{port}/photographs", "x"))
    with pytest.raises(StorageUnavailable, match="s3://photographs/x does not answer"):
        kept.has(NAME)


def test_a_folder_that_cannot_be_written_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        Folder(tmp_path / "file" / "below").put(NAME, tmp_path / "file")


def test_the_setting_names_the_place(tmp_path: Path) -> None:
    own = storage_of(Settings(home=tmp_path))
    assert isinstance(own, Folder)
    assert own.root == tmp_path / "photos" == storage.folder_of(Settings(home=tmp_path))
    other = storage_of(Settings(home=tmp_path, photos=str(tmp_path / "elsewhere")))
    assert isinstance(other, Folder)
    assert other.root == tmp_path / "elsewhere"
    there = storage_of(Settings(photos="s3://bucket/some/prefix", photos_region="us-east-1"))
    assert isinstance(there, Bucket)
    assert there.where == "s3://bucket/some/prefix"
    for wrong in ("relative/folder", "http://store/bucket", "s3:///prefix", "s3://bucket?x=1"):
        with pytest.raises(ValidationError, match="s3://bucket/prefix"):
            Settings(photos=wrong)
