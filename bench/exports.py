"""A layer of 780,000 parts as a file, streamed: how much memory the server needs for it, and what it costs.

Memory is the most that the web process and what it starts hold together, looked at thirty times a second; the other is
what is allowed. Time is of the processor, server and database, beside the same rows by a bare COPY of the same fields.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx

from bench import full_size, serving
from bench.full_size import TOKEN, City
from bench.result import Result
from bench.serving import Served, Spent
from bench.town import Town
from gisops.cluster import OWNER
from gisops.db.pool import connect
from layers.catalog import load_catalog

LAYER, ALLOWED_MB = "fixtures", 300.0
FORMS = ("geojsonseq", "csv", "parquet", "fgb", "gpkg")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    yield from measure(*full_size.of(town))


def measure(place: Town, city: City, forms: tuple[str, ...] = FORMS) -> Iterator[Result]:
    """Compare on a city that is loaded."""
    rows, bare = _copied(place)
    with serving.ours(place) as server:
        for form in forms:
            size, spent, most = _saved(server, form)
            sent = f"{rows:,} parts as {form}, {size / 1e6:,.0f} MB, {city.what}"
            yield Result(
                f"export.{form}.memory", most / 1e6, ALLOWED_MB, "MB", f"{sent}; other: what is allowed", at_most=1
            )
            each = rows / 1000
            sent += "; other: the same fields of the layer by COPY to the client, the database's time alone"
            yield Result(f"export.{form}", spent.cpu_s / each * 1000, bare / each * 1000, "CPU ms/1,000", sent)


def _saved(server: Served, form: str) -> tuple[int, Spent, float]:
    size, most = 0, [0.0]
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "identity"}
    with server.measuring() as spent, _watched(server, most):
        address = f"{server.address}/api/layers/{LAYER}/export?format={form}"
        with httpx.stream("GET", address, headers=headers, timeout=600) as answer:
            answer.raise_for_status()
            for piece in answer.iter_raw():
                size += len(piece)
    return size, spent, most[0]


@contextmanager
def _watched(server: Served, most: list[float]) -> Iterator[None]:
    """Keep the most bytes that what the server started holds at once."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(1 / 30):
            most[0] = max(most[0], sum(_held(pid) for pid in serving.below(server.pid)))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _held(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _copied(place: Town) -> tuple[int, float]:
    """Rows, and the database's processor seconds for a COPY of them."""
    layer = load_catalog()[LAYER]
    fields = ", ".join(f'"{field.name}"' for field in layer.public_fields)
    with connect(place.url(OWNER), unhurried=True) as conn:
        pid = conn.info.backend_pid
        began, rows = serving.own_s(pid), 0
        with conn.cursor().copy(f"COPY (SELECT {fields}, geom FROM {layer.relation}) TO STDOUT".encode()) as copy:
            for piece in copy:
                rows += bytes(piece).count(b"\n")
        return rows, serving.own_s(pid) - began
