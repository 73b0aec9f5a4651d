"""Tiles from a process's cache: beside a bare ASGI application that answers with the same bytes; and those of cases.

Hot: tiles of the sample city under their names, which each process has made before; the other is an application that
does nothing but look the same answer up, headers and all. Both are run by uvicorn (uvloop, httptools) in as many
processes, and asked by wrk in turns.

Live: tiles of cases all over the city, asked for as fast as they come while ten cases a second come in: how many of
them were had without cutting.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx

from bench import serving
from bench.result import Result
from bench.town import PASSWORD, Town
from gisops import city as cities
from gisops.db.pool import connect
from tiles.grid import Tile, tile_of

LAYERS = ("roads", "buildings", "rivers", "fixtures")
CONNECTIONS, SECONDS, ROUNDS, PROCESSES = 32, 5, 3, 2
CHANGES_A_SECOND, LIVE_S = 10, 20
HERE = Path(__file__).parent
Box = tuple[float, float, float, float]

_BARE = """
import base64, json, socket, sys, uvicorn
kept = {path: (status, [(n.encode(), v.encode()) for n, v in headers], base64.b64decode(body))
        for path, status, headers, body in json.load(open(sys.argv[2]))}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    status, headers, body = kept[scope["path"]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
uvicorn.Server(uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", access_log=False, server_header=False,
    log_level="warning", proxy_headers=False)).run([socket.socket(fileno=int(sys.argv[1]))])
"""


def run(town: Town) -> Iterator[Result]:
    """Measure and compare, on the sample city."""
    yield from measure(town)


def measure(town: Town, seconds: int = SECONDS, rounds: int = ROUNDS, live_s: int = LIVE_S) -> Iterator[Result]:
    """Both rows; shorter for a test."""
    with connect(town.url()) as conn:
        west, south, east, north = cities.load(conn).extent
    w, h = (east - west) / 4, (north - south) / 4
    box = west + w, south + h, east - w, north - h
    with tempfile.TemporaryDirectory() as name, serving.ours(town, processes=str(PROCESSES)) as server:
        folder = Path(name)
        answers = _answers(server.address, box)
        (folder / "paths").write_text("\n".join(path for path, *_ in answers))
        (folder / "answers").write_text(json.dumps([(path.split("?")[0], *rest) for path, *rest in answers]))
        ours, other = [], []
        with _bare(folder / "answers") as bare:
            for address in (server.address, bare):
                _wrk(address, folder / "paths", 2)
            for _ in range(rounds):
                ours.append(_wrk(server.address, folder / "paths", seconds))
                other.append(_wrk(bare, folder / "paths", seconds))
        yield Result(
            "tiles_hot.named",
            sorted(ours)[rounds // 2],
            sorted(other)[rounds // 2],
            "requests/s",
            f"{len(answers)} tiles of {', '.join(LAYERS)}, zoom 13 to 16, gzip'd, {_kilobytes(answers):.0f} kB each in"
            f" the mean; {PROCESSES} processes each, {CONNECTIONS} connections, median of {rounds} rounds of {seconds}"
            " s in turns; other: a bare ASGI application that sends the same bytes and headers",
            at_least=0.5,
        )
        yield _live(server.address, box, folder, live_s)


def _answers(address: str, box: Box) -> list[tuple[str, int, list[tuple[str, str]], str]]:
    """Tiles under their names, as they are answered: path, status, headers, body."""
    found = []
    with httpx.Client(base_url=address, headers={"Accept-Encoding": "gzip"}, timeout=60) as client:
        for layer in LAYERS:
            template = client.get(f"/tiles/{layer}.json").json()["tiles"][0].removeprefix(address)
            for at in _over(box, (13, 14, 15, 16)):
                path = template.replace("{z}", str(at.z)).replace("{x}", str(at.x)).replace("{y}", str(at.y))
                with client.stream("GET", path) as answer:
                    if answer.status_code == 200:
                        headers = [(n, v) for n, v in answer.headers.items() if n not in ("date", "server")]
                        body = b"".join(answer.iter_raw())
                        found.append((path, 200, headers, base64.b64encode(body).decode()))
    return found


def _over(box: Box, zooms: Sequence[int]) -> Iterator[Tile]:
    west, south, east, north = box
    for z in zooms:
        first, last = tile_of(west, north, z), tile_of(east, south, z)
        yield from (Tile(z, x, y) for x in range(first.x, last.x + 1) for y in range(first.y, last.y + 1))


def _kilobytes(answers: list[tuple[str, int, list[tuple[str, str]], str]]) -> float:
    return sum(len(body) * 3 / 4 for *_, body in answers) / len(answers) / 1000


@contextmanager
def _bare(answers: Path) -> Iterator[str]:
    """The bare application, in as many processes on one socket as ours."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        fd, port = listening.fileno(), listening.getsockname()[1]
        command = [sys.executable, "-c", _BARE, str(fd), str(answers)]
        started = [subprocess.Popen(command, pass_fds=[fd]) for _ in range(PROCESSES)]
        try:
            time.sleep(2)
            yield f"http://127.0.0.1:{port}"
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)


def _wrk(address: str, paths: Path, seconds: int, token: str | None = None) -> float:
    """Requests a second."""
    wrk = shutil.which("wrk") or sys.exit("wrk is missing: apt-get install wrk")
    environment = {**os.environ, "PATHS": str(paths)} | ({"TOKEN": token} if token else {})
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(HERE / "tiles.lua")]
    said = subprocess.run([*command, address], env=environment, check=True, capture_output=True, text=True).stdout
    match = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if match is None or "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"not all was answered:\n{said}")
    return float(match[1])


def _live(address: str, box: Box, folder: Path, seconds: int) -> Result:
    """How many of the tiles of cases were had as they were kept."""
    with httpx.Client(base_url=address, timeout=60) as client:
        token = client.post("/api/session", json={"login": "dispatcher", "password": PASSWORD}).json()["token"]
        admin = client.post("/api/session", json={"login": "admin", "password": PASSWORD}).json()["token"]
    paths = folder / "live"
    paths.write_text("\n".join(f"/tiles/cases/{at.z}/{at.x}/{at.y}.mvt" for at in _over(box, (12, 13, 14, 15, 16))))
    over = threading.Event()
    reporting = threading.Thread(target=_report, args=(address, token, box, over))
    reporting.start()
    try:
        _wrk(address, paths, 3, token)
        before = _figures(address, admin)
        rate = _wrk(address, paths, seconds, token)
        kept, cut = (now - then for now, then in zip(_figures(address, admin), before, strict=True))
    finally:
        over.set()
        reporting.join()
    of = len(paths.read_text().splitlines())
    sent = (
        f"{kept + cut:,.0f} answers ({rate:,.0f} a second) of {of} tiles of cases, zoom 12 to 16, mid-city,"
        f" as a dispatcher, while {CHANGES_A_SECOND} cases a second come in; ours: had as they were kept; other: all"
    )
    return Result("tiles_hot.live", kept, kept + cut, "tiles", sent, at_least=0.95)


def _report(address: str, token: str, box: Box, over: threading.Event) -> None:
    west, south, east, north = box
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        n = 0
        while not over.wait(1 / CHANGES_A_SECOND):
            n += 1
            lon, lat = west + (n * 0.618034 % 1) * (east - west), south + (n * 0.754878 % 1) * (north - south)
            body = {"client_uid": str(uuid4()), "channel": "officer", "category": "E04-05", "text": "bench"}
            at = {"lon": lon, "lat": lat, "crs": "WGS84", "accuracy_m": 8}
            client.post("/api/reports", json=body | at).raise_for_status()


def _figures(address: str, token: str) -> tuple[float, float]:
    """Live tiles that were kept, and that were cut, by all processes."""
    text = httpx.get(f"{address}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60).text
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("gisops_live_tiles"))
    kept, cut = (float(told.get(f'gisops_live_tiles_total{{how="{how}"}}', 0)) for how in ("kept", "cut"))
    return kept, cut
