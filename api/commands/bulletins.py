"""``gisops bulletin``: the bulletin of a month, published and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.console import database, out, read_settings
from gisops import bulletin as bulletins
from gisops import city as cities
from gisops import printing
from gisops.db.pool import connect
from gisops.errors import NotFound
from gisops.indicators import counting, periods


def bulletin(
    month: Annotated[
        str | None, typer.Option(help="月份，如 2026-10；默认上月 / The month; by default the last.")
    ] = None,
    pdf: Annotated[Path | None, typer.Option(help="另存为 PDF / Where to print it.")] = None,
    html: Annotated[Path | None, typer.Option(help="另存为网页 / Where to write the page.")] = None,
    corrected: Annotated[bool, typer.Option(help="发布更正版 / Publish a further version.")] = False,
) -> None:
    """月度通报 / The bulletin of a month: published if it is not yet, and written out as it was published."""
    with database(read_settings()) as urls, connect(urls.app, unhurried=True) as conn:
        city = cities.load(conn)
        month = month or periods.month_before(f"{counting.now(conn).astimezone(city.timezone):%Y-%m}")
        try:
            found = None if corrected else bulletins.read(conn, month)
        except NotFound:
            found = None
        fresh = found is None
        if found is None:
            with out.status("统计 / counting …"):
                found = bulletins.publish(conn, city, month, corrected=corrected)
            conn.commit()
    did = "已发布 / published" if fresh else "早已发布 / was published"
    out.print(f"✓ {month} v{found.version}: {did} {found.published_at:%Y-%m-%d %H:%M %Z}", markup=False)
    out.print(f"  SHA-256 {found.sha256}", markup=False)
    if html is not None:
        html.write_text(found.html, "utf-8")
        out.print(f"  → {html}", markup=False)
    if pdf is not None:
        with out.status("排版 / printing …"):
            pdf.write_bytes(printing.pdf(found.html))
        out.print(f"  → {pdf}", markup=False)
