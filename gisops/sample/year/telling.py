"""A year told to the database by several processes at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime

from gisops import city as cities
from gisops.cases import past
from gisops.cases.past import PastCase, Told
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError
from gisops.sample.year.plan import Plan

# Cases still open are told one lot after the other, and small ones: each adds to an officer's load, by which the next
# are sent.
OPEN_LOT = 100


@dataclass
class Summary:
    """What was told: cases, how many of them are still open, how many were refused and why (by code)."""

    told: int = 0
    still_open: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, other: Summary) -> None:
        """Count another's too."""
        self.told += other.told
        self.still_open += other.still_open
        for code, count in other.refused.items():
            self.refused[code] = self.refused.get(code, 0) + count


def tell_year(
    url: str,
    *,
    seed: int,
    until: datetime,
    count: int,
    processes: int = 2,
    lately: int | None = None,
    progress: Callable[[int], None] = lambda told: None,
) -> Summary:
    """Tell a year of past cases to the city in the database, in batches that are each committed.

    The cases that are still open come first, as they are what a screen shows, then the others, newest first; with
    ``lately`` no more of these than so many batches. ``progress`` is called with how many more were told. Told again,
    nothing is doubled: a year that was broken off is finished so. With one ``process`` it is this one, which may be
    killed at any moment.
    """
    summary = Summary()

    def add(told: Summary) -> None:
        summary.add(told)
        progress(told.told)

    beginning = (url, seed, until, count)
    if processes == 1:
        _begin(*beginning)
        try:
            add(_tell_open())
            for number in _newest_first(lately):
                add(_tell_over(number))
        finally:
            _kept.pop("plan")[0].close()
        return summary
    spawn = multiprocessing.get_context("spawn")  # a fork would share what threads of the caller hold
    with ProcessPoolExecutor(processes, spawn, _begin, beginning) as pool:
        # Nobody's load decides a case that is over, so the two kinds do not wait for each other.
        jobs = [pool.submit(_tell_open)]
        jobs += [pool.submit(_tell_over, number) for number in pool.submit(_newest_first, lately).result()]
        for done in as_completed(jobs):
            add(done.result())
    return summary


# What a process keeps between its batches.
_kept: dict[str, tuple[Connection, cities.City, Plan]] = {}


def _begin(url: str, seed: int, until: datetime, count: int) -> None:
    conn = connect(url, unhurried=True)
    city = cities.load(conn)
    _kept["plan"] = conn, city, Plan(conn, city, seed=seed, until=until, count=count)
    conn.commit()


def _newest_first(most: int | None) -> list[int]:
    return list(reversed(range(_kept["plan"][2].batches)))[:most]


def _tell_over(number: int) -> Summary:
    conn, city, plan = _kept["plan"]
    return _tell(conn, city, [case for case in plan.batch(number) if past.is_over(case)])


def _tell_open() -> Summary:
    conn, city, plan = _kept["plan"]
    summary = Summary()
    still_open = [case for n in range(plan.batches) for case in plan.batch(n) if not past.is_over(case)]
    for first in range(0, len(still_open), OPEN_LOT):
        summary.add(_tell(conn, city, still_open[first : first + OPEN_LOT]))
    summary.still_open = summary.told
    return summary


def _tell(conn: Connection, city: cities.City, batch: list[PastCase]) -> Summary:
    summary = Summary()
    for answer in past.tell(conn, city, batch):
        if isinstance(answer, Told):
            summary.told += 1
        elif isinstance(answer, GisopsError):
            summary.refused[answer.code] = summary.refused.get(answer.code, 0) + 1
    conn.commit()
    return summary
