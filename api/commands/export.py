"""``gisops export``: layers as a file."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from api import progress
from api.console import bring_up_to_date, database, out, read_settings
from gisops.access import audit, people
from gisops.access.accounts import UnknownAccount
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from layers import catalog, counts, files
from layers.features import BBox, parse_bbox
from layers.forms import FORMS, Form
from layers.layer import Layer
from layers.viewer import ANYBODY, Viewer, viewer_of
from tiles import archive

_TILES = "pmtiles"
_ENDED = threading.Event()
_FORMS: dict[str, Form] = {about.suffix: form for form, about in FORMS.items()}


def export(
    layers: Annotated[str, typer.Argument(help="图层，逗号分隔 / Ids of layers, with commas between them.")],
    file: Annotated[
        Path, typer.Argument(help="文件，按后缀定格式 / The file: .pmtiles .gpkg .parquet .fgb .csv .geojsons")
    ],
    as_login: Annotated[
        str | None, typer.Option("--as", metavar="LOGIN", help="以此账号所见 / What this account may see; audited.")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees (WGS-84).")] = None,
    zooms: Annotated[str | None, typer.Option(help="Of .pmtiles: 10-16, or one.")] = None,
) -> None:
    """导出图层 / Write layers to a file: what anybody may see of them, or what an account may."""
    form, span, box = _form(file), _span(zooms), None if bbox is None else parse_bbox(bbox)
    if span is not None and form != _TILES:
        raise InvalidInput(f"--zooms is for .{_TILES} files; {file.name} holds features.", parameter="zooms")
    if not file.parent.is_dir():
        raise InvalidInput(f"There is no folder {file.parent}.", file=str(file))
    # What was begun is cleared away, however this ends.
    signal.signal(signal.SIGTERM, _end)
    with database(read_settings()) as urls:
        bring_up_to_date(urls)
        with connect(urls.app) as conn:
            account_id, viewer = _viewer(conn, as_login)
            known = catalog.catalog_of(conn)
        chosen = [known[each.strip()] for each in dict.fromkeys(layers.split(","))]
        number = archive.connections() if form == _TILES else 1
        with archive.at_one_moment(urls.app, account_id, number) as conns:
            _write(conns, chosen, viewer, file, form, as_login, box, span)


def _write(
    conns: Sequence[Connection],
    chosen: Sequence[Layer],
    viewer: Viewer,
    file: Path,
    form: str,
    as_login: str | None,
    box: BBox | None,
    span: tuple[int, int] | None,
) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}-") as folder:
        made = Path(folder) / file.name
        if form == _TILES:
            with progress.one("切图 / cutting tiles") as step:
                done = archive.write(conns, chosen, viewer, made, zooms=span, bbox=box, told=_heeding(step))
            rows = done.features
            took = time.monotonic() - began
            said = f"{done.tiles:,} 瓦片 / tiles ({done.cut / took:,.0f}/s)"
        else:
            for layer in chosen:
                viewer.require(layer)
            total = sum(counts.count(conns[0], layer, viewer, bbox=box).count for layer in chosen)
            with progress.one("写出 / writing") as step:
                heeding = _heeding(step)
                rows = files.write(
                    conns[0], chosen, viewer, made, _FORMS[form], bbox=box, told=lambda n: heeding(n, total)
                )
            took = time.monotonic() - began
            said = f"{sum(rows.values()):,} 要素 / features"
        if as_login is not None:
            place = None if box is None else ",".join(map(repr, box))
            for layer in chosen:
                facts: dict[str, audit.Fact] = {"format": form, "by": "command_line"}
                audit.add(conns[0], "export", layer.id, place=place, rows=rows[layer.id], facts=facts)
        # What is not written down is not handed out.
        conns[0].commit()
        size = made.stat().st_size
        os.replace(made, file)
    whose = (
        "任何人可见的内容 / what anybody may see" if as_login is None else f"{as_login} 所见 / what {as_login} may see"
    )
    out.print(f"✓ {file}: {said}, {size / 1e6:,.1f} MB, {took:,.1f} s; {whose}", markup=False)


def _end(*_: object) -> None:
    _ENDED.set()
    sys.exit(143)


def _heeding(step: Callable[[int, int | None], None]) -> Callable[[int, int | None], None]:
    """The same step, which ends where an end was asked for in vain: Python swallows what is raised in a finaliser."""

    def told(done: int, of: int | None) -> None:
        if _ENDED.is_set():
            sys.exit(143)
        step(done, of)

    return told


def _form(file: Path) -> str:
    suffix = file.suffix.removeprefix(".").lower()
    if suffix != _TILES and suffix not in _FORMS:
        known = " ".join(f".{each}" for each in (_TILES, *_FORMS))
        raise InvalidInput(f"What kind of file {file.name} is, its suffix says: {known}.", file=file.name)
    return suffix


def _span(zooms: str | None) -> tuple[int, int] | None:
    if zooms is None:
        return None
    low, _, high = zooms.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise InvalidInput(f"--zooms is two numbers, as 10-16, or one; not {zooms}.", parameter="zooms") from None


def _viewer(conn: Connection, login: str | None) -> tuple[int | None, Viewer]:
    if login is None:
        return None, ANYBODY
    found = people.account(conn, login)
    if found is None:
        raise UnknownAccount(f"There is no account {login} that may sign in.", login=login)
    return found.actor.account_id, viewer_of(found.actor.role)
