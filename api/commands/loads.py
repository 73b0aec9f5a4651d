"""``gisops load``, ``gisops loads …``: a city's own files on their way in, and back out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api import progress
from api.console import bring_up_to_date, database, out, read_settings
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from gisops.loads.records import Load

loads_app = typer.Typer(help="已载入的文件 / Files that were loaded.", invoke_without_command=True)


def load(
    target: Annotated[
        str | None, typer.Argument(help="载入什么 / What to load: zones, parts, cases, layer … (none: a list)")
    ] = None,
    file: Annotated[Path | None, typer.Argument(help="文件 / The file.")] = None,
    mapping: Annotated[Path | None, typer.Option("--map", help="列映射文件 / Mapping of columns (TOML).")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 / WGS84, GCJ02, BD09, CGCS2000, EPSG:n.")] = None,
    trust_declared: Annotated[bool, typer.Option(help="以声明的坐标系为准 / --crs wins over the file's own.")] = False,
    encoding: Annotated[str | None, typer.Option(help="文字编码 / Encoding of the text.")] = None,
    layer: Annotated[str | None, typer.Option(help="文件中的图层 / Layer of a file with several.")] = None,
    x: Annotated[str | None, typer.Option(help="经度列 / Column of longitude or easting.")] = None,
    y: Annotated[str | None, typer.Option(help="纬度列 / Column of latitude or northing.")] = None,
    wkt: Annotated[str | None, typer.Option(help="WKT 列 / Column of WKT.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="key=value, in all rows; or a setting.")] = None,
    expect: Annotated[list[str] | None, typer.Option(help="zone=COLUMN: compare with what the file says.")] = None,
    publish: Annotated[bool, typer.Option(help="检查后即发布 / Publish at once.")] = False,
    dry_run: Annotated[bool, typer.Option(help="只检查，不留下 / Only look; nothing is kept.")] = False,
    allow_refused: Annotated[int, typer.Option(min=0, help="可舍弃的行数 / Refused rows that may be left behind.")] = 0,
    complete: Annotated[
        bool, typer.Option(help="文件即全部 / The file is the whole: what it leaves out ends.")
    ] = False,
    valid_from: Annotated[datetime | None, typer.Option(help="生效时间 / Since when it is in force.")] = None,
    keep_pile_ups: Annotated[bool, typer.Option(help="保留占位坐标的案件 / Load placeholder rows too.")] = False,
    look: Annotated[bool, typer.Option(help="只看文件 / Only say what the file is: gisops load --look FILE")] = False,
    undo: Annotated[int | None, typer.Option(help="撤销此次载入 / Undo a load.")] = None,
) -> None:
    """载入自有数据 / Load a file: read, check, stage; with --publish it comes into force, whole or not at all."""
    if undo is not None:
        _undo(undo)
        return
    if look:
        _look(file or Path(target or ""), crs, trust_declared, encoding, layer, x, y, wkt)
        return
    if target == "reference":
        from api.commands.city import reference

        reference()
        return
    if target == "handbook":
        from api.commands.handbook import bring as bring_handbook

        bring_handbook(file, dry_run)
        return
    if target is None:
        _list_targets()
        return
    if file is None:
        raise InvalidInput("A file is wanted.", do=f"gisops load {target} FILE")
    if target == "layer":
        from api.commands.layers import bring

        reading = {"crs": crs, "encoding": encoding, "layer": layer, "x": x, "y": y, "wkt": wkt}
        bring(file, mapping, sets or (), {**reading, "trust_declared": trust_declared}, allow_refused, dry_run)
        return
    from gisops.loads import mapping as mappings
    from gisops.loads import publishing, staging, targets

    wanted = targets.find(target)
    told = mappings.read(mapping) if mapping else mappings.Assignment()
    reading = {"crs": crs, "encoding": encoding, "layer": layer, "x": x, "y": y, "wkt": wkt}
    told = mappings.with_options(told, wanted, sets or (), expect or (), {**reading, "trust_declared": trust_declared})
    with _owner() as (conn, home):
        with progress.one(f"{wanted.zh} / {wanted.id}") as step, conn.transaction(force_rollback=dry_run):
            found = staging.stage(conn, wanted, file, told, keep_pile_ups=keep_pile_ups, step=step)
            if dry_run:
                _show(conn, found, home / "loads" / "dry-run")
        if dry_run:
            return
        _show(conn, found, home / "loads" / str(found.load_id))
        if publish:
            since = None if valid_from is None else _aware(conn, valid_from)
            with progress.one("发布 / publishing") as step, conn.transaction():
                done = publishing.publish(
                    conn, found.load_id, allow_refused=allow_refused, complete=complete, valid_from=since, step=step
                )
            _said(conn, done, home)
        elif found.state == "staged":
            out.print(f"→ gisops loads publish {found.load_id}")


@loads_app.callback()
def loads(context: typer.Context, limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20) -> None:
    """列出 / List what was loaded, newest first."""
    if context.invoked_subcommand is not None:
        return
    from gisops.loads import records

    with _owner() as (conn, _):
        found = records.latest(conn, limit)
    table = Table(box=None, pad_edge=False)
    for head in (
        "",
        "载入 / loaded",
        "文件 / file",
        "状态 / state",
        "读 / read",
        "取 / taken",
        "补 / mended",
        "拒 / refused",
    ):
        table.add_column(head)
    for one in found:
        counts = (one.rows_read, one.taken, one.mended, one.refused)
        table.add_row(str(one.load_id), one.target, one.file_name, one.state, *(f"{n:,}" for n in counts))
    out.print(table)


@loads_app.command("show")
def show(load_id: int) -> None:
    """查看一次载入 / What one load found."""
    from gisops.loads import records

    with _owner() as (conn, home), conn.transaction():
        _show(conn, records.one(conn, load_id), home / "loads" / str(load_id))


@loads_app.command("publish")
def publish_staged(
    load_id: int,
    allow_refused: Annotated[int, typer.Option(min=0, help="Refused rows that may be left behind.")] = 0,
    complete: Annotated[bool, typer.Option(help="The file is the whole: what it leaves out ends.")] = False,
    valid_from: Annotated[datetime | None, typer.Option(help="Since when it is in force.")] = None,
) -> None:
    """发布 / Publish a load that waits."""
    from gisops.loads import publishing

    with _owner() as (conn, home):
        since = None if valid_from is None else _aware(conn, valid_from)
        with progress.one("发布 / publishing") as step, conn.transaction():
            done = publishing.publish(
                conn, load_id, allow_refused=allow_refused, complete=complete, valid_from=since, step=step
            )
        _said(conn, done, home)


@loads_app.command("discard")
def discard(load_id: int) -> None:
    """放弃 / Give a load up that waits."""
    from gisops.loads import publishing

    with _owner() as (conn, _), conn.transaction():
        publishing.discard(conn, load_id)
    out.print(f"已放弃 / given up: {load_id}")


@loads_app.command("undo")
def undo(load_id: int) -> None:
    """撤销 / Take a published load back, as if it had not been."""
    _undo(load_id)


def _undo(load_id: int) -> None:
    from gisops.loads import publishing

    with _owner() as (conn, _), conn.transaction():
        done = publishing.undo(conn, load_id)
    out.print(f"✓ 已撤销 / undone: {load_id} {done.target} ({done.file_name})", markup=False)


@contextmanager
def _owner() -> Iterator[tuple[Connection, Path]]:
    """A connection as the owner, each transaction by itself, and the home folder."""
    settings = read_settings()
    with database(settings) as urls:
        bring_up_to_date(urls)
        with connect(urls.owner, autocommit=True, unhurried=True) as conn:
            yield conn, settings.home


def _aware(conn: Connection, moment: datetime) -> datetime:
    """A moment without an offset is in the city's time zone."""
    from gisops.loads import lookups

    return moment if moment.tzinfo else moment.replace(tzinfo=lookups.read(conn).timezone)


def _look(path: Path, crs: str | None, trust: bool, encoding: str | None, layer: str | None, *xy: str | None) -> None:
    from gisops.loads.batches import Options
    from gisops.loads.reading import describe, open_source

    x, y, wkt = xy
    options = Options(crs=crs, trust_declared=trust, encoding=encoding, layer=layer, x=x, y=y, wkt=wkt, expected="any")
    with open_source(path, options) as source:
        out.print_json(data=describe(source), ensure_ascii=False, default=str)


def _list_targets() -> None:
    from gisops.loads.targets import all_targets

    table = Table(box=None, show_header=False, pad_edge=False)
    for target in all_targets().values():
        needed = ", ".join(column.name for column in target.columns.values() if column.required)
        table.add_row(target.id, target.zh, target.en, f"[dim]{needed}[/]")
    table.add_row("layer", "图层", "A layer of your own", "[dim]--set id=…[/]")
    table.add_row("handbook", "处置手册", "Filing and closing conditions, limits, standards", "[dim]category, seq[/]")
    table.add_row("reference", "参考数据", "The shipped reference data", "")
    out.print(table)


def _show(conn: Connection, found: Load, folder: Path) -> None:
    """Counts, findings by kind, what the checks over the whole found; everything row by row goes into files."""
    from gisops.loads import records, written

    out.print(
        f"{found.load_id}  {found.target} ← {found.file_name}  ({found.state}, {found.crs or '—'})  "
        f"读 / read {found.rows_read:,} · 取 / taken {found.taken:,} · 补 / mended {found.mended:,} · "
        f"拒 / refused {found.refused:,} · 搁置 / set aside {found.set_aside:,}",
        markup=False,
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in records.findings_by_code(conn, found.load_id):
        rows = ", ".join(str(row) for row in one["rows"] if row is not None)
        words = f"{one['words_zh']} / {one['words_en']}"
        table.add_row(one["kind"], one["code"], f"{one['n']:,}", words, f"{rows}{' …' if one['n'] > 5 else ''}")
    if table.row_count:
        out.print(table)
    for line in audit_lines(found.audit):
        out.print(line, markup=False)
    out.print(f"全部 / all of it: {written.write(conn, found, folder)}", markup=False)


def audit_lines(audit: dict[str, Any]) -> Iterator[str]:
    """The audit in a few lines."""
    for name, one in audit.get("tiling", {}).items():
        counts = one["counts"]
        said = ", ".join(f"{what} {n}" for what, n in counts.items()) or "—"
        noded = "noded" if one["noded"] else "NOT noded"
        yield f"拼接检查 / tiling {name}: {one['polygons']} polygons, {noded}; {said}"
    for one in audit.get("pile_ups", []):
        yield f"疑似占位坐标 / placeholder: {one['rows']:,} rows at {one['lon']}, {one['lat']} ({one['share']:.1%})"
    if datum := audit.get("datum"):
        yield f"坐标系检查 / datum: {datum['zh']} / {datum['en']}"
    if agreed := audit.get("agreement"):
        causes = ", ".join(f"{cause} {n}" for cause, n in agreed["causes"].items()) or "—"
        yield (
            f"与文件所记一致 / as the file says: {agreed['equal']:,} of {agreed['compared']:,} "
            f"({agreed['share'] or 0:.3%}; 计入误差 / within the error "
            f"{agreed['share_within_error'] or 0:.3%}); {causes}"
        )


def _said(conn: Connection, done: Load, home: Path) -> None:
    from gisops.loads import written

    told = {key: value for key, value in done.outcome.items() if isinstance(value, int | str) and key != "zone_set_id"}
    said = ", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in told.items())
    out.print(f"✓ 已发布 / published: {said}", markup=False)
    for line in audit_lines({"agreement": done.audit.get("agreement")}):
        out.print(line, markup=False)
    with conn.transaction():
        written.write(conn, done, home / "loads" / str(done.load_id))
