"""``gisops check history``: whether the history of every case is what was written."""

from __future__ import annotations

import time

import typer
from psycopg import IsolationLevel

from api.console import database, err, out, read_settings
from gisops.cases import history
from gisops.db.pool import connect

# What is found, in words; the codes are those of gisops.cases.history and of the function broken_history.
WORDS = {
    "gap": ("序号不连续", "an entry is missing before it"),
    "not linked": ("与前一条不相连", "does not follow the entry before it"),
    "altered": ("内容被改动", "was changed"),
    "cut short": ("历史被截短", "its last entries are missing"),
    "case differs": ("案件现状与历史不符", "the case does not stand where its history ends"),
    "text altered": ("办理意见被改动", "the text of it is not the one it was made with"),
}


def check_history() -> None:
    """Recompute the history of every case; stops at the first fault, and ends with 1 then."""
    began = time.monotonic()
    with database(read_settings()) as urls, connect(urls.owner, unhurried=True) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with out.status("核对案件历史 / checking the history of cases …") as status:

            def told(done: int, of: int) -> None:
                status.update(f"核对案件历史 / checking the history of cases … {done:,} / {of:,}")

            seen = history.check(conn, told)
    took_s = time.monotonic() - began
    out.print(f"{seen.cases:,} 件案件 / cases, {seen.entries:,} 条 / entries ({took_s:.1f} s)", markup=False)
    if seen.fault is None:
        out.print("[green]✓[/] 历史完整 / the history is whole")
        return
    zh, en = WORDS[seen.fault.problem]
    entry = "" if seen.fault.seq is None else f", 第 {seen.fault.seq} 条 / entry {seen.fault.seq}"
    out.print(f"案件 / case {seen.fault.case_no}{entry}: {zh} / {en}", markup=False)
    err.print("[bold red]✗[/] 历史与写入时不符 / the history is not what was written")
    err.print("  → docs/reference/moves.md", markup=False)
    raise typer.Exit(1)
