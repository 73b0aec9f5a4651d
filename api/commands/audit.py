"""``gisops check audit``: whether the audit is what it was. ``gisops audit forget``: drop what was kept long enough."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import IsolationLevel

from api.commands import evidence, history
from api.console import database, err, out, read_settings
from gisops.access import audit, sealing
from gisops.db.pool import connect
from gisops.errors import InvalidInput

audit_app = typer.Typer(help="审计 / The audit.", no_args_is_help=True)

# What is found, in words; the codes are those of gisops.access.sealing.
WORDS = {
    "altered": ("内容被改动", "was changed"),
    "missing": ("缺失", "is missing"),
    "inserted": ("被插入", "was inserted"),
    "reordered": ("次序被改动", "does not stand where it stood"),
    "rewritten with its hash": ("封存后连同散列被改写", "entries were rewritten together with their hashes"),
    "entries under no seal": ("所属封存不存在", "has entries, and is not there"),
    "seal missing": ("前一封存缺失", "the seal before it is missing"),
    "seal not linked": ("与前一封存不相连", "does not follow the seal before it"),
    "seal altered": ("封存被改动", "is not what its digest says"),
    "forgotten too soon": ("未到期即清除", "its entries were dropped too soon"),
    "chain cut short": ("库外留存的封存在库中缺失", "was written down outside, and is not in the database"),
    "chain made anew": ("与库外留存的封存不符", "is another one than was written down outside"),
    "unreadable digest outside": ("库外留存的一行无法读取", "a line of the file outside cannot be read"),
    "no digests outside": ("没有库外留存可比对", "there is no file outside to compare with"),
}


def check_audit(file: Path | None = None) -> None:
    """Recompute the audit and say what is not as it was sealed; ends with 1 where there is something."""
    settings = read_settings()
    outside = file or sealing.heads_file(settings)
    with database(settings) as urls, connect(urls.owner, unhurried=True) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with out.status("核对审计 / checking the audit …"):
            seen = sealing.check(conn, outside)
    waits = f", {seen.waiting:,} 待封存 / wait for a seal" if seen.waiting else ""
    out.print(
        f"{seen.entries:,} 条 / entries, {seen.seals:,} 次封存 / seals{waits} ({seen.took_s:.1f} s)", markup=False
    )
    out.print(f"{seen.heads} / {seen.of} 库外留存相符 / digests kept outside found again: {outside}", markup=False)
    if seen.left_behind:
        out.print(
            f"{seen.left_behind} 属于恢复之前 / of them are of a life of the database before its last restore",
            markup=False,
        )
    if not seen.faults:
        out.print("[green]✓[/] 审计完整 / the audit is whole")
        return
    for fault in seen.faults:
        zh, en = WORDS[fault.problem]
        parts = (
            ("链 / chain", fault.chain or None),
            ("封存 / seal", fault.seal_no),
            ("序号 / number", fault.pos),
            ("条目 / entry", fault.entry_id),
        )
        where = ", ".join(f"{name} {value}" for name, value in parts if value is not None)
        out.print(f"{where}: {zh} / {en}", markup=False)
    err.print("[bold red]✗[/] 审计与封存不符 / the audit is not what was sealed")
    err.print("  → docs/howto/check-the-audit.md", markup=False)
    raise typer.Exit(1)


@audit_app.command("forget")
def forget(
    before: Annotated[datetime, typer.Option(help="早于此时刻 / Older than this, at least six months ago.")],
) -> None:
    """清除过期审计 / Drop entries that were kept long enough; their seals stay, so that the rest can be checked."""
    moment = before if before.tzinfo else before.replace(tzinfo=UTC)
    with database(read_settings()) as urls, connect(urls.owner, unhurried=True) as conn:
        done = audit.forget(conn, moment)
    for chain in done:
        out.print(
            f"✓ {chain['chain']}: {chain['entries']:,} 条 / entries, {chain['seals']:,} 次封存 / seals", markup=False
        )
    if not done:
        out.print("没有可清除的 / there is nothing that old")


def topic(name: str) -> None:
    """Check one thing. Raises ``InvalidInput`` for another one."""
    topics = {"audit": check_audit, "evidence": evidence.check_evidence, "history": history.check_history}
    if name not in topics:
        raise InvalidInput(f"There is no check of {name!r}.", do=f"gisops check, or gisops check {' | '.join(topics)}")
    topics[name]()
