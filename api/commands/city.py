"""``gisops city new | show | reference``: a city of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.console import bring_up_to_date, database, err, out, read_settings
from gisops.db.pool import connect
from gisops.errors import InvalidInput

city_app = typer.Typer(help="自己的城市 / A city of your own.", no_args_is_help=True)


@city_app.command("new")
def new(
    profile: Annotated[Path | None, typer.Argument(help="城市配置 / The city's profile (TOML).")] = None,
    template: Annotated[bool, typer.Option(help="打印配置模板 / Print a profile to start from.")] = False,
    ask_password: Annotated[bool, typer.Option(help="输入管理员密码 / Ask for the admin's password.")] = False,
) -> None:
    """建立城市 / Make a city from a profile, in a database that holds none."""
    from gisops import profiles
    from gisops.access import accounts

    if template:
        typer.echo(profiles.TEMPLATE, nl=False)
        return
    if profile is None:
        raise InvalidInput("A profile is wanted.", do="gisops city new --template > my-city.toml")
    told = profiles.read(profile)
    password = typer.prompt("密码 / password", hide_input=True, confirmation_prompt=True) if ask_password else None
    if password is not None:
        accounts.check_password(password, told.admin.login)
    with database(read_settings()) as urls:
        bring_up_to_date(urls)
        with connect(urls.owner, unhurried=True) as conn:
            made = profiles.found(conn, told, profile.resolve().parent, password)
    out.print(f"✓ {made.name_zh} / {made.name_en}: {made.districts} 区 / district(s)", markup=False)
    shown = "—" if password else made.password
    out.print(f"  管理员 / admin: {made.login}   密码 / password: {shown}", markup=False)
    if not password:
        err.print("  密码只显示这一次 / the password is shown this once")
    out.print("  接着载入 / next, load: organisations, staff, zones, parts …  (gisops load)")


@city_app.command("show")
def show() -> None:
    """查看 / What the city is and holds."""
    from gisops import city, profiles

    with database(read_settings()) as urls, connect(urls.app) as conn:
        found = city.load(conn)
        held = profiles.contents(conn)
    table = Table(box=None, show_header=False, pad_edge=False)
    west, south, east, north = found.extent
    for name, value in (
        ("name", f"{found.name_zh} / {found.name_en} ({found.code})"),
        ("extent", f"{west:.5f}, {south:.5f}, {east:.5f}, {north:.5f}"),
        ("metric_srid", f"EPSG:{found.metric_srid}"),
        ("timezone", found.timezone.key),
        ("category_scheme", found.category_scheme),
        ("desk", f"{found.desk.code} {found.desk.name_zh}"),
        *((name, f"{count:,}") for name, count in held.items()),
    ):
        table.add_row(name, value)
    out.print(table)


@city_app.command("reference")
def reference() -> None:
    """更新参考数据 / Bring the shipped reference data up to date; what the city has set for itself stays."""
    from gisops import reference as shipped

    with database(read_settings()) as urls:
        bring_up_to_date(urls)
        with connect(urls.owner, unhurried=True) as conn:
            written = shipped.load(conn)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, rows in written.items():
        table.add_row(name, f"{rows:,}" if rows else "已是最新 / up to date")
    out.print(table)
