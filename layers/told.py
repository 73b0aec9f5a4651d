"""A layer's description as it is written, key by key: a missing, misspelt or superfluous key is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gisops.errors import InvalidInput


class CatalogError(Exception):
    """A layer's folder is wrong, or does not fit its relation. The message says which, where and what would be
    right.
    """


class InvalidLayer(InvalidInput):
    """A layer cannot be described so."""

    code = "invalid_layer"


@dataclass(slots=True)
class Told:
    """One table of a ``layer.toml``; ``source`` is where it stands, for whoever must mend it."""

    source: str
    values: Any
    seen: set[str]

    def __init__(self, source: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise CatalogError(f"{source}: must be a table")
        self.source, self.values, self.seen = source, values, set()

    def _take(self, key: str, kind: type, what: str, default: Any = ...) -> Any:
        self.seen.add(key)
        value = self.values.get(key, default)
        if value is ...:
            raise CatalogError(f"{self.source}: {key} is missing")
        # bool is an int in Python, and must not pass for a zoom.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CatalogError(f"{self.source}: {key} must be {what}, not {value!r}")
        return value

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value: str = self._take(key, str, "text")
        if not value.strip():
            raise CatalogError(f"{self.source}: {key} is empty")
        return value.strip()

    def maybe_text(self, key: str) -> str | None:
        """A text, or None where the key is not there."""
        return self.text(key) if key in self.values else None

    def flag(self, key: str, default: Any = ...) -> bool:
        """True or false."""
        return bool(self._take(key, bool, "true or false", default))

    def number(self, key: str, least: int, most: int, default: Any = ...) -> int:
        """A whole number from ``least`` to ``most``."""
        value: int = self._take(key, int, "a whole number", default)
        if not least <= value <= most:
            raise CatalogError(f"{self.source}: {key} is {value}; it must be {least} to {most}")
        return value

    def one_of(self, key: str, choices: Any) -> str:
        """One of several words."""
        value: str = self._take(key, str, "text")
        if value not in choices:
            raise CatalogError(f"{self.source}: {key} is {value!r}; it must be one of {', '.join(choices)}")
        return value

    def maybe_one_of(self, key: str, choices: Any) -> str | None:
        """One of several words, or None where the key is not there."""
        return self.one_of(key, choices) if key in self.values else None

    def names(self, key: str) -> list[str]:
        """A list of names, which may be left out."""
        return [str(name) for name in self._take(key, list, "a list", [])]

    def table(self, key: str, default: Any = ...) -> dict[str, Any]:
        """A table within this one."""
        value: dict[str, Any] = self._take(key, dict, "a table", default)
        return value

    def nothing_else(self) -> None:
        """Raise for a key that nobody asked for."""
        if unknown := set(self.values) - self.seen:
            raise CatalogError(f"{self.source}: unknown keys {', '.join(sorted(unknown))}")
