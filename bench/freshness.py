"""How soon a change is in the tiles, and what that costs whoever writes.

A case: reported over HTTP by one, seen by another who has the live stream open, as a map has, and asks for the tile
that the event's place lies in. A part: changed by the database's owner as a load changes it, with the layer's new
version, in one transaction; asked for by somebody who looks for the version ten times a second. Both in milliseconds
of the clock, from the answer or the commit on.

The writer: reports at full speed by one sender, in turns with and without somebody who watches and fetches, at most one
tile a zoom, what each event makes stale.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx2 as httpx
import mapbox_vector_tile

from bench import serving
from bench.result import Result
from bench.serving import Served
from bench.town import PASSWORD, Town
from gisops import city as cities
from gisops.cluster import OWNER
from gisops.db.pool import connect
from tiles.grid import tile_of

CHANGES, ROUNDS, SECONDS = 60, 3, 5.0
WITHIN_MS = 1_000.0
ZOOMS = (12, 14, 16)
CATEGORY = "E04-05"
Box = tuple[float, float, float, float]


def run(town: Town) -> Iterator[Result]:
    """Measure and compare, on the sample city."""
    yield from measure(town)


def measure(town: Town, changes: int = CHANGES, rounds: int = ROUNDS, seconds: float = SECONDS) -> Iterator[Result]:
    """Measure how soon and at what cost."""
    with connect(town.url()) as conn:
        west, south, east, north = cities.load(conn).extent
    w, h = (east - west) / 4, (north - south) / 4
    box = west + w, south + h, east - w, north - h
    with serving.ours(town) as server:
        desk, officer = (_token(server, login) for login in ("dispatcher", "officer"))
        yield from _soon("case", _cases(server, box, desk, officer, changes), "the live stream and the tile of zoom 16")
        yield from _soon("part", _parts(server, town, desk, changes // 3), "the version and the tile of zoom 16")
        alone, watched, fetched = [], [], 0
        for _ in range(rounds):
            alone.append(_rate(server, box, officer, seconds))
            with _watching(server, desk) as seen:
                watched.append(_rate(server, box, officer, seconds))
            fetched += len(seen)
    sent = (
        f"medians of {rounds} rounds of {seconds:g} s in turns, one sender, single reports over HTTP; ours: beside"
        f" somebody who watches the city and fetches what each event makes stale ({fetched} events); other: nobody does"
    )
    yield Result(
        "freshness.writer", statistics.median(watched), statistics.median(alone), "reports/s", sent, at_least=0.9
    )


def _soon(what: str, took: list[float], how: str) -> Iterator[Result]:
    took = sorted(took)
    sent = f"{len(took)} changes, one after the other; until {how} have it; the other is what is allowed"
    median, late = statistics.median(took), took[min(len(took) - 1, int(len(took) * 0.95))]
    yield Result(f"freshness.{what}.median", median, WITHIN_MS, "ms", sent, at_most=1)
    yield Result(f"freshness.{what}.p95", late, WITHIN_MS, "ms", sent, at_most=1)


def _cases(server: Served, box: Box, desk: str, officer: str, changes: int) -> list[float]:
    """From each report's answer until the tile has the case, for somebody whom the stream told of it."""
    took: list[float] = []
    with _listening(server, desk) as told, _client(server, officer) as sender, _client(server, desk) as viewer:
        for n in range(changes):
            sent = _report(box, n)
            answer = sender.post("/api/reports", json=sent)
            began = time.perf_counter()
            answer.raise_for_status()
            number = answer.json()["case"]["case_no"]
            if not _await(lambda number=number: number in told, 10):  # type: ignore[misc]
                raise TimeoutError(f"the stream did not tell of {number}")
            at = tile_of(sent["lon"], sent["lat"], 16)
            path = f"/tiles/cases/{at.z}/{at.x}/{at.y}.mvt"
            if not _await(lambda path=path, number=number: number in _keys(viewer, path, "cases"), 10):  # type: ignore[misc]
                raise TimeoutError(f"no tile has {number}")
            took.append((time.perf_counter() - began) * 1000)
    return took


def _parts(server: Served, town: Town, desk: str, changes: int) -> list[float]:
    """From each commit until the tile of the new version has the part where it is now."""
    took: list[float] = []
    with connect(town.url(OWNER), autocommit=True) as owner, _client(server, desk) as viewer:
        parts = owner.execute(
            "SELECT part_id, code, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM parts"
            " WHERE ST_GeometryType(geom) = 'ST_Point' AND state <> 'removed' AND upper_inf(valid)"
            " ORDER BY code LIMIT %s",
            [changes],
        ).fetchall()
        for n, part in enumerate(parts):
            state = ("damaged", "intact")[n % 2]
            at = tile_of(part["lon"], part["lat"], 16)
            before = _version(viewer)
            with owner.transaction():
                owner.execute(
                    "UPDATE parts SET state = CASE state WHEN %s THEN 'lost' ELSE %s END WHERE part_id = %s",
                    [state, state, part["part_id"]],
                )
                row = owner.execute("SELECT state FROM parts WHERE part_id = %s", [part["part_id"]]).fetchone()
                owner.execute("SELECT layer_changed('fixtures')")
            began = time.perf_counter()
            assert row is not None
            if not _await(lambda before=before: _version(viewer) != before, 10, 0.1):  # type: ignore[misc]
                raise TimeoutError("the layer has no new version")
            tile = _tile(viewer, f"/tiles/fixtures/{at.z}/{at.x}/{at.y}.mvt?v={_version(viewer)}")
            states = {one["properties"]["code"]: one["properties"]["state"] for one in tile["fixtures"]["features"]}
            if states[part["code"]] != row["state"]:
                raise AssertionError(f"under its new version the tile is old: {part['code']}")
            took.append((time.perf_counter() - began) * 1000)
    return took


def _rate(server: Served, box: Box, officer: str, seconds: float) -> float:
    """Reports a second, one after the other."""
    with _client(server, officer) as sender:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            sender.post("/api/reports", json=_report(box, count)).raise_for_status()
            count += 1
        return count / (time.perf_counter() - began)


@contextmanager
def _watching(server: Served, token: str) -> Iterator[set[str]]:
    """Somebody who fetches what each event makes stale: at most one tile of each zoom for an event, and each tile once
    for all events that came meanwhile.
    """
    seen: set[str] = set()
    over = threading.Event()
    with _listening(server, token) as told, _client(server, token) as viewer:

        def fetch() -> None:
            while not over.is_set():
                new = [told[number] for number in list(told) if number not in seen]
                seen.update(list(told))
                stale = {tile_of(lon, lat, z) for lon, lat in new for z in ZOOMS}
                for at in stale:
                    viewer.get(f"/tiles/cases/{at.z}/{at.x}/{at.y}.mvt")
                over.wait(0.05)

        fetching = threading.Thread(target=fetch)
        fetching.start()
        try:
            yield seen
        finally:
            over.set()
            fetching.join()


@contextmanager
def _listening(server: Served, token: str) -> Iterator[dict[str, tuple[float, float]]]:
    """The cases that the live stream tells of, with their places, as they come."""
    told: dict[str, tuple[float, float]] = {}
    ready, over = threading.Event(), threading.Event()

    def listen() -> None:
        # The server's end is the stream's.
        with (
            suppress(httpx.TransportError),
            _client(server, token) as client,
            client.stream("GET", "/api/live") as stream,
        ):
            for line in stream.iter_lines():
                if over.is_set():
                    return
                if line.startswith("event: hello"):
                    ready.set()
                if line.startswith("data: ") and "case_no" in line:
                    event = json.loads(line[6:])
                    if "lon" in event:
                        told[event["case_no"]] = (event["lon"], event["lat"])

    # It ends with the server at the latest: a stream that nothing comes through cannot be told to stop.
    threading.Thread(target=listen, daemon=True).start()
    if not ready.wait(20):
        raise TimeoutError("the live stream did not begin")
    try:
        yield told
    finally:
        over.set()


def _report(box: Box, n: int) -> dict[str, object] | dict[str, float]:
    west, south, east, north = box
    lon, lat = west + (n * 0.618034 % 1) * (east - west), south + (n * 0.754878 % 1) * (north - south)
    place = {"lon": round(lon, 7), "lat": round(lat, 7), "crs": "WGS84", "accuracy_m": 8}
    return {"client_uid": str(uuid.uuid4()), "channel": "officer", "category": CATEGORY, "text": "bench", **place}


def _await(there: Callable[[], bool], seconds: float, every_s: float = 0.005) -> bool:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if there():
            return True
        time.sleep(every_s)
    return False


def _client(server: Served, token: str) -> httpx.Client:
    return httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _token(server: Served, login: str) -> str:
    answer = httpx.post(f"{server.address}/api/session", json={"login": login, "password": PASSWORD})
    return str(answer.json()["token"])


def _version(viewer: httpx.Client) -> str:
    address: str = viewer.get("/tiles/fixtures.json").json()["tiles"][0]
    return address.partition("v=")[2]


def _tile(viewer: httpx.Client, path: str) -> dict[str, dict[str, list[dict[str, dict[str, str]]]]]:
    body = viewer.get(path).content
    decoded: dict[str, dict[str, list[dict[str, dict[str, str]]]]] = mapbox_vector_tile.decode(body) if body else {}
    return decoded


def _keys(viewer: httpx.Client, path: str, layer: str) -> set[str]:
    tile = _tile(viewer, path)
    return {one["properties"].get("case_no", "") for one in tile.get(layer, {"features": []})["features"]}
