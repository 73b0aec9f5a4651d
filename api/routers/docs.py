"""The API's own page, with Swagger UI served from here: no other host is asked for anything."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api import answers
from api.edge import DOCS_POLICY
from api.problems import TITLES
from gisops.errors import NotFound

router = APIRouter(include_in_schema=False)

_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<title>gisops API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = """SwaggerUIBundle({ url: "/openapi.json", dom_id: "#ui", deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], requestInterceptor: (request) => {
    request.headers["X-Gisops"] = "1";
    return request;
  } });
"""


@router.get("/docs", openapi_extra={"x-permission": "public", "x-scope": "none"})
async def docs() -> Response:
    """The page."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": DOCS_POLICY})


@router.get("/docs/start.js", openapi_extra={"x-permission": "public", "x-scope": "none"})
async def start() -> Response:
    """What starts it: a file, as our policy lets no script into a page."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}", openapi_extra={"x-permission": "public", "x-scope": "none"})
def asset(name: str) -> Response:
    """Swagger UI itself, from the package that ships it."""
    if name not in _ASSETS:
        raise NotFound("There is nothing at this address.")
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})


@router.get("/problems/{code}", openapi_extra={"x-permission": "public", "x-scope": "none"})
async def problem_type(code: str, request: Request) -> Response:
    """What a problem's ``type`` points to."""
    if code not in TITLES:
        raise NotFound(f"There is no problem with the code {code!r}.")
    return answers.json({"type": request.url.path, "code": code, "title": TITLES[code]})
