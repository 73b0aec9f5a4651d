"""The restore drill: a city that works, a backup taken meanwhile, a disaster, and the city of a named second again."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from api.cli import app
from gisops import backups, cluster_files, operations, partitions, restores, sample, wal_archive
from gisops import city as cities
from gisops import cluster as private_cluster
from gisops.cases.reports import NewReport, Receipt
from gisops.cluster import ADMIN, APP, OWNER, Cluster
from gisops.db import queries
from gisops.db.migrate import migrate
from gisops.db.pool import Connection, connect
from gisops.errors import Conflict, GisopsError, InvalidInput
from gisops.settings import Settings
from layers.catalog import view_sql
from tests.conftest import Database, serve

TOLD = queries.load("tests.walk", "told.sql")
IN_SERVICE = {"shared_buffers": "256MB", "max_connections": "40", "max_wal_size": "1GB"}
# The machine does not crash here, only PostgreSQL: what it wrote is there, on the disk or not yet.
CONF = {**IN_SERVICE, "fsync": "off"}
COMPARED = (
    "cases",
    "case_history",
    "dispatch_decisions",
    "reports",
    "case_recipients",
    "intake_keys",
    "zones",
    "staff",
)


@dataclass
class Drill:
    """A city in a home of its own, what it was at named moments, and its backups."""

    settings: Settings
    base: backups.Base
    marks: dict[str, tuple[datetime, dict[str, str]]] = field(default_factory=dict)
    epoch: int = 1
    answered: dict[UUID, bytes] = field(default_factory=dict)


def hashes(conn: Connection) -> dict[str, str]:
    """Every row of what must not be lost, as one figure a table: the sum of all rows' hashes needs no order."""
    found = {}
    for table in COMPARED:
        row = conn.execute(
            f"""SELECT count(*) || ' ' || coalesce(sum(('x' || left(h, 15))::bit(60)::bigint), 0) || ' '
                  || coalesce(sum(('x' || right(h, 15))::bit(60)::bigint), 0) AS hash
                FROM (SELECT md5(t::text) AS h FROM {table} t) rows""".encode()
        ).fetchone()
        assert row is not None
        found[table] = row["hash"]
    return found


def post(conn: Connection, count: int) -> dict[UUID, bytes]:
    """Reports come in, in several transactions; the answers that were given."""
    city = cities.load(conn)
    west, south, east, north = city.extent
    given: dict[UUID, bytes] = {}
    for first in range(0, count, 40):
        sent = []
        for n in range(first, min(count, first + 40)):
            lon = west + (east - west) * (0.3 + 0.4 * (n * 0.618 % 1))
            lat = south + (north - south) * (0.3 + 0.4 * (n * 0.755 % 1))
            sent.append(NewReport(uuid4(), "citizen", "E04-05", lon, lat, "WGS84", 5.0, text="样例 / sample"))
        answers = operations.receive_batch(conn, city, sent, None)
        conn.commit()
        given |= {r.client_uid: a.answer for r, a in zip(sent, answers, strict=True) if isinstance(a, Receipt)}
    assert len(given) > count / 2
    return given


def tell(conn: Connection, count: int, span: str = "20 days") -> None:
    """A past, set-based."""
    now = datetime.now(UTC)
    partitions.ensure(conn, now - timedelta(days=370), now)
    for statement in TOLD.values():
        conn.execute(statement, {"first": 1, "last": count, "span": span})
    conn.commit()


def whole_second(conn: Connection) -> datetime:
    """The next whole second, once it is over: everything committed so far was before it, what follows comes after."""
    row = conn.execute("SELECT date_trunc('second', clock_timestamp()) + interval '1 second' AS at").fetchone()
    assert row is not None
    while datetime.now(UTC) <= row["at"] + timedelta(milliseconds=20):
        time.sleep(0.01)
    at: datetime = row["at"]
    return at


def handed_over(own: Cluster, archive: Path) -> None:
    """What was written so far lies in the archive; what comes after does not."""
    with connect(own.url(ADMIN), autocommit=True) as conn:
        row = conn.execute("SELECT pg_walfile_name(pg_switch_wal()) AS name").fetchone()
    assert row is not None
    give_up = time.monotonic() + 30
    while not (archive / f"{row['name']}.gz").exists():
        assert time.monotonic() < give_up, "the segment was not handed over"
        time.sleep(0.05)


@contextmanager
def opened(settings: Settings, conf: dict[str, str] = CONF) -> Iterator[Cluster]:
    made = private_cluster.ensure(settings, conf=conf)
    try:
        yield made
    finally:
        if made.owned:
            private_cluster.stop(made)
            private_cluster.release(made)


def wreck(settings: Settings) -> None:
    """Every process killed, and the heart of the data gone; what is left of WAL is left."""
    place = cluster_files.place(settings.home)
    for pid in cluster_files.backends(place):
        os.kill(pid, signal.SIGKILL)
    while cluster_files.backends(place):
        time.sleep(0.02)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    (place.data / "global" / "pg_control").unlink()
    (place.data / "PG_VERSION").unlink()
    shutil.rmtree(place.data / "base")


def a_city(home: Path, told: int, posted: int, span: str = "20 days", conf: dict[str, str] = CONF) -> Drill:
    """Made, told of, reported to; backed up while more comes in; marked; and more after that."""
    settings = Settings(home=home, backup_dir=home / "kept", sample_password=SecretStr("for this test only"))
    with opened(settings, conf) as own:
        migrate(own.url(OWNER), view_sql())
        sample.load(own.url(OWNER), settings, size="district")
        with connect(own.url(OWNER), unhurried=True) as conn:
            tell(conn, told, span)
        with connect(own.url(APP)) as conn:
            answered = post(conn, posted)
        base = backups.take(settings)
        with connect(own.url(APP)) as conn, connect(own.url(OWNER), autocommit=True, unhurried=True) as owner:
            answered |= post(conn, posted)
            drill = Drill(settings, base, answered=answered)
            drill.marks["second"] = (whole_second(owner), hashes(owner))
            post(conn, posted)
            for _ in range(2):
                handed_over(own, cluster_folder(settings) / "wal")
                post(conn, posted // 2)
            drill.marks["last"] = (whole_second(owner), hashes(owner))
            epoch = owner.execute("SELECT epoch FROM relay_state").fetchone()
            assert epoch is not None
            drill.epoch = epoch["epoch"]
        with connect(own.url(APP)) as conn:
            # What was not committed when the light went out does not count.
            conn.execute("UPDATE cases SET version = 1000 WHERE case_id IN (SELECT case_id FROM cases LIMIT 100)")
            with suppress(psycopg.OperationalError):
                wreck(settings)
                conn.rollback()
    return drill


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)
        private_cluster.destroy(Settings(home=Path(folder)))


@pytest.fixture(scope="module")
def drill(home: Path) -> Drill:
    return a_city(home, told=3_000, posted=200)


@pytest.fixture
def elsewhere(drill: Drill, home: Path) -> Iterator[Settings]:
    """Another machine's home, with a copy of the backups and nothing else."""
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        kept = Path(folder) / "kept"
        shutil.copytree(home / "kept", kept)
        place = cluster_files.place(Path(folder))
        for path in (kept, *kept.rglob("*")):
            cluster_files.hand_over(place, path)
        settings = Settings(home=Path(folder), backup_dir=kept)
        yield settings
        private_cluster.destroy(settings)


def cluster_folder(settings: Settings) -> Path:
    [folder] = backups.clusters(backups.root(settings))
    return folder


def served(settings: Settings, own: Cluster) -> None:
    """A real web process and worker on it: ready, and a new report is taken."""
    database = Database("gisops", own.url(APP), own.url(OWNER), own.url(ADMIN))
    with serve(database) as server:
        with connect(own.url(APP)) as conn:
            west, south, east, north = cities.load(conn).extent
        body = {
            "client_uid": str(uuid4()), "category": "E04-05", "crs": "WGS84", "accuracy_m": 5,
            "lon": (west + east) / 2, "lat": (south + north) / 2, "channel": "citizen",
        }  # fmt: skip
        assert httpx2.post(f"{server.base_url}/api/reports", json=body, timeout=10).status_code == 201


# ---- what is refused, and leaves all as it was ---------------------------------------------------------------------


def refused(settings: Settings, **asked: Any) -> GisopsError:
    with pytest.raises(GisopsError) as caught:
        restores.restore(settings, **asked, conf=CONF)
    assert not (cluster_files.place(settings.home).base / "pg.before-restore").exists()
    return caught.value


def test_a_moment_outside_of_the_span_is_refused_with_the_span_in_words(elsewhere: Settings, drill: Drill) -> None:
    [span] = backups.spans(cluster_folder(elsewhere))
    assert span.first == drill.base.ended_at
    for at in (drill.base.ended_at - timedelta(seconds=1), datetime.now(UTC) + timedelta(days=1)):
        error = refused(elsewhere, at=at)
        assert error.code == "outside_span"
        assert f"from {span.first.isoformat(sep=' ')} to {span.last.isoformat(sep=' ')}" in error.message
    assert not cluster_files.exists(cluster_files.place(elsewhere.home))


@pytest.mark.parametrize("text", ["2026-11-22 10:15:03", "yesterday", "2026-13-01 00:00+08", ""])
def test_a_moment_names_its_zone(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"\+08"):
        restores.moment(text)
    assert restores.moment("2026-11-22 10:15:03+08") == datetime(2026, 11, 22, 2, 15, 3, tzinfo=UTC)


def test_a_segment_that_is_missing_is_named_and_what_lies_before_it_can_be_had(
    elsewhere: Settings, drill: Drill
) -> None:
    archive = cluster_folder(elsewhere) / "wal"
    first = drill.base.first_segment.number
    there = {segment.number: path for segment, path in wal_archive.segments(archive).items()}
    gone = there[first + 1]
    assert first + 2 in there
    gone.unlink()
    (cluster_folder(elsewhere) / "base" / drill.base.name / "pg_wal" / gone.stem).unlink(missing_ok=True)
    error = refused(elsewhere)
    assert error.code == "missing_wal"
    assert gone.stem in error.message
    assert refused(elsewhere, at=datetime.now(UTC)).code == "missing_wal"


def test_a_damaged_base_backup_is_found_before_anything_is_touched(elsewhere: Settings) -> None:
    [base] = backups.bases(cluster_folder(elsewhere))
    victim = max((base.folder / "base").rglob("[0-9]*"), key=lambda path: path.stat().st_size)
    with victim.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 8)
    error = refused(elsewhere)
    assert error.code == "broken_backup"
    assert victim.name in error.message


def test_a_backup_of_another_postgres_is_refused_with_the_package_it_needs(elsewhere: Settings) -> None:
    [base] = backups.bases(cluster_folder(elsewhere))
    facts = base.folder.with_suffix(".json")
    facts.write_text(facts.read_text().replace(f'"postgres": {base.postgres}', '"postgres": 14'))
    error = refused(elsewhere)
    assert "PostgreSQL 14" in error.message
    assert error.facts["do"] == "apt-get install postgresql-14-postgis-3"


def test_a_segment_that_cannot_be_unpacked_fails_the_restore_and_puts_the_old_data_back(
    elsewhere: Settings, drill: Drill
) -> None:
    """Not the end of the WAL, as which it would be taken for if it merely were not there."""
    place = cluster_files.place(elsewhere.home)
    place.data.mkdir(parents=True)
    (place.data / "mine").write_text("what was there")
    archive = cluster_folder(elsewhere) / "wal"
    last = wal_archive.segments(archive)[max(wal_archive.segments(archive))]
    whole = last.read_bytes()
    [span] = backups.spans(cluster_folder(elsewhere))
    last.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((GisopsError, EOFError)):
        restores.restore(elsewhere, at=span.last, conf=CONF)
    assert (place.data / "mine").read_text() == "what was there"
    shutil.rmtree(place.data)


def test_where_there_is_nothing_to_restore_from_it_says_so(tmp_path: Path, home: Path) -> None:
    settings = Settings(home=tmp_path / "none", backup_dir=tmp_path / "kept")
    assert refused(settings).code == "no_backup"
    private_cluster.destroy(settings)


def test_a_database_of_ones_own_has_its_own_backups() -> None:
    settings = Settings(database_url=SecretStr("postgresql://app@db/x"))
    for act in (lambda: backups.take(settings), lambda: restores.restore(settings, conf=CONF)):
        with pytest.raises(Conflict, match="your own") as caught:
            act()
        assert "pg_basebackup" in caught.value.facts["do"]


# ---- the drill -----------------------------------------------------------------------------------------------------


def test_on_another_machine_the_city_of_the_named_second_is_made_again(elsewhere: Settings, drill: Drill) -> None:
    at, was = drill.marks["second"]
    made = restores.restore(elsewhere, at=at, conf=CONF)
    assert made.base.name == drill.base.name
    assert made.at < at
    with opened(elsewhere) as own, connect(own.url(OWNER)) as conn:
        assert hashes(conn) == was
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []


def test_the_wrecked_city_comes_back_whole_and_then_as_of_the_second(drill: Drill) -> None:
    """First to its last commit, which no archive had yet: out of the wreck's own WAL. Then to the named second."""
    settings, place = drill.settings, cluster_files.place(drill.settings.home)
    (settings.home / "sample-password").write_text("kept")
    _, was = drill.marks["last"]
    first = restores.restore(settings, conf=CONF)
    assert not list(place.base.glob("*restor*"))
    assert not (place.base / "wal.rescued").exists()
    with opened(settings) as own:
        with connect(own.url(OWNER)) as conn:
            assert hashes(conn) == was, "nothing that was committed is lost"
            assert lives(conn) == {"epoch": first.epoch, "alive": 0, "broken": 0}
            assert first.epoch == drill.epoch + 1
            kept = {row["client_uid"]: row["answer"].encode() for row in conn.execute("TABLE intake_keys")}
            assert drill.answered.items() <= kept.items(), "who was answered still is"
        served(settings, own)
        with connect(own.url(OWNER)) as conn:
            numbers = conn.execute("SELECT count(*) AS n, count(DISTINCT case_no) AS d FROM cases").fetchone()
            assert numbers is not None
            assert numbers["n"] == numbers["d"]
        assert refused(settings).code == "conflict", "not while it runs"

    at, was = drill.marks["second"]
    runner = CliRunner(env={"GISOPS_HOME": str(settings.home), "GISOPS_BACKUP_DIR": str(settings.backup_dir)})
    listed = runner.invoke(app, ["backups"])
    assert drill.base.name in listed.output
    asked = at.astimezone(timezone(timedelta(hours=8))).isoformat(sep=" ")
    done = runner.invoke(app, ["restore", "--yes", "--at", asked])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "restored to" in done.output
    assert (settings.home / "sample-password").read_text() == "kept"
    with opened(settings) as own:
        with connect(own.url(OWNER)) as conn:
            assert hashes(conn) == was
            assert lives(conn) == {"epoch": drill.epoch + 2, "alive": 0, "broken": 0}
        served(settings, own)


def lives(conn: Connection) -> dict[str, Any] | None:
    return conn.execute(
        """SELECT epoch, (SELECT count(*) FROM sessions WHERE revoked_at IS NULL) AS alive,
           (SELECT count(*) FROM broken_history()) AS broken FROM relay_state"""
    ).fetchone()


# ---- the long form -------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_two_million_cases_are_back_within_five_minutes() -> None:
    with tempfile.TemporaryDirectory(prefix="gisops-test-") as folder:
        os.chmod(folder, 0o755)
        home = Path(folder)
        try:
            began = time.monotonic()
            drill = a_city(home, told=2_000_000, posted=2_000, span="360 days", conf=IN_SERVICE)
            made_s = time.monotonic() - began
            at, was = drill.marks["second"]
            made = restores.restore(drill.settings, at=at)
            with opened(drill.settings, IN_SERVICE) as own, connect(own.url(OWNER), unhurried=True) as conn:
                assert hashes(conn) == was
                began = time.monotonic()
                assert lives(conn) == {"epoch": drill.epoch + 1, "alive": 0, "broken": 0}
                print(
                    f"\n2,000,000 cases, {drill.base.bytes / 2**30:.1f} GiB: made and worked on in {made_s:.0f} s, "
                    f"backed up in {(drill.base.ended_at - drill.base.began_at).total_seconds():.0f} s, "
                    f"restored in {made.took_s:.0f} s, every history checked in {time.monotonic() - began:.0f} s"
                )
            assert made.took_s < 300
        finally:
            private_cluster.destroy(Settings(home=home))
