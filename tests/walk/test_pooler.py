"""A pooler by transaction before the database: the page about it, followed, and nothing left on a connection."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from api import doctor
from api.app import create_app
from gisops import cluster as private_cluster
from gisops.cluster import APP
from gisops.db.pool import SESSION, beside, connect, open_pool
from gisops.errors import NotReady
from gisops.settings import Settings
from tests.conftest import serve
from tests.pooler import PROGRAM, pooler
from tests.walk import scope_world
from tests.walk.scope_asks import SCOPED, tile_xy
from tests.walk.scope_world import ScopeWorld

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


# ---- many viewers at once, through web processes, their caches and the pooler ---------------------------------------


@pytest.fixture(scope="module")
def crowd(cluster: Any, fresh_database: Any) -> Iterator[tuple[ScopeWorld, Any, str]]:
    """A random city in which everybody sees something else, and its address through a pooler of three connections."""
    made, world = fresh_database(), scope_world.draw(9)
    with connect(made.owner_url) as owner:
        scope_world.write(owner, world)
    with pooler(cluster, made.name) as url:
        yield world, made, url


def _paths(world: ScopeWorld) -> list[str]:
    """What is asked: all that differs by viewer and does not change by being looked at."""
    rng = random.Random(1)
    paths = ["/ogc/collections", "/api/cases?limit=50", "/api/me/tasks", "/api/me", "/api/me/zones", "/styles/day.json"]
    for layer in SCOPED:
        things = rng.sample(list(world.things[layer].values()), 3)
        paths += [f"/ogc/collections/{layer}/items?limit=200&count=true", f"/tiles/{layer}.json"]
        paths += [f"/ogc/collections/{layer}/items/{thing.key}" for thing in things]
        paths += [f"/api/search?q={things[0].key}&layers={layer}", f"/api/layers/{layer}/count"]
        for thing in things:
            x, y = (int(n) for n in tile_xy(thing.lon, thing.lat, 14))
            paths.append(f"/tiles/{layer}/14/{x}/{y}.mvt")
    paths += [f"/api/cases/{case.key}" for case in rng.sample(list(world.things["cases"].values()), 6)]
    return paths


Told = tuple[int, bytes, str | None]


def _as_asked_directly(made: Any, base_url: str, asked: set[tuple[str | None, str]]) -> dict[Any, Told]:
    """Every answer, one after the other, from a process that has the database to itself and no pooler before it."""
    found: dict[Any, Told] = {}
    with TestClient(create_app(made.settings()), base_url=base_url) as client:
        for token, path in sorted(asked, key=str):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.get(path, headers=headers)
            found[token, path] = (answer.status_code, answer.content, answer.headers.get("cache-control"))
            # What anybody may keep is what anybody gets.
            if "public" in (answer.headers.get("cache-control") or "public"):
                anybody = client.get(path)
                assert (anybody.status_code, anybody.content) == (answer.status_code, answer.content), path
    return found


def _crowd_asks(crowd: tuple[ScopeWorld, Any, str], processes: int, many: int) -> None:
    world, made, url = crowd
    rng = random.Random(many)
    tokens = [None, *(account.token for account in rng.sample(world.accounts, min(len(world.accounts), many // 20)))]
    paths = _paths(world)
    asks = [(rng.choice(tokens), rng.choice(paths)) for _ in range(many)]
    settings = {"pooler": "transaction", "direct_url": made.app_url, "pool_size": "8"}
    behind = replace(made, app_url=url)
    wrong: list[str] = []
    left: set[tuple[Any, ...]] = set()
    asking = threading.Event()

    def looked_at() -> None:
        """What whoever comes next finds on a connection of the pooler's."""
        with connect(url, pooled=True, autocommit=True) as conn:
            while asking.is_set():
                row = conn.execute(
                    "SELECT current_user::text AS role, session_user::text AS session, current_setting('role') AS set,"
                    " coalesce(current_setting('gisops.account', true), '') AS account,"
                    " (SELECT count(*) FROM pg_prepared_statements) AS prepared"
                ).fetchone()
                assert row is not None
                left.add(tuple(row.values()))
                time.sleep(0.002)

    with ExitStack() as served:
        servers = [served.enter_context(serve(behind, **settings)) for _ in range(processes)]
        expected = {
            server.base_url: _as_asked_directly(made, server.base_url, set(asks[n::processes]))
            for n, server in enumerate(servers)
        }

        def ask(lane: int, lanes: int) -> None:
            base_url = servers[lane % processes].base_url
            mine = asks[lane % processes :: processes][lane // processes :: lanes // processes]
            with httpx2.Client(base_url=base_url, timeout=30) as client:
                for token, path in mine:
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    answer = client.get(path, headers=headers)
                    told = (answer.status_code, answer.content, answer.headers.get("cache-control"))
                    if told != expected[base_url][token, path]:
                        wrong.append(f"{path} by {token and token[:4]}: {told} {expected[base_url][token, path]}"[:500])

        asking.set()
        lanes = 4 * processes
        with ThreadPoolExecutor(lanes + 1) as threads:
            looking = threads.submit(looked_at)
            try:
                for lane in [threads.submit(ask, n, lanes) for n in range(lanes)]:
                    lane.result()
            finally:
                asking.clear()
            looking.result()
    assert not wrong, wrong[:5]
    assert left == {(APP, APP, "none", "", 0)}


def test_a_crowd_behind_the_pooler_gets_what_each_is_told_alone(crowd: tuple[ScopeWorld, Any, str]) -> None:
    _crowd_asks(crowd, processes=1, many=600)


@pytest.mark.soak
def test_a_hundred_thousand_requests_of_a_crowd_behind_the_pooler(crowd: tuple[ScopeWorld, Any, str]) -> None:
    _crowd_asks(crowd, processes=2, many=100_000)
