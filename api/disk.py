"""Writes are refused while some room is left on the disk; see gisops.room for why."""

from __future__ import annotations

import time
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from gisops import cluster_files, room
from gisops.room import Room, StorageFull
from gisops.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Signing in writes a row of a hundred bytes, and whoever has to make room may need it.
_ALWAYS = frozenset({"/api/session"})
_KEPT_S = 1.0


class Watch:
    """Room where the private cluster's data lies, looked at once a second at most; none to see on a database of one's
    own, which may lie on another machine.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder: Path | None = None if settings.database_url else cluster_files.place(settings.home).base
        self._seen: tuple[float, Room | None] = (-1e9, None)

    def look(self) -> Room | None:
        """The room there is, as of this second."""
        now = time.monotonic()
        if self._folder is not None and now - self._seen[0] > _KEPT_S:
            try:
                self._seen = (now, room.look(self._folder))
            except OSError:
                self._seen = (now, None)
        return self._seen[1]


class RoomToWrite:
    """Middleware that answers 507 to what would write, where the disk is as good as full."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app, self._watch = app, watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before anything of it is read."""
        if scope["type"] == "http" and scope["method"] not in _SAFE and scope["path"] not in _ALWAYS:
            seen = self._watch.look()
            if seen is not None and seen.full:
                error = StorageFull(retry_after_s=30)
                await problems.answer(problems.of_error(error, scope["path"]))(scope, receive, send)
                return
        await self._app(scope, receive, send)
