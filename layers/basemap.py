"""The base map in a style: sources and layers that lie below everything of ours.

Vector tiles are drawn by what their layers are called in the schemas that are in use (OpenMapTiles, Protomaps,
Shortbread); of a layer that none of them has, areas and lines are drawn thinly, so that something is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gisops.basemaps import Served
from layers.style import FONT, BaseMap

# Services of tiles seldom have more; what lies deeper is drawn from this, larger.
_SERVED_MAXZOOM = 18
_SOURCE = "basemap"

_COLOURS: Mapping[str, Mapping[str, str]] = {
    "day": {"land": "#f2f1ee", "green": "#dce8d3", "water": "#bcd7e8", "building": "#e2dfd9", "road": "#ffffff",
            "casing": "#d5d2cc", "border": "#b3a9b8", "text": "#5b5f66", "halo": "#ffffff", "other": "#d0ccc6"},
    "dark": {"land": "#14181e", "green": "#172019", "water": "#10263a", "building": "#1e242c", "road": "#2b323c",
             "casing": "#191e25", "border": "#4a4458", "text": "#8d949e", "halo": "#0c0f13", "other": "#232a33"},
}  # fmt: skip

# What is drawn how, from the lowest: the kind, and the layers' names that are of it.
_KINDS: Sequence[tuple[str, frozenset[str]]] = (
    ("land", frozenset({"earth", "land"})),
    ("green", frozenset({"landcover", "landuse", "park", "natural", "sites"})),
    ("water", frozenset({"water", "ocean", "water_polygons", "dam_polygons", "pier_polygons"})),
    ("stream", frozenset({"waterway", "water_lines", "dam_lines", "pier_lines"})),
    ("building", frozenset({"building", "buildings"})),
    ("road", frozenset({"roads", "transportation", "streets", "transit", "bridges", "ferries", "aerialways"})),
    ("border", frozenset({"boundary", "boundaries", "admin"})),
    ("label", frozenset({"place", "places", "place_labels", "boundary_labels"})),
    # Nothing that a command centre's map needs below its own.
    ("none", frozenset({"poi", "pois", "housenumber", "addresses", "aeroway", "mountain_peak", "water_name",
                        "water_polygons_labels", "water_lines_labels", "street_polygons", "streets_polygons_labels",
                        "street_labels_points", "street_labels", "transportation_name",
                        "public_transport", "aerodrome_label"})),
)  # fmt: skip
_NAME = ["coalesce", ["get", "name:zh"], ["get", "name:zh-Hans"], ["get", "name_zh"], ["get", "name"]]


@dataclass(frozen=True, slots=True)
class Archived:
    """A base map that we serve: the address of its TileJSON, and the names of its layers (none: pictures)."""

    address: str
    layers: tuple[str, ...]


def of_archive(archived: Archived, theme: str) -> BaseMap:
    """Draw a file that we serve."""
    if not archived.layers:
        return BaseMap(
            {_SOURCE: {"type": "raster", "url": archived.address, "tileSize": 256}}, [_picture(_SOURCE, theme)]
        )
    drawn = sorted(
        ((order, piece) for name in archived.layers for order, piece in _vector(name, theme)), key=lambda each: each[0]
    )
    return BaseMap({_SOURCE: {"type": "vector", "url": archived.address}}, [piece for _, piece in drawn])


def of_service(served: Sequence[Served], theme: str, attribution: str | None) -> BaseMap:
    """Draw tiles that somebody else serves, the first one lowest."""
    sources: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(served):
        source: dict[str, Any] = {
            "type": "raster",
            "tiles": list(each.tiles),
            "tileSize": 256,
            "maxzoom": _SERVED_MAXZOOM,
            **({"scheme": "tms"} if each.tms else {}),
        }
        # One map of several layers is said to be somebody's once.
        if number == 0 and (whose := attribution or each.owner):
            source["attribution"] = whose
        sources[f"{_SOURCE}-{number}"] = source
    return BaseMap(sources, [_picture(name, theme) for name in sources])


def _picture(source: str, theme: str) -> dict[str, Any]:
    """Pictures are made for daylight: where it is dark they are dimmed, and paled so that what is ours stands out."""
    paint = {} if theme == "day" else {"raster-brightness-max": 0.45, "raster-saturation": -0.6}
    return {"id": source, "type": "raster", "source": source, "paint": paint, "metadata": {"gisops:level": "basemap"}}


def _vector(name: str, theme: str) -> list[tuple[int, dict[str, Any]]]:
    colour = _COLOURS["day" if theme == "day" else "dark"]
    known = next(((order, kind) for order, (kind, names) in enumerate(_KINDS) if name in names), None)
    order, kind = known if known is not None else (len(_KINDS) - 2, "other")

    def piece(which: str, paint: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        told = {"id": f"{_SOURCE}-{name}-{which}", "type": which, "source": _SOURCE, "source-layer": name}
        return {**told, "paint": dict(paint), "metadata": {"gisops:level": "basemap"}, **more}

    areas = ["==", ["geometry-type"], "Polygon"]
    lines = ["==", ["geometry-type"], "LineString"]
    match kind:
        case "none":
            return []
        case "land" | "green" | "water":
            return [(order, piece("fill", {"fill-color": colour[kind]}, filter=areas))]
        case "building":
            return [(order, piece("fill", {"fill-color": colour[kind]}, filter=areas, minzoom=14))]
        case "stream":
            return [(order, piece("line", {"line-color": colour["water"], "line-width": _grown(1, 6)}, filter=lines))]
        case "road":
            # As a casing with the road in it, without a look at its class, which each schema calls otherwise.
            casing = piece("line", {"line-color": colour["casing"], "line-width": _grown(0.8, 14)}, filter=lines)
            inner = piece("line", {"line-color": colour["road"], "line-width": _grown(0.4, 11)}, filter=lines)
            return [(order, casing | {"id": f"{casing['id']}-casing"}), (order, inner)]
        case "border":
            return [(order, piece("line", {"line-color": colour["border"], "line-dasharray": [3, 2]}, filter=lines))]
        case "label":
            text = {"text-field": _NAME, "text-font": [FONT], "text-size": 12}
            paint = {"text-color": colour["text"], "text-halo-color": colour["halo"], "text-halo-width": 1.2}
            points = ["==", ["geometry-type"], "Point"]
            return [(order, piece("symbol", paint, layout=text, filter=points))]
    thin = piece("line", {"line-color": colour["other"], "line-width": 0.6})
    return [(order, thin)]


def _grown(at_10: float, at_18: float) -> list[Any]:
    return ["interpolate", ["exponential", 1.6], ["zoom"], 10, at_10, 18, at_18]
