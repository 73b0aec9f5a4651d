"""A full disk: reading goes on, writing is refused with 507 and nothing is lost; room made, writing goes on.

On a file system of its own, which takes root to mount.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from gisops import cluster, room
from gisops.settings import Settings

MIB = 2**20


@pytest.fixture
def small_disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    with tempfile.TemporaryDirectory(prefix="gisops-disk-") as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m,mode=755", "tmpfs", folder], check=False)
        if done.returncode != 0:
            pytest.skip("no file system can be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


class House:
    """``gisops up`` on the small disk."""

    def __init__(self, disk: Path) -> None:
        self.disk, self.home = disk, disk / "home"
        self.settings = Settings(_env_file=None, home=self.home)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
        environment |= {
            "GISOPS_HOME": str(self.home),
            "GISOPS_PORT": "0",
            "GISOPS_PROCESSES": "1",
            "GISOPS_ANONYMOUS_REPORTS_PER_MINUTE": "6000",
            "GISOPS_SAMPLE_SIZE": "district",
        }
        self.log = Path(tempfile.mkdtemp(prefix="gisops-disk-log-")) / "up.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "api.cli", "up"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.url = self._address()

    def _address(self) -> str:
        give_up = time.monotonic() + 90
        while time.monotonic() < give_up:
            said = self.log.read_text("utf-8", "replace")
            assert self.process.poll() is None, said
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/readyz", said):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(self.log.read_text("utf-8", "replace"))

    def fill(self, leave: int) -> None:
        """Take all room but ``leave`` bytes."""
        free = room.look(self.disk).free
        if free > leave:
            with (self.disk / "filling").open("ab") as file:
                os.posix_fallocate(file.fileno(), file.tell(), free - leave)

    def make_room(self) -> None:
        (self.disk / "filling").unlink(missing_ok=True)

    def report(self) -> tuple[int, str]:
        uid = str(uuid.uuid4())
        body = {
            "client_uid": uid,
            "channel": "citizen",
            "category": "E01-10",
            "lon": 110.354,
            "lat": 20.0335,
            "crs": "WGS84",
        }
        try:
            answer = httpx2.post(f"{self.url}/api/reports", json=body, timeout=10)
        except httpx2.HTTPError:
            return 0, uid
        if answer.status_code == 507:
            assert answer.json()["code"] == "storage_full"
            assert answer.headers["retry-after"] == "30"
        return answer.status_code, uid

    def until(self, wanted: int, seconds: float = 40) -> str:
        give_up = time.monotonic() + seconds
        seen = []
        while time.monotonic() < give_up:
            status, uid = self.report()
            seen.append(status)
            if status == wanted:
                return uid
            time.sleep(0.25)
        raise AssertionError(f"{wanted} did not come: {seen[-20:]}\n{self.log.read_text('utf-8', 'replace')[-3000:]}")

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=10)

    def has(self, uid: str) -> bool:
        return self.get(f"/api/reports/{uid}").status_code == 200

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture
def house(small_disk: Path) -> Iterator[House]:
    made = House(small_disk)
    try:
        yield made
    finally:
        made.end()


def test_reading_goes_on_writing_is_refused_and_nothing_is_lost(house: House) -> None:
    kept = house.until(201)
    base = cluster.status(house.settings).place.base
    assert base.is_relative_to(house.disk)
    _soon(lambda: (base / "ballast").exists())

    # As good as full: refused before PostgreSQL meets the end of the disk.
    house.fill(leave=60 * MIB)
    house.until(507)
    assert house.has(kept)
    assert house.get("/ogc/collections/zones/items?limit=5").status_code == 200
    ready = house.get("/readyz")
    assert (ready.status_code, ready.json()["disk"]) == (503, "full")
    house.make_room()
    later = house.until(201)
    assert house.has(kept)
    assert house.has(later)
    _soon(lambda: house.get("/readyz").status_code == 200)

    # To the last byte, and PostgreSQL killed: it cannot start without room, and gets it from the ballast.
    house.fill(leave=0)
    postmaster = cluster.status(house.settings).pid
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    _soon(lambda: house.has(kept), 60)
    assert not (base / "ballast").exists(), "it got up without the ballast: this test shows nothing"
    assert house.has(later)
    assert house.report()[0] == 507
    house.make_room()
    last = house.until(201)
    for uid in (kept, later, last):
        assert house.has(uid)
    with psycopg.connect(cluster.database_urls(house.settings).owner) as conn:
        assert conn.execute("SELECT count(*) FROM broken_history()").fetchone() == (0,)


def _soon(done, seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except httpx2.HTTPError:
            pass
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.2)
