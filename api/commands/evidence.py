"""``gisops check evidence``: whether every photograph is there, and is what it was."""

from __future__ import annotations

import typer

from api.console import database, err, out, read_settings
from gisops import photos, storage
from gisops.db.pool import connect

# What is found, in words; the codes are those of gisops.photos.
WORDS = {
    "missing": ("原件缺失", "the file that was sent is missing"),
    "altered": ("原件被改动", "the file that was sent was changed"),
    "copy missing": ("副本缺失", "a copy is missing"),
    "copy altered": ("副本被改动", "a copy was changed"),
    "used but unknown": ("被引用但无记录", "is used, and the database does not know it"),
    "unknown to the database": ("数据库中无记录", "the database does not know this file"),
}


def check_evidence() -> None:
    """Compare photographs' rows with their files, and files with rows; ends with 1 where something does not fit."""
    settings = read_settings()
    kept = storage.storage_of(settings)
    looked_at, faults = 0, 0

    def progress(done: int) -> None:
        nonlocal looked_at
        looked_at = done

    told = out.status("核对照片 / checking photographs …")
    with database(settings) as urls, connect(urls.owner, unhurried=True) as conn, told:
        for fault in photos.check(conn, kept, progress):
            faults += 1
            zh, en = WORDS[fault.problem]
            out.print(f"{fault.file}: {zh} / {en}", markup=False)
    out.print(f"{looked_at:,} 张照片 / photographs: {kept.where}", markup=False)
    if faults:
        err.print(f"[bold red]✗[/] {faults:,} 处不符 / do not fit")
        raise typer.Exit(1)
    out.print("[green]✓[/] 照片完整 / the photographs are whole")
