"""OGC API as pages a person can read: the same documents, by templates (``api/pages``) that escape all they are told.

A page says nothing that the JSON does not. Its small map is drawn by a script of the screens' build from what stands in
the page itself, so that what is personal is read once; where the screens are not built, the page has no map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request

from api.ogc_documents import HTML, Extent
from layers.layer import Layer

_PAGES = Path(__file__).parent / "pages"
_BUILT = Path(__file__).parent / "screens" / "dist"
_CODE = "ogc.js"
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)", re.ASCII)


def wants_html(request: Request, form: str | None) -> bool:
    """Tell whether a caller wants a page: by ``f``, else where Accept puts HTML above JSON, as browsers do."""
    if form is not None:
        return form == "html"
    accept = request.headers.get("accept", "")
    if HTML not in accept:
        return False
    best: dict[bool, float] = {True: 0.0, False: 0.0}
    for each in accept.split(","):
        kind = each.partition(";")[0].strip().lower()
        found = _QUALITY.search(each)
        quality = float(found[1]) if found else 1.0
        html = kind in (HTML, "application/xhtml+xml")
        if html or "json" in kind or kind in ("*/*", "application/*"):
            best[html] = max(best[html], quality)
    return best[True] > best[False]


def page(
    name: str,
    told: Mapping[str, Any],
    *,
    trail: Sequence[tuple[str, str]] = (),
    layer: Layer | None = None,
    extent: Extent | None = None,
    tiles: str | None = None,
    features: bytes | None = None,
    **more: Any,
) -> bytes:
    """Return a page of a document. ``trail`` leads to it (name, address). ``features`` is GeoJSON for the map, and
    ``tiles`` the address of a TileJSON; without both there is none.
    """
    drawn = None
    if features is not None or tiles is not None:
        # Within a page's script element: no end of it, and no comment, may stand in what people wrote.
        text = None if features is None else features.decode().replace("<", "\\u003c").replace("\u2028", "\\u2028")
        drawn = {"bbox": extent, "tiles": tiles, "features": text}
    script = f"/{_CODE}" if drawn is not None and (_BUILT / _CODE).is_file() else None
    rendered: str = _template(name).render(
        told=told, links=told.get("links", ()), trail=trail, layer=layer, map=drawn, script=script, **more
    )
    return rendered.encode()


def document(heading: str, told: Mapping[str, Any], trail: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return the page of any document that has none of its own."""
    text = orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
    return page("document", told, trail=trail, heading=heading, text=text)


def sheet() -> bytes:
    """Return the pages' style sheet."""
    return (_PAGES / "page.css").read_bytes()


@cache
def _template(name: str) -> Any:
    # Late: only who asks for a page pays for what makes it.
    from jinja2 import Environment, FileSystemLoader

    made = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, trim_blocks=True)
    made.filters["shown"] = _shown
    return made.get_template(f"{name}.html")


def _shown(value: Any) -> Any:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是 / yes" if value else "否 / no"
    return value
