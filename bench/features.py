"""Features of a box as GeoJSON, at most 1,000: ours under ``/ogc`` beside TiPg, and beside the same SQL bare.

The same 200 boxes of parts on both sides, each with some hundred features, every feature with all its public
attributes; processor milliseconds of server and database a request. One process each; ours as an officer of one street.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence

import httpx2 as httpx

from bench import full_size, serving
from bench.full_size import TOKEN, City
from bench.result import Result
from bench.serving import Served
from bench.town import Town
from gisops.access import scopes
from gisops.coordinates import local_metres
from gisops.db.pool import connect
from layers import features
from layers.catalog import load_catalog
from layers.features import BBox
from layers.viewer import viewer_of

LAYER, LIMIT, BOXES = "fixtures", 1_000, 200


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    yield from measure(*full_size.of(town))


def measure(place: Town, city: City, count: int = BOXES) -> Iterator[Result]:
    """Compare on a city that is loaded."""
    asked, before = boxes(place, city, count), boxes(place, city, 20, seed=2)
    with serving.ours(place) as server:
        ours, mine = read(server, _own, asked, before)
    with serving.peer(place) as server:
        other, theirs = read(server, _peers, asked, before)
    if mine != theirs:
        raise RuntimeError(f"ours told of {mine} features, the peer of {theirs}")
    of = f"{len(asked)} boxes of parts, {sum(mine) / len(mine):.0f} each (at most {LIMIT}), {city.what}"
    sent = f"both the same features with all public attributes as GeoJSON; {of}"
    yield Result("features.box", ours, other, "CPU ms", sent, at_most=1 / 30)
    bare = bare_ms(place, city, asked, before)
    sent = f"{of}; the statements of the same pages by psycopg on one connection, the database's time alone"
    yield Result("features.box.bare", ours, bare, "CPU ms", sent, at_most=1.8)


def boxes(place: Town, city: City, count: int, seed: int = 1) -> list[BBox]:
    """Boxes of a few streets where the city is dense, none with more features than are asked for."""
    draw = random.Random(seed)
    west, south, _, north = city.bbox
    kx, ky = local_metres((south + north) / 2)
    found: list[BBox] = []
    with connect(place.url(serving.OWNER)) as conn:
        while len(found) < count:
            x, y = (draw.gauss(city.side_m / 2, city.side_m / 6) for _ in "xy")
            half = draw.choice((100, 150, 200, 300))
            corners = west + (x - half) / kx, south + (y - half) / ky, west + (x + half) / kx, south + (y + half) / ky
            box = tuple(round(each, 6) for each in corners)
            row = conn.execute(
                "SELECT count(*) AS n FROM parts WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)", box
            ).fetchone()
            if row is not None and 0 < row["n"] <= LIMIT - 20:
                found.append(box)  # type: ignore[arg-type]
    return found


def read(
    server: Served, path: Callable[[BBox], str], asked: Sequence[BBox], before: Sequence[BBox]
) -> tuple[float, list[int]]:
    """Processor ms a request, and how many features each told of."""
    told: list[int] = []
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip", "Accept": "application/geo+json"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=120) as client:
        for box in before:
            client.get(path(box)).raise_for_status()
        bodies = []
        with server.measuring() as spent:
            for box in asked:
                answer = client.get(path(box))
                answer.raise_for_status()
                bodies.append(answer.content)
    for body in bodies:
        told.append(len(json.loads(body)["features"]))
    return spent.cpu_s / len(asked) * 1000, told


def bare_ms(place: Town, city: City, asked: Sequence[BBox], before: Sequence[BBox]) -> float:
    """The database's processor ms for the same pages, asked by their statements."""
    layer, viewer = load_catalog()[LAYER], viewer_of("officer")
    took = []
    with connect(place.url()) as conn:
        pid = conn.info.backend_pid
        for box in [*before, *asked]:
            began = serving.own_s(pid)
            with conn.transaction():
                scopes.look_as(conn, city.account)
                features.read(conn, layer, viewer, bbox=box, limit=LIMIT)
            took.append(serving.own_s(pid) - began)
    return statistics.mean(took[len(before) :]) * 1000


def _box(box: BBox) -> str:
    return ",".join(map(str, box))


def _own(box: BBox) -> str:
    return f"/ogc/collections/{LAYER}/items?bbox={_box(box)}&limit={LIMIT}"


def _peers(box: BBox) -> str:
    return f"/collections/peer.{LAYER}/items?bbox={_box(box)}&limit={LIMIT}&f=geojson"
