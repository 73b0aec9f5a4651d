"""The streets of the made-up city as drawn, before they are cut where they meet: from motorway to village lane."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely.ops import substring

from gisops.sample.made import plan
from gisops.sample.made.faces import Cutter, Junctions, Wish, rings
from gisops.sample.made.quarters import Quarters, raster
from gisops.sample.made.shapes import GRID_M, Points, blob, curve, polygons, rounded, wiggled
from gisops.sample.made.waters import Wet

WIDTHS = {
    "motorway": 34.0, "trunk": 42.0, "primary": 36.0, "secondary": 26.0, "tertiary": 18.0, "residential": 10.0,
    "service": 6.0, "footway": 3.0,
}  # fmt: skip
# Water is followed by a road at this distance from its bank, metres.
SEASIDE_M, HARBOUR_M, RIVERSIDE_M, BROOKSIDE_M = 150.0, 260.0, 52.0, 16.0
# And a motorway by side roads, which catch the small streets.
VERGE_M = 46.0


@dataclass
class Drawn:
    """Lines with class, width and, where the plan gives one, a name."""

    lines: list[Any] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    villages: list[Any] = field(default_factory=list)
    # Between water or motorway and the road beside it; and the motorways.
    corridor: Any = None
    fast: Any = None

    def add(self, line: Any, road_class: str, width: float | None = None, name: tuple[str, str] = ("", "")) -> None:
        """One more line, or the lines of several parts."""
        for part in shapely.get_parts(line):
            if part.geom_type == "LineString" and part.length > 1:
                self.lines.append(part)
                self.classes.append(road_class)
                self.widths.append(width or WIDTHS[road_class])
                self.names.append(name)


def draw_streets(wet: Wet, quarters: Quarters, rng: np.random.Generator) -> Drawn:
    """Great roads and waterside roads first; the faces between them are cut by everything smaller."""
    drawn = Drawn()
    scale = quarters.scale
    inside = wet.outline
    for avenue in plan.AVENUES:
        line = shapely.LineString(wiggled(curve(scale.metres(avenue.line), 60), rng, ((22, 900), (6, 300))))
        names = (f"样例{avenue.name_zh}", f"Sample {avenue.name_en}")
        drawn.add(line.intersection(inside), avenue.road_class, avenue.width_m, names)
    corridor, rim = _waterside(drawn, wet, quarters)
    drawn.corridor = corridor

    banks = [wet.outline.boundary, wet.rivers.boundary, wet.streams.boundary, wet.lakes.boundary]
    noded = shapely.union_all(np.array([*drawn.lines, *banks], dtype=object), grid_size=GRID_M)
    first = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    ways = _spokes(first, wet, corridor)
    if ways:
        for way in ways:
            drawn.add(way, "tertiary" if quarters.urban(_mid(way))[0] > 0.3 else "residential")
        noded = shapely.union_all(np.array([noded, *ways], dtype=object), grid_size=GRID_M)
        first = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inner = shapely.point_on_surface(first)
    dry = ~shapely.dwithin(inner, shapely.union_all([wet.inland, wet.sea]), 0.0)
    # Between a waterside road and its water lies the promenade: no streets there.
    free = dry & ~shapely.contains_properly(_prepared(corridor), inner)
    junctions = Junctions()
    junctions.add(_nodes(shapely.get_parts(noded)))

    old, industry = quarters.old, quarters.industry

    target = raster(quarters.target_m2, wet.outline.bounds)

    def wish(ring: Points) -> Wish:
        middle = ring.mean(axis=0)
        spots = np.vstack([middle[None], middle + 0.45 * (ring[:: max(len(ring) // 6, 1)] - middle)])
        least = float(target.at(spots).min())
        return Wish(least, 0.75 if least < 12e3 else 0.45 if least > 150e3 else 0.08)

    cutter = Cutter(rng, wish, junctions)
    cutter.run(rings(first[free]))
    lines = shapely.linestrings(np.concatenate([c.line for c in cutter.cuts]), indices=np.repeat(
        np.arange(len(cutter.cuts)), [len(c.line) for c in cutter.cuts]))  # fmt: skip
    middles = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    classes = _classes(
        np.array([c.face_m2 for c in cutter.cuts]), quarters.urban(middles), old(middles), industry(middles)
    )
    for line, road_class in zip(lines, classes, strict=True):
        drawn.add(line, road_class, 7.0 if road_class == "residential" and old(_mid(line))[0] else None)
    _bridges(drawn, lines, classes, wet, rng)
    _villages(drawn, cutter.leaves, wet, quarters, rng)
    _promenades(drawn, wet, quarters, rim)
    return drawn


def _spokes(faces: Any, wet: Wet, corridor: Any) -> list[Any]:
    """Streets from what lies like an island in a face (a lake with the road round it) out to the face's rim."""
    found: list[Any] = []
    for face in faces[shapely.get_num_interior_rings(faces) > 0]:
        inner = face.representative_point()
        if inner.intersects(corridor) or inner.intersects(wet.inland):
            continue
        for hole in face.interiors:
            points = shapely.get_coordinates(hole)
            for way in np.array([(1.0, 0.05), (-1.0, -0.04), (0.06, 1.0), (-0.05, -1.0)]):
                start = points[(points @ way).argmax()]
                ray = shapely.LineString([start - way * 0.05, start + way * 30_000]).intersection(face)
                first = min(shapely.get_parts(ray), key=lambda p: float(p.distance(shapely.Point(start))))
                ends = shapely.get_coordinates(first)[[0, -1]]
                if first.length > 5:
                    found.append(shapely.LineString([ends[0] - way * 0.05, ends[1] + way * 0.05]))
    return found


def _mid(line: Any) -> Points:
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True)))


def _prepared(area: Any) -> Any:
    shapely.prepare(area)
    return area


def _nodes(pieces: Any) -> Points:
    """Where three or more pieces end."""
    ends = np.vstack([shapely.get_coordinates(shapely.get_point(pieces, k)) for k in (0, -1)])
    places, count = np.unique(np.round(ends, 3), axis=0, return_counts=True)
    return places[count > 2]


def _classes(face_m2: Any, urban: Any, old: Any, industry: Any) -> list[str]:
    """A street through a large face carries more than one through a small one."""
    hectares = face_m2 / 1e4
    town = np.select(
        [hectares > 110, hectares > 34, hectares > np.where(industry, 12, 7.5)],
        ["secondary", "tertiary", "residential"],
        "service",
    )
    country = np.select([hectares > 380, hectares > 120], ["tertiary", "residential"], "service")
    found = np.where(urban > 0.22, town, country)
    return list(np.where(old & (found == "service"), "residential", found).astype(object))


def _waterside(drawn: Drawn, wet: Wet, quarters: Quarters) -> tuple[Any, Any]:
    """Roads along shore, banks and motorways, all from one outline: they meet instead of running side by side.

    Returns the area between these roads and what they follow, and the roads as one geometry.
    """
    harbour = wet.harbour.intersection(wet.sea)
    fast = shapely.union_all([n for n, c in zip(drawn.lines, drawn.classes, strict=True) if c in ("motorway", "trunk")])
    drawn.fast = fast
    reach = {
        "fast": fast.buffer(VERGE_M, cap_style="flat"),
        "sea": shapely.union(wet.sea.buffer(SEASIDE_M), harbour.buffer(HARBOUR_M)),
        "river": wet.rivers.buffer(RIVERSIDE_M),
        "brook": wet.streams.buffer(BROOKSIDE_M),
        "lake": wet.lakes.buffer(70),
    }
    corridor = rounded(shapely.union_all(list(reach.values())), 14)
    # An eye of land that water surrounds on all sides needs no road of its own.
    corridor = shapely.union_all(
        [
            shapely.Polygon(part.exterior, [hole for hole in part.interiors if shapely.Polygon(hole).area > 60_000])
            for part in shapely.get_parts(corridor)
        ]
    )
    # Where a brook or a motorway comes across, the road along the larger water goes on, over it or under it.
    whole_rim = shapely.boundary(corridor)
    for kind, road_class in (("sea", "primary"), ("river", "secondary"), ("lake", "tertiary"), ("fast", "tertiary")):
        for across in ("brook", "fast"):
            if across == kind:
                continue
            over = shapely.boundary(rounded(reach[kind], 5)).intersection(reach[across])
            for part in shapely.get_parts(shapely.line_merge(over)):
                points = shapely.get_coordinates(part)
                way = [
                    shapely.get_coordinates(shapely.shortest_line(shapely.Point(p), whole_rim)) for p in points[[0, -1]]
                ]
                if part.length < 400 and all(np.hypot(*(w[1] - w[0])) < 45 for w in way):
                    first, last = (w[1] + (w[1] - w[0]) * 0.01 for w in way)
                    line = shapely.LineString([first, *points[1:-1], last])
                    drawn.add(line, road_class)
    rim = shapely.segmentize(shapely.get_parts(shapely.boundary(corridor)), 120)
    pieces = shapely.get_parts(shapely.intersection(rim, wet.outline.buffer(-1)))
    parts: list[Any] = []
    for piece in shapely.get_parts(shapely.line_merge(shapely.multilinestrings(list(pieces)))):
        points = shapely.get_coordinates(piece)
        # About 120 m long pieces: each has the class its own surroundings ask for.
        cuts = np.searchsorted(np.cumsum(np.hypot(*np.diff(points, axis=0).T)), np.arange(120, piece.length, 120))
        parts += [shapely.LineString(p) for p in _pieces(points, cuts)]
    middle = shapely.line_interpolate_point(np.array(parts), 0.5, normalized=True)
    urban = quarters.urban(shapely.get_coordinates(middle))
    away = np.column_stack(
        [shapely.distance(middle, w) for w in (wet.sea, wet.rivers, shapely.union(wet.streams, wet.lakes), fast)]
    )
    # The larger water's road keeps its class where it passes the mouth of a smaller one.
    gap = np.abs(away - np.array([SEASIDE_M, RIVERSIDE_M, BROOKSIDE_M, VERGE_M]))
    near = np.where((gap < 8).any(axis=1), (gap < 8).argmax(axis=1), gap.argmin(axis=1))
    by_harbour = shapely.dwithin(middle, harbour, HARBOUR_M + 30)
    for part, kind, built, port in zip(parts, near, urban, by_harbour, strict=True):
        if kind == 0 or port:
            drawn.add(part, "primary" if built > 0.25 else "secondary", name=("样例滨海大道", "Sample Binhai Avenue"))
        elif kind == 1:
            drawn.add(part, "secondary" if built > 0.3 else "tertiary", name=("样例滨江路", "Sample Riverside Road"))
        elif kind == 2:
            drawn.add(part, "tertiary" if built > 0.4 else "residential" if built > 0.2 else "service")
        else:
            drawn.add(part, "tertiary" if built > 0.3 else "service", 14.0 if built > 0.3 else None)
    return corridor, shapely.union_all(parts)


def _promenades(drawn: Drawn, wet: Wet, quarters: Quarters, rim: Any) -> None:
    """Footways between the waterside roads and the water, with a way over to the road every few hundred metres."""
    inland = wet.inland
    shapely.prepare(inland)
    for water, away, step in ((wet.sea, 62.0, 380.0), (wet.rivers, 17.0, 420.0)):
        line = shapely.boundary(rounded(water.buffer(away), 10)).intersection(wet.land.buffer(-4))
        for part in shapely.get_parts(shapely.line_merge(line)):
            if part.geom_type != "LineString" or part.length < 250:
                continue
            pieces = [part.interpolate(at) for at in np.arange(60, part.length, step)]
            built = quarters.urban(shapely.get_coordinates(pieces))
            # In the country nobody paved the bank.
            for at, point in zip(np.arange(60, part.length, step), pieces, strict=True):
                if built[int((at - 60) / step)] < 0.25:
                    continue
                drawn.add(substring(part, max(at - step / 2, 0), min(at + step / 2 + 0.1, part.length)), "footway")
                way = shapely.get_coordinates(shapely.shortest_line(point, rim))
                long = float(np.hypot(*(way[1] - way[0])))
                # An islet has no way over.
                if 3 < long < 200 and not shapely.LineString(way).intersects(inland):
                    over = (way[1] - way[0]) / long * 0.05
                    drawn.add(shapely.LineString([way[0] - over, way[1] + over]), "footway")


def _pieces(points: Points, cuts: Any) -> list[Points]:
    bounds = [0, *sorted(set((cuts + 1).tolist()) - {0, len(points) - 1}), len(points) - 1]
    return [points[a : b + 1] for a, b in pairwise(bounds) if b > a]


def _bridges(drawn: Drawn, lines: Any, classes: list[str], wet: Wet, rng: np.random.Generator) -> None:
    """Some streets that end at a brook or canal go on across it, to the road on the other side."""
    zone = rounded(shapely.union(wet.streams.buffer(BROOKSIDE_M), wet.lakes.buffer(1)), 2)
    shapely.prepare(zone)
    wanted = np.array([c in ("secondary", "tertiary") or (c == "residential" and rng.random() < 0.3) for c in classes])
    found: list[Any] = []
    for line in lines[wanted]:
        points = shapely.get_coordinates(line)
        for end, before in ((0, 1), (-1, -2)):
            if shapely.dwithin(shapely.Point(points[end]), zone, 3.0):
                way = (points[end] - points[before]) / np.hypot(*(points[end] - points[before]))
                found.append((points[end], way))
    reach = np.array([shapely.LineString([p + w * 0.5, p + w * 170]) for p, w in found], dtype=object)
    if not len(reach):
        return
    within = shapely.intersection(reach, zone)
    water = shapely.length(shapely.intersection(within, wet.streams))
    fine = (shapely.get_type_id(within) == 1) & (water > 8) & (shapely.length(within) < 120)
    done: list[Any] = []
    for (point, way), line in zip([f for f, ok in zip(found, fine, strict=True) if ok], within[fine], strict=True):
        if all(line.distance(other) > 160 for other in done):
            done.append(line)
            drawn.add(shapely.LineString([point, point + way * (line.length + 3.5)]), "tertiary", 14.0)


def _villages(drawn: Drawn, leaves: list[Points], wet: Wet, quarters: Quarters, rng: np.random.Generator) -> None:
    """Villages in the fields: a ring of lanes near a country road, lanes inside it, a road or two out."""
    water = shapely.union_all([wet.inland, wet.sea]).buffer(25)
    grown = 800 * quarters.scale.plan
    hills = shapely.union_all([shapely.Point(quarters.scale.metres(c)).buffer(r * grown) for c, r in plan.HILLS])
    taken = shapely.union(water, hills)
    shapely.prepare(taken)
    faces = [shapely.Polygon(ring) for ring in leaves]
    centres = np.array([ring.mean(axis=0) for ring in leaves])
    urban = quarters.urban(centres)
    for face, built in zip(faces, urban, strict=True):
        if built > 0.18 or face.area < 9e4 or not face.is_valid:
            continue
        room = face.buffer(-30)
        for _ in range(int(rng.poisson(min(face.area / 1e6 * quarters.villages, 4.0)))):
            if room.is_empty:
                break
            west, south, east, north = room.bounds
            centre = np.array([rng.uniform(west, east), rng.uniform(south, north)])
            shape = rounded(blob(centre, rng.uniform(75, 150), rng, 0.3).intersection(room), 8)
            shape = max(polygons(shape), key=lambda p: float(p.area), default=None)
            if shape is None or shape.area < 9_000 or shape.intersects(taken):
                continue
            room = room.difference(shape.buffer(120))
            drawn.villages.append(shape)
            drawn.add(shapely.LineString(shape.exterior.coords), "residential", 6.0)
            inner = Cutter(rng, lambda ring: Wish(6_500, 0.7), Junctions())
            inner.run(rings([shape]))
            for cut in inner.cuts:
                drawn.add(shapely.LineString(cut.line), "service", 4.5)
            _connect(drawn, shape, face.exterior, rng)


def _connect(drawn: Drawn, shape: Any, rim: Any, rng: np.random.Generator) -> None:
    """A village's road to the road beside it, and often a second one from its far side."""
    rings = shape.exterior
    ways = [shapely.get_coordinates(shapely.shortest_line(rings, rim))]
    if rng.random() < 0.6:
        start = rings.project(shapely.Point(ways[0][0])) + rings.length * rng.uniform(0.35, 0.65)
        gate = rings.interpolate(start % rings.length)
        line = shapely.shortest_line(gate, rim)
        if not line.crosses(shape):
            ways.append(shapely.get_coordinates(line))
    for p, q in ways:
        over = (q - p) / max(float(np.hypot(*(q - p))), 1e-6) * 0.05
        drawn.add(shapely.LineString([p - over, q + over]), "residential", 6.0)
