"""A real town's ground, read from an OpenStreetMap extract.

Roads, buildings, water, green, street furniture and places are the map's; zones, staff and cases that are laid over
them are made up, and every label says so. The data are © OpenStreetMap contributors, under the ODbL: a database made
of them carries the attribution, and is not shipped with gisops.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from gisops.sample.osm import ground, houses, streets
from gisops.sample.osm.extract import Extract, UnreadableExtract, open_extract
from gisops.sample.town import Profile, Shapes, Town

__all__ = ["UnreadableExtract", "read"]

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
# 4698 is a prefix that GB/T 2260 gives to nobody: no code of a sample must look like a real place's.
CITY_CODE, DISTRICT_CODE = "469800", "469801"
# Of the places a small extract may be from; else the clock follows the longitude, which is at most some hours off.
_ZONES = (
    ((19.0, 59.5, 31.6, 70.2), "Europe/Helsinki"),
    ((7.3, 43.5, 7.6, 43.8), "Europe/Monaco"),
    ((1.3, 42.3, 1.9, 42.7), "Europe/Andorra"),
    ((73.4, 17.5, 135.1, 53.6), "Asia/Shanghai"),
)


def read(path: Path, seed: int) -> Town:
    """Read a town from ``*.osm.pbf``, ``*.osm`` or ``*.osm.gz``. ``seed`` decides what the map leaves open: floors of a
    building that does not say. Raises ``UnreadableExtract``.
    """
    extract = open_extract(path)
    west, south, east, north = _extent(extract)
    lon, lat = (west + east) / 2, (south + north) / 2
    srid = metric_srid(lon, lat)
    to_metres = pyproj.Transformer.from_crs(4326, srid, always_xy=True)

    def metres(shapes: Shapes) -> Shapes:
        def place(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.round(np.column_stack(to_metres.transform(xy[:, 0], xy[:, 1])), 2)

        return np.asarray(shapely.transform(shapes, place), dtype=object)

    points, lines, areas = (metres(layer.geom) for layer in (extract.points, extract.lines, extract.areas))
    roads = streets.roads(extract.lines, lines)
    if not len(roads.geom):
        raise UnreadableExtract(f"{path.name} holds no streets.", file=path.name)
    outline, window = ground.frame(extract.areas, areas, roads)
    ocean = ground.sea(extract.lines, lines, extract.areas, areas, window)
    waters = ground.waters(extract.lines, lines, extract.areas, areas, ocean, window)
    wet = ground.polygonal(shapely.union_all(waters.geom)) if len(waters.geom) else shapely.Polygon()
    roads = _inside(roads, outline)
    built = houses.buildings(extract.areas, areas, np.random.default_rng([seed, 0x05]))
    built = _inside(built, outline)
    blocks = ground.blocks(outline, roads, wet)
    rims = shapely.union_all(blocks, grid_size=ground.GRID_M)
    town = Town(
        profile=_profile(path, extract, lon, lat, srid),
        outline=rims,
        land=ground.polygonal(rims.difference(wet)),
        roads=roads,
        waters=waters,
        greens=_inside(ground.greens(extract.areas, areas, window), window),
        buildings=built,
        spots=_inside(houses.spots(extract.points, points, extract.areas, areas), outline),
        fixtures=_inside(houses.fixtures(extract.points, points), outline),
        blocks=blocks,
        urban=ground.urbanity(blocks, built, wet),
        facts={"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    )
    return town


def metric_srid(lon: float, lat: float) -> int:
    """The EPSG number of a metric grid for a place: China's three-degree Gauss-Krüger belts inside China, else UTM."""
    if 73.4 < lon < 135.1 and 17.5 < lat < 53.6:
        return 4534 + (min(max(round(lon / 3) * 3, 75), 135) - 75) // 3
    return (32600 if lat >= 0 else 32700) + min(int((lon + 180) // 6) + 1, 60)


def _extent(extract: Extract) -> tuple[float, float, float, float]:
    """Where the streets lie: long boundary lines reach far beyond an extract."""
    driven = np.isin(
        extract.lines["highway"], [kind for kind, ours in streets.CLASSES.items() if ours in streets.DRIVEN]
    )
    chosen = extract.lines.geom[driven if driven.any() else extract.lines["highway"] != ""]
    if not len(chosen):
        raise UnreadableExtract("The extract holds no streets.")
    west, south, east, north = shapely.total_bounds(chosen)
    return float(west), float(south), float(east), float(north)


def _profile(path: Path, extract: Extract, lon: float, lat: float, srid: int) -> Profile:
    zh, en = _name(path, extract)
    return Profile(
        city_code=CITY_CODE,
        city_zh=f"{zh}（样例）",
        city_en=f"{en} (sample)",
        district_code=DISTRICT_CODE,
        district_zh=f"{zh}样例区",
        district_en=f"{en} sample district",
        metric_srid=srid,
        timezone=_timezone(lon, lat),
        made_up=False,
        note_zh="街道、建筑、水系、绿地和地点来自 OpenStreetMap；责任区、单位、人员和案件均为编造。",
        note_en="Streets, buildings, water, green and places are OpenStreetMap's; zones, organisations, staff and cases"
        " are made up.",
        attribution=ATTRIBUTION,
    )


def _name(path: Path, extract: Extract) -> tuple[str, str]:
    for wanted in ("city", "town"):
        for layer in (extract.points, extract.areas):
            found = np.flatnonzero((layer["place"] == wanted) & (layer["name"] != ""))
            if len(found) == 1 or (len(found) and wanted == "city"):
                zh, en = layer.named()
                return str(zh[found[0]]), str(en[found[0]])
    plain = re.sub(r"(\.osm)?(\.pbf|\.gz)?$", "", path.name).replace("_", " ").replace("-", " ").strip()
    return plain.title(), plain.title()


def _timezone(lon: float, lat: float) -> str:
    for (west, south, east, north), name in _ZONES:
        if west <= lon <= east and south <= lat <= north:
            return name
    hours = round(lon / 15)
    # POSIX counts westwards: Etc/GMT-8 is eight hours ahead of Greenwich.
    return "Etc/GMT" if hours == 0 else f"Etc/GMT{-hours:+d}"


def _inside(columns: Any, frame: Any) -> Any:
    """The rows whose middle lies in a frame."""
    shapely.prepare(frame)
    chosen = shapely.intersects(frame, shapely.point_on_surface(columns.geom))
    return type(columns)(**{name: values[chosen] for name, values in vars(columns).items()})
