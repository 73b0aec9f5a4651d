"""``gisops load handbook FILE``: the city's own conditions, limits and standards."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from api.console import bring_up_to_date, database, err, out, read_settings
from gisops.db.pool import connect
from gisops.errors import InvalidInput


def bring(file: Path | None, dry_run: bool) -> None:
    """Take a file of the handbook in, whole or not at all; with ``dry_run`` only say what it would do."""
    from gisops import city
    from gisops.cases import handbook

    if file is None:
        raise InvalidInput("A file is wanted.", do="gisops load handbook FILE.csv")
    with database(read_settings()) as urls:
        bring_up_to_date(urls)
        with connect(urls.owner, unhurried=True) as conn, conn.transaction(force_rollback=dry_run):
            try:
                done = handbook.load(conn, city.load(conn), file)
            except handbook.InvalidHandbook as error:
                _show(error)
                raise
    words = "将变更 / would change" if dry_run else "已生效 / in force"
    out.print(f"✓ 读 / read {done.rows:,} · {words}: {done.written:,}", markup=False)


def _show(error: InvalidInput) -> None:
    table = Table(box=None, pad_edge=False)
    for head in ("行 / line", "列 / column", "问题 / what is wrong"):
        table.add_column(head)
    for row in error.facts.get("rows", []):
        table.add_row(str(row["line"] or ""), row["column"], row["wrong"])
    if table.row_count:
        err.print(table)
