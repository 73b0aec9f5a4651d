"""``gisops user key …``: keys of other systems."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from api.console import as_owner, columns, err, out, read_settings
from gisops.access import api_keys

key_app = typer.Typer(help="接口密钥 / Keys of other systems.", no_args_is_help=True)


@key_app.command("add")
def add(
    login: Annotated[str, typer.Argument(help="以哪个账号的身份 / The account it acts as.")],
    label: Annotated[str, typer.Argument(help="哪个系统 / Which system has it.")],
    scope: Annotated[list[str], typer.Option(help="用途，可重复 / What for; may be given more than once.")],
    days: Annotated[int, typer.Option(help="有效天数 / How long it lasts.")] = 365,
) -> None:
    """新建密钥 / Make a key. It is printed once, alone on standard output, and kept nowhere."""
    with as_owner(read_settings()) as conn:
        number, token, expires_at = api_keys.add(conn, login, label, scope, days)
    typer.echo(token)
    err.print(f"✓ {number}: {label} → {login}, {', '.join(sorted(set(scope)))}", markup=False)
    err.print(f"  有效至 / until {expires_at:%Y-%m-%d}; 只显示这一次 / shown this once", markup=False)


@key_app.command("list")
def list_(login: Annotated[str | None, typer.Argument(help="只列此账号 / Of this account only.")] = None) -> None:
    """列出密钥 / List the keys."""
    with as_owner(read_settings()) as conn:
        rows = api_keys.listed(conn, login)
    shown = [["", "login", "label", "scopes", "until", "last used", ""]]
    for row in rows:
        used = f"{row['last_used_at']:%Y-%m-%d %H:%M}" if row["last_used_at"] else "—"
        until = f"{row['expires_at']:%Y-%m-%d}"
        number, scopes = str(row["key_id"]), " ".join(row["scopes"])
        shown.append([number, row["login"], row["label"], scopes, until, used, _state(row)])
    columns(shown)


@key_app.command("revoke")
def revoke(number: Annotated[int, typer.Argument(help="密钥编号 / Number of the key.")]) -> None:
    """停用密钥 / End a key, within five seconds."""
    with as_owner(read_settings()) as conn:
        api_keys.revoke(conn, number)
    out.print(f"✓ {number}", markup=False)


@key_app.command("scopes")
def scopes() -> None:
    """列出用途 / List what a key can be made for."""
    columns([*api_keys.SCOPES.items()])


def _state(row: dict[str, Any]) -> str:
    if row["revoked_at"] is not None:
        return "已停用 / ended"
    return "已过期 / run out" if row["expires_at"] <= datetime.now(UTC) else ""
