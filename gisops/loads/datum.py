"""Are positions really in the system they were declared in? A check against something whose place is known.

GCJ-02 shifts a point by some 500 m and BD-09 by about a kilometre, which no map of points alone shows. So each
hypothesis about the numbers in the file (they were WGS-84, GCJ-02, BD-09, or turned round) is held against a reference:
areas whose code each row names of itself, or lines (roads) that the rows stand along.

It decides nothing: it says how well each hypothesis fits and whether another one fits visibly better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import shapely

from gisops.coordinates import SHIFTED_BOX, from_wgs84_array, local_metres, to_wgs84_array
from gisops.datum_shift import FloatArray
from gisops.loads.batches import Shapes

MOST_POINTS = 20_000
FEWEST_POINTS = 30
# Another hypothesis fits visibly better if it leaves at most this part of the declared one's misses (or distance) ...
BETTER_BY = 0.5
# ... and is better by so much of the points, or so many metres: one or two rows prove nothing.
LEAST_GAIN = 0.01
LEAST_GAIN_M = 4.0

Verdict = Literal["agrees", "shifted", "swapped", "undecided"]
_NAMES = {"WGS84": "WGS-84", "GCJ02": "GCJ-02", "BD09": "BD-09"}


@dataclass(frozen=True, slots=True)
class DatumCheck:
    """How well the hypotheses fit. ``measure`` says what ``scores`` are: with ``share`` the part of the points in the
    area they name (more is better), with ``median_m`` the median distance to the reference lines in metres.

    ``declared`` is what was declared, as one of the hypotheses; ``best`` the one that fits best.
    """

    declared: str
    measure: Literal["share", "median_m"]
    points: int
    scores: dict[str, float]
    best: str
    verdict: Verdict
    zh: str
    en: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {slot: getattr(self, slot) for slot in self.__slots__}


def against_areas(
    lonlat: npt.NDArray[np.float64],
    codes: Sequence[str | None],
    areas: Shapes,
    area_codes: Sequence[str],
    declared: str,
) -> DatumCheck | None:
    """Check points against areas: each row of ``lonlat`` (n, 2; degrees as converted) names the area it lies in.

    ``codes`` are those names, None where a row names none; ``areas`` are polygons in degrees, ``area_codes`` their
    codes (several polygons may share one). ``declared`` is the system the positions were converted from. None if
    fewer than `FEWEST_POINTS` rows name an area that is there.
    """
    numbers = {code: number for number, code in enumerate(dict.fromkeys(area_codes))}
    named = np.array([numbers.get(code, -1) if code is not None else -1 for code in codes], dtype=np.int64)
    picked = _picked(lonlat, named >= 0)
    if len(picked) < FEWEST_POINTS:
        return None
    wanted = named[picked]
    number_of = np.array([numbers[code] for code in area_codes], dtype=np.int64)

    def share(lon: FloatArray, lat: FloatArray) -> float:
        # Areas are asked of a tree of points and not the other way round: what is asked gets prepared.
        area, point = shapely.STRtree(shapely.points(lon, lat)).query(areas, predicate="covers")
        right = point[number_of[area] == wanted[point]]
        return len(np.unique(right)) / len(lon)

    scores = {name: share(lon, lat) for name, (lon, lat) in _hypotheses(lonlat[picked], declared).items()}
    return _judged(scores, declared, "share", len(picked))


def against_lines(lonlat: npt.NDArray[np.float64], lines: Shapes, declared: str) -> DatumCheck | None:
    """Check points that stand along lines (parts along roads). Shapes and answer as for `against_areas`."""
    picked = _picked(lonlat, np.ones(len(lonlat), bool))
    lines = lines[~shapely.is_missing(lines)]
    if len(picked) < FEWEST_POINTS or not len(lines):
        return None
    scale = np.array(local_metres(float(np.clip(np.median(lonlat[picked, 1]), -89, 89))))
    tree = shapely.STRtree(shapely.transform(lines, lambda pairs: pairs * scale))

    def median(lon: FloatArray, lat: FloatArray) -> float:
        points = shapely.points(np.column_stack((lon, lat)) * scale)
        _, distance = tree.query_nearest(points, return_distance=True, all_matches=False)
        return float(np.median(distance))

    scores = {name: median(lon, lat) for name, (lon, lat) in _hypotheses(lonlat[picked], declared).items()}
    return _judged(scores, declared, "median_m", len(picked))


def _picked(lonlat: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Positions of the rows to look at: evenly spread over the file, always the same ones."""
    there = np.flatnonzero(usable & np.isfinite(lonlat).all(axis=1))
    if len(there) <= MOST_POINTS:
        return there
    return there[np.linspace(0, len(there) - 1, MOST_POINTS).astype(np.intp)]


def _kind(declared: str) -> str:
    """Which hypothesis the declared system is: every system of true degrees is the same one here."""
    return declared if declared in ("GCJ02", "BD09") else "WGS84"


def _hypotheses(lonlat: FloatArray, declared: str) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Positions under each hypothesis about the numbers in the file. Outside China there is no shift to suppose."""
    kind = _kind(declared)
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    west, south, east, north = SHIFTED_BOX
    margin = 0.1  # a shift must not lead out of the box, where it is not defined
    in_china = bool(
        np.all((lon > west + margin) & (lon < east - margin) & (lat > south + margin) & (lat < north - margin))
    )
    found = {"WGS84": (lon, lat)}
    if in_china:
        x, y = from_wgs84_array(lon, lat, kind)
        found = {name: (lon, lat) if name == kind else to_wgs84_array(x, y, name) for name in _NAMES}
        lon, lat = x, y
    return found | {"swapped": (lat, lon)}


def _judged(scores: dict[str, float], declared: str, measure: Literal["share", "median_m"], points: int) -> DatumCheck:
    kind = _kind(declared)
    # As misses: parts of the points, or metres; less is better for both.
    misses = {name: 1.0 - score if measure == "share" else score for name, score in scores.items()}
    best = min(misses, key=lambda name: (misses[name], name != kind))
    least = LEAST_GAIN if measure == "share" else LEAST_GAIN_M
    better = misses[best] <= BETTER_BY * misses[kind] and misses[kind] - misses[best] >= least
    verdict: Verdict
    if best != kind and better:
        verdict = "swapped" if best == "swapped" else "shifted"
    elif measure == "share" and scores[kind] < 0.5:
        verdict = "undecided"
    else:
        verdict = "agrees"
    zh, en = _words(verdict, declared, best, *(_told(scores[name], measure) for name in (kind, best)))
    return DatumCheck(kind, measure, points, {n: round(s, 6) for n, s in scores.items()}, best, verdict, zh, en)


def _told(score: float, measure: str) -> tuple[str, str]:
    if measure == "share":
        return f"{score:.2%} 的点落在所记区域内", f"{score:.2%} of the points lie in the area they name"
    return f"距参照线中位数 {score:.1f} 米", f"the median distance to the reference lines is {score:.1f} m"


def _words(verdict: Verdict, declared: str, best: str, own: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    if verdict == "agrees":
        return f"坐标与声明的 {declared} 相符：{own[0]}", f"The positions agree with {declared} as declared: {own[1]}"
    if verdict == "undecided":
        return (
            f"无法判断：按声明的 {declared}，{own[0]}；其他坐标系也不更好",
            f"Nothing fits: as declared ({declared}) {own[1]}, and no other system does visibly better",
        )
    if verdict == "swapped":
        return (
            f"经纬度看来颠倒：按声明的 {declared}，{own[0]}；对调后{other[0]}",
            f"Longitude and latitude look swapped: as declared ({declared}) {own[1]}; turned round {other[1]}",
        )
    name = _NAMES[best]
    return (
        f"声明为 {declared}，但数据看来是 {name}：按声明，{own[0]}；按 {name}，{other[0]}",
        f"Declared as {declared}, but the numbers look like {name}: as declared {own[1]}; as {name} {other[1]}",
    )
