"""Map styles (MapLibre style 8), composed of what each layer's ``style.json`` says about itself.

A fragment holds ``colours`` (a palette for ``day``, one for ``dark``, and where it likes a few of ``screen``'s own) and
``layers``; ``$name`` anywhere in a fragment is a colour of the palette; ``$metre`` is how many pixels a metre takes at
zoom 18, so that what has a width is drawn as wide as it is. ``ground`` says that the layer draws the map's ground and
steps aside where a base map is configured. What lies above what is not the order of folders alone: ground, areas,
lines, borders, solids, points, then all labels, each in catalogue order.

A style is enough by itself, for our screens and for any other map: its addresses are whole, its text is drawn from
``font-faces`` (no ``glyphs``), its icons are ours.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from layers import icons
from layers.catalog import Catalog, CatalogError, Layer, load_catalog
from layers.classes import PUBLIC
from layers.viewer import Viewer

log = logging.getLogger(__name__)

# ``screen`` is for walls: dark, the ground calm, what lives and what is written large.
THEMES = ("day", "dark", "screen")
FONT = "Noto Sans SC"
# The source of all that anybody may see and that seldom changes: a map of ten layers asks for one tile, not for ten.
GROUND = "ground"
# As many as one address of tiles takes.
_MOST_IN_ONE = 20
_PALETTES = ("day", "dark")
_LEVELS = ("ground", "areas", "lines", "borders", "solids", "points", "labels")
_LEVEL_OF_TYPE = {
    "fill": "areas",
    "fill-extrusion": "areas",
    "line": "lines",
    "circle": "points",
    "heatmap": "points",
    "symbol": "labels",
}
_EQUATOR_M = 40_075_016.686
# Beyond the city's edge: sea, or another city; calm either way.
_BACKGROUND = {"day": "#e3e3e1", "dark": "#0c0f13", "screen": "#080b0f"}
# The default light leaves the sides of buildings nearly black.
_LIGHT = {"day": 0.18, "dark": 0.3, "screen": 0.3}
# On a wall: how much of the ground's colours goes into the background, and how much larger the rest is.
_CALM, _LARGER, _STRONGER = 0.35, 1.3, 1.35
_STRONG = {"circle-radius", "circle-stroke-width", "icon-size"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a style is used: ``base`` is the server's address with its closing slash, ``fonts`` the files of the map's
    font (``font-faces`` of one name), ``latitude`` the city's middle, degrees (Web Mercator draws a metre the larger
    the further from the equator), ``center`` and ``zoom`` where a map that was just opened looks.
    """

    base: str = "/"
    fonts: Sequence[Mapping[str, Any]] = ()
    center: tuple[float, float] | None = None
    zoom: float | None = None

    @property
    def latitude(self) -> float:
        """Latitude of the city's middle in degrees, to a tenth."""
        return round(self.center[1], 1) if self.center is not None else 0.0


@dataclass(frozen=True, slots=True)
class BaseMap:
    """A base map from elsewhere: MapLibre sources by name, and the style layers that draw them, lowest first."""

    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layers: Sequence[Mapping[str, Any]] = ()


def compose(
    viewer: Viewer,
    theme: str,
    catalog: Catalog | None = None,
    place: Place | None = None,
    below: BaseMap | None = None,
) -> dict[str, Any]:
    """Compose the style of one theme (see ``THEMES``) from the layers this viewer may see, over a base map if any.

    What everybody may see and seldom changes has one source, ``ground``; every other layer its own, named like it.
    A layer whose fragment cannot be composed is left out, named in ``metadata``, and takes no other down with it.
    """
    place, below = place or Place(), below or BaseMap()
    seen = [layer for layer in catalog or load_catalog() if viewer.may_see(layer)]
    drawn, broken = [], []
    for layer in seen:
        try:
            drawn += _laid(layer, fragments(layer, theme, place.latitude), below)
        except CatalogError as error:
            log.warning("style: %s", error)
            broken.append(layer.id)
    drawn.sort(key=lambda piece: _LEVELS.index(piece["metadata"]["gisops:level"]))
    sources, source_of = _sources([layer for layer in seen if layer.id not in broken], viewer, place)
    metadata = {"gisops:theme": theme, "gisops:layers": [layer.id for layer in seen]}
    return {
        "version": 8,
        "name": f"gisops {theme}",
        "metadata": metadata | ({"gisops:broken": broken} if broken else {}),
        "light": {"anchor": "viewport", "color": "#ffffff", "intensity": _LIGHT[theme]},
        **_means(place),
        "sources": {**below.sources, **sources},
        "layers": [
            _background(theme),
            *below.layers,
            *({**piece, "source": source_of[piece["metadata"]["gisops:layer"]]} for piece in drawn),
        ],
    }


def alone(viewer: Viewer, theme: str, layer: Layer, place: Place | None = None) -> dict[str, Any]:
    """Compose the style of one layer over an empty background, drawn whether or not a map shows it when opened.

    Raises ``NotSignedIn``, ``NotAllowed``, and ``CatalogError`` for a fragment that cannot be composed.
    """
    viewer.require(layer)
    place = place or Place()
    pieces = sorted(
        fragments(layer, theme, place.latitude), key=lambda piece: _LEVELS.index(piece["metadata"]["gisops:level"])
    )
    return {
        "version": 8,
        "name": f"{layer.title_zh} · {layer.title_en}",
        "metadata": {"gisops:theme": theme, "gisops:layers": [layer.id]},
        **_means(place),
        "sources": {layer.id: _source(layer, place)},
        "layers": [_background(theme), *(_switched(piece, True) for piece in pieces)],
    }


@lru_cache(maxsize=1024)
def fragments(layer: Layer, theme: str, latitude: float = 0.0) -> tuple[dict[str, Any], ...]:
    """Return the style layers of one layer in one theme, each with the layer's own source. Raises ``CatalogError`` for
    a fragment that cannot be composed.
    """
    try:
        told = json.loads(layer.style)
        palette = _palette(layer, told, theme)
        metre = 512 * 2**18 / (_EQUATOR_M * math.cos(math.radians(latitude)))
        named = {**palette, "metre": round(metre, 3)}
        return tuple(_fragment(layer, piece, named, theme) for piece in told["layers"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CatalogError(f"{layer.id}/style.json: {type(error).__name__}: {error}") from error


def draws_ground(layer: Layer) -> bool:
    """Tell whether a layer draws the map's ground, and steps aside for a base map."""
    try:
        return json.loads(layer.style).get("ground") is True
    except (ValueError, AttributeError):
        return False


def _palette(layer: Layer, told: dict[str, Any], theme: str) -> dict[str, Any]:
    palettes = told.get("colours", {})
    own = palettes.get("screen", {})
    if not set(_PALETTES) <= set(palettes) <= {*_PALETTES, "screen"} or set(palettes["day"]) != set(palettes["dark"]):
        raise CatalogError(f"{layer.id}/style.json: colours must hold the same names for {' and '.join(_PALETTES)}")
    if unknown := set(own) - set(palettes["dark"]):
        raise CatalogError(f"{layer.id}/style.json: colours of screen have {', '.join(sorted(unknown))}, dark has not")
    if theme != "screen":
        return dict(palettes[theme])
    calm = told.get("ground") is True
    # What is written stays as it is: it is to be read from across the room.
    words = ("text", "halo")
    dark = {
        name: _calm(colour) if calm and not name.startswith(words) else colour
        for name, colour in palettes["dark"].items()
    }
    return {**dark, **own}


def _fragment(layer: Layer, piece: dict[str, Any], palette: dict[str, Any], theme: str) -> dict[str, Any]:
    where = f"{layer.id}/style.json: {piece.get('id')}"
    metadata = dict(piece.get("metadata", {}))
    level = metadata.setdefault("gisops:level", _LEVEL_OF_TYPE.get(str(piece.get("type")), ""))
    if level not in _LEVELS:
        raise CatalogError(f"{where}: metadata gisops:level must be one of {', '.join(_LEVELS)}")
    metadata["gisops:layer"] = layer.id
    whole = {
        "id": f"{layer.id}-{piece['id']}",
        "type": piece["type"],
        "source": layer.id,
        "source-layer": piece.get("source-layer", layer.id),
        **{key: value for key, value in piece.items() if key not in {"id", "type", "source", "source-layer"}},
        "metadata": metadata,
    }
    coloured: dict[str, Any] = _coloured(whole, palette, where)
    if theme == "screen":
        coloured = _enlarged(coloured, live=layer.live)
    for entry in metadata.get("gisops:legend", ()):
        if "icon" in entry and entry["icon"] not in icons.drawings():
            raise CatalogError(f"{where}: there is no icon {entry['icon']}")
    _with_icons(coloured["metadata"])
    if layer.shown is False:
        coloured = _switched(coloured, False)
    return coloured


def _with_icons(metadata: dict[str, Any]) -> None:
    """A legend shows the very drawing the map has."""
    if "gisops:legend" in metadata:
        metadata["gisops:legend"] = [
            {**entry, "path": icons.drawings()[entry["icon"]].path} if "icon" in entry else entry
            for entry in metadata["gisops:legend"]
        ]


def _coloured(value: Any, palette: dict[str, Any], where: str) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        if value[1:] not in palette:
            raise CatalogError(f"{where}: there is no colour {value} in its palette")
        return palette[value[1:]]
    if isinstance(value, dict):
        return {key: _coloured(item, palette, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_coloured(item, palette, where) for item in value]
    return value


def _laid(layer: Layer, pieces: Iterable[dict[str, Any]], below: BaseMap) -> list[dict[str, Any]]:
    """The pieces as they lie over a base map: its ground is not painted over, and ours is there for who asks."""
    if not below.layers:
        return list(pieces)
    left = [piece for piece in pieces if piece["metadata"]["gisops:level"] != "ground"]
    return [_switched(piece, False) for piece in left] if draws_ground(layer) else left


def _switched(piece: dict[str, Any], on: bool) -> dict[str, Any]:
    return {**piece, "layout": {**piece.get("layout", {}), "visibility": "visible" if on else "none"}}


def _sources(seen: Sequence[Layer], viewer: Viewer, place: Place) -> tuple[dict[str, Any], dict[str, str]]:
    """The sources of these layers, and the name of each layer's."""
    together = [layer for layer in seen if layer.shown and not layer.live and _open_to_all(layer, viewer)]
    # Beyond its own largest zoom a source is drawn larger; in one with others a layer would end there.
    deepest = max((layer.maxzoom for layer in together), default=0)
    together = [layer for layer in together if layer.maxzoom == deepest][:_MOST_IN_ONE]
    if len(together) < 2:
        together = []
    sources: dict[str, Any] = {}
    if together:
        # The key of a label point is its feature's, where labels carry it.
        keys = {layer.id: layer.key for layer in together}
        keys |= {f"{layer.id}_label": layer.key for layer in together if layer.tiling.label_minzoom is not None}
        ids = ",".join(layer.id for layer in together)
        sources[GROUND] = {"type": "vector", "url": f"{place.base}tiles/{ids}.json", "promoteId": keys}
    sources |= {layer.id: _source(layer, place) for layer in seen if layer not in together}
    return sources, {layer.id: GROUND if layer in together else layer.id for layer in seen}


def _source(layer: Layer, place: Place) -> dict[str, Any]:
    return {"type": "vector", "url": f"{place.base}tiles/{layer.id}.json", "promoteId": layer.key}


def _open_to_all(layer: Layer, viewer: Viewer) -> bool:
    """Whether this viewer's tiles of a layer hold nothing above the public class, and so are everybody's."""
    return layer.public and all(known.field_class == PUBLIC for known in viewer.fields_of(layer) if known.in_tiles)


def _means(place: Place) -> dict[str, Any]:
    """What a style draws with, and where it begins."""
    means: dict[str, Any] = {"sprite": f"{place.base}styles/sprite?v={icons.version()}"}
    if place.fonts:
        means["font-faces"] = {FONT: list(place.fonts)}
    if place.center is not None:
        means["center"] = list(place.center)
    if place.zoom is not None:
        means["zoom"] = place.zoom
    return means


def _background(theme: str) -> dict[str, Any]:
    return {"id": "background", "type": "background", "paint": {"background-color": _BACKGROUND[theme]}}


# ---- the wall's look ----


def _calm(colour: Any) -> Any:
    """A colour nearer to the background of walls; what is not written as #rrggbb stays."""
    if not (isinstance(colour, str) and len(colour) == 7 and colour[0] == "#"):
        return colour
    own, ground = (bytes.fromhex(each[1:]) for each in (colour, _BACKGROUND["screen"]))
    return "#" + bytes(round(a * (1 - _CALM) + b * _CALM) for a, b in zip(own, ground, strict=True)).hex()


def _enlarged(piece: dict[str, Any], *, live: bool) -> dict[str, Any]:
    """A piece as it is read from across a room: what is written larger, and what lives larger and stronger."""
    changed = dict(piece)
    if isinstance(size := piece.get("layout", {}).get("text-size"), int | float | list):
        changed["layout"] = {**piece["layout"], "text-size": _times(size, _LARGER)}
    for part in ("layout", "paint") if live else ():
        strong = {name: _times(value, _STRONGER) for name, value in changed.get(part, {}).items() if name in _STRONG}
        if strong:
            changed[part] = {**changed[part], **strong}
    return changed


def _times(value: Any, factor: float) -> Any:
    """A number or an expression of one, so many times as large: a zoom must stay on the outside of an expression."""
    if isinstance(value, int | float):
        return round(value * factor, 2)
    if isinstance(value, list) and value[0] == "interpolate":
        return [*value[:3], *(_times(v, factor) if i % 2 else v for i, v in enumerate(value[3:]))]
    if isinstance(value, list) and value[0] == "step":
        return [*value[:2], *(v if i % 2 else _times(v, factor) for i, v in enumerate(value[2:]))]
    return ["*", factor, value]
