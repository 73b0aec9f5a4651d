"""``gisops deliveries …`` and ``gisops webhook …``: what leaves the house, and other systems that are told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from api.console import as_owner, columns, err, out, read_settings
from gisops import deliveries, webhooks

deliveries_app = typer.Typer(help="外发消息 / What leaves the house: SMS, e-mail, webhooks.", no_args_is_help=True)
webhook_app = typer.Typer(help="外部系统通知 / Other systems that are told.", no_args_is_help=True)


@deliveries_app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="dead 已放弃, waiting 等待中 / given up, or waiting.")] = "dead",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多几条 / How many at most.")] = 50,
) -> None:
    """列出外发消息 / List what was given up, or what waits, newest first."""
    with as_owner(read_settings()) as conn:
        rows = deliveries.listed(conn, state, limit=limit)
        stand = deliveries.standing(conn)
    shown = [["", "lane", "kind", "case", "tries", "said", "told"]]
    for row in rows:
        told, tries = f"{row['created_at']:%Y-%m-%d %H:%M}", str(row["attempts"])
        error = row["last_error"] or "—"
        shown.append([str(row["delivery_id"]), row["lane"], row["kind"], row["case_no"], tries, error, told])
    columns(shown)
    err.print(f"等待 / waiting {stand['waiting']}, 放弃 / given up {stand['dead']}", markup=False)


@deliveries_app.command("retry")
def retry(
    delivery: Annotated[list[UUID] | None, typer.Argument(help="编号；不填为全部 / Which ones; all without.")] = None,
) -> None:
    """重新发送已放弃的消息 / Try again what was given up."""
    with as_owner(read_settings()) as conn:
        count = deliveries.retry(conn, delivery or None)
    out.print(f"✓ {count}", markup=False)


@webhook_app.command("add")
def add(
    label: Annotated[str, typer.Argument(help="哪个系统 / Which system listens.")],
    url: Annotated[str, typer.Argument(help="地址 / Its address.")],
    kind: Annotated[list[str] | None, typer.Option(help="通知种类，可重复 / Kinds of notices; repeatable.")] = None,
    organisation: Annotated[str | None, typer.Option(help="只限此单位的案件 / Of its cases only.")] = None,
) -> None:
    """新增 / Tell another system. The secret is printed once, alone on standard output."""
    with as_owner(read_settings()) as conn:
        number, secret = webhooks.add(conn, label, url, kind or webhooks.DEFAULT_KINDS, organisation)
    typer.echo(secret)
    err.print(f"✓ {number}: {label} → {url}; 只显示这一次 / shown this once", markup=False)


@webhook_app.command("list")
def listed() -> None:
    """列出 / List them, and how it stands with each."""
    with as_owner(read_settings()) as conn:
        rows = webhooks.listed(conn)
    shown = [["", "label", "url", "kinds", "organisation", "waiting", "silent"]]
    for row in rows:
        silent = f"×{row['failures']}" if row["failures"] else ""
        kinds = " ".join(row["kinds"])
        number = str(row["webhook_id"])
        shown.append([number, row["label"], row["url"], kinds, row["organisation"] or "", str(row["waiting"]), silent])
    columns(shown)


@webhook_app.command("remove")
def remove(number: Annotated[int, typer.Argument(help="编号 / Its number.")]) -> None:
    """停用 / Tell it nothing any more."""
    with as_owner(read_settings()) as conn:
        dropped = webhooks.remove(conn, number)
    out.print(f"✓ {number}: {dropped} 条作废 / given up", markup=False)
