"""What the API's description says of an answer, and what an answer has that it does not say.

`hold` is for clients of the tests (``event_hooks={"response": [hold]}``): what they are answered is held against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from api.app import create_app
from gisops.settings import Settings

_FORMATS = FormatChecker(["date-time", "date", "uuid"])


class Description:
    """The API's own description (OpenAPI 3.1)."""

    def __init__(self, told: Mapping[str, Any] | None = None) -> None:
        self.told = told or create_app(Settings(_env_file=None)).openapi()
        self._known: dict[tuple[str, str, str, str], Draft202012Validator | None] = {}

    @cached_property
    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every operation by method and path, as the path is written."""
        return {
            (method.upper(), path): operation
            for path, operations in self.told["paths"].items()
            for method, operation in operations.items()
        }

    def path_of(self, method: str, address: str) -> str | None:
        """The path, as it is written, that an address belongs to: the one with the fewest places."""
        found = [path for verb, path in self.operations if verb == method and _pattern(path).fullmatch(address)]
        return min(found, key=lambda path: (path.count("{"), -len(path)), default=None)

    def wrong(self, method: str, path: str, status: int, media_type: str, body: Any) -> str | None:
        """What is wrong with an answer, in one line; None where it is as described."""
        media_type = media_type.partition(";")[0].strip() if "openapi" not in media_type else media_type
        key = (method, path, str(status), media_type)
        if key not in self._known:
            self._known[key] = self._validator(*key)
        validator = self._known[key]
        if validator is None:
            return f"{method} {path}: {status} with {media_type} is not described"
        error = best_match(validator.iter_errors(body))
        if error is None:
            return None
        where = "/".join(str(step) for step in error.absolute_path)
        return f"{method} {path} {status}: {where}: {error.message[:300]}"

    def _validator(self, method: str, path: str, status: str, media_type: str) -> Draft202012Validator | None:
        told = self.operations[method, path]["responses"]
        answer = told.get(status) or told.get(f"{status[0]}XX")
        if answer is not None and "$ref" in answer:
            answer = self.told["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema = ((answer or {}).get("content", {}).get(media_type) or {}).get("schema")
        if not schema:
            return None
        return Draft202012Validator({**schema, "components": self.told["components"]}, format_checker=_FORMATS)


@cache
def description() -> Description:
    """The description, made once."""
    return Description()


def hold(response: Any) -> None:
    """Hold a JSON answer against its description. Raises ``AssertionError``."""
    media_type = response.headers.get("content-type", "")
    if is_json(media_type):
        found = wrong_of(
            response.request.method, response.request.url.path, response.status_code, media_type, response.read()
        )
        assert found is None, found


def wrong_of(method: str, address: str, status: int, media_type: str, content: bytes) -> str | None:
    """What is wrong with an answer that somebody got from an address; what is of no described route is not asked."""
    path = description().path_of(method, address)
    return None if path is None else description().wrong(method, path, status, media_type, json.loads(content))


def is_json(media_type: str) -> bool:
    """Whether an answer is one JSON document."""
    return "json" in media_type and "json-seq" not in media_type


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)))
