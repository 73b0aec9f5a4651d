"""The layers there are, as this process knows them: the shipped ones and those that the city brought itself, with the
names of their present contents.

Both live in the database, where a command or another process changes them. One small statement twice a second tells
whether anything did; what has changed is read, and takes the place of the old in one assignment, so that a request has
one catalogue from its beginning to its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import psycopg

from api.database import Database
from gisops.db.pool import Connection
from gisops.errors import GisopsError
from layers import catalog as catalogue
from layers import versions
from layers.catalog import Catalog

log = logging.getLogger(__name__)

# What was loaded is to be seen within a second, in every process.
EVERY_S = 0.5
# Whoever waits for the first reading has waited this long; the city's own layers are unknown then, the shipped are not.
FIRST_S = 2.0
# Longer than a request takes.
LATELY_S = 30.0

Told = Callable[[frozenset[str]], None]


class Catalogs:
    """This process's catalogue, kept up to date. Read it anywhere; everything else happens in the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: list[Told] = []
        self._stamps: Mapping[str, int] | None = None
        self._changed_at = -LATELY_S
        self._refused: tuple[tuple[str, str], ...] = ()
        self._read = asyncio.Event()
        self._looking = asyncio.Lock()
        self.catalog: Catalog = catalogue.load_catalog()
        self.versions: Mapping[str, str] = MappingProxyType({})

    @property
    def public_versions(self) -> dict[str, str]:
        """The names of the contents of layers that anybody may see."""
        return {
            layer.id: self.versions[layer.id] for layer in self.catalog if layer.public and layer.id in self.versions
        }

    def subscribe(self, told: Told) -> None:
        """Have a function called in the event loop with the ids of the layers whose version, or whose description,
        has become another.
        """
        self._told.append(told)

    async def present(self) -> Catalog:
        """Return the catalogue; the first to ask wait until it was read."""
        if not self._read.is_set():
            try:
                async with asyncio.timeout(FIRST_S):
                    await self._read.wait()
            except TimeoutError:
                log.warning("layers: the database has not told yet which there are")
        return self.catalog

    async def changed_lately(self) -> bool:
        """Look now, and say whether any of the city's own layers was changed in the last seconds: what a request could
        not find may then have been there when it began.
        """
        await self.look()
        return time.monotonic() - self._changed_at < LATELY_S

    async def run(self) -> None:
        """Look for ever; a database that goes away leaves what was known."""
        away = False
        while True:
            try:
                await self.look()
                away = False
            except (psycopg.Error, GisopsError) as error:
                if not away:
                    log.warning("layers: the database is away (%s)", type(error).__name__)
                away = True
            except Exception:
                log.exception("layers: what there is could not be read")
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once, and take over what has changed."""
        async with self._looking:  # of two at once the older would have the last word
            self._take(*await self._database.run(self._looked))

    def _take(self, catalog: Catalog, named: Mapping[str, str], stamps: Mapping[str, int]) -> None:
        before, stamped, first = self.versions, self._stamps or stamps, self._stamps is None
        if self._stamps is not None and stamps != self._stamps:
            self._changed_at = time.monotonic()
        self.catalog, self.versions, self._stamps = catalog, MappingProxyType(dict(named)), stamps
        self._read.set()
        for layer_id, why in set(catalog.refused) - set(self._refused):
            log.error("layer %s is not shown: %s", layer_id, why)
        self._refused = catalog.refused
        changed = frozenset(name for name in {*before, *named} if before.get(name) != named.get(name))
        changed |= {name for name in {*stamped, *stamps} if stamped.get(name) != stamps.get(name)}
        for told in self._told if changed or first else ():
            told(changed)

    def _looked(self, conn: Connection) -> tuple[Catalog, dict[str, str], Mapping[str, int]]:
        now = versions.present(conn)
        # The catalogue is read after its stamps: what changes in between is read once more, and never missed.
        catalog = self.catalog if now.stamps == self._stamps else catalogue.catalog_of(conn)
        return catalog, now.of(catalog), now.stamps
