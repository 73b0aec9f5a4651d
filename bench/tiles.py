"""Cold tiles of a city in full size: parts, buildings, cells; ours over HTTP beside TiPg, and beside the same SQL bare.

For each layer a fixed list of 380 tiles of zoom 10 to 17 (from where the layer begins), as a session at a map asks for
them: mostly near, where the city is dense. Each tile is asked for once, so nothing is in a cache; the answers are
packed (gzip) on both sides, and both sides have one process. Ours is asked as an officer of one street; the layers are
open, and he sees them whole. Processor milliseconds of server and database; the 99th of a hundred is of the wall clock.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx2 as httpx

from bench import full_size, serving
from bench.full_size import LAYERS, TOKEN, City
from bench.result import Result
from bench.serving import Served
from bench.town import Town
from gisops.access import scopes
from gisops.coordinates import local_metres
from gisops.db.pool import connect
from layers.catalog import Layer, load_catalog
from layers.viewer import viewer_of
from tiles import mvt
from tiles.grid import Tile, tile_of

TILES = 380
# How often a session at a map is at each zoom.
WEIGHTS = {10: 8, 11: 12, 12: 20, 13: 40, 14: 60, 15: 80, 16: 90, 17: 70}
# From where the peer's cap of 10,000 features a tile cuts nothing off.
ALIKE_FROM = 16
GOALS = {"fixtures": 0.1, "buildings": 0.25, "grid_cells": 0.25}


@dataclass(frozen=True)
class Measured:
    """What a list of tiles took: processor ms each, the 99th of a hundred in ms of the clock, bytes and tiles sent."""

    cpu_ms: float
    p99_ms: float
    kilobytes: float
    empty: int


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    yield from measure(*full_size.of(town))


def measure(place: Town, city: City, count: int = TILES) -> Iterator[Result]:
    """Compare on a city that is loaded."""
    lists = {layer: session(city, load_catalog()[layer], count) for layer in LAYERS}
    other_lists = {layer: session(city, load_catalog()[layer], 40, seed=2) for layer in LAYERS}
    with serving.ours(place) as server:
        mine = {layer: cold(server, _own, layer, lists[layer], other_lists[layer]) for layer in LAYERS}
    with serving.peer(place) as server:
        theirs = {layer: cold(server, _peers, layer, lists[layer], other_lists[layer]) for layer in LAYERS}
        alike = {layer: [at for at in lists[layer] if at.z >= ALIKE_FROM] for layer in LAYERS}
        theirs_alike = {layer: cold(server, _peers, layer, alike[layer], other_lists[layer]) for layer in LAYERS}
    with serving.whole(place) as server:
        mine_alike = {layer: cold(server, _own, layer, alike[layer], other_lists[layer]) for layer in LAYERS}
    for layer in LAYERS:
        ours, other = mine[layer], theirs[layer]
        of = f"{len(lists[layer])} tiles of zoom {lists[layer][0].z} to 17, {city.what}"
        sent = (
            f"{of}; ours: counted or thinned as the layer says, with the attributes its style uses, {_size(ours)};"
            f" TiPg: single features with all attributes, at most 10,000 a tile (the rest is not there), {_size(other)}"
        )
        yield Result(f"tiles.{layer}", ours.cpu_ms, other.cpu_ms, "CPU ms", sent, at_most=GOALS[layer])
        yield Result(f"tiles.{layer}.p99", ours.p99_ms, other.p99_ms, "ms", sent, at_most=0.2)
        bare = bare_ms(place, city, load_catalog()[layer], lists[layer], other_lists[layer])
        sent = f"{of}; the statements of the same tiles by psycopg on one connection, the database's time alone"
        yield Result(f"tiles.{layer}.bare", ours.cpu_ms, bare, "CPU ms", sent, at_most=1.5)
        ours, other = mine_alike[layer], theirs_alike[layer]
        sent = (
            f"{len(alike[layer])} of these tiles, from zoom {ALIKE_FROM} on, the same content: every feature with all"
            f" its public attributes; ours {_size(ours)}, TiPg {_size(other)}"
        )
        yield Result(f"tiles.{layer}.alike", ours.cpu_ms, other.cpu_ms, "CPU ms", sent)


def session(city: City, layer: Layer, count: int, seed: int = 1) -> list[Tile]:
    """Different tiles of a city, as somebody who looks around asks for them; the same for the same seed."""
    draw = random.Random(seed)
    west, south, east, north = city.bbox
    kx, ky = local_metres((south + north) / 2)
    zooms = [z for z in WEIGHTS if layer.minzoom <= z <= layer.maxzoom]
    found: dict[Tile, None] = {}
    while len(found) < count:
        z = draw.choices(zooms, [WEIGHTS[z] for z in zooms])[0]
        # As dense as what is looked for; of far zooms there are few, and then another is drawn.
        if draw.random() < 0.5:
            x, y = (draw.gauss(city.side_m / 2, city.side_m / 7) for _ in "xy")
        else:
            x, y = (draw.uniform(0, city.side_m) for _ in "xy")
        lon, lat = west + x / kx, south + y / ky
        if west <= lon <= east and south <= lat <= north:
            found[tile_of(lon, lat, z)] = None
    return sorted(found, key=lambda at: (at.z, at.x, at.y))


def cold(
    server: Served, path: Callable[[str, Tile], str], layer: str, tiles: Sequence[Tile], before: Sequence[Tile]
) -> Measured:
    """Ask for each tile once, one after the other; for some others first, that whatever is to be read once is read."""
    took, kept = [], set(tiles)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=120) as client:
        for at in before:
            if at not in kept:
                client.get(path(layer, at)).raise_for_status()
        sizes, empty = [], 0
        with server.measuring() as spent:
            for at in tiles:
                clock = time.perf_counter()
                with client.stream("GET", path(layer, at)) as answer:
                    body = b"".join(answer.iter_raw())
                took.append(time.perf_counter() - clock)
                answer.raise_for_status()
                sizes.append(len(body))
                empty += not body
    p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
    return Measured(spent.cpu_s / len(tiles) * 1000, p99 * 1000, statistics.mean(sizes) / 1000, empty)


def bare_ms(place: Town, city: City, layer: Layer, tiles: Sequence[Tile], before: Sequence[Tile]) -> float:
    """The database's processor ms for the same tiles, asked by their statements."""
    viewer = viewer_of("officer")
    with connect(place.url()) as conn:
        pid = conn.info.backend_pid
        for at in before:
            with conn.transaction():
                scopes.look_as(conn, city.account)
                mvt.draw(conn, layer, viewer, at)
        began = serving.own_s(pid)
        for at in tiles:
            with conn.transaction():
                scopes.look_as(conn, city.account)
                mvt.draw(conn, layer, viewer, at)
        return (serving.own_s(pid) - began) / len(tiles) * 1000


def _size(sent: Measured) -> str:
    return f"{sent.kilobytes:.1f} kB a tile, {sent.empty} empty, 99 of 100 within {sent.p99_ms:.0f} ms"


def _own(layer: str, at: Tile) -> str:
    return f"/tiles/{layer}/{at.z}/{at.x}/{at.y}.mvt"


def _peers(layer: str, at: Tile) -> str:
    return f"/collections/peer.{layer}/tiles/WebMercatorQuad/{at.z}/{at.x}/{at.y}"
