"""Figures for a monitor (Prometheus): requests by route, the database's vitals, room on the disk.

Requests are counted in every web process; where the supervisor gives them a common folder
(``PROMETHEUS_MULTIPROC_DIR``), whichever process is asked answers for all of them. The usual instrumenting package
matches every request against all routes a second time; the route that was taken stands in the request's scope.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gisops import __version__
from gisops.room import Room
from gisops.settings import Settings
from gisops.vitals import Vitals

CONTENT_TYPE = CONTENT_TYPE_LATEST
# What was counted in between is not yet in the figures.
TALLY_S = 0.25
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_OWN = CollectorRegistry()
_requests = Counter("gisops_http_requests", "Requests answered.", ("method", "route", "status"), registry=_OWN)
_seconds = Histogram(
    "gisops_http_request_seconds",
    "Time until the answer began, in seconds.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_OWN,
)
_live_tiles = Counter(
    "gisops_live_tiles", "Tiles of layers told by events, by how they were had.", ("how",), registry=_OWN
)


def count(method: str, route: str, status: int, began: float) -> None:
    """Count one request by its route, and how long it took from a moment (``perf_counter``) until its answer began."""
    inc, observe = _counters(method, route, status)
    inc()
    observe(time.perf_counter() - began)


class Tally:
    """Counts what is answered in microseconds, where counting one by one would take as long: added up a few times a
    second, and when somebody asks for the figures of this process. For the event loop alone.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int], list[float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def count(self, method: str, route: str, status: int, began: float) -> None:
        """Count one request, as `count` does."""
        took = self._waiting.get((method, route, status))
        if took is None:
            took = self._waiting[method, route, status] = []
        took.append(time.perf_counter() - began)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TALLY_S, self.add_up)

    def add_up(self) -> None:
        """Put what was counted into the figures."""
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for (method, route, status), took in waiting.items():
            _requests.labels(method, route, str(status)).inc(len(took))
            seconds = _seconds.labels(method, route)
            # What `observe` does, for all of them at once.
            seconds._sum.inc(sum(took))
            for bound, so_far in zip(seconds._upper_bounds, seconds._buckets, strict=True):
                within = sum(1 for each in took if each <= bound)
                if within:
                    so_far.inc(within)
                    took = [each for each in took if each > bound]


@lru_cache(maxsize=1024)
def _counters(method: str, route: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
    # Found by their labels once: that costs more than the counting.
    return _requests.labels(method, route, str(status)).inc, _seconds.labels(method, route).observe


def count_live_tile(how: str) -> None:
    """Count a tile of a layer told by events: it was ``kept``, or had to be ``cut``."""
    _live_tiles.labels(how).inc()


class Measured:
    """Middleware that counts every request by the route that took it, never by its address: addresses hold keys."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it once its answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                count(method, route, message["status"], began)
            await send(message)

        await self._app(scope, receive, counted)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def exposition(vitals: Vitals | None, room: Room | None) -> bytes:
    """All figures in the monitor's text format; what is not known (the database is away) is left out."""
    registry = CollectorRegistry()
    if os.environ.get(FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Registry(_OWN))
    registry.register(_Now(vitals, room))
    return generate_latest(registry)


def share(settings: Settings) -> None:
    """Give the processes this one will start an empty folder to count in together."""
    folder = settings.home.resolve() / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ[FOLDER] = str(folder)


class _Registry(Collector):
    """One registry's figures as a part of another."""

    def __init__(self, inner: CollectorRegistry) -> None:
        self._inner = inner

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._inner.collect()  # type: ignore[misc]


class _Now(Collector):
    """Figures that are looked up when they are asked for."""

    def __init__(self, vitals: Vitals | None, room: Room | None) -> None:
        self._vitals, self._room = vitals, room

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = GaugeMetricFamily("gisops_info", "Which release this is.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield _gauge("gisops_database_up", "Whether the database answers.", 0 if self._vitals is None else 1)
        if self._vitals is not None:
            yield from _of_database(self._vitals)
        if self._room is not None:
            yield _gauge("gisops_disk_free_bytes", "Free bytes where the data lies.", self._room.free)
            yield _gauge("gisops_disk_size_bytes", "Size of that file system.", self._room.total)


def _of_database(vitals: Vitals) -> Iterator[GaugeMetricFamily]:
    cases = GaugeMetricFamily("gisops_cases_open", "Cases that are not finished.", labels=["state"])
    for state, n in sorted(vitals.open_cases.items()):
        cases.add_metric([state], n)
    yield cases
    yield _gauge("gisops_cases_overdue", "Open cases past their deadline.", vitals.overdue_cases)
    yield _gauge("gisops_outbox_waiting", "Events the relay has not numbered yet.", vitals.waiting_events)
    yield _gauge("gisops_relay_position", "Last position the relay gave.", vitals.relay.last_pos)
    if vitals.relay.lag_s is not None:
        yield _gauge("gisops_relay_lag_seconds", "Seconds since the relay looked.", vitals.relay.lag_s)
    yield _gauge("gisops_database_size_bytes", "Size of the database.", vitals.database_bytes)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
