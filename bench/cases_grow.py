"""What the desk reads while cases gather: inbox, tasks, board and a case's page, in a city a hundred times as old.

Two databases, the second with a hundred times the cases of the first, a hundredth of each of them open; the same
questions in turns. ``GISOPS_BENCH_CASES=10000000`` makes it the size of a large city's ten years.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from bench import scope
from bench.result import Result
from bench.town import Town
from gisops import city
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import case_pages, desk
from gisops.cluster import ADMIN, OWNER
from gisops.db import queries
from gisops.db.pool import Connection, connect

CASES, ROUNDS = int(os.environ.get("GISOPS_BENCH_CASES", "2000000")), 40
# Of a hundred cases one is open; a page is full in both cities.
OPEN_SHARE, PAGE = 100, 20
# A million cases a year.
EVERY = "31.5 seconds"
_SQL = queries.load("bench", "cases_grow.sql")
Ask = Callable[[], object]


def load(place: Town, count: int) -> None:
    """Write the city and so many cases of ten years, with clocks, history and reports; two tables at a time."""
    scope.load(place, 0)
    given = {
        "west": scope.WEST,
        "south": scope.SOUTH,
        "scheme": scope.SCHEME,
        "count": count,
        "open": count // OPEN_SHARE,
        "every": EVERY,
    }
    with connect(place.url(OWNER), unhurried=True) as conn:
        conn.execute(_SQL["months"], given)
    made = {table: _without_indexes(place, table) for table in ("cases", "case_clocks", "reports")}
    for name in ("people", "cases"):
        _write(place, [_SQL[name]], given)
    with ThreadPoolExecutor(2) as pool:
        wanted = [pool.submit(_write, place, [_SQL["history"]], given)]
        wanted.append(pool.submit(_write, place, [_SQL["clocks"], *made["case_clocks"]], given))
        wanted.append(pool.submit(_write, place, made["cases"], given))
        wanted.append(pool.submit(_write, place, [_SQL["reports"], *made["reports"]], given))
        for done in wanted:
            done.result()
    with connect(place.url(OWNER), unhurried=True, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")


def _without_indexes(place: Town, table: str) -> list[LiteralString]:
    with connect(place.url(OWNER)) as conn:
        there = conn.execute(_SQL["indexes"], {"table": table}).fetchall()
        for index in there:
            conn.execute(SQL("DROP INDEX {}").format(Identifier(index["name"])))
        return [index["made_by"] for index in there]


def _write(place: Town, statements: Sequence[LiteralString], given: Mapping[str, object]) -> None:
    with psycopg.connect(place.url(ADMIN), options="-c jit=off -c maintenance_work_mem=1GB") as admin:
        # Foreign keys of rows that are made right cost more than the rows.
        admin.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            admin.execute(statement, given if "%(" in statement else None)


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    yield from measure(town, CASES)


def measure(town: Town, count: int, rounds: int = ROUNDS) -> Iterator[Result]:
    """Each question in the large city beside the small one."""
    small, large = town.fresh(city=False), town.fresh(city=False)
    load(small, count // 100)
    load(large, count)
    with ExitStack() as stack:
        cities = ((large, count), (small, count // 100))
        asks = [_asks(stack.enter_context(connect(place.url())), n) for place, n in cities]
        for name, ours in asks[0].items():
            took = _in_turns(ours, asks[1][name], rounds)
            yield Result(
                f"cases_grow.{name}",
                took[0] * 1000,
                took[1] * 1000,
                "ms",
                f"{count:,} cases, {count // OPEN_SHARE:,} of them open; other: {count // 100:,} and "
                f"{count // 100 // OPEN_SHARE:,}; pages of {PAGE}, {rounds} rounds in turns, look_as and transaction "
                "included",
                # The board counts all that is late: it grows with what is open.
                at_most=None if name == "overdue" else 2,
            )


def _asks(conn: Connection, count: int) -> dict[str, Ask]:
    with conn.transaction():
        there = city.load(conn)
        rows = conn.execute(
            "SELECT account_id, login, role, staff_id, organisation_id FROM accounts"
            " WHERE login IN ('acceptor', 'handler', 'department', 'sees-25', 'sees-625')"
        )
        actors = {row["login"]: Actor(**row) for row in rows}
        numbers = [f"410202-2026-{1 + n * (count - 1) // 20:08d}" for n in range(20)]
        pages = [row["case_no"] for row in conn.execute(_SQL["some"], {"numbers": numbers})]
    turns = iter(range(10**9))

    def seen(login: str, act: Callable[[Actor], object]) -> Ask:
        def ask() -> object:
            with conn.transaction():
                scopes.look_as(conn, actors[login].account_id)
                return act(actors[login])

        return ask

    return {
        "page": seen("acceptor", lambda who: case_pages.page(conn, there, pages[next(turns) % len(pages)], who)),
        "inbox.acceptor": seen("acceptor", lambda who: desk.inbox(conn, there, who, limit=PAGE)),
        "inbox.sees-25": seen("sees-25", lambda who: desk.inbox(conn, there, who, limit=PAGE)),
        "inbox.sees-625": seen("sees-625", lambda who: desk.inbox(conn, there, who, limit=PAGE)),
        "tasks.handler": seen("handler", lambda who: desk.tasks(conn, there, who, limit=PAGE)),
        "tasks.department": seen("department", lambda who: desk.tasks(conn, there, who, limit=PAGE)),
        "overdue": seen("acceptor", lambda who: desk.overdue(conn, there, who, limit=PAGE)),
    }


def _in_turns(ours: Ask, other: Ask, rounds: int) -> tuple[float, float]:
    """Median seconds of each; the first rounds warm up."""
    took: tuple[list[float], list[float]] = ([], [])
    for n in range(rounds + 10):
        for act, times in ((ours, took[0]), (other, took[1])):
            began = time.perf_counter()
            act()
            if n >= 10:
                times.append(time.perf_counter() - began)
    return statistics.median(took[0]), statistics.median(took[1])
