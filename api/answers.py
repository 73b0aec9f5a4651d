"""Answers as bytes: JSON made once, by orjson or by the database, and not looked at again."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from fastapi import Response

JSON = "application/json"
GEOJSON = "application/geo+json"


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON. Times become RFC 3339 in UTC (``…Z``); NaN and infinity, should there be any, null."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers, JSON)


def tag(content: bytes) -> str:
    """An ETag of what is answered and of nothing else: it tells nobody that something changed which is not theirs."""
    return f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def has(if_none_match: str | None, named: str) -> bool:
    """Tell whether the caller has this answer already."""
    return if_none_match is not None and named in (each.strip() for each in if_none_match.split(","))


def one_callers(content: bytes, media_type: str, if_none_match: str | None, *, kept: bool) -> Response:
    """An answer that differs by caller, under a name made of its content, handed to nobody else; ``kept`` says whether
    the caller's own browser may keep it, to ask next time whether it is still so.
    """
    headers = {
        "ETag": tag(content),
        "Cache-Control": "private, no-cache" if kept else "private, no-store",
        "Vary": "Authorization, Cookie",
    }
    if has(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def plain(content: Any, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON whose moments, if any, are text already."""
    return Response(orjson.dumps(content), media_type=JSON, headers=headers)


def kept_by_nobody_else() -> dict[str, str]:
    """Headers of what differs by caller and is small: asked for again each time, and never handed to another."""
    return {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


def raw(content: bytes | str, status: int = 200, media_type: str = JSON) -> Response:
    """Answer with text that is JSON already."""
    return Response(content, status, media_type=media_type)
