"""The screens, as Vite built them: hashed files for ever, pages anew each time."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from gisops.errors import NotFound

router = APIRouter(include_in_schema=False)

DIST = Path(__file__).parent.parent / "screens" / "dist"
_NAME = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
# Our styles name the font's files, and any page may draw by our styles.
_ANY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_ANEW = {"Cache-Control": "no-cache"}

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
def start() -> Response:
    """The start page."""
    page = DIST / "index.html"
    if not page.is_file():
        return HTMLResponse(_NOT_BUILT, 503, headers=_ANEW)
    return FileResponse(page, headers=_ANEW)


@router.get("/assets/{path:path}", openapi_extra={"x-permission": "public", "x-scope": "none"})
def asset(path: str) -> Response:
    """A file whose name holds a hash of its content."""
    return _file(("assets", *path.split("/")), _FOR_EVER | _ANY_PAGE if path.endswith(".woff2") else _FOR_EVER)


@router.get("/{name}", openapi_extra={"x-permission": "public", "x-scope": "none"})
def page(name: str) -> Response:
    """Another page (``/report`` is ``report.html`` or ``report/index.html``), or a file beside the start page."""
    for steps in ((name,), (f"{name}.html",), (name, "index.html")):
        try:
            return _file(steps, _ANEW)
        except NotFound:
            continue
    raise NotFound("There is nothing at this address.")


def _file(steps: tuple[str, ...], headers: dict[str, str]) -> Response:
    # Every step is a plain name, so nothing leads out of the folder.
    if all(_NAME.match(step) for step in steps):
        found = DIST.joinpath(*steps)
        if found.is_file():
            return FileResponse(found, headers=headers)
    raise NotFound("There is nothing at this address.")
