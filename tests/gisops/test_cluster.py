"""The private cluster: made, adopted, restarted after the worst, and clear about what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from gisops import cluster as private_cluster
from gisops import cluster_files
from gisops.cluster import ADMIN, APP, OWNER, READER, WINDOWS, Cluster
from gisops.errors import NotReady
from gisops.settings import Settings

QUICK = {"fsync": "off", "shared_buffers": "32MB", "max_connections": "30"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand files to another user")


@pytest.fixture
def settings(home: Path) -> Iterator[Settings]:
    yield Settings(home=home)
    private_cluster.destroy(Settings(home=home))


@pytest.fixture
def running(settings: Settings) -> Iterator[Cluster]:
    made = private_cluster.ensure(settings, conf=QUICK)
    yield made
    private_cluster.stop(made)
    private_cluster.release(made)


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(query).fetchone()
        return None if row is None else row[0]


def until(done: Callable[[], bool], seconds: float = 5) -> None:
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)


def test_a_new_cluster_checks_its_pages_speaks_utf8_and_opens_no_tcp_port(cluster: Cluster) -> None:
    url = cluster.url()
    assert one(url, "SHOW data_checksums") == "on"
    assert one(url, "SHOW server_encoding") == "UTF8"
    assert one(url, "SHOW lc_collate") == "C.UTF-8"
    assert one(url, "SHOW listen_addresses") == ""
    assert one(url, "SHOW jit") == "off"
    assert one(url, "SELECT ST_AsText(ST_Point(1, 2))") == "POINT(1 2)"


def test_the_doors_role_owns_nothing_and_the_owner_is_no_superuser(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url()) as conn:
        roles = conn.execute("SELECT rolname, rolsuper, rolinherit FROM pg_roles WHERE rolname ~ '^gisops' ORDER BY 1")
        assert roles.fetchall() == [
            (APP, False, False),
            (OWNER, False, True),
            (READER, False, True),
            (WINDOWS, False, True),
        ]
    assert one(cluster.url(), "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'gisops'") == OWNER
    assert one(cluster.url(), "SELECT current_user") == APP
    with psycopg.connect(cluster.url()) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("CREATE TABLE mine (x int)")


def test_template1_is_left_as_it_was(cluster: Cluster) -> None:
    assert one(cluster.url(ADMIN, "template1"), "SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'") == 0


def test_no_other_user_may_enter_the_folder_of_the_socket(cluster: Cluster) -> None:
    assert cluster.place.sockets.stat().st_mode & 0o077 == 0
    assert cluster.place.data.stat().st_mode & 0o077 == 0


@as_root
def test_another_user_of_the_machine_is_refused_even_with_the_socket_in_reach(cluster: Cluster) -> None:
    psql = cluster_files.binaries() / "psql"
    mode = cluster.place.sockets.stat().st_mode
    cluster.place.sockets.chmod(0o755)
    try:
        done = subprocess.run(
            ["setpriv", "--reuid=nobody", "--clear-groups", psql, "-w", cluster.url(), "-c", "SELECT 1"],
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
    finally:
        cluster.place.sockets.chmod(mode)
    assert done.returncode != 0
    assert "eer authentication failed" in done.stderr


def test_a_running_cluster_is_adopted_and_keeps_its_rows(running: Cluster, settings: Settings) -> None:
    with psycopg.connect(running.url(OWNER)) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS n")
    pid = running.postmaster()
    private_cluster.release(running)
    adopted = private_cluster.ensure(settings, conf=QUICK)
    assert (adopted.owned, adopted.started, adopted.postmaster()) == (True, False, pid)
    assert one(adopted.url(OWNER), "SELECT n FROM kept") == 7
    private_cluster.release(adopted)


def test_a_second_start_takes_well_under_five_seconds(running: Cluster, settings: Settings) -> None:
    private_cluster.stop(running)
    private_cluster.release(running)
    began = time.monotonic()
    again = private_cluster.ensure(settings, conf=QUICK)
    assert time.monotonic() - began < 5
    assert again.started
    private_cluster.release(again)


@pytest.mark.faults
def test_it_comes_back_after_kill_9_of_the_postmaster_under_open_sessions(running: Cluster) -> None:
    with psycopg.connect(running.url(OWNER), autocommit=True) as busy:
        busy.execute("CREATE TABLE kept AS SELECT 1 AS n")
        pid = running.postmaster()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        assert private_cluster.start(running)
        assert time.monotonic() - began < 5
    assert running.postmaster() not in (None, pid)
    assert one(running.url(OWNER), "SELECT n FROM kept") == 1


@pytest.mark.faults
def test_it_comes_back_after_kill_9_of_every_process_of_it(running: Cluster) -> None:
    for pid in cluster_files.backends(running.place):
        os.kill(pid, signal.SIGKILL)
    assert private_cluster.start(running)
    assert one(running.url(), "SELECT 1") == 1


@pytest.mark.faults
def test_orphaned_backends_that_hear_nothing_are_put_down(running: Cluster) -> None:
    with psycopg.connect(running.url(), autocommit=True) as stuck:
        backend = stuck.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        pid = running.postmaster()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert private_cluster.start(running, patience_s=4)
    until(lambda: backend not in cluster_files.backends(running.place))
    assert one(running.url(), "SELECT 1") == 1


def test_a_pid_file_whose_number_another_program_has_now_does_not_keep_it_down(running: Cluster) -> None:
    private_cluster.stop(running)
    file = running.place.data / "postmaster.pid"
    file.write_text(f"{os.getppid()}\n{running.place.data}\n")
    assert running.postmaster() is None
    assert private_cluster.start(running)
    assert one(running.url(), "SELECT 1") == 1


def test_a_second_process_uses_the_cluster_and_does_not_own_it(running: Cluster, settings: Settings) -> None:
    code = (
        "import sys; from gisops import cluster; from gisops.settings import Settings\n"
        "with cluster.running(Settings(home=sys.argv[1])) as c: print(c.owned, c.postmaster())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(settings.home)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(running.postmaster())]
    assert one(running.url(), "SELECT 1") == 1


def test_the_lock_falls_with_the_process_that_held_it(settings: Settings) -> None:
    code = (
        "import os, sys; from gisops import cluster; from gisops.settings import Settings\n"
        "c = cluster.ensure(Settings(home=sys.argv[1]), conf={'fsync': 'off'}); assert c.owned; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(settings.home)], check=False).returncode == -9
    assert private_cluster.status(settings).held is False
    survivor = private_cluster.status(settings).pid
    adopted = private_cluster.ensure(settings)
    assert adopted.owned
    assert adopted.postmaster() == survivor
    private_cluster.release(adopted)


def test_down_stops_a_postmaster_that_was_left_behind(running: Cluster, settings: Settings) -> None:
    private_cluster.release(running)
    assert private_cluster.down(settings)
    assert private_cluster.status(settings).pid is None
    assert not private_cluster.down(settings)


def test_a_cluster_whose_making_was_cut_short_is_made_again(settings: Settings, home: Path) -> None:
    place = cluster_files.place(home)
    (place.base / "pg.new" / "base").mkdir(parents=True)
    made = private_cluster.ensure(settings, conf=QUICK)
    assert one(made.url(), "SELECT 1") == 1
    private_cluster.release(made)


def test_roles_or_a_database_that_are_missing_are_made_good(running: Cluster, settings: Settings) -> None:
    with psycopg.connect(running.url(ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE gisops")
        conn.execute("DROP ROLE gisops_app")
    private_cluster.release(running)
    again = private_cluster.ensure(settings)
    assert one(again.url(), "SELECT current_user || postgis_lib_version()") is not None
    private_cluster.release(again)


def test_a_deep_home_gets_a_short_socket_folder(home: Path) -> None:
    deep = home / ("deep" * 30)
    place = cluster_files.place(deep)
    assert len(os.fsencode(place.sockets)) < 90
    deep.mkdir()
    made = private_cluster.ensure(Settings(home=deep), conf=QUICK)
    try:
        assert one(made.url(), "SELECT 1") == 1
    finally:
        private_cluster.release(made)
        private_cluster.destroy(Settings(home=deep))


@as_root
def test_a_home_that_postgres_cannot_reach_keeps_its_data_elsewhere(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    settings = Settings(home=closed)
    assert cluster_files.place(closed).base.parent == Path("/var/lib/gisops")
    made = private_cluster.ensure(settings, conf=QUICK)
    try:
        assert one(made.url(), "SELECT 1") == 1
        closed.chmod(0o755)  # and is found there again when the folder is opened
        assert cluster_files.place(closed) == made.place
    finally:
        private_cluster.release(made)
        private_cluster.destroy(settings)
    assert not made.place.base.exists()


@as_root
def test_a_cluster_of_another_user_is_refused_with_a_way_out(running: Cluster, settings: Settings) -> None:
    private_cluster.stop(running)
    private_cluster.release(running)
    os.chown(running.place.data, 65534, -1)
    try:
        with pytest.raises(NotReady, match="belongs to nobody") as caught:
            private_cluster.ensure(settings)
        assert "GISOPS_HOME" in caught.value.facts["do"]
    finally:
        os.chown(running.place.data, running.place.owner_uid, -1)


def test_a_home_that_cannot_be_made_is_refused_with_a_way_out(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(NotReady, match="cannot be made") as caught:
        private_cluster.ensure(Settings(home=home / "file" / "home"))
    assert "GISOPS_HOME" in caught.value.facts["do"]


def test_a_setting_that_postgres_refuses_is_told_in_its_own_words(settings: Settings) -> None:
    with pytest.raises(NotReady, match="no_such_setting"):
        private_cluster.ensure(settings, conf={"no_such_setting": "1"})


def test_where_postgis_is_not_installed_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match="with PostGIS is not installed") as caught:
        cluster_files.binaries(tmp_path)
    assert "apt-get install" in caught.value.facts["do"]
    assert "GISOPS_DATABASE_URL" in caught.value.facts["do"]


@pytest.mark.parametrize("gib", [0.5, 2, 24, 512])
def test_memory_for_the_server_leaves_room_for_everything_else(gib: float) -> None:
    conf = cluster_files.tuned(int(gib * 2**30), cores=4)
    mb = {name: int(value.removesuffix("MB")) for name, value in conf.items() if value.endswith("MB")}
    assert mb["shared_buffers"] <= gib * 1024 / 4
    assert mb["shared_buffers"] + mb["maintenance_work_mem"] + 20 * mb["work_mem"] < gib * 1024 * 0.6


def test_with_a_database_of_ones_own_nothing_private_is_touched(home: Path) -> None:
    own = Settings(home=home / "none", database_url=SecretStr("postgresql://app@db/x"))
    urls = private_cluster.database_urls(own)
    assert (urls.app, urls.owner, urls.admin) == ("postgresql://app@db/x", "postgresql://app@db/x", None)
    lesser = own.model_copy(update={"migrate_url": SecretStr("postgresql://owner@db/x")})
    assert private_cluster.database_urls(lesser).owner == "postgresql://owner@db/x"
    assert not (home / "none").exists()
