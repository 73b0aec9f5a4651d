"""Where the benchmarks run: a PostGIS of their own, durable as in earnest, with the sample city in it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from gisops import cluster, sample
from gisops.cluster import ADMIN, APP, OWNER
from gisops.db.migrate import migrate
from gisops.settings import Settings
from layers.catalog import view_sql

PASSWORD = "bench-password"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Town:
    """A database with the sample city, and the means to make others like it."""

    cluster: cluster.Cluster
    settings: Settings
    name: str

    def url(self, role: str = APP) -> str:
        """Address of the database for a role."""
        return self.cluster.url(role, self.name)

    def fresh(self, *, city: bool) -> Town:
        """Another database: with the sample city, or with the schema alone."""
        return make(self.cluster, self.settings, city=city)


@contextmanager
def town() -> Iterator[Town]:
    """Start a cluster for the time of the run."""
    with tempfile.TemporaryDirectory(prefix="gisops-bench-") as folder:
        os.chmod(folder, 0o755)
        settings = Settings(home=Path(folder), sample_password=SecretStr(PASSWORD))
        made = cluster.ensure(settings)
        try:
            yield make(made, settings, city=True)
        finally:
            cluster.stop(made)
            cluster.release(made)
            cluster.destroy(settings)


def make(made: cluster.Cluster, settings: Settings, *, city: bool) -> Town:
    """Make a database, with the schema and, where asked for, the sample city."""
    name = f"bench_{next(_numbers)}"
    with psycopg.connect(made.url(ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(cluster.DATABASE)
            )
        )
    migrate(made.url(OWNER, name), view_sql())
    if city:
        sample.load(made.url(OWNER, name), settings, size="district")
    return Town(made, settings, name)


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
