"""Migrations: each step once, functions whole, and a clear word when the two no longer fit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import errors

from gisops.db.migrate import BrokenMigration, migrate, status
from gisops.db.pool import connect

FIRST = "CREATE TABLE wells (code text PRIMARY KEY);\nINSERT INTO wells VALUES ('a');"
SECOND = "ALTER TABLE wells ADD COLUMN depth_m real;"
FUNCTION = "CREATE OR REPLACE FUNCTION well_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM wells';"
VIEW = ("wells view", "CREATE OR REPLACE VIEW layer_wells AS SELECT code FROM wells;")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "functions").mkdir()
    (tmp_path / "migrations" / "0001_wells.sql").write_text(FIRST)
    (tmp_path / "functions" / "10_wells.sql").write_text(FUNCTION)
    return tmp_path


@pytest.fixture
def url(fresh_database: Callable[..., object]) -> str:
    return fresh_database("empty_template").owner_url  # type: ignore[attr-defined,no-any-return]


def test_an_empty_database_gets_steps_functions_and_views_and_a_second_run_does_nothing(url: str, folder: Path) -> None:
    with connect(url) as conn:
        assert status(conn, [VIEW], folder=folder).pending == ("0001 wells",)
    first = migrate(url, [VIEW], folder=folder)
    assert (first.steps, first.reapplied) == (("0001 wells",), True)
    second = migrate(url, [VIEW], folder=folder)
    assert (second.steps, second.reapplied) == ((), False)
    with connect(url) as conn:
        assert conn.execute("SELECT well_count() AS n, (SELECT count(*) FROM layer_wells) AS seen").fetchone() == {
            "n": 1,
            "seen": 1,
        }
        assert status(conn, [VIEW], folder=folder).up_to_date


def test_a_new_step_is_applied_without_touching_the_rows(url: str, folder: Path) -> None:
    migrate(url, folder=folder)
    (folder / "migrations" / "0002_depth.sql").write_text(SECOND)
    with connect(url) as conn:
        assert not status(conn, folder=folder).up_to_date
    assert migrate(url, folder=folder).steps == ("0002 depth",)
    with connect(url) as conn:
        assert conn.execute("SELECT code, depth_m FROM wells").fetchall() == [{"code": "a", "depth_m": None}]


def test_a_changed_function_or_view_is_applied_again(url: str, folder: Path) -> None:
    migrate(url, [VIEW], folder=folder)
    (folder / "functions" / "10_wells.sql").write_text(FUNCTION.replace("count(*)", "41 + count(*)"))
    with connect(url) as conn:
        assert not status(conn, [VIEW], folder=folder).functions_current
    assert migrate(url, [VIEW], folder=folder).reapplied
    with connect(url) as conn:
        assert conn.execute("SELECT well_count() AS n").fetchone() == {"n": 42}
    assert migrate(url, [(VIEW[0], VIEW[1] + " -- reworded")], folder=folder).reapplied


def test_force_applies_functions_that_did_not_change(url: str, folder: Path) -> None:
    migrate(url, folder=folder)
    with connect(url) as conn:
        conn.execute("DROP FUNCTION well_count")
    assert migrate(url, folder=folder, force=True).reapplied
    with connect(url) as conn:
        conn.execute("SELECT well_count()")


def test_a_step_that_was_edited_after_it_was_applied_is_named(url: str, folder: Path) -> None:
    migrate(url, folder=folder)
    (folder / "migrations" / "0001_wells.sql").write_text(FIRST + " -- tidied")
    with pytest.raises(BrokenMigration, match="0001 wells was changed"):
        migrate(url, folder=folder)


def test_a_database_of_a_later_release_is_left_alone(url: str, folder: Path) -> None:
    (folder / "migrations" / "0002_depth.sql").write_text(SECOND)
    migrate(url, folder=folder)
    (folder / "migrations" / "0002_depth.sql").unlink()
    with pytest.raises(BrokenMigration, match="0002 depth, which this release does not know"):
        migrate(url, folder=folder)


def test_a_failing_step_leaves_nothing_and_says_where_it_failed(url: str, folder: Path) -> None:
    (folder / "migrations" / "0002_depth.sql").write_text(SECOND + "\nALTER TABLE nothing ADD COLUMN x int;")
    with pytest.raises(BrokenMigration, match=r"0002 depth failed and left nothing.*nothing"):
        migrate(url, folder=folder)
    with connect(url) as conn:
        assert conn.execute("SELECT number FROM migrations").fetchall() == [{"number": 1}]
        with pytest.raises(errors.UndefinedColumn):
            conn.execute("SELECT depth_m FROM wells")


def test_a_failing_function_leaves_the_old_ones(url: str, folder: Path) -> None:
    migrate(url, folder=folder)
    (folder / "functions" / "20_broken.sql").write_text("SELECT 1;\nSELEC 2;")
    with pytest.raises(BrokenMigration, match=r"20_broken.sql failed.*line 2"):
        migrate(url, folder=folder)
    with connect(url) as conn:
        assert conn.execute("SELECT well_count() AS n").fetchone() == {"n": 1}


@pytest.mark.parametrize("name", ["2_depth.sql", "0003_depth.sql", "0002-depth.sql"])
def test_a_misnumbered_step_is_refused(url: str, folder: Path, name: str) -> None:
    (folder / "migrations" / name).write_text(SECOND)
    with pytest.raises(BrokenMigration):
        migrate(url, folder=folder)


def test_many_processes_may_migrate_at_once(url: str, folder: Path) -> None:
    reports = []
    crowd = [threading.Thread(target=lambda: reports.append(migrate(url, folder=folder))) for _ in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sorted(len(report.steps) for report in reports) == [0, 0, 0, 0, 0, 1]


def test_a_role_that_may_not_create_extensions_is_told_what_to_do(cluster: object, url: str, folder: Path) -> None:
    with connect(url, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS wells")
    admin = url.replace("gisops_owner@", "postgres@")
    with connect(admin, autocommit=True) as conn:
        conn.execute("DROP EXTENSION postgis CASCADE")
    from gisops.errors import NotReady

    with pytest.raises(NotReady, match="no extension postgis") as caught:
        migrate(url, folder=folder)
    assert "CREATE EXTENSION postgis" in caught.value.facts["do"]
