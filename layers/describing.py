"""A description for a layer that a city brings: what its file does not say is chosen here, and written as a layer.toml.

Closed unless said otherwise: layer and fields are of the class ``work``. Everything else can be told too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from layers import windows
from layers.classes import CLASSES, PERSONAL, WORK

# What a file's columns are called that tell one thing from another, and that say what it is called; the best first.
KEYS = ("code", "编码", "编号", "标识码", "代码", "id", "gid", "fid", "objectid", "guid", "uuid", "osm_id")
LABELS = ("name_zh", "name", "名称", "名字", "title", "标题", "label")
# Names of columns that PostgreSQL has in every table, of what a counted square carries, and of a table's own.
_TAKEN = windows.RESERVED | {
    "count", "unit_id", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid",
}  # fmt: skip
FIELD = re.compile(r"[a-z][a-z0-9_]{1,40}")
_TOP = (
    "id", "order", "title_zh", "title_en", "family_zh", "family_en", "description", "class", "personal_roles", "scope",
    "own", "relation", "key", "time", "geometry", "minzoom", "maxzoom", "shown", "live", "update_cycle", "fresh_for",
    "owner", "search", "reveal",
)  # fmt: skip
ROW_NO = "row_no"


def field_ids(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Choose a field's id for each column of a file: its own name where that can be one (with a ``_`` where it means
    something else to a window or a tile), else ``f01`` and so on by its place, so that a Chinese name is kept as the
    title and nothing is transliterated.
    """
    used = {*taken, ROW_NO}
    found: dict[str, str] = {}
    for place, column in enumerate(columns, 1):
        plain = re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_") if column.isascii() else ""
        if plain in _TAKEN or plain in used:
            plain += "_"
        if not FIELD.fullmatch(plain) or plain in used:
            plain = f"f{place:02d}"
            while plain in used:
                plain += "x"
        used.add(plain)
        found[column] = plain
    return found


def first_of(wanted: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Which columns are called like something that is looked for, in the order of what is looked for."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(column.strip().lower(), column)
    return [by_name[name] for name in wanted if name in by_name]


def field_of(column: str, kind: str, field_class: str) -> dict[str, Any]:
    """What is said of a field where nobody says more than its column's name."""
    return {
        "title_zh": column,
        "title_en": column,
        "type": kind,
        "class": field_class,
        "meaning": f"文件中的列 / column of the file: {column}",
    }


def class_of_fields(layer_class: str) -> str:
    """The class of fields where none is told: never public, and not below what the layer itself is."""
    return PERSONAL if layer_class == PERSONAL else WORK


def complete(told: dict[str, Any], fields: dict[str, dict[str, Any]], label: str | None) -> dict[str, Any]:
    """Fill in what a description must have and nobody told: ``told`` has id, order, class, key and geometry."""
    layer_id, key = told["id"], told["key"]
    title = told.get("title_zh") or told.get("title_en") or layer_id
    whole: dict[str, Any] = {
        "title_zh": title,
        "title_en": told.get("title_en") or layer_id.replace("_", " ").capitalize(),
        "family_zh": "本市图层",
        "family_en": "City layers",
        "description": f"{title}（本市载入 / brought by the city）",
        "scope": "none",
        "relation": f"layer_{layer_id}",
        "minzoom": 8,
        "maxzoom": 18,
        "shown": False,
        "live": False,
        "update_cycle": "as it is loaded",
        "owner": "city",
        **told,
    }
    open_to = CLASSES.index(whole["class"])
    for name in {key, label} - {None}:
        field = fields[str(name)]
        field["in_tiles"] = field["in_labels"] = True
        if CLASSES.index(field["class"]) > open_to:
            field["class"] = whole["class"]
    texts = [name for name in dict.fromkeys((key, label)) if name and fields[name]["type"] == "text"]
    whole.setdefault("search", [name for name in texts if "mask" not in fields[name]])
    return {**{name: whole[name] for name in _TOP if name in whole}, "fields": fields}


def tiling_of(full: Mapping[int, tuple[int, int]], geometry: str, label: str | None) -> tuple[dict[str, Any], int]:
    """The table ``[tiles]`` and the lowest zoom of a layer. ``full`` tells the features and the corners of lines of the
    fullest tile of each zoom: below the first zoom from which on every tile is light, squares are drawn with counts.
    """
    heavy = [zoom for zoom, (features, corners) in full.items() if features > 5_000 or corners > 150_000]
    counted = min(max(heavy) + 1, 16) if heavy else 0
    tiles: dict[str, Any] = {"counted_below": counted} if counted else {}
    if geometry in ("line", "polygon"):
        # What is less than a pixel would vanish. A point has no size, and is never too small.
        tiles["smallest_px"] = 1
    if label is not None and geometry == "polygon":
        tiles["label_minzoom"] = max(counted, 14)
    return tiles, 10 if counted else 8


# Text -----------------------------------------------------------------------------------------------------------------


def toml(description: Mapping[str, Any]) -> str:
    """Write a description as a ``layer.toml``."""
    tables = {name: value for name, value in description.items() if isinstance(value, dict)}
    lines = [f"{name} = {_value(value)}" for name, value in description.items() if name not in tables]
    for name in sorted(tables, key=lambda name: name == "fields"):
        if name != "fields":
            lines += ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in tables[name].items())]
            continue
        for field, told in tables[name].items():
            lines += ["", f"[fields.{field}]", *(f"{key} = {_value(value)}" for key, value in told.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(str(key))} = {_value(one)}' for key, one in value.items())} }}"
    # A basic string of TOML is written as JSON writes one, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")


# Style ----------------------------------------------------------------------------------------------------------------

# Hues that can be told apart on both grounds, and by most who see few colours (after Paul Tol's bright scheme).
_HUES = (
    ("#4477aa", "#7fb0e0"), ("#aa3377", "#dc7fb4"), ("#228833", "#66bf77"), ("#b5651d", "#e0a060"),
    ("#66509e", "#a893dd"), ("#0f7b84", "#57bcc4"), ("#9a6a00", "#d9b24a"), ("#c0392b", "#ee8478"),
)  # fmt: skip


def style_of(layer_id: str, geometry: str, family: str, titles: tuple[str, str], label: str | None) -> str:
    """How a layer is drawn where nobody says: by its kind of geometry, in a hue of its own within those that its
    family begins with, by day and in the dark; the same for the same layer for ever.
    """
    day, dark = _HUES[(_number(family) + _number(layer_id) % 3) % len(_HUES)]
    pieces: list[dict[str, Any]] = []
    squares = {"id": "squares", "type": "fill", "filter": ["has", "count"]}
    fading = ["interpolate", ["linear"], ["get", "count"], 1, 0.15, 200, 0.6]
    pieces.append({**squares, "paint": {"fill-color": "$main", "fill-opacity": fading}})
    shape = {"point": "circle", "line": "line"}.get(geometry, "fill")
    legend = {"shape": shape, "colour": "$main", "edge": "$edge", "zh": titles[0], "en": titles[1]}
    if geometry in ("polygon", "mixed"):
        area = _drawn("fill", "fill", "Polygon", {"fill-color": "$main", "fill-opacity": 0.25})
        edge = _drawn("edge", "line", "Polygon", {"line-color": "$main", "line-width": 1.2})
        edge["metadata"] = {"gisops:level": "borders"}
        pieces += [area, edge]
    if geometry in ("line", "mixed"):
        width = ["interpolate", ["linear"], ["zoom"], 10, 0.8, 18, 3]
        pieces.append(_drawn("line", "line", "LineString", {"line-color": "$main", "line-width": width}))
    if geometry in ("point", "mixed"):
        radius = ["interpolate", ["linear"], ["zoom"], 10, 1.5, 15, 3.5, 18, 6]
        paint = {"circle-color": "$main", "circle-radius": radius, "circle-stroke-color": "$edge"}
        pieces.append(_drawn("dot", "circle", "Point", {**paint, "circle-stroke-width": 0.8}))
    pieces[-1].setdefault("metadata", {})["gisops:legend"] = [legend]
    if label is not None and geometry != "mixed":
        pieces.append(_name(layer_id, geometry, label))
    colours = {"day": {"main": day, "edge": "#ffffff", "text": "#333b45", "halo": "#ffffff"},
               "dark": {"main": dark, "edge": "#10151b", "text": "#c3cdd9", "halo": "#10151b"}}  # fmt: skip
    return json.dumps({"colours": colours, "layers": pieces}, ensure_ascii=False, indent=2) + "\n"


def _drawn(name: str, kind: str, shape: str, paint: dict[str, Any]) -> dict[str, Any]:
    one = ["match", ["geometry-type"], [shape, f"Multi{shape}"], True, False]
    return {"id": name, "type": kind, "filter": ["all", ["!", ["has", "count"]], one], "paint": paint}


def _name(layer_id: str, geometry: str, label: str) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "text-field": ["to-string", ["get", label]],
        "text-font": ["Noto Sans SC"],
        "text-size": 11,
        "text-max-width": 8,
        "text-padding": 6,
    }
    piece: dict[str, Any] = {"id": "name", "type": "symbol", "minzoom": 15}
    if geometry == "polygon":
        piece["source-layer"] = f"{layer_id}_label"
    else:
        piece["filter"] = ["!", ["has", "count"]]
    if geometry == "line":
        layout["symbol-placement"] = "line"
    elif geometry == "point":
        layout |= {"text-anchor": "top", "text-offset": [0, 0.6], "text-optional": True}
    return {
        **piece,
        "layout": layout,
        "paint": {"text-color": "$text", "text-halo-color": "$halo", "text-halo-width": 1.3},
    }


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
