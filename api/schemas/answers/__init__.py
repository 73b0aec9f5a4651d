"""What the routes answer with, described: no route is made slower by it, as answers leave as the bytes they are.

A shape is a ``TypedDict`` without members that nobody knows, and a route names it in its ``responses``::

    @router.get("/things", openapi_extra=..., responses=answering(Things))

The tests ask every route and hold its answers against what is described here (tests/house/test_answers_described.py);
the screens are typed by it (api/screens/shared/openapi.d.ts).
"""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse

Responses = dict[int | str, dict[str, Any]]


def answering(shape: Any, *others: str, status: int = 200, again: str | None = None, **statuses: str) -> Responses:
    """Describe what a route answers with: JSON of this shape, or one of these ``others`` (media types); ``again`` says
    when the same comes with 200 instead of ``status``, and ``_304="…"`` what a status without a body means.
    """
    first: dict[str, Any] = {"model": shape}
    if others:
        first["content"] = {media_type: {} for media_type in others}
    found: Responses = {status: first}
    if again is not None:
        found[200] = {"model": shape, "description": again}
    return found | {int(name[1:]): {"description": words} for name, words in statuses.items()}


def in_form(*media_types: str, **statuses: str) -> Responses:
    """Describe what a route answers with that is no JSON, by its media types alone; its ``response_class`` is
    ``Response``.
    """
    found: Responses = {200: {"content": {media_type: {} for media_type in media_types}}}
    return found | {int(name[1:]): {"description": words} for name, words in statuses.items()}


class GeoJson(JSONResponse):
    """GeoJSON: for the ``response_class`` of a route whose shape is told with this media type."""

    media_type = "application/geo+json"


class JsonSchema(JSONResponse):
    """A JSON Schema, likewise."""

    media_type = "application/schema+json"


class OpenApi(JSONResponse):
    """A description of an API, likewise."""

    media_type = "application/vnd.oai.openapi+json;version=3.0"
