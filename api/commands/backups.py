"""``gisops backup``, ``backups``, ``restore``: the private cluster's backups, by PostgreSQL's own tools."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api import progress
from api.console import err, out, read_settings
from gisops import backups as kept
from gisops import cluster, photo_backups, restores

_WORDS = {
    "copy": "复制 / copying",
    "verify": "校验 / verifying",
    "wal": "日志 (WAL)",
    "photos": "照片 / photographs",
}


def backup(
    to: Annotated[Path | None, typer.Option(help="Another folder: a copy to take away, without later WAL.")] = None,
    keep: Annotated[int, typer.Option(help="Base backups to keep; 0 keeps all.", min=0)] = 0,
) -> None:
    """备份 / Take a base backup while everybody works on; from the first one on, all WAL is kept as well."""
    with progress.steps(_WORDS) as show:
        settings = read_settings()
        base = kept.take(settings, to=to, keep=keep, progress=show)
        copied = photo_backups.copy(settings, base.folder.parent.parent, show)
    out.print(f"✓ {base.folder}  {_size(base.bytes)}  {_moment(base.ended_at)}", markup=False)
    if where := photo_backups.elsewhere(settings):
        out.print(f"  照片不在其中 / without the photographs, which are in {where}", markup=False)
    else:
        out.print(f"  新增照片文件 / files of photographs added: {copied:,}", markup=False)


def backups(
    source: Annotated[Path | None, typer.Option("--from", help="Folder of the backups.")] = None,
) -> None:
    """列出备份 / List base backups, and the moments that can be made again from each."""
    settings = read_settings()
    kept.be_ours(settings)
    folder = (source or kept.root(settings)).expanduser().resolve()
    there = [(path, span) for path in kept.clusters(folder) for span in kept.spans(path)]
    if not there:
        raise kept.NoBackup(f"There is no base backup in {folder}.", do="gisops backup")
    for path, span in there:
        out.print(f"{path.name}/{span.base.name}  {_size(span.base.bytes)}", markup=False)
        reach = f"{_moment(span.first)} – {_moment(span.last)}"
        out.print(f"  可恢复到 / can be restored to: {reach}", markup=False)
        if span.left:
            out.print("  恢复后弃用 / left behind by a restore: needs --base", style="yellow")
        if span.missing:
            out.print(f"  缺少 / missing from the archive: {span.missing}", style="red")
    if cluster.status(settings).pid is not None:
        for trouble in kept.troubles(settings):
            err.print(f"✗ {trouble}", style="red", markup=False)


def restore(
    source: Annotated[Path | None, typer.Option("--from", help="Folder of the backups.")] = None,
    at: Annotated[str | None, typer.Option(help='To which second: "2026-11-22 10:15:03+08"; else the last.')] = None,
    base: Annotated[str | None, typer.Option(help="Which base backup to begin with.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """恢复 / Make the private database again as it was at a second. gisops must be down."""
    settings = read_settings()
    kept.be_ours(settings)
    moment = restores.moment(at) if at is not None else None
    if not yes and cluster.status(settings).exists:
        until = _moment(moment) if moment else "最后一次提交 / the last commit"
        place = cluster.status(settings).place
        typer.confirm(f"以备份替换 / Replace the data in {place.data} by that of {until}?", abort=True)
    with progress.steps(_WORDS) as show:
        made = restores.restore(settings, source=source, at=moment, base=base, progress=show)
    out.print(f"✓ 已恢复到 / restored to {_moment(made.at)} ({made.base.name}, {made.took_s:.0f} s)", markup=False)
    out.print(f"  事件纪元 / epoch of events {made.epoch}; 所有人需重新登录 / everybody signs in anew")
    out.print("  启动并再备份 / start, and back up again: gisops up, gisops backup")


def _size(count: int) -> str:
    return f"{count / 2**20:.0f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"


def _moment(at: datetime) -> str:
    return at.astimezone().isoformat(sep=" ")
