"""An archive of tiles: any layers, as a viewer sees them, in one PMTiles file (version 3) that needs no server.

Tiles are cut as the server cuts them (`tiles.mvt`), all of one moment: the connections that cut them side by side share
the snapshot of the first. They are written in the order of the format, so that tiles that lie beside one another on the
ground do so in the file; those with the same content are kept once.
"""

from __future__ import annotations

import gzip
import math
import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pmtiles.tile import Compression, TileType, tileid_to_zxy, zxy_to_tileid
from pmtiles.writer import Writer
from psycopg import IsolationLevel, sql

from gisops.access.scopes import look_as
from gisops.crs import WORLD_M
from gisops.db.pool import Connection, connect
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotFound
from layers.features import BBox, check_bbox
from layers.layer import Layer
from layers.seen import by_window, window
from layers.viewer import Viewer
from tiles.grid import MAX_ZOOM, Tile, tile_of
from tiles.mvt import draw
from tiles.tilejson import vector_layers

_SQL = load("tiles", "archive.sql")
# As deep as the database is asked which tiles hold anything; deeper, whatever lies in one that does is tried.
_ASKED_TO = 16
# Tiles that are cut ahead of what is written, for each connection.
_AHEAD = 32
# Where a file says its least and its greatest zoom, a byte each.
_ZOOMS_AT = 100
Told = Callable[[int, int], None]
# Its number, what is in it (gzipped, or nothing), and how many features of each layer are drawn singly in it.
_Tile = tuple[int, bytes, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: tiles that hold something, of how many that were cut, and how many features of each layer are
    drawn singly in them, each as often as there are tiles with it.
    """

    tiles: int
    cut: int
    features: dict[str, int]


@contextmanager
def at_one_moment(url: str, account_id: int | None, number: int) -> Iterator[list[Connection]]:
    """Open connections that read for an account (None: for anybody) and see the same moment. What the first one wrote
    is committed at the end; the caller may commit it before.
    """
    with ExitStack() as stack:
        opened: list[Connection] = []
        shared: str | None = None
        for _ in range(number):
            conn = stack.enter_context(connect(url, unhurried=True))
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            if shared is not None:
                conn.execute(sql.SQL(_SQL["share"]).format(snapshot=sql.Literal(shared)))
            elif number > 1:
                row = conn.execute(_SQL["snapshot"]).fetchone()
                shared = None if row is None else str(row["snapshot"])
            look_as(conn, account_id)
            opened.append(conn)
        yield opened


def write(
    conns: Sequence[Connection],
    layers: Sequence[Layer],
    viewer: Viewer,
    path: Path,
    *,
    zooms: tuple[int, int] | None = None,
    bbox: BBox | None = None,
    told: Told = lambda _done, _of: None,
) -> Written:
    """Write the tiles of layers to a file that is not there yet, with as many cutting as there are connections
    (`at_one_moment`). With a box, the tiles that touch it, whole. ``told`` hears of tiles done, and of how many.

    Raises ``InvalidInput`` for zooms that none of the layers has, ``NotFound`` where nothing is to be drawn,
    ``NotSignedIn``, ``NotAllowed``, ``OSError``.
    """
    for layer in layers:
        viewer.require(layer)
    low, high = _zooms(layers, zooms)
    if bbox is not None:
        check_bbox(bbox)
    numbers = _numbers(conns[0], layers, viewer, low, high, bbox)
    bounds = _bounds(conns[0], layers, viewer, bbox)
    kept, shown = 0, Counter[str]()
    with path.open("xb") as file:
        writer = Writer(file)  # type: ignore[no-untyped-call]
        writer.tile_f.close()
        # Beside the file, where there is room for it.
        writer.tile_f = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  (closed below)
        with writer.tile_f:
            for done, (number, tile, found) in enumerate(_cut(conns, layers, viewer, numbers), 1):
                if tile:
                    writer.write_tile(number, tile)  # type: ignore[no-untyped-call]
                    kept += 1
                    shown.update(found)
                told(done, len(numbers))
            if not kept or bounds is None:
                raise NotFound(
                    "There is nothing to draw: these layers hold nothing that may be seen, here and at these zooms.",
                    layers=[layer.id for layer in layers],
                )
            about = _header(bounds, low, high), _metadata(layers, viewer, low, high)
            writer.finalize(*about)  # type: ignore[no-untyped-call]
            # The library takes the zoom at which the last entry begins, which may run on into the next.
            file.seek(_ZOOMS_AT)
            file.write(bytes((low, high)))
    return Written(kept, len(numbers), {layer.id: shown[layer.id] for layer in layers})


def _zooms(layers: Sequence[Layer], zooms: tuple[int, int] | None) -> tuple[int, int]:
    least, most = min(layer.minzoom for layer in layers), max(layer.maxzoom for layer in layers)
    low, high = zooms or (least, most)
    if not 0 <= low <= high <= MAX_ZOOM or high < least or low > most:
        raise InvalidInput(
            f"Zooms {low}-{high} cannot be had: these layers have tiles for {least} to {most}.",
            parameter="zooms",
            minzoom=least,
            maxzoom=most,
        )
    return max(low, least), min(high, most)


def _source(layer: Layer, viewer: Viewer) -> sql.Composable:
    if by_window(layer, viewer):
        return sql.SQL("{}() AS seen (geom_3857)").format(window(layer, "dots"))
    return sql.Identifier(layer.relation)


def _numbers(
    conn: Connection, layers: Sequence[Layer], viewer: Viewer, low: int, high: int, bbox: BBox | None
) -> list[int]:
    """The numbers of all tiles that may hold something, in the format's order: zoom by zoom, along a Hilbert curve."""
    found: set[int] = set()
    for layer in layers:
        first, last = max(low, layer.minzoom), min(high, layer.maxzoom)
        if first > last:
            continue
        # Once, as deep as may be; what lies above follows from it.
        deep = min(last, _ASKED_TO)
        side = WORLD_M / (1 << deep)
        values = {
            "side": side,
            "margin": side * layer.tiling.buffer / 4096,
            **_range_below(bbox, min(first, deep), deep),
        }
        asked = sql.SQL(_SQL["touched"]).format(source=_source(layer, viewer))
        tiles = [(row["x"], row["y"]) for row in conn.execute(asked, values)]
        for z in range(first, deep + 1):
            found.update(_above(tiles, z, deep, layer.tiling.buffer, bbox))
        if deep == _ASKED_TO:
            found.update(_below(tiles, max(first, deep + 1), last, bbox))
    return sorted(found)


def _above(tiles: Sequence[tuple[int, int]], z: int, deep: int, buffer: int, bbox: BBox | None) -> Iterator[int]:
    """The tiles of a zoom that deeper ones lie in, or near enough to be drawn at their edge."""
    up = deep - z
    near = math.ceil((buffer << up) / 4096) if up else 0
    within = _range(bbox, z)
    seen = {
        (above_x, above_y)
        for x, y in tiles
        for above_x in {x - near >> up, x + near >> up}
        for above_y in {y - near >> up, y + near >> up}
    }
    for x, y in seen:
        if within["west"] <= x <= within["east"] and within["north"] <= y <= within["south"]:
            yield zxy_to_tileid(z, x, y)


def _range_below(bbox: BBox | None, z: int, deep: int) -> dict[str, int]:
    """All that lies in the tiles of a zoom that touch the box, as a range of deeper tiles."""
    within, up = _range(bbox, z), deep - z
    return {
        "west": within["west"] << up,
        "north": within["north"] << up,
        "east": (within["east"] + 1 << up) - 1,
        "south": (within["south"] + 1 << up) - 1,
    }


def _below(tiles: Sequence[tuple[int, int]], first: int, last: int, bbox: BBox | None) -> Iterator[int]:
    for z in range(first, last + 1):
        up, within = z - _ASKED_TO, _range(bbox, z)
        for x, y in tiles:
            for below_x in range(x << up, x + 1 << up):
                for below_y in range(y << up, y + 1 << up):
                    if within["west"] <= below_x <= within["east"] and within["north"] <= below_y <= within["south"]:
                        yield zxy_to_tileid(z, below_x, below_y)


def _range(bbox: BBox | None, z: int) -> dict[str, int]:
    if bbox is None:
        return {"west": 0, "north": 0, "east": (1 << z) - 1, "south": (1 << z) - 1}
    west, south, east, north = bbox
    first, last = tile_of(west, north, z), tile_of(east, south, z)
    return {"west": first.x, "north": first.y, "east": last.x, "south": last.y}


def _bounds(conn: Connection, layers: Sequence[Layer], viewer: Viewer, bbox: BBox | None) -> BBox | None:
    boxes = []
    for layer in layers:
        row = conn.execute(sql.SQL(_SQL["extent"]).format(source=_source(layer, viewer))).fetchone()
        if row is not None:
            boxes.append((row["west"], row["south"], row["east"], row["north"]))
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    around = (min(west), min(south), max(east), max(north))
    if bbox is None:
        return around
    low, high = map(max, around[:2], bbox[:2]), map(min, around[2:], bbox[2:])
    return (*low, *high)


def _cut(
    conns: Sequence[Connection], layers: Sequence[Layer], viewer: Viewer, numbers: Sequence[int]
) -> Iterator[_Tile]:
    """Cut tiles side by side, and give them in order."""
    free: SimpleQueue[Connection] = SimpleQueue()
    for conn in conns:
        free.put(conn)

    def one(number: int) -> _Tile:
        at = Tile(*tileid_to_zxy(number))
        conn = free.get()
        try:
            drawn = {
                layer.id: draw(conn, layer, viewer, at) for layer in layers if layer.minzoom <= at.z <= layer.maxzoom
            }
        finally:
            free.put(conn)
        tile = b"".join(piece for piece, _ in drawn.values())
        packed = gzip.compress(tile, 6, mtime=0) if tile else b""
        return number, packed, {name: found for name, (_, found) in drawn.items()}

    with ThreadPoolExecutor(len(conns)) as threads:
        waiting: deque[Future[_Tile]] = deque()
        try:
            for number in numbers:
                waiting.append(threads.submit(one, number))
                if len(waiting) >= _AHEAD * len(conns):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _header(bounds: BBox, low: int, high: int) -> dict[str, Any]:
    west, south, east, north = (round(side * 1e7) for side in bounds)
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_zoom": min(high, max(low, 14)),
        "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
    }


def _metadata(layers: Sequence[Layer], viewer: Viewer, low: int, high: int) -> dict[str, Any]:
    """What the server's TileJSON says of the same tiles."""
    described = [
        {**each, "minzoom": max(low, each["minzoom"]), "maxzoom": min(high, each["maxzoom"])}
        for layer in layers
        for each in vector_layers(layer, viewer)
        if each["minzoom"] <= high and each["maxzoom"] >= low
    ]
    return {
        "name": " + ".join(f"{layer.title_zh} · {layer.title_en}" for layer in layers),
        "description": " ".join(layer.description for layer in layers),
        "attribution": ", ".join(dict.fromkeys(layer.owner for layer in layers)),
        "type": "overlay",
        "version": "1",
        "vector_layers": described,
        "generator": "gisops",
    }


def connections() -> int:
    """How many cut side by side: as many as there are cores, of which each has the database at work; four at most."""
    return max(2, min(os.cpu_count() or 2, 4))
