"""Layers as files, in the making: pages as they are read become what is sent, or what GDAL writes beside.

Files that GDAL writes are whole before the first byte is sent, so they wait in the home folder meanwhile; at most
``AT_ONCE`` of them are made at a time in each web process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, TYPE_CHECKING

from anyio import CapacityLimiter, WouldBlock
from starlette.concurrency import run_in_threadpool

from gisops import room
from gisops.errors import NotReady
from gisops.settings import Settings
from layers.forms import FORMS
from layers.layer import Layer
from layers.viewer import Viewer

if TYPE_CHECKING:
    import pyarrow as pa

    from layers.gdal_file import Table
    from layers.tables import Page

log = logging.getLogger(__name__)

AT_ONCE = 2
PIECE_BYTES = 256 * 1024
# A file that is this old was left by a process that was killed.
_LEFT_S = 6 * 3600


def limiter() -> CapacityLimiter:
    """How many files may be in the making in one process."""
    return CapacityLimiter(AT_ONCE)


def file_name(layers: Sequence[Layer], suffix: str) -> str:
    """What a file of these layers made today is called."""
    return f"{'-'.join(layer.id for layer in layers)[:80]}-{datetime.now(UTC):%Y%m%d}.{suffix}"


def file_links(base: str, layer: Layer, viewer: Viewer) -> list[dict[str, str]]:
    """The links to a layer's files for whoever may have them: ``base`` is the server's address, with its closing
    slash. Files are for those who are signed in.
    """
    if viewer.role is None or not viewer.may_see(layer):
        return []
    return [
        {
            "href": f"{base}api/layers/{layer.id}/export?format={form}",
            "rel": "enclosure",
            "type": about.media_type,
            "title": f"{layer.title_zh} · {layer.title_en} ({about.title})",
        }
        for form, about in FORMS.items()
    ]


def spare_pandas() -> None:
    """Let Arrow take it that there is no pandas. It imports pandas the first time it makes an array, for nothing that
    is done here: 45 MB and half a second in which the process answers nobody.
    """
    if "pandas" not in sys.modules:
        import pyarrow as pa

        refused = _NoPandas()
        sys.meta_path.insert(0, refused)
        try:
            # Asked once, it is not asked again.
            pa.array([None])
        finally:
            sys.meta_path.remove(refused)


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


async def parquet(schema: pa.Schema, pages: AsyncIterator[Page]) -> AsyncIterator[bytes]:
    """The bytes of a GeoParquet file as its pages come."""
    from layers.parquet import GeoParquet

    file = await run_in_threadpool(GeoParquet, schema)
    async for page in pages:
        if ready := await run_in_threadpool(file.add, page.records):
            yield ready
    yield await run_in_threadpool(file.end)


@asynccontextmanager
async def slot(limiter: CapacityLimiter) -> AsyncIterator[None]:
    """Hold one of the places at which a file is made. Raises ``NotReady`` where all are taken."""
    holder = object()
    try:
        limiter.acquire_on_behalf_of_nowait(holder)
    except WouldBlock:
        raise NotReady("As many files as may be are being made; try again soon.", retry_after_s=30) from None
    try:
        yield
    finally:
        limiter.release_on_behalf_of(holder)


async def drawn(settings: Settings, table: Table, schema: pa.Schema, pages: AsyncIterator[Page]) -> IO[bytes]:
    """Have a file written by GDAL, and return it open: it has no name any more, and is gone when it is closed.

    Raises ``StorageFull`` when room runs out, ``NotReady`` when the file could not be written, and what ``pages``
    raises.
    """
    import pyarrow as pa

    from layers.parquet import Drain

    with _folder(settings) as folder:
        path = folder / f"file.{FORMS[table.form].suffix}"
        process = await asyncio.create_subprocess_exec(
            *table.at(path).command(), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=_environment()
        )
        assert process.stdin is not None  # noqa: S101  (it was asked for)
        said = asyncio.create_task(_said(process))
        try:
            sink = Drain()
            with pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema) as stream:
                async for page in pages:
                    _check_room(folder)
                    stream.write_batch(page.records)
                    process.stdin.write(sink.take())
                    await process.stdin.drain()
            process.stdin.write(sink.take())
            process.stdin.close()
            words = await said
        except (BrokenPipeError, ConnectionResetError):
            # It ended before all was said; its own words tell why.
            words = await said
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            said.cancel()
        if process.returncode != 0 or not path.is_file():
            log.error("writing %s failed (%s): %s", path.name, process.returncode, words.decode(errors="replace"))
            raise NotReady("The file could not be written; the log says why.", retry_after_s=60)
        return path.open("rb")


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What is in a file, piece by piece; it is closed at the end."""
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


async def _said(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr is not None  # noqa: S101  (it was asked for)
    words = await process.stderr.read()
    await process.wait()
    return words[-2000:]


def _environment() -> dict[str, str]:
    """What the program beside is told: nothing of ours. GDAL writes the day into a GeoPackage, not the moment, so that
    the same content is the same file.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
    return kept | {"OGR_CURRENT_DATE": f"{datetime.now(UTC):%Y-%m-%dT00:00:00Z}"}


def _check_room(folder: Path) -> None:
    """Stop while the database still has the room it needs."""
    if room.look(folder).low and room.look(folder).free < 4 * room.FULL_BELOW_BYTES:
        raise room.StorageFull("There is no room to make a file.", retry_after_s=300)


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """A folder for one file, which is gone afterwards; those that a killed process left are cleared away."""
    above = settings.home / "downloads"
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in above.iterdir():
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=above, prefix="making-") as folder:
        _check_room(Path(folder))
        yield Path(folder)
