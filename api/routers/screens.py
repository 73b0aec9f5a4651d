"""The screens, as Vite built them: hashed files for ever, pages anew each time.

The build packs its text files beforehand (``api/screens/packed.ts``); the smallest form that the browser takes is sent.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from api.https import ROOT_PATH, ROOT_TYPE
from gisops import certificates
from gisops.errors import NotFound
from gisops.settings import Settings

router = APIRouter(include_in_schema=False)

DIST = Path(__file__).parent.parent / "screens" / "dist"
_NAME = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
# Our styles name the font's files, and any page may draw by our styles.
_ANY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_ANEW = {"Cache-Control": "no-cache"}
# The smaller first.
_PACKED = {"br": ".br", "gzip": ".gz"}
_MEDIA_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}

_NOT_BUILT = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<title>gisops</title>
<h1>页面尚未构建 / The screens are not built</h1>
<p>服务已在运行，但页面文件不存在。请在项目目录运行 <code>make screens</code>，然后刷新。</p>
<p>The server runs, but there are no built screens. Run <code>make screens</code> in the project's folder and reload.
The API is described at <a href="/docs">/docs</a>.</p>
</html>
"""


@router.get("/", openapi_extra={"x-permission": "public", "x-scope": "none"})
def start(request: Request) -> Response:
    """The start page."""
    if not (DIST / "index.html").is_file():
        return HTMLResponse(_NOT_BUILT, 503, headers=_ANEW)
    return _file(("index.html",), _ANEW, request)


@router.get("/assets/{path:path}", openapi_extra={"x-permission": "public", "x-scope": "none"})
def asset(path: str, request: Request) -> Response:
    """A file whose name holds a hash of its content."""
    headers = _FOR_EVER | _ANY_PAGE if path.endswith(".woff2") else _FOR_EVER
    return _file(("assets", *path.split("/")), headers, request)


@router.get(ROOT_PATH, openapi_extra={"x-permission": "public", "x-scope": "none"})
def trial_root(request: Request) -> Response:
    """The root certificate of a trial (`--tls`), for phones to trust; 404 where the server has none."""
    settings: Settings = request.app.state.settings
    try:
        content = certificates.root_file(settings).read_bytes() if certificates.made_here(settings) else None
    except OSError:
        content = None
    if content is None:
        raise NotFound("This server has no root certificate of its own.")
    return Response(content, media_type=ROOT_TYPE, headers=_ANEW)


@router.get("/{name}", openapi_extra={"x-permission": "public", "x-scope": "none"})
def page(name: str, request: Request) -> Response:
    """Another page (``/report`` is ``report.html`` or ``report/index.html``), or a file beside the start page."""
    for steps in ((name,), (f"{name}.html",), (name, "index.html")):
        try:
            return _file(steps, _ANEW, request)
        except NotFound:
            continue
    raise NotFound("There is nothing at this address.")


def _file(steps: tuple[str, ...], headers: dict[str, str], request: Request) -> Response:
    # Every step is a plain name, so nothing leads out of the folder.
    if all(_NAME.match(step) for step in steps):
        found = DIST.joinpath(*steps)
        if found.is_file():
            media_type = _MEDIA_TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
            taken = accepted(request.headers.get("accept-encoding", ""))
            for coding, suffix in _PACKED.items():
                packed = found.with_name(found.name + suffix)
                if coding in taken and packed.is_file():
                    # What goes as it is gets its ``Vary`` from the middleware that may pack it.
                    told = {"Content-Encoding": coding, "Vary": "Accept-Encoding"}
                    return FileResponse(packed, headers=headers | told, media_type=media_type)
            return FileResponse(found, headers=headers, media_type=media_type)
    raise NotFound("There is nothing at this address.")


def accepted(header: str) -> set[str]:
    """The codings that an ``Accept-Encoding`` names, without those it refuses (``br;q=0``)."""
    named = (each.lower().replace(" ", "").partition(";q=") for each in header.split(","))
    return {coding for coding, _, weight in named if weight.strip("0.") or not weight}
