"""``gisops load layer``, ``gisops layers …``: the layers there are, and those that a city brings itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from api import progress
from api.console import as_owner, bring_up_to_date, columns, database, out, read_settings
from gisops.db.pool import connect
from gisops.errors import InvalidInput

layers_app = typer.Typer(help="图层 / Layers.", invoke_without_command=True)

LayerId = Annotated[str, typer.Argument(help="图层编号 / The layer's id.")]


def bring(
    file: Path,
    description: Path | None,
    sets: Iterable[str],
    reading: Mapping[str, Any],
    allow_refused: int,
    dry_run: bool,
) -> None:
    """Load a file as a layer of the city's own."""
    from layers import city_loading, wanted

    told = wanted.read(description, sets, reading)
    settings = read_settings()
    with database(settings) as urls:
        bring_up_to_date(urls)
        with (
            connect(urls.owner, autocommit=True, unhurried=True) as conn,
            progress.one(file.name) as step,
            conn.transaction(force_rollback=dry_run),
        ):
            done = city_loading.load(conn, file, told, allow_refused=allow_refused, step=step)
    layer = done.layer
    for note in done.notes:
        out.print(note, markup=False)
    for one in done.refused:
        out.print(f"拒 / refused {one.rows:,}: {one.zh} / {one.en} ({one.first})", markup=False)
    if done.mended:
        out.print(f"补 / mended {done.mended:,}")
    public = "，公开内容有变 / what is public has changed" if done.moved and layer.public else ""
    what = "试读，未保留 / tried, nothing is kept" if dry_run else "已载入 / loaded"
    out.print(
        f"✓ {what}: {layer.id} {layer.title_zh}, {done.rows:,} {layer.geometry}, {layer.field_class}{public}",
        markup=False,
    )
    if not dry_run:
        out.print(f"→ gisops layers show {layer.id}")


@layers_app.callback()
def listed(context: typer.Context) -> None:
    """列出图层 / List the layers there are, with when they were loaded."""
    if context.invoked_subcommand is not None:
        return
    from layers import city_layers, freshness
    from layers.catalog import catalog_of

    rows = [("id", "title", "rows", "class", "version", "loaded", "")]
    with as_owner(read_settings()) as conn:
        catalog, known, counts = catalog_of(conn), freshness.read(conn), city_layers.row_counts(conn)
    for layer in catalog:
        loaded = None if layer.live else known.get(layer.id)
        rows.append(
            (
                layer.id,
                layer.title_zh,
                f"{counts[layer.id]:,}" if layer.id in counts else "—",
                layer.field_class,
                str(loaded.version) if loaded and layer.public else "—",
                f"{loaded.confirmed_at:%Y-%m-%d %H:%M}" if loaded else "—",
                "过期 / stale" if loaded and loaded.stale(layer) else "",
            )
        )
    columns(rows)
    for layer_id, why in catalog.refused:
        out.print(f"✗ {layer_id}: {why}", markup=False)


@layers_app.command("show")
def show(layer_id: LayerId, style: Annotated[bool, typer.Option("--style", help="样式 / Its style.")] = False) -> None:
    """查看 / Print what one of the city's own layers is, as its layer.toml (or its style.json)."""
    from layers import city_layers

    with as_owner(read_settings()) as conn:
        found = city_layers.one(conn, layer_id)
    typer.echo(found.style if style else found.description, nl=False)


@layers_app.command("set")
def change(
    layer_id: LayerId,
    file: Annotated[Path | None, typer.Argument(help="描述 / A whole layer.toml, as `show` prints it.")] = None,
    style: Annotated[Path | None, typer.Option("--style", help="样式 / A style.json.")] = None,
) -> None:
    """更改 / Give one of the city's own layers another description or style; its rows stay."""
    from layers import city_layers

    if file is None and style is None:
        raise InvalidInput("Name a layer.toml, or --style FILE.", do=f"gisops layers show {layer_id} > layer.toml")
    with as_owner(read_settings()) as conn:
        before = city_layers.one(conn, layer_id)
        text = before.description if file is None else _text(file)
        city_layers.change(conn, layer_id, text, None if style is None else _text(style))
    out.print(f"✓ {layer_id}")


@layers_app.command("drop")
def drop(layer_id: LayerId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """删除 / Take one of the city's own layers away, with its rows."""
    from layers import city_layers

    with as_owner(read_settings()) as conn:
        found = city_layers.one(conn, layer_id)
        if not yes:
            typer.confirm(f"删除 / Delete {layer_id} ({found.row_count:,})?", abort=True)
        city_layers.drop(conn, layer_id)
    out.print(f"已删除 / deleted: {layer_id}")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", file=path.name) from error
