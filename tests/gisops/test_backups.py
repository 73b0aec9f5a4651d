"""Base backups and the WAL between them: taken, listed, dropped; lines that restores have left; what goes wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import doctor
from gisops import backups, cluster_files, photo_backups, restores, storage, wal_archive
from gisops import cluster as private_cluster
from gisops.backups import BrokenBackup, NoBackup
from gisops.cluster import OWNER, Cluster
from gisops.db.migrate import migrate
from gisops.db.pool import connect
from gisops.errors import Conflict
from gisops.settings import Settings
from gisops.storage import Folder
from layers.catalog import view_sql

QUICK = {"fsync": "off", "shared_buffers": "64MB", "max_connections": "30", "full_page_writes": "off"}


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A home with the schema and a table to write to; stopped between tests."""
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        made = Settings(home=Path(folder))
        own = private_cluster.ensure(made, conf=QUICK)
        migrate(own.url(OWNER), view_sql())
        with connect(own.url(OWNER)) as conn:
            conn.execute("CREATE TABLE notes (said text, at timestamptz DEFAULT clock_timestamp())")
        close(own)
        yield made
        private_cluster.destroy(made)


@pytest.fixture
def own(settings: Settings) -> Iterator[Cluster]:
    """The same, running, without any backups yet."""
    shutil.rmtree(backups.root(settings), ignore_errors=True)
    (cluster_files.place(settings.home).data / wal_archive.CONF).unlink(missing_ok=True)
    opened = private_cluster.ensure(settings, conf=QUICK)
    yield opened
    close(opened)


def close(own: Cluster) -> None:
    if own.owned:
        private_cluster.stop(own)
        private_cluster.release(own)


def note(own: Cluster, said: str) -> datetime:
    """Write something; a moment at which it is committed and nothing later is."""
    with connect(own.url(OWNER)) as conn:
        conn.execute("INSERT INTO notes (said) VALUES (%s)", [said])
    return datetime.now(UTC)


def notes(settings: Settings) -> list[str]:
    own = private_cluster.ensure(settings, conf=QUICK)
    with connect(own.url(OWNER)) as conn:
        found = [row["said"] for row in conn.execute("SELECT said FROM notes ORDER BY at")]
    close(own)
    return found


def folder_of(settings: Settings) -> Path:
    [folder] = backups.clusters(backups.root(settings))
    return folder


def test_no_wal_is_kept_before_the_first_backup_and_all_of_it_afterwards(own: Cluster, settings: Settings) -> None:
    assert not backups.root(settings).exists()
    with pytest.raises(NoBackup):
        private_cluster_is_down(own, settings)
    base = backups.take(settings)
    assert [one.name for one in backups.bases(folder_of(settings))] == [base.name]
    assert base.bytes > 10 * 2**20
    assert base.began_at < base.ended_at
    there = wal_archive.segments(folder_of(settings) / "wal")
    assert base.first_segment in there
    assert folder_of(settings).stat().st_mode & 0o077 == 0, "nobody else may read it"


def private_cluster_is_down(own: Cluster, settings: Settings) -> None:
    """Restore from what there is, with the cluster stopped for it and started again."""
    close(own)
    try:
        restores.restore(settings, conf=QUICK)
    finally:
        again = private_cluster.ensure(settings, conf=QUICK)
        own.owned, own.started, own._lock = again.owned, again.started, again._lock


def test_only_so_many_are_kept_and_the_wal_that_they_need(own: Cluster, settings: Settings) -> None:
    first = backups.take(settings)
    with connect(own.url(OWNER)) as conn:
        conn.execute("INSERT INTO notes (said) SELECT repeat(md5(n::text), 100) FROM generate_series(1, 12000) n")
        conn.execute("DELETE FROM notes")
    time.sleep(1.1)  # a base backup is named by its second
    second = backups.take(settings, keep=1)
    folder = folder_of(settings)
    assert [one.name for one in backups.bases(folder)] == [second.name]
    assert not first.folder.exists()
    there = wal_archive.segments(folder / "wal")
    assert first.first_segment not in there
    assert min(there).number == second.first_segment.number
    assert backups.spans(folder)[0].missing is None


def test_a_backup_that_was_cut_short_is_none(own: Cluster, settings: Settings) -> None:
    base = backups.take(settings)
    (base.folder.parent / "20200101T000000Z.new").mkdir()
    (base.folder.parent / "20200102T000000Z").mkdir()
    assert [one.name for one in backups.bases(folder_of(settings))] == [base.name]


def test_a_copy_to_take_away_restores_to_its_own_end(own: Cluster, settings: Settings, home: Path) -> None:
    note(own, "in the copy")
    copy = backups.take(settings, to=home / "taken away")
    note(own, "after it")
    assert not (backups.root(settings)).exists(), "it starts no archive"
    there = Settings(home=home / "there")
    try:
        restores.restore(there, source=home / "taken away", conf=QUICK)
        assert notes(there)[-1] == "in the copy"
        [span] = backups.spans(backups.clusters(home / "taken away")[0])
        assert span.base.name == copy.name
    finally:
        private_cluster.destroy(there)


def test_what_a_restore_has_left_behind_is_marked_and_can_be_named(own: Cluster, settings: Settings) -> None:
    """One line: a, then b and a base backup; back to a; then c. What came of b is another line."""
    with connect(own.url(OWNER)) as conn:
        conn.execute("DELETE FROM notes")
    first = backups.take(settings)
    a = note(own, "a")
    time.sleep(1.1)
    note(own, "b")
    second = backups.take(settings)
    note(own, "b, later")
    close(own)
    with pytest.raises(Conflict, match="how many"):
        backups.take(settings, keep=-1)
    made = restores.restore(settings, at=a, conf=QUICK)
    assert (made.base.name, made.timeline) == (first.name, 2)
    assert notes(settings) == ["a"]
    with private_cluster.running(settings) as again:
        note(again, "c")
    spans = {span.base.name: span for span in backups.spans(folder_of(settings))}
    assert (spans[first.name].left, spans[second.name].left) == (False, True)
    made = restores.restore(settings, conf=QUICK)
    assert (made.base.name, made.timeline) == (first.name, 3)
    assert notes(settings) == ["a", "c"]
    made = restores.restore(settings, base=second.name, conf=QUICK)
    assert (made.base.name, made.timeline) == (second.name, 4)
    assert notes(settings) == ["a", "b", "b, later"]
    with private_cluster.running(settings) as again, connect(again.url(OWNER)) as conn:
        assert conn.execute("SELECT epoch FROM relay_state").fetchone() == {"epoch": 4}
    with pytest.raises(NoBackup, match=first.name):
        restores.restore(settings, base="20010101T000000Z", conf=QUICK)


def test_wal_that_cannot_be_handed_over_is_told_and_goes_on_when_it_can(own: Cluster, settings: Settings) -> None:
    backups.take(settings)
    assert list(backups.troubles(settings)) == []
    archive = folder_of(settings) / "wal"
    archive.rename(archive.with_name("away"))
    with connect(own.url("postgres"), autocommit=True) as conn:
        note(own, "some")
        conn.execute("SELECT pg_switch_wal()")
        give_up = time.monotonic() + 20
        while not list(backups.troubles(settings)):
            assert time.monotonic() < give_up
            time.sleep(0.1)
        told = {found.name: found for found in doctor.examine(settings)}["Backups"]
        assert not told.ok
        assert "handed over" in told.state
        archive.with_name("away").rename(archive)
        note(own, "more")
        conn.execute("SELECT pg_switch_wal()")
        give_up = time.monotonic() + 60
        while list(backups.troubles(settings)):
            assert time.monotonic() < give_up
            time.sleep(0.2)
    assert backups.spans(folder_of(settings))[0].missing is None


def test_backups_outlive_the_data(own: Cluster, settings: Settings, home: Path) -> None:
    """`gisops reset` deletes the database; its backups are for just such a day."""
    apart = Settings(home=home / "apart")
    (home / "apart").mkdir(mode=0o700)
    made = private_cluster.ensure(apart, conf=QUICK)
    kept = backups.root(apart)
    try:
        migrate(made.url(OWNER), view_sql())
        base = backups.take(apart)
        close(made)
        private_cluster.destroy(apart)
        assert not made.place.data.exists()
        assert base.folder.is_dir()
        restores.restore(apart, conf=QUICK)
        assert cluster_files.exists(made.place)
    finally:
        close(made)
        shutil.rmtree(kept, ignore_errors=True)
        private_cluster.destroy(apart)
    assert not made.place.data.exists()


def test_photographs_go_along_and_come_back(own: Cluster, settings: Settings, tmp_path: Path) -> None:
    kept = Folder(storage.folder_of(settings))
    (tmp_path / "one").write_bytes(b"one")
    names = {f"{n:02x}" * 32 for n in (1, 2)}
    for name in names:
        kept.put(name, tmp_path / "one")
    base = backups.take(settings)
    folder = base.folder.parent.parent
    assert photo_backups.copy(settings, folder) == 2
    assert photo_backups.copy(settings, folder) == 0, "each is copied once"
    assert photo_backups.elsewhere(settings) is None
    late = "03" * 32
    kept.put(late, tmp_path / "one")
    kept.drop("01" * 32)
    close(own)
    restores.restore(settings, conf=QUICK)
    assert set(kept.names()) == {*names, late}
    assert kept.read("01" * 32) == b"one"
    away = settings.model_copy(update={"photos": "s3://bucket/prefix", "photos_region": "us-east-1"})
    assert photo_backups.elsewhere(away) == "s3://bucket/prefix"
    assert photo_backups.copy(away, folder) == 0


def test_a_folder_that_cannot_be_written_is_refused_with_a_way_out(
    own: Cluster, settings: Settings, home: Path
) -> None:
    (home / "file").write_text("")
    with pytest.raises(BrokenBackup, match="cannot be written") as caught:
        backups.take(settings.model_copy(update={"backup_dir": home / "file"}))
    assert "GISOPS_BACKUP_DIR" in caught.value.facts["do"]
