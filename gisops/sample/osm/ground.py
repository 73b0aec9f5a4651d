"""What lies under a real town: its frame, the sea, rivers and lakes, parks and woods, the blocks between streets."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box

from gisops.sample.city import mesh
from gisops.sample.osm.extract import Layer
from gisops.sample.osm.streets import DRIVEN
from gisops.sample.town import Buildings, Greens, Roads, Shapes, Waters

GRID_M = 0.01
_NEEDLE_M2 = 20.0
# Half of a watercourse's width where it is drawn as a line, metres.
_COURSES = {"river": 6.0, "canal": 4.0, "stream": 1.5, "ditch": 1.0, "drain": 1.0}
_GREENS = {
    ("leisure", "park"): "park", ("leisure", "garden"): "park", ("landuse", "recreation_ground"): "park",
    ("landuse", "village_green"): "park", ("leisure", "nature_reserve"): "forest", ("landuse", "forest"): "forest",
    ("natural", "wood"): "forest", ("landuse", "farmland"): "farmland", ("landuse", "farm"): "farmland",
    ("landuse", "orchard"): "farmland", ("landuse", "vineyard"): "farmland", ("landuse", "meadow"): "grass",
    ("landuse", "grass"): "grass", ("natural", "grassland"): "grass", ("natural", "heath"): "grass",
    ("natural", "scrub"): "grass", ("leisure", "pitch"): "pitch", ("leisure", "track"): "pitch",
    ("leisure", "stadium"): "pitch", ("landuse", "cemetery"): "cemetery", ("natural", "wetland"): "wetland",
    ("natural", "beach"): "beach",
}  # fmt: skip
# How far beyond an official border the sea is drawn.
BEYOND_M = 1500.0
# A frame of this share of the streets is the town's: the rest are roads that lead elsewhere.
_MOST_STREETS = 0.85


def frame(areas: Layer, areas_geom: Shapes, roads: Roads) -> tuple[Any, Any]:
    """The town's border, and the window within which the map is worth drawing.

    The border is the smallest administrative area, or set of areas of one level, that holds nearly all streets of the
    extract; then the sea may be drawn beyond it. Without one it is the rectangle the streets lie in: what lies beyond
    has been cut off, and nobody knows it.
    """
    driven = roads.geom[np.isin(roads.road_class, DRIVEN)]
    if not len(driven):
        driven = roads.geom
    lengths = shapely.length(driven)
    official = areas["boundary"] == "administrative"
    found = []
    for level in sorted(set(areas["admin_level"][official])):
        whole = shapely.make_valid(
            shapely.union_all(shapely.make_valid(areas_geom[official & (areas["admin_level"] == level)]))
        )
        shapely.prepare(whole)
        share = lengths[shapely.intersects(whole, driven)].sum() / lengths.sum()
        if share >= _MOST_STREETS:
            found.append(polygonal(whole))
    if found:
        outline = shapely.set_precision(min(found, key=shapely.area), GRID_M)
        return outline, box(*shapely.buffer(outline, BEYOND_M).bounds)
    # By the corners of the middle 98 %: one long road out of an extract must not stretch it.
    xy = shapely.get_coordinates(driven)
    west, south = np.quantile(xy, 0.01, axis=0)
    east, north = np.quantile(xy, 0.99, axis=0)
    outline = shapely.set_precision(box(west, south, east, north), GRID_M)
    return outline, outline


def sea(lines: Layer, lines_geom: Shapes, areas: Layer, areas_geom: Shapes, window: Any) -> Any:
    """The sea inside a window, from coastlines: they have land on their left hand. Islands are closed ones."""
    coasts = shapely.line_merge(shapely.union_all(lines_geom[lines["natural"] == "coastline"]), directed=True)
    whole = [_reaching(p, window) for p in shapely.get_parts(coasts) if p.length > 0]
    pieces = [p for p in shapely.get_parts(shapely.intersection(whole, window)) if p.geom_type == "LineString"]
    pieces = [p for p in pieces if p.length > 1]
    islands = shapely.union_all(shapely.make_valid(areas_geom[areas["natural"] == "coastline"]))
    if not pieces:
        return shapely.Polygon()
    cut = shapely.union_all([*pieces, window.boundary], grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(cut)))
    wet = np.zeros(len(faces))
    for left, side in ((1.0, -1), (-1.0, 1)):
        for piece in pieces:
            at = np.linspace(0.02, 0.98, max(5, int(piece.length / 40)))
            here = shapely.get_coordinates(piece.interpolate(at, normalized=True))
            there = shapely.get_coordinates(piece.interpolate(np.minimum(at + 0.5 / piece.length, 1), normalized=True))
            along = there - here
            long = np.hypot(*along.T)
            along = along[long > 0] / long[long > 0, None]
            aside = shapely.points(here[long > 0] + np.column_stack([-along[:, 1], along[:, 0]]) * left)
            tree = shapely.STRtree(faces)
            face = tree.query(aside, predicate="within")[1]
            np.add.at(wet, face, side)
    found = shapely.union_all(faces[wet > 0])
    return polygonal(found.difference(islands))


def _reaching(coast: Any, window: Any) -> Any:
    """A coast that ends where the extract ends, led on to the window's rim: each end straight away from the other."""
    if coast.is_closed:
        return coast
    ends = np.array([coast.coords[0], coast.coords[-1]])
    away = ends - ends[::-1]
    long = float(np.hypot(*away[0]))
    if long == 0:
        return coast
    far = ends + away / long * (window.length)
    inside = [window.contains(shapely.Point(end)) for end in ends]
    xy = [*([far[0]] if inside[0] else []), *coast.coords, *([far[1]] if inside[1] else [])]
    return shapely.LineString(xy)


def waters(lines: Layer, lines_geom: Shapes, areas: Layer, areas_geom: Shapes, ocean: Any, window: Any) -> Waters:
    """The sea, lakes and ponds, rivers (areas, and lines given a width), within a window."""
    geom: list[Any] = []
    kind: list[str] = []
    zh: list[str] = []
    en: list[str] = []

    def add(shape: Any, what: str, name_zh: str = "", name_en: str = "") -> None:
        dry = polygonal(shape.intersection(window))
        if not dry.is_empty and dry.area > 20:
            geom.append(dry)
            kind.append(what)
            zh.append(name_zh)
            en.append(name_en)

    if not ocean.is_empty:
        add(ocean, "sea", "海", "Sea")
    area_zh, area_en = areas.named()
    wet = (areas["natural"] == "water") | (areas["waterway"] == "riverbank") | (areas["landuse"] == "reservoir")
    for i in np.flatnonzero(wet):
        shape = shapely.make_valid(areas_geom[i])
        flows = areas["waterway"][i] == "riverbank" or areas["water"][i] in ("river", "canal", "stream")
        what = "river" if flows else "lake" if shape.area > 10_000 else "pond"
        add(shape, what, area_zh[i], area_en[i])
    banks = shapely.union_all(geom) if geom else shapely.Polygon()
    line_zh, line_en = lines.named()
    for course, half in _COURSES.items():
        chosen = (lines["waterway"] == course) & np.isin(lines["tunnel"], ("", "no"))
        for name in dict.fromkeys(line_zh[chosen].tolist()):
            of_name = chosen & (line_zh == name)
            body = shapely.union_all(shapely.buffer(lines_geom[of_name], half, quad_segs=3)).difference(banks)
            add(body, "canal" if course == "canal" else "river", name, str(line_en[of_name][0]))
    return Waters(_shapes(geom), _texts(kind), _texts(zh), _texts(en))


def greens(areas: Layer, geom: Shapes, window: Any) -> Greens:
    """Parks, woods, fields and pitches within a window."""
    kinds = np.full(len(geom), "", dtype=object)
    for (tag, value), ours in _GREENS.items():
        kinds = np.where((kinds == "") & (areas[tag] == value), ours, kinds)
    chosen = np.flatnonzero(kinds != "")
    shapes = [polygonal(shapely.make_valid(geom[i]).intersection(window)) for i in chosen]
    kept = [n for n, shape in enumerate(shapes) if shape.area > 20]
    zh, _ = areas.named()
    parts, whose = shapely.get_parts(_shapes([shapes[n] for n in kept]), return_index=True)
    back = chosen[np.array(kept, dtype=np.intp)][whose] if kept else np.empty(0, dtype=np.intp)
    return Greens(parts, kinds[back], zh[back])


def blocks(outline: Any, roads: Roads, water: Any) -> Shapes:
    """The faces between streets, shores and the border, all of them together the outline without gaps."""
    streets = roads.geom[np.isin(roads.road_class, (*DRIVEN, "service"))]
    if not np.isin(roads.road_class, DRIVEN).any():
        streets = roads.geom
    shores = polygonal(water).boundary
    lines = shapely.union_all([*streets, shores.intersection(outline), outline.boundary], grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    inside = shapely.intersects(outline, shapely.point_on_surface(faces))
    faces = faces[inside]
    return _without_needles(faces)


def _without_needles(faces: Shapes) -> Shapes:
    """Faces of a few square metres, where two lines run side by side, join the neighbour they share most with."""
    label = mesh.absorbed(faces, shapely.area(faces) < _NEEDLE_M2)
    found: Shapes = np.asarray(shapely.normalize(shapely.get_parts(mesh.joined(faces, label))), dtype=object)
    return found


def urbanity(faces: Shapes, buildings: Buildings, wet: Any) -> NDArray[np.float64]:
    """How built up each block is: the share of its surroundings under roofs, 35 % and more being the middle of town."""
    if not len(faces):
        return np.empty(0)
    roof = shapely.area(buildings.geom)
    tree = shapely.STRtree(shapely.centroid(buildings.geom)) if len(roof) else None
    middle = shapely.centroid(faces)
    around = shapely.buffer(middle, 150.0, quad_segs=4)
    covered = np.zeros(len(faces))
    if tree is not None:
        face, house = tree.query(around, predicate="contains")
        np.add.at(covered, face, roof[house])
    dense = np.clip(covered / (np.pi * 150.0**2) / 0.35, 0, 1)
    shapely.prepare(wet)
    dense[shapely.contains(wet, shapely.point_on_surface(faces))] = 0
    return dense


def polygonal(shape: Any) -> Any:
    """The areas of a shape, without the lines and points that cutting leaves."""
    parts = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type == "Polygon" and p.area > 0]
    return parts[0] if len(parts) == 1 else shapely.union_all(parts) if parts else shapely.Polygon()


def _shapes(items: list[Any]) -> Shapes:
    return np.array([*items, None], dtype=object)[:-1]


def _texts(items: list[str]) -> Any:
    return np.array([*items, None], dtype=object)[:-1]
