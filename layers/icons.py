"""The map's icons: drawn as paths in ``icons.toml``, made into a sprite when first asked for.

A sprite is one picture with all icons and a list of where each is. Ours holds distances instead of colours (``sdf``):
for each pixel, how far it is from the drawing's edge; so one picture serves every theme, size and colour.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import shapely

# The drawings' plane, what lies round each so that its edge may fade, and how wide strokes are; all in its units.
_PLANE, _ROUND, _STROKE = 24, 3, 2.4
_ACROSS = 8
# MapLibre's own convention: the edge is three quarters of full, and a full step is eight pixels.
_EDGE, _REACH_PX = 0.75, 8
_STEPS_OF_A_CURVE = 8
_TOKEN = re.compile(r"([MLHVCZ])|(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One icon: ``path`` is SVG path data of its outline on a plane of 24 by 24, ``area`` the same as a shape."""

    path: str
    area: shapely.Geometry


@cache
def drawings() -> Mapping[str, Drawing]:
    """Return every icon by its name."""
    told = tomllib.loads((files("layers") / "icons.toml").read_text("utf-8"))
    return {name: _drawing(name, parts) for name, parts in sorted(told.items())}


@cache
def version() -> str:
    """Return what the present drawings are called, so that a browser may keep them for good."""
    content = (files("layers") / "icons.toml").read_bytes()
    return hashlib.blake2b(content, digest_size=6).hexdigest()


@cache
def sprite(ratio: int) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Return the list of icons and the picture (PNG), with ``ratio`` pixels to a unit of the drawings."""
    side = (_PLANE + 2 * _ROUND) * ratio
    down = math.ceil(len(drawings()) / _ACROSS)
    alpha = np.zeros((down * side, _ACROSS * side), np.uint8)
    told = {}
    middles = (np.arange(side) + 0.5) / ratio - _ROUND
    x, y = np.meshgrid(middles, middles)
    for number, (name, drawing) in enumerate(drawings().items()):
        top, left = number // _ACROSS * side, number % _ACROSS * side
        distance = shapely.distance(drawing.area.boundary, shapely.points(x, y))
        signed = np.where(shapely.contains_xy(drawing.area, x, y), distance, -distance) * ratio
        alpha[top : top + side, left : left + side] = np.clip(np.rint(255 * (_EDGE + signed / _REACH_PX)), 0, 255)
        told[name] = {"x": left, "y": top, "width": side, "height": side, "pixelRatio": ratio, "sdf": True}
    return told, _png(alpha)


def _drawing(name: str, parts: dict[str, Any]) -> Drawing:
    if unknown := set(parts) - {"line", "fill", "dots", "rings"}:
        raise ValueError(f"icons.toml [{name}]: unknown {', '.join(sorted(unknown))}")
    strokes = [shapely.LineString(points) for points in _paths(parts.get("line", ""))]
    strokes += [shapely.Point(x, y).buffer(r, quad_segs=16).exterior for x, y, r in parts.get("rings", [])]
    areas = [stroke.buffer(_STROKE / 2, quad_segs=6) for stroke in strokes]
    areas += [shapely.Point(x, y).buffer(r, quad_segs=12) for x, y, r in parts.get("dots", [])]
    filled: shapely.Geometry = shapely.Polygon()
    for points in _paths(parts.get("fill", "")):
        # A part within a part is a hole, beside it another piece: even and odd, as in SVG.
        filled = shapely.symmetric_difference(filled, shapely.Polygon(points))
    area = shapely.union_all([*areas, filled])
    return Drawing(_outline(shapely.simplify(area, 0.03)), area)


def _paths(path: str) -> Iterator[list[tuple[float, float]]]:
    """The points of each part of SVG path data; curves become short lines. Only absolute M, L, H, V, C and Z."""
    tokens = [(match[1], match[2]) for match in _TOKEN.finditer(path)]
    numbers: list[float] = []
    points: list[tuple[float, float]] = []
    command = ""
    for letter, number in [*tokens, ("M", "")]:
        if not letter:
            numbers.append(float(number))
            if len(numbers) < {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6}[command]:
                continue
            points += _steps(command, points[-1] if points else (0.0, 0.0), numbers)
            numbers = []
            continue
        if letter == "M" and points:
            yield points
            points = []
        command = letter


def _steps(command: str, at: tuple[float, float], numbers: list[float]) -> list[tuple[float, float]]:
    if command == "H":
        return [(numbers[0], at[1])]
    if command == "V":
        return [(at[0], numbers[0])]
    if command != "C":
        return [(numbers[0], numbers[1])]
    knots = np.array([at, *zip(numbers[::2], numbers[1::2], strict=True)])
    t = np.linspace(0, 1, _STEPS_OF_A_CURVE + 1)[1:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return [(float(px), float(py)) for px, py in weights @ knots]


def _outline(area: shapely.Geometry) -> str:
    """SVG path data of a shape, each ring on its own; whoever draws it fills by even and odd."""
    rings = [ring for part in shapely.get_parts(area) for ring in (part.exterior, *part.interiors)]
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring.coords[:-1]) + "Z" for ring in rings)


def _png(alpha: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """A PNG of opaqueness alone: white with so much alpha, 8 bits each, the rows as they are (filter 0)."""
    height, width = alpha.shape
    grey = np.full((height, width, 2), 255, np.uint8)
    grey[..., 1] = alpha
    rows = np.zeros((height, 1 + 2 * width), np.uint8)
    rows[:, 1:] = grey.reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )
