"""What every command of the command line has in common: where it speaks, its settings, its database."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.cells import cell_len
from rich.console import Console

from gisops import cluster
from gisops.cluster import Urls
from gisops.db import migrate as migrations
from gisops.db.pool import Connection, connect
from gisops.settings import Settings

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def read_settings() -> Settings:
    """The settings of this command, and its log."""
    told = Settings()
    logging.basicConfig(level=told.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return told


@contextmanager
def database(settings: Settings) -> Iterator[Urls]:
    """The database for one command: the settings' own, or the private cluster, started if need be."""
    if settings.database_url is not None:
        yield cluster.database_urls(settings)
        return
    with cluster.running(settings):
        yield cluster.database_urls(settings)


def bring_up_to_date(urls: Urls, *, force: bool = False) -> migrations.Report:
    """Migrate the database to this release, and have the months to come."""
    from gisops.worker import turn_months
    from layers import city_layers
    from layers.catalog import view_sql

    report = migrations.migrate(urls.owner, view_sql(), city_layers.views, force=force)
    with connect(urls.owner, autocommit=True) as conn:
        turn_months(conn)
    return report


def columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows under one another, each cell as wide as its column: never wrapped or cut, so that it can be piped."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())


@contextmanager
def as_owner(settings: Settings) -> Iterator[Connection]:
    """A connection to the database of this release as its owner; what was done is committed at the end."""
    with database(settings) as urls:
        bring_up_to_date(urls)
        with connect(urls.owner) as conn:
            yield conn
