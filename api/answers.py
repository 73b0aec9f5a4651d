"""Answers as bytes: JSON made once, by orjson or by the database, and not looked at again."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Response

JSON = "application/json"
GEOJSON = "application/geo+json"


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON. Times become RFC 3339 in UTC (``…Z``); NaN and infinity, should there be any, null."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers, JSON)


def raw(content: bytes | str, status: int = 200, media_type: str = JSON) -> Response:
    """Answer with text that is JSON already."""
    return Response(content, status, media_type=media_type)
