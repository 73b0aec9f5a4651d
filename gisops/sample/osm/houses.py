"""Buildings, points of interest and street furniture of an OpenStreetMap extract."""

from __future__ import annotations

import re

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.osm.extract import Layer
from gisops.sample.osm.ground import polygonal
from gisops.sample.town import Buildings, Fixtures, Shapes, Spots, Texts

FLOOR_M = 3.0
# building=… (or what is inside) -> our use.
_USES = {
    "apartments": "residential", "residential": "residential", "house": "residential", "detached": "residential",
    "terrace": "residential", "dormitory": "residential", "hotel": "commercial", "retail": "commercial",
    "commercial": "commercial", "supermarket": "commercial", "kiosk": "commercial", "office": "office",
    "industrial": "industrial", "warehouse": "industrial", "garage": "industrial", "garages": "industrial",
    "school": "school", "kindergarten": "school", "university": "school", "college": "school",
    "hospital": "hospital", "church": "public", "chapel": "public", "cathedral": "public", "public": "public",
    "civic": "public", "train_station": "public", "transportation": "public", "government": "public",
}  # fmt: skip
# A household's usual share of floor, and how much of a floor is dwelling; square metres.
_PER_HOUSEHOLD_M2, _DWELLING = 90.0, 0.75

_SPOTS = ("amenity", "shop", "office", "tourism", "leisure", "healthcare")
# What is a thing in the street rather than a place somebody answers for.
_THINGS = frozenset(
    (
        "bench", "waste_basket", "waste_disposal", "bicycle_parking", "vending_machine", "post_box", "telephone",
        "parking", "parking_entrance", "parking_space", "bicycle_rental", "taxi", "atm", "drinking_water", "fountain",
        "recycling", "clock", "shelter", "toilets", "hunting_stand", "grit_bin", "picnic_site", "viewpoint",
        "information", "artwork", "slipway", "motorcycle_parking", "give_box", "loading_dock",
    )
)  # fmt: skip
_FIXTURES = (
    ("highway", "street_lamp", "lamp"), ("natural", "tree", "tree"), ("amenity", "waste_basket", "bin"),
    ("amenity", "recycling", "bin"), ("amenity", "bench", "bench"), ("emergency", "fire_hydrant", "hydrant"),
    ("amenity", "fire_hydrant", "hydrant"), ("highway", "traffic_signals", "signal"),
    ("highway", "bus_stop", "bus_stop"),
    ("amenity", "post_box", "post_box"), ("amenity", "telephone", "telephone"), ("highway", "crossing", "crossing"),
)  # fmt: skip


def buildings(areas: Layer, geom: Shapes, rng: np.random.Generator) -> Buildings:
    """Footprints with use, floors and height; what the map does not say is guessed from the footprint's size."""
    chosen = np.flatnonzero((areas["building"] != "") & (areas["building"] != "no"))
    parts, whose = shapely.get_parts(
        np.array([*(polygonal(shapely.make_valid(geom[i])) for i in chosen), None], dtype=object)[:-1],
        return_index=True,
    )
    kept = np.array([p.geom_type == "Polygon" and p.area > 8 for p in parts], dtype=bool)
    parts, back = shapely.set_precision(parts[kept], 0.01), chosen[whose[kept]]
    whole = np.array([p.geom_type == "Polygon" and not p.is_empty for p in parts], dtype=bool)
    parts, back = parts[whole], back[whole]
    areas = areas.only(back)
    use = _uses(areas)
    size = shapely.area(parts)
    floors, height = _heights(areas, use, size, rng)
    dwelt = np.where(use == "residential", size * floors * _DWELLING / _PER_HOUSEHOLD_M2, 0)
    households = np.where((dwelt >= 0.5) & (size > 40), np.maximum(1, np.round(dwelt)), 0).astype(np.int64)
    return Buildings(parts, use, areas.named()[0], floors, height, households)


def _uses(areas: Layer) -> Texts:
    said = np.array([_USES.get(kind, "") for kind in areas["building"]], dtype=object)
    inside = np.where(areas["shop"] != "", "commercial", np.where(areas["office"] != "", "office", ""))
    amenity = np.array([_USES.get(kind, "public" if kind else "") for kind in areas["amenity"]], dtype=object)
    for other in (inside, amenity):
        said = np.where(said == "", other, said)
    return np.where(said == "", "residential", said)


def _heights(
    areas: Layer, use: Texts, size: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    levels = np.array([_number(text) for text in areas["building:levels"]])
    metres = np.array([_number(text) for text in areas["height"]])
    guess = np.where(size < 60, 1, np.where(size < 200, 2, np.where(size < 500, 4, 5)))
    guess = np.where(use == "industrial", 1, guess) + rng.integers(0, 2, len(size)) * (size > 200)
    floors = np.where(levels >= 1, levels, np.where(metres >= 2.5, metres / FLOOR_M, guess))
    floors = np.clip(np.round(floors), 1, 120).astype(np.int64)
    height = np.where((metres > 1) & (metres < 600), metres, floors * FLOOR_M + 1.0).astype(np.float64)
    return floors, np.round(height, 1)


def spots(points: Layer, points_geom: Shapes, areas: Layer, areas_geom: Shapes) -> Spots:
    """Named places somebody answers for: shops, restaurants, offices, schools; from points and from areas."""
    found: list[tuple[Shapes, Texts, Texts, Texts]] = []
    for layer, geom in ((points, points_geom), (areas, areas_geom)):
        kind = np.full(len(geom), "", dtype=object)
        for tag in _SPOTS:
            value = np.where(layer[tag] == "yes", tag, layer[tag])
            value = np.where(np.isin(value, list(_THINGS)), "", value)
            kind = np.where(kind == "", value, kind)
        zh, en = layer.named()
        chosen = np.flatnonzero((kind != "") & (layer["name"] != ""))
        found.append((shapely.point_on_surface(geom[chosen]), kind[chosen], zh[chosen], en[chosen]))
    return Spots(*(np.concatenate([one[n] for one in found]) for n in range(4)))


def fixtures(points: Layer, geom: Shapes) -> Fixtures:
    """Lamps, trees, bins, hydrants, signals and stops that are mapped."""
    kind = np.full(len(geom), "", dtype=object)
    for tag, value, ours in _FIXTURES:
        kind = np.where((kind == "") & (points[tag] == value), ours, kind)
    chosen = kind != ""
    return Fixtures(geom[chosen], kind[chosen])


def _number(text: str) -> float:
    found = re.match(r"\s*(\d+(?:\.\d+)?)", text)
    return float(found[1]) if found else float("nan")
