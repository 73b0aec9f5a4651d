"""A pooler by transaction before the database: the page about it, followed, and nothing left on a connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from api import doctor
from gisops import cluster as private_cluster
from gisops.db.pool import SESSION, beside, connect, open_pool
from gisops.errors import NotReady
from gisops.settings import Settings
from tests.pooler import PROGRAM, pooler

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "run-behind-pgbouncer.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (apt-get install pgbouncer)")


@pytest.fixture(scope="module")
def pooled(cluster: Any, sample_database: Any) -> Iterator[str]:
    """The sample's address through a PgBouncer with three connections; the role is furnished as the page says."""
    statements = re.findall(r"ALTER ROLE gisops_app SET .*;", PAGE)
    with connect(sample_database.admin_url, autocommit=True) as conn:
        for statement in statements:
            # For this database alone: the cluster is every test's.
            conn.execute(statement.replace(" SET ", f" IN DATABASE {sample_database.name} SET ").encode())
    with pooler(cluster, sample_database.name) as url:
        yield url


def test_the_page_sets_at_the_role_what_each_connection_asks_for() -> None:
    assert dict(re.findall(r"ALTER ROLE gisops_app SET (\w+) = '(\S+)';", PAGE)) == SESSION
    assert set(re.findall(r"export (GISOPS_\w+)=", PAGE)) == {
        "GISOPS_POOLER",
        "GISOPS_DATABASE_URL",
        "GISOPS_DIRECT_URL",
        "GISOPS_MIGRATE_URL",
    }


def test_what_the_program_always_sends_is_refused_by_an_old_pooler(pooled: str) -> None:
    """The reason for the setting: without it not one connection opens."""
    with pytest.raises(psycopg.OperationalError, match="startup parameter"):
        connect(pooled).close()


def test_connections_behind_the_pooler_are_like_our_own(pooled: str, sample_database: Any) -> None:
    with connect(pooled, pooled=True) as conn:
        for name, value in SESSION.items():
            row = conn.execute("SELECT current_setting(%s) AS v", [name]).fetchone()
            assert row == {"v": value}, name
        assert doctor._pooler(conn).ok
        with beside(conn, autocommit=True) as other:
            assert other.prepare_threshold is None
            assert other.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    with connect(sample_database.app_url) as conn:
        conn.execute("SET LOCAL statement_timeout = 0")
        assert "statement_timeout" in doctor._pooler(conn).do


def test_a_statement_asked_often_is_prepared_on_no_connection(pooled: str) -> None:
    pool = open_pool(pooled, 4, pooled=True)
    try:
        for _ in range(40):
            with pool.connection() as conn:
                conn.execute("SELECT count(*) FROM cases WHERE stage < %s", [7]).fetchone()
        with pool.connection() as conn:
            assert conn.execute("SELECT count(*) AS n FROM pg_prepared_statements").fetchone() == {"n": 0}
    finally:
        pool.close()


def test_a_pooler_without_the_direct_address_is_said_at_the_door() -> None:
    half = Settings(_env_file=None, database_url=SecretStr("postgresql://app@pooler/x"), pooler="transaction")
    with pytest.raises(NotReady) as refused:
        private_cluster.database_urls(half)
    assert "GISOPS_DIRECT_URL" in refused.value.facts["do"]
    whole = half.model_copy(update={"direct_url": SecretStr("postgresql://app@db/x")})
    urls = private_cluster.database_urls(whole)
    assert (urls.pooled, urls.app, urls.owner) == ("postgresql://app@pooler/x", *["postgresql://app@db/x"] * 2)
