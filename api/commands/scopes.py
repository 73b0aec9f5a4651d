"""``gisops user scope …``: into which parts of the city an account may look."""

from __future__ import annotations

from typing import Annotated

import typer

from api.console import as_owner, out, read_settings
from gisops.access import accounts, audit, scopes
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

scope_app = typer.Typer(help="可见范围 / Into which parts of the city an account may look.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(help="用户名 / The login.")]
Kind = Annotated[str, typer.Argument(help="area, cell, own-zones")]
Code = Annotated[str, typer.Argument(help="区划或网格编码 / Code of the area or the grid cell.")]


@scope_app.command("show")
def show(login: Login) -> None:
    """查看 / What an account was granted."""
    with as_owner(read_settings()) as conn:
        everywhere, granted = scopes.granted(conn, login)
    if everywhere:
        out.print("全市 / the whole city")
    for one in granted:
        out.print(f"{one.kind.replace('_', '-')} {one.code}  {one.granted_at:%Y-%m-%d}", markup=False)
    if not everywhere and not granted:
        out.print("无：只见公开内容与自己的案件 / nothing: what is public, and its own cases")


@scope_app.command("grant")
def grant(login: Login, kind: Kind, code: Code = "") -> None:
    """授予 / Let an account look into an area with all below it, a grid cell, or its person's zones."""
    with as_owner(read_settings()) as conn:
        new = scopes.grant(conn, login, _kind(kind, code), code)
        if new:
            _wrote(conn, "grant", login, _kind(kind, code), code)
    out.print("✓" if new else "已有 / it had that already")


@scope_app.command("revoke")
def revoke(login: Login, kind: Kind, code: Code = "") -> None:
    """收回 / Take back what was granted."""
    with as_owner(read_settings()) as conn:
        had = scopes.revoke(conn, login, _kind(kind, code), code)
        if had:
            _wrote(conn, "revoke", login, _kind(kind, code), code)
    out.print("✓" if had else "没有此项 / it did not have that")


@scope_app.command("everywhere")
def everywhere(login: Login, off: Annotated[bool, typer.Option("--off", help="收回 / Take it back.")] = False) -> None:
    """全市 / Give an account the whole city, or take it back to what it was granted."""
    with as_owner(read_settings()) as conn:
        new = scopes.set_everywhere(conn, login, not off)
        if new:
            _wrote(conn, "revoke" if off else "grant", login, "everywhere", "")
    out.print("✓" if new else "没有变化 / nothing changed")


def _kind(told: str, code: str) -> scopes.Kind:
    for kind in scopes.KINDS:
        if told.replace("-", "_") == kind:
            if (kind == "own_zones") == (code != ""):
                raise InvalidInput("An area or a cell is named by its code, own-zones by none.", field="code")
            return kind
    raise InvalidInput(f"There is no kind of scope {told}.", field="kind", do="area | cell | own-zones")


def _wrote(conn: Connection, act: str, login: str, kind: str, code: str) -> None:
    number = str(accounts.number_of(conn, login))
    audit.add(conn, act, "account_scopes", object=number, place=code or None, rows=1, facts={"kind": kind})
