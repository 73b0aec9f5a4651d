"""Shore, rivers and lakes of the made-up city, and the border round them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from gisops.sample.made import plan
from gisops.sample.made.shapes import banked, blob, curve, merged, polygons, rounded, snapped, wiggled
from gisops.sample.town import Waters

FRAME_M = 2_600.0


@dataclass(frozen=True)
class Scale:
    """How large the plan is drawn: ``plan`` stretches the hand-drawn lines, ``water`` widens rivers."""

    plan: float
    water: float

    def metres(self, line: Any) -> Any:
        """Plan kilometres -> metres."""
        return np.asarray(line, dtype=float) * (1000.0 * self.plan)


@dataclass(frozen=True)
class Wet:
    """The outline, and the water in and before it."""

    outline: Any
    land: Any
    sea: Any
    harbour: Any
    rivers: Any
    streams: Any
    lakes: Any
    waters: Waters

    @property
    def inland(self) -> Any:
        """Rivers, streams and lakes."""
        return shapely.union_all([self.rivers, self.streams, self.lakes])


def draw_waters(scale: Scale, rng: np.random.Generator) -> Wet:
    """Draw shore and border first, then the rivers, each up to the bank of the one it joins."""
    shore = _shore(scale, rng)
    border = wiggled(curve(scale.metres(plan.BORDER), 60), rng, ((60, 900), (20, 250)))
    west, east = shore[:, 0].min(), shore[:, 0].max()
    top = shore[:, 1].max() + FRAME_M
    dry = shapely.make_valid(shapely.Polygon([*shore, (east, -99_000), (west, -99_000)]))
    harbour = shapely.Polygon(scale.metres(plan.HARBOUR))
    built = [shapely.LineString(scale.metres(p)).buffer(26, cap_style="square") for p in plan.PIERS]
    built.append(shapely.LineString(curve(scale.metres(plan.BREAKWATER))).buffer(9, cap_style="square"))
    dry = shapely.union_all([rounded(dry.difference(harbour), 3), *built])
    dry = max(polygons(dry), key=lambda p: float(p.area))
    inside = shapely.Polygon([*border, (border[-1][0], top), (border[0][0], top)])
    outline = snapped(shapely.simplify(max(polygons(dry.intersection(inside)), key=lambda p: float(p.area)), 0.4))

    river_line = curve(scale.metres(plan.RIVER.line), 30)
    half = np.interp(np.linspace(0, 1, len(river_line)), (0, 0.75, 1), (*plan.RIVER.half_m, plan.RIVER.half_m[1] * 1.3))
    half = half * scale.water * (1 + 0.12 * np.sin(np.linspace(0, 40, len(half))))
    islets = [_islet(scale, rng, *islet) for islet in plan.ISLETS]
    # Where an islet lies the river is wider by as much.
    river = shapely.union_all([banked(river_line, half), *(i.buffer(45 * scale.water) for i in islets)])
    river = rounded(river, 12).difference(shapely.union_all(islets))
    arm = banked(*_stream(scale, plan.ARM, rng, 20))
    lakes = [_lake(scale, rim, rng) for *_, rim in plan.LAKES]

    rows: list[tuple[str, str, str, Any]] = []
    taken = shapely.GeometryCollection()
    drawn = [
        (plan.RIVER.name_zh, plan.RIVER.name_en, "river", river),
        (plan.ARM.name_zh, plan.ARM.name_en, "river", arm),
    ]
    drawn += [(zh, en, "lake", lake) for (zh, en, _), lake in zip(plan.LAKES, lakes, strict=True)]
    for s in plan.STREAMS:
        drawn.append((s.name_zh, s.name_en, s.water_class, banked(*_stream(scale, s, rng, 12))))
    dry_islets = shapely.union_all(islets)
    for zh, en, kind, area in drawn:
        own = merged(snapped(area.intersection(outline).difference(taken).difference(dry_islets)))
        if (zh, en) in {(s.name_zh, s.name_en) for s in plan.STREAMS}:
            # What lies beyond the river it joins is no part of it.
            own = max(polygons(own), key=lambda p: float(p.area))
        taken = shapely.union_all([taken, own], grid_size=0.01)
        rows.append((zh, en, kind, own))
    frame = outline.envelope.buffer(FRAME_M, join_style="mitre")
    north = shapely.make_valid(shapely.Polygon([*shore, (east, top + 9_000), (west, top + 9_000)])).union(harbour)
    sea = merged(snapped(frame.intersection(north).difference(outline)))
    sea = max(polygons(sea), key=lambda p: float(p.area))
    rows.insert(0, ("样例湾", "Sample Bay", "sea", sea))

    inland = shapely.union_all([r[3] for r in rows[1:]], grid_size=0.01)
    return Wet(
        outline=outline,
        land=merged(snapped(outline.difference(inland))),
        sea=sea,
        harbour=harbour,
        rivers=shapely.union_all([r[3] for r in rows if r[0] in (plan.RIVER.name_zh, plan.ARM.name_zh)]),
        streams=shapely.union_all([r[3] for r in rows if r[0] in {s.name_zh for s in plan.STREAMS}]),
        lakes=shapely.union_all([r[3] for r in rows if r[2] == "lake"]),
        waters=waters_of(rows),
    )


def waters_of(rows: list[tuple[str, str, str, Any]]) -> Waters:
    """Rows (name, English name, class, shape) as columns."""
    return Waters(
        geom=np.array([r[3] for r in rows], dtype=object),
        water_class=np.array([r[2] for r in rows], dtype=object),
        name_zh=np.array([r[0] for r in rows], dtype=object),
        name_en=np.array([r[1] for r in rows], dtype=object),
    )


def _shore(scale: Scale, rng: np.random.Generator) -> Any:
    """Rough where there are rocks and mud, smooth along the beaches and in the harbour."""
    smooth = curve(scale.metres(plan.COAST), 18)
    rough = wiggled(smooth, rng, ((60, 800), (20, 260), (6, 100), (2, 45)))
    calm = np.ones(len(smooth))
    for centre, radius in (*plan.BEACHES, ((-1.9, 2.7), 0.75), ((2.9, 3.4), 0.5)):
        far = np.hypot(*(smooth - scale.metres(centre)).T) / (radius * 1000 * scale.plan)
        calm = np.minimum(calm, np.clip((far - 0.75) * 3, 0.06, 1))
    return smooth + (rough - smooth) * calm[:, None]


def _stream(scale: Scale, stream: plan.Stream, rng: np.random.Generator, step_m: float) -> tuple[Any, Any]:
    line = curve(scale.metres(stream.line), step_m)
    if stream.water_class == "river":
        # A brook winds; a canal was dug. Its ends stay where they are: the lower one lies in a river.
        ease = np.clip(np.minimum(np.arange(len(line)), np.arange(len(line))[::-1]) / 12, 0, 1)[:, None]
        line = line + (wiggled(line, rng, ((38, 420), (12, 150))) - line) * ease
    half = np.linspace(*stream.half_m, len(line)) * scale.water
    return line, half * (1 + 0.1 * np.sin(np.linspace(0, 60, len(line))))


def _islet(scale: Scale, rng: np.random.Generator, centre: Any, length: float, width: float, degrees: float) -> Any:
    shape = blob(np.zeros(2), 1.0, rng, 0.12)
    shape = shapely.affinity.scale(shape, length * scale.water, width * scale.water, origin=(0, 0))
    shape = shapely.affinity.rotate(shape, degrees, origin=(0, 0))
    return shapely.affinity.translate(shape, *scale.metres(centre))


def _lake(scale: Scale, rim: plan.Line, rng: np.random.Generator) -> Any:
    ring = curve(scale.metres((*rim, rim[0])), 20)[:-1]
    return rounded(shapely.make_valid(shapely.Polygon(wiggled(ring, rng, ((14, 160),)))), 5)
