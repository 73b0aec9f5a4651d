"""``gisops user …``: accounts, their passwords and roles, what ends them, and whom the identity provider vouches for.

A password is typed at a prompt or read from standard input, never given as an argument: those are in the shell's
history and in every list of processes.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.commands.keys import key_app
from api.commands.scopes import scope_app
from api.console import as_owner, columns, out, read_settings
from gisops.access import accounts
from gisops.errors import InvalidInput

user_app = typer.Typer(help="账号 / Accounts: sign-ins, roles, keys, scopes.", no_args_is_help=True)
user_app.add_typer(key_app, name="key")
user_app.add_typer(scope_app, name="scope")

Login = Annotated[str, typer.Argument(help="用户名 / The login.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="从标准输入读取 / Read it from standard input.")]


@user_app.command("list")
def list_() -> None:
    """列出账号 / List the accounts."""
    with as_owner(read_settings()) as conn:
        rows = accounts.listed(conn)
    shown = [["login", "role", "staff", "organisation", "scope", "open", "keys", ""]]
    for row in rows:
        notes = [
            *([] if row["active"] else ["停用 / closed"]),
            *(["OIDC"] if row["linked"] else []),
            *(["样例 / sample"] if row["is_sample"] else []),
        ]
        scope = "全市 / whole city" if row["everywhere"] else ""
        shown.append(
            [
                row["login"],
                row["role"],
                row["staff"] or "",
                row["organisation"] or "",
                scope,
                str(row["open"]),
                str(row["keys"]),
                ", ".join(notes),
            ]
        )
    columns(shown)


@user_app.command("add")
def add(
    login: Login,
    role: Annotated[str, typer.Argument(help="角色 / The role: officer, dispatcher, planner …")],
    staff: Annotated[str | None, typer.Option(help="人员编码 / Code of the member of staff.")] = None,
    organisation: Annotated[str | None, typer.Option(help="单位编码 / Code of the organisation.")] = None,
    password_stdin: FromStdin = False,
    no_password: Annotated[bool, typer.Option(help="不设密码 / No password: for a key, or for OIDC.")] = False,
) -> None:
    """新增账号 / Add an account. It sees what is public until it is given a scope."""
    if not no_password:
        accounts.check_role(role)
    password = None if no_password else _password(login, password_stdin)
    with as_owner(read_settings()) as conn:
        accounts.add(conn, login, role, password, staff=staff, organisation=organisation)
    out.print(f"✓ {login} ({role})", markup=False)
    out.print(f"  接着授权 / next, its scope: gisops user scope grant {login} area CODE", markup=False)


@user_app.command("password")
def password(login: Login, password_stdin: FromStdin = False) -> None:
    """修改密码 / Give an account another password; whatever it has open ends."""
    told = _password(login, password_stdin)
    with as_owner(read_settings()) as conn:
        _ended(login, accounts.set_password(conn, login, told))


@user_app.command("role")
def role(login: Login, role: Annotated[str, typer.Argument(help="角色 / The new role.")]) -> None:
    """修改角色 / Give an account another role; whatever it has open ends."""
    with as_owner(read_settings()) as conn:
        _ended(login, accounts.set_role(conn, login, role))


@user_app.command("deactivate")
def deactivate(login: Login) -> None:
    """停用 / Close an account; whatever it has open ends, its keys too."""
    with as_owner(read_settings()) as conn:
        _ended(login, accounts.deactivate(conn, login))


@user_app.command("activate")
def activate(login: Login) -> None:
    """启用 / Open an account again; what was ended stays ended."""
    with as_owner(read_settings()) as conn:
        accounts.activate(conn, login)
    out.print(f"✓ {login}", markup=False)


@user_app.command("end-sessions")
def end_sessions(login: Login) -> None:
    """强制下线 / End every sign-in of an account, phones included, within five seconds."""
    with as_owner(read_settings()) as conn:
        _ended(login, accounts.end_sessions(conn, login))


@user_app.command("unlock")
def unlock(login: Login) -> None:
    """解除锁定 / Forget the wrong passwords for a login."""
    with as_owner(read_settings()) as conn:
        had = accounts.unlock(conn, login)
    out.print("✓ 已解除 / unlocked" if had else "没有锁定 / nothing was locked")


@user_app.command("link")
def link(
    login: Login,
    subject: Annotated[
        str | None, typer.Argument(help="身份提供者给出的 sub / The provider's sub for the person.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(help="默认 GISOPS_OIDC_ISSUER / The provider's address.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="取消关联 / Take the link away.")] = False,
) -> None:
    """关联统一身份 / Let somebody whom the identity provider vouches for sign in as this account."""
    settings = read_settings()
    if remove == (subject is not None):
        raise InvalidInput("Either a subject or --remove is wanted.", do=f"gisops user link {login} SUBJECT")
    provider = issuer or settings.oidc_issuer
    if subject is not None and provider is None:
        raise InvalidInput("Set GISOPS_OIDC_ISSUER, or say --issuer.", field="issuer")
    with as_owner(settings) as conn:
        if subject is None:
            _ended(login, accounts.unlink(conn, login))
            return
        accounts.link(conn, login, str(provider), subject)
    out.print(f"✓ {login} = {subject} @ {provider}", markup=False)


def _ended(login: str, count: int) -> None:
    out.print(f"✓ {login}: 已结束 {count} 个登录 / {count} sign-ins ended", markup=False)


def _password(login: str, from_stdin: bool) -> str:
    if from_stdin:
        told = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    else:
        told = typer.prompt("密码 / password", hide_input=True, confirmation_prompt=True)
    accounts.check_password(told, login)
    return told
