"""Indicators: one of a month and one of a year, by organisation, beside the bare aggregate over the same cases.

The bare aggregate takes the columns of the case as they are now. Ours tells what was so at the end of the period, by
the organisation's own clock, without what is void, a duplicate, or was on hold. A year of the sample city, 50,000
cases with their histories; in turns. Two more rows say what everything costs, and what gathering outcomes is worth.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from bench.result import Result
from bench.town import Town
from gisops import city, sample
from gisops.cluster import OWNER
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.indicators import counting, outcomes
from gisops.indicators.definitions import Indicator, definitions
from gisops.indicators.periods import Period

ROUNDS = 7
_SQL = queries.load("bench", "indicators.sql")


def run(town: Town) -> Iterator[Result]:
    """Tell a year of a city, gather its outcomes, and measure."""
    place = town.fresh(city=False)
    sample.load(place.url(OWNER), place.settings, size="city")
    yield from measure(place.url(), place.url(OWNER))


def measure(app: str, owner: str, rounds: int = ROUNDS) -> Iterator[Result]:
    """The rows, of a city that is there."""
    with (
        connect(app, unhurried=True, autocommit=True) as conn,
        connect(owner, unhurried=True, autocommit=True) as keeper,
    ):
        there = city.load(conn)
        outcomes.gather(conn)
        keeper.execute("VACUUM ANALYZE")
        told = conn.execute(_SQL["last"]).fetchone()
        assert told is not None
        month = Period(told["at"] - timedelta(days=60), told["at"] - timedelta(days=30))
        year = Period(told["at"] - timedelta(days=365), told["at"])
        sent = f"{told['cases']:,} cases of a year, {told['entries']:,} entries of history, by organisation"
        known = definitions().indicators

        def ours(period: Period, of: Sequence[Indicator]) -> Callable[[], object]:
            return lambda: counting.count(conn, there, period, of, "organisation")

        for name, period, code in (
            ("month", month, "on_time_handling_rate"),
            ("year", year, "handling_time"),
        ):
            took = _in_turns(ours(period, [known[code]]), _bare(conn, name, period), rounds)
            yield Result(f"indicators.{name}", *took, "ms", f"{code}, {sent}; {rounds} in turns", at_most=3)
        every = ours(year, list(known.values()))
        gathered = _took(every)
        keeper.execute(_SQL["forget"])
        yield Result(
            "indicators.every", gathered, _took(every), "ms",
            f"all {len(known)} of a year, {sent}; other: without outcomes, from histories alone",
        )  # fmt: skip


def _bare(conn: Connection, name: str, period: Period) -> Callable[[], object]:
    given = {"since": period.since, "until": period.until}
    return lambda: conn.execute(_SQL[name], given).fetchall()


def _took(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _in_turns(ours: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median milliseconds of each; the first round warms up."""
    took: list[tuple[float, float]] = [(_took(ours), _took(other)) for _ in range(rounds + 1)][1:]
    return statistics.median(one for one, _ in took), statistics.median(two for _, two in took)
