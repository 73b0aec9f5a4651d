"""A map of frames that needs nobody else's host: Leaflet and all its files stand in the page itself.

Underneath lies the city: its own vector tiles, asked of a running server where one is named, else the roads and water
around the frames, drawn into the page.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import folium
import geopandas as gpd
from folium.elements import JSCSSMixin
from folium.map import Layer
from folium.template import Template

from gisops.errors import InvalidInput, NotReady

Bounds = tuple[float, float, float, float]
# What lies underneath, lowest first: a fill for areas, a line and its width in pixels at a street's scale.
GROUND: dict[str, dict[str, Any]] = {
    "green_areas": {"fill": "#dbe8cf"},
    "rivers": {"fill": "#a9cbe0", "line": "#a9cbe0", "width": 1},
    "buildings": {"fill": "#e0dbd1"},
    "roads": {"line": "#c9c4b8", "width": 2},
}
_LAND = "#f4f1ea"
# The screens' own type and colours (api/screens/shared/design.css), in a page that stands alone.
_SHEET = f"""
.folium-map.leaflet-container {{ background: {_LAND}; font-family: "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; font-size: 13px; color: #17212b; }}
.leaflet-container .leaflet-tooltip {{ border: 1px solid #d5dbe1; border-radius: 5px; padding: 6px 8px; color: #17212b;
  box-shadow: 0 1px 2px rgb(16 32 48 / 14%); }}
.leaflet-tooltip table {{ font-size: 12px; border-spacing: 0 1px; }}
.leaflet-tooltip th {{ color: #4a5764; font-weight: 400; text-align: left; padding-right: 8px; }}
.leaflet-tooltip td {{ font-variant-numeric: tabular-nums; }}
.leaflet-control-scale-line:not(:first-child),
.leaflet-control .leaflet-attribution-flag {{ display: none !important; }}
.gisops-legend {{ position: fixed; left: 10px; bottom: 44px; z-index: 1000; margin: 0; padding: 8px 12px;
  list-style: none; background: #ffffff; border: 1px solid #d5dbe1; border-radius: 5px;
  font: 12px/1.7 "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; color: #17212b; }}
.gisops-legend span {{ display: inline-block; width: 12px; height: 12px; margin-right: 8px; border-radius: 2px;
  vertical-align: -1px; }}
"""
# Drawn into the page these would make it heavy; of tiles only those in sight are asked for.
_ONLY_AS_TILES = {"buildings", "green_areas"}
_MOST_TILED_ZOOM = 18


def draw(
    frames: tuple[gpd.GeoDataFrame, ...],
    *,
    colour: str,
    tooltip: list[str] | None,
    server: str | None,
    layer: Callable[[str, Bounds], gpd.GeoDataFrame | None] | None,
    legend: Mapping[str, str],
) -> folium.Map:
    """Draw frames over the city, the first lowest; see `gisops.notebook.CityData.map`.

    ``layer`` gives a layer of the city in a box, or None where there is none; without it nothing lies underneath.
    """
    if not frames or any(frame.crs is None or frame.empty for frame in frames):
        raise InvalidInput(
            "A map needs frames with a CRS and at least one feature.", rows=[len(frame) for frame in frames]
        )
    shown = [_plain(frame.to_crs(4326)) for frame in frames]
    boxes = [frame.total_bounds for frame in shown]
    west, south = (float(min(box[n] for box in boxes)) for n in (0, 1))
    east, north = (float(max(box[n] for box in boxes)) for n in (2, 3))
    drawn = _OfflineMap(location=[(south + north) / 2, (west + east) / 2], tiles=None, control_scale=True)
    if layer is not None and server is not None:
        _Tiles(server).add_to(drawn)
    elif layer is not None:
        margin = 0.3 * max(east - west, north - south, 0.005)
        around = (west - margin, south - margin, east + margin, north + margin)
        for layer_id, look in GROUND.items():
            below = None if layer_id in _ONLY_AS_TILES else layer(layer_id, around)
            if below is not None and not below.empty:
                shade = look["line"]
                style = {"color": shade, "weight": 2, "fillColor": shade, "fillOpacity": 1, "interactive": False}
                folium.GeoJson(below[["geometry"]], name=layer_id, style_function=lambda _, style=style: style).add_to(
                    drawn
                )
    for frame in shown:
        _add(drawn, frame, colour, tooltip)
    drawn.fit_bounds([[south, west], [north, east]])
    if legend:
        page: Any = drawn.get_root()
        page.html.add_child(folium.Element(_legend(legend)))
    return drawn


def _add(drawn: folium.Map, frame: gpd.GeoDataFrame, colour: str, tooltip: list[str] | None) -> None:
    own = "colour" if "colour" in frame.columns and colour == "colour" else colour if colour in frame.columns else None
    fallback = "#c0392b" if colour == "colour" else colour
    hidden = ["geometry", "colour"]
    fields = [str(name) for name in (tooltip or [name for name in frame.columns if name not in hidden][:6])]
    folium.GeoJson(
        frame,
        style_function=lambda feature: _style(feature["properties"][own] if own else fallback),
        marker=folium.CircleMarker(radius=5, fill=True),
        tooltip=folium.GeoJsonTooltip([name for name in fields if name in frame.columns]) if fields else None,
    ).add_to(drawn)


def _legend(entries: Mapping[str, str]) -> str:
    """What colours mean, in a corner of the map; words and colours are text, whatever stands in them."""
    rows = "".join(
        f'<li><span style="background:{escape(colour)}"></span>{escape(words)}</li>'.replace("{", "&#123;")
        for words, colour in entries.items()
    )
    return f'<ul class="gisops-legend">{rows}</ul>'


def _style(colour: str) -> dict[str, Any]:
    return {"color": colour, "weight": 1.5, "fillColor": colour, "fillOpacity": 0.35}


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Moments as text, which JSON has no other way to tell."""
    told = frame.copy()
    for name in told.select_dtypes(["datetime", "datetimetz"]).columns:
        told[name] = told[name].dt.strftime("%Y-%m-%d %H:%M").fillna("")
    return told.rename_geometry("geometry") if told.geometry.name != "geometry" else told


def _leaflet(name: str, media_type: str) -> str:
    """One of Leaflet's files as a data: address, its pictures included."""
    folder = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
    content = (folder / name).read_bytes()
    if name.endswith(".css"):
        content = re.sub(
            rb"url\((images/[\w.-]+)\)",
            lambda found: (
                b"url(data:image/png;base64,%b)" % base64.b64encode(folder.joinpath(found[1].decode()).read_bytes())
            ),
            content,
        )
    return _data(content, media_type)


def _data(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


class _OfflineMap(folium.Map):
    """folium's map without its eight addresses on other people's hosts: Leaflet stands in the page itself."""

    _template = folium.Map._template

    def __init__(self, **options: Any) -> None:
        self.default_js = [("leaflet", _leaflet("leaflet.js", "text/javascript"))]
        self.default_css = [("leaflet_css", _leaflet("leaflet.css", "text/css"))]
        super().__init__(**options)
        page: Any = self.get_root()
        page.header.add_child(folium.Element(f"<style>{_SHEET}</style>"))


class _Tiles(JSCSSMixin, Layer):
    """The city's vector tiles as a server cuts them; what draws them comes from the server too, into the page."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = L.gisopsTiles({{ this.options_json }});"
        "{{ this._parent.get_name() }}.addLayer({{ this.get_name() }});"
        "{% endmacro %}"
    )

    def __init__(self, server: str) -> None:
        super().__init__(name="gisops", overlay=False)
        self._name = "GisopsTiles"
        base = server.rstrip("/")
        self.default_js = [("gisops_tiles", _data(_fetch(f"{base}/notebook_tiles.js"), "text/javascript"))]
        layers = []
        for layer_id, look in GROUND.items():
            told = json.loads(_fetch(f"{base}/tiles/{layer_id}.json"))
            # Without the version in it: a map that is kept shows the city as it is when it is looked at.
            url = f"{base}/tiles/{layer_id}/{{z}}/{{x}}/{{y}}.mvt"
            layers.append({"id": layer_id, "url": url, "minzoom": told["minzoom"], **look})
        options = {"layers": layers, "maxNativeZoom": _MOST_TILED_ZOOM, "maxZoom": 20}
        # In a script "</" would end it, whatever string it stands in.
        self.options_json = json.dumps(options).replace("</", "<\\/")


def _fetch(address: str) -> bytes:
    if not address.startswith(("http://", "https://")):
        raise InvalidInput(f"A server's address begins with http:// or https://, not {address[:40]!r}.")
    try:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - the scheme is looked at above
            content: bytes = answer.read()
            return content
    except (URLError, TimeoutError) as error:
        raise NotReady(f"{address} does not answer: {error}", do="make run   (or gisops up)") from error
