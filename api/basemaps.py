"""The base map of a process: the setting, its file as it is now, and what a style and a policy must know of it."""

from __future__ import annotations

import html
import logging
import os
import re
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import Request

from api.edge import HEADERS
from gisops import basemaps
from gisops.basemaps import Archive, Basemap
from gisops.errors import NotFound
from gisops.settings import Settings
from layers import basemap
from layers.style import BaseMap
from tiles.pmtiles_file import BrokenArchive, PmtilesFile

log = logging.getLogger(__name__)


def told(settings: Settings) -> Basemap | None:
    """What the setting names, or None."""
    return None if settings.basemap is None else basemaps.parse(settings.basemap.get_secret_value())


class Kept:
    """A PMTiles file that is open as long as it is the one of its name: one that takes its place is noticed when the
    next tile is asked for.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._seen: tuple[int, int, int] | None = None
        self._found: PmtilesFile | BrokenArchive | None = None

    def open(self) -> PmtilesFile:
        """The file as it is now. Raises ``BrokenArchive``."""
        try:
            now = os.stat(self._path)
            seen = (now.st_ino, now.st_size, now.st_mtime_ns)
        except OSError as error:
            raise BrokenArchive(
                f"{self._path.name} cannot be opened: {error.strerror}.", file=self._path.name
            ) from error
        with self._lock:
            if self._found is None or seen != self._seen:
                try:
                    self._found = PmtilesFile(self._path)
                except BrokenArchive as error:
                    log.warning("base map: %s", error.message)
                    self._found = error
                self._seen = seen
            if isinstance(self._found, BrokenArchive):
                raise BrokenArchive(self._found.message, **self._found.facts)
            return self._found


class Below:
    """The base map of one application."""

    def __init__(self, settings: Settings) -> None:
        self._told = told(settings)
        self._attribution = settings.basemap_attribution
        self._kept = Kept(self._told.path) if isinstance(self._told, Archive) else None

    def archive(self) -> PmtilesFile:
        """The file that is served as the base map. Raises ``NotFound`` where the setting names none, and
        ``BrokenArchive``.
        """
        if self._kept is None:
            raise NotFound("There is no base map here that is served from a file (GISOPS_BASEMAP).")
        return self._kept.open()

    def attribution(self, file: PmtilesFile) -> str | None:
        """Whose map a file is: as the setting says, or the file, whose words are no HTML of ours."""
        if self._attribution is not None:
            return self._attribution
        said = file.held.metadata.get("attribution")
        return html.escape(_text(said)) if isinstance(said, str) else None

    def style(self, base: str, theme: str) -> BaseMap:
        """What lies below everything in a style of one theme; nothing where there is no base map, or a broken one.
        ``base`` is the server's address, with its closing slash.
        """
        if self._told is None:
            return BaseMap()
        if not isinstance(self._told, Archive):
            return basemap.of_service(self._told, theme, self._attribution)
        try:
            held = self.archive().held
        except BrokenArchive:
            return BaseMap()
        names = tuple(str(each["id"]) for each in held.vector_layers)
        if held.is_vector and not names:
            return BaseMap()
        return basemap.of_archive(basemap.Archived(f"{base}basemap.json", names if held.is_vector else ()), theme)


def below(request: Request, theme: str) -> BaseMap:
    """The base map as this process draws it; for whoever composes a style."""
    kept: Below = request.app.state.below
    return kept.style(str(request.base_url), theme)


def headers(settings: Settings) -> dict[str, str]:
    """The headers that surround every answer: browsers fetch from the base map's own addresses, and no other."""
    origins = basemaps.origins_of(told(settings))
    if not origins:
        return dict(HEADERS)
    policy = HEADERS["Content-Security-Policy"]
    for part in ("img-src 'self' data: blob:", "connect-src 'self'"):
        policy = policy.replace(part, " ".join((part, *origins)))
    return {**HEADERS, "Content-Security-Policy": policy}


def _text(said: str) -> str:
    """An attribution without its links: those are somebody else's HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", said)).strip()


def tilejson(file: PmtilesFile, attribution: str | None, base: str) -> dict[str, Any]:
    """TileJSON 3.0 of the base map."""
    held = file.held
    described: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": str(held.metadata.get("name") or "basemap"),
        "scheme": "xyz",
        "tiles": [f"{base}basemap/{{z}}/{{x}}/{{y}}?v={held.version}"],
        "minzoom": held.minzoom,
        "maxzoom": held.maxzoom,
        "bounds": list(held.bounds),
        "center": list(held.center),
    }
    if attribution:
        described["attribution"] = attribution
    if held.is_vector:
        described["vector_layers"] = [{"fields": {}, **layer} for layer in held.vector_layers]
    return described
