"""OpenStreetMap's ways as roads: our classes, one-ways, widths, split where they meet."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gisops.sample.osm.extract import Layer
from gisops.sample.town import Roads, Shapes, Texts

# highway=… -> our class; what is not named here is no road one goes on (construction, platforms, corridors).
CLASSES = {
    "motorway": "motorway", "motorway_link": "motorway", "trunk": "trunk", "trunk_link": "trunk",
    "primary": "primary", "primary_link": "primary", "secondary": "secondary", "secondary_link": "secondary",
    "tertiary": "tertiary", "tertiary_link": "tertiary", "residential": "residential", "unclassified": "residential",
    "living_street": "residential", "road": "residential", "service": "service", "track": "service",
    "pedestrian": "footway", "footway": "footway", "path": "footway", "steps": "footway", "cycleway": "footway",
    "bridleway": "footway",
}  # fmt: skip
# Full width where the way says nothing, metres: carriageway and pavements of a usual street of the class.
WIDTHS_M = {
    "motorway": 24.0, "trunk": 20.0, "primary": 16.0, "secondary": 13.0, "tertiary": 11.0, "residential": 9.0,
    "service": 5.0, "footway": 3.0,
}  # fmt: skip
DRIVEN = ("motorway", "trunk", "primary", "secondary", "tertiary", "residential")
LANE_M = 3.25


def roads(lines: Layer, geom: Shapes) -> Roads:
    """The roads among an extract's lines; ``geom`` are the same lines in metres."""
    classes = np.array([CLASSES.get(kind, "") for kind in lines["highway"]], dtype=object)
    on_the_ground = (classes != "") & (np.isin(lines["tunnel"], ("", "no")) | (classes != "footway"))
    chosen = np.flatnonzero(on_the_ground)
    picked, classes, geom = lines.only(chosen), classes[chosen], geom[chosen]
    oneway, backwards = _directions(picked)
    geom = np.where(backwards, shapely.reverse(geom), geom)
    zh, en = picked.named()
    pieces, whose = split_where_they_meet(geom)
    return Roads(pieces, classes[whose], zh[whose], en[whose], oneway[whose], _widths(picked, classes, oneway)[whose])


def split_where_they_meet(geom: Shapes) -> tuple[Shapes, NDArray[np.intp]]:
    """Cut lines at every corner they share with another (or with themselves): that is where roads join.

    A bridge shares no corner with what it crosses, and is left whole. Returns the pieces and whose piece each is.
    """
    xy, line = shapely.get_coordinates(geom, return_index=True)
    _, place = np.unique(np.round(xy, 3), axis=0, return_inverse=True)
    place = place.ravel()
    ends = np.r_[True, line[1:] != line[:-1]] | np.r_[line[1:] != line[:-1], True]
    joint = np.bincount(place)[place] > 1
    # Each inner joint ends one piece and begins the next: it is written twice.
    twice = np.flatnonzero(joint & ~ends)
    order = np.sort(np.r_[np.arange(len(xy)), twice])
    again = np.r_[False, order[1:] == order[:-1]]
    starts = again | np.r_[True, line[order][1:] != line[order][:-1]]
    piece = np.cumsum(starts) - 1
    whose = line[order][starts]
    return np.asarray(shapely.linestrings(xy[order], indices=piece), dtype=object), whose


def _directions(lines: Layer) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who is a one-way, and whose line was drawn against it."""
    said = lines["oneway"]
    backwards = np.isin(said, ("-1", "reverse"))
    forwards = np.isin(said, ("yes", "true", "1"))
    # Roundabouts and motorways are one-ways unless they say otherwise.
    silent = said == ""
    implied = silent & (np.isin(lines["junction"], ("roundabout", "circular")) | (lines["highway"] == "motorway"))
    return forwards | backwards | implied, backwards


def _widths(lines: Layer, classes: Texts, oneway: NDArray[np.bool_]) -> NDArray[np.float64]:
    usual = np.array([WIDTHS_M[one] for one in classes])
    usual[oneway & np.isin(classes, ("primary", "secondary", "tertiary"))] *= 0.75
    lanes = np.array([_number(text) for text in lines["lanes"]])
    said = np.array([_number(text.removesuffix("m").strip()) for text in lines["width"]])
    by_lanes = np.where((lanes >= 1) & (lanes <= 12) & (classes != "footway"), lanes * LANE_M + 3, usual)
    return np.where((said >= 1) & (said <= 80), said, np.maximum(by_lanes, usual * 0.7))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
