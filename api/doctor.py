"""What gisops needs, each with how it stands and what to type where it is not right."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from api import basemaps
from gisops import backups, cluster, cluster_files, lint
from gisops.access import scopes
from gisops.basemaps import Archive, origins_of
from gisops.db import migrate
from gisops.db.pool import SESSION, Connection, connect
from gisops.errors import GisopsError
from gisops.loads import agreement
from gisops.settings import Settings
from layers import freshness
from layers.catalog import catalog_of, view_sql
from tiles.pmtiles_file import BrokenArchive, PmtilesFile

_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One requirement: its state in words and, where it is not met, what to do."""

    name: str
    ok: bool
    state: str
    do: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at the machine and, if it answers, the database; nothing is started or changed."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or later.")
    if settings.database_url is None:
        yield from _private_cluster(settings)
    yield from _machine(settings)
    yield _screens()
    if settings.basemap is not None:
        yield _basemap(settings)
    yield from _database(settings)


def examine_database(conn: Connection) -> Iterator[Finding]:
    """Look at the inside of one database: schema, roles, indexes, constraints."""
    row = conn.execute(
        "SELECT current_setting('server_version_num')::int / 10000 AS server, extversion AS postgis"
        " FROM pg_extension WHERE extname = 'postgis'"
    ).fetchone()
    if row is None:
        yield Finding("PostGIS", False, "not in this database", "CREATE EXTENSION postgis;")
        return
    postgis = tuple(int(part) for part in row["postgis"].split(".")[:2])
    yield Finding("PostgreSQL", row["server"] >= 15, str(row["server"]), "Use PostgreSQL 15 or later.")
    yield Finding("PostGIS", postgis >= (3, 3), row["postgis"], "Use PostGIS 3.3 or later.")
    yield _migrations(conn)
    yield from _roles(conn)
    broken = conn.execute(
        "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid"
        " UNION ALL SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint WHERE NOT convalidated"
    ).fetchall()
    names = ", ".join(row["name"] for row in broken)
    yield Finding("Indexes and constraints", not broken, names or "all valid", "REINDEX or VALIDATE what is named.")
    yield from _layers(conn)
    for judged in agreement.latest_datum(conn):
        datum, words = judged["datum"], f"{judged['datum']['zh']} / {judged['datum']['en']}"
        name = f"Datum of {judged['target']} (load {judged['load_id']})"
        right = datum["verdict"] not in ("shifted", "swapped")
        yield Finding(
            name, right, words, f"gisops loads undo {judged['load_id']}, then load with --crs {datum['best']}"
        )
    wrong = ", ".join(f"{name} ({n} of {of})" for name, (n, of) in scopes.unsettled(conn).items())
    # Somebody may have moved a row by hand; loads, intake and the worker settle by themselves.
    do = "As the database's owner: SELECT settle_units();"
    yield Finding("Rows in their units", not wrong, wrong or "each in the one that holds it", do)
    found = lint.breaches(conn)
    told = "\n".join(f"{one.where}: {one.problem}" for one in found)
    yield Finding("Schema's own rules", not found, told or "kept", "gisops/lint.py says why each rule is there.")


def _private_cluster(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding("PostgreSQL with PostGIS", True, str(cluster_files.binaries()))
    except GisopsError as error:
        yield Finding("PostgreSQL with PostGIS", False, error.message, str(error.facts.get("do", "")))
    place = cluster_files.place(settings.home)
    try:
        cluster_files.check_owner(place)
        nearest = next(folder for folder in (place.home, *place.home.parents) if folder.exists())
        mine = os.access(nearest, os.W_OK)
        yield Finding("Home folder", mine, str(place.home), "Set GISOPS_HOME to a folder you may write.")
    except GisopsError as error:
        yield Finding("Home folder", False, error.message, str(error.facts.get("do", "")))
    stands = cluster.status(settings)
    words = f"runs (process {stands.pid})" if stands.pid else "made, not running" if stands.exists else "not made yet"
    yield Finding("Private cluster", True, f"{words}, in {place.data}")
    if stands.exists:
        yield _backups(settings, running=stands.pid is not None)


def _backups(settings: Settings, running: bool) -> Finding:
    troubles = []
    if running:
        # A database that does not answer is told below.
        with suppress(psycopg.OperationalError, GisopsError):
            troubles = list(backups.troubles(settings))
    taken = [base for folder in backups.clusters(backups.root(settings)) for base in backups.bases(folder)]
    last = f"the last of {len(taken)} is of {taken[-1].ended_at:%Y-%m-%d %H:%M %Z}" if taken else "none yet"
    state = "; ".join([last, *troubles])
    return Finding("Backups", not troubles, state, f"Look at {backups.root(settings)}: rights, free space.")


def _machine(settings: Settings) -> Iterator[Finding]:
    folder = cluster_files.place(settings.home).base
    nearest = next(step for step in (folder, *folder.parents) if step.exists())
    free = shutil.disk_usage(nearest).free
    yield Finding("Disk", free >= 2 * _GIB, f"{free / _GIB:.1f} GiB free", f"Make room at {nearest}: 2 GiB or more.")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("Memory", memory >= 1.5 * _GIB, f"{memory / _GIB:.1f} GiB", "Use a machine with 2 GiB or more.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            # Not an error: `gisops up` takes the next one and says so; and the taker may be gisops itself.
            yield Finding("Port", True, f"{settings.port}: {error.strerror}; the next free one will be used")
        else:
            yield Finding("Port", True, f"{settings.port} is free")


def _screens() -> Finding:
    built = files("api").joinpath("screens", "dist", "index.html").is_file()
    return Finding("Screens", built, "built" if built else "not built", "make screens")


def _basemap(settings: Settings) -> Finding:
    """A file is looked into; of tiles that somebody else serves only the servers are named, as an address may hold a
    key.
    """
    named = basemaps.told(settings)
    if not isinstance(named, Archive):
        return Finding("Base map", True, f"served by {', '.join(origins_of(named))}")
    try:
        held = PmtilesFile(named.path).held
    except BrokenArchive as error:
        return Finding("Base map", False, error.message, "Set GISOPS_BASEMAP to a PMTiles file (version 3).")
    words = f"{named.path}: {held.media_type}, zoom {held.minzoom} to {held.maxzoom}"
    drawn = not held.is_vector or bool(held.vector_layers)
    do = "Its metadata names no vector_layers, so nothing of it can be drawn; make it anew with them."
    return Finding("Base map", drawn, words, do)


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and cluster.status(settings).pid is None:
        return
    try:
        with connect(cluster.database_urls(settings).app, connect_timeout=5) as conn:
            yield from examine_database(conn)
        if (pooled := cluster.database_urls(settings).pooled) is not None:
            with connect(pooled, pooled=True, connect_timeout=5) as conn:
                yield _pooler(conn)
    except psycopg.OperationalError as error:
        yield Finding(
            "Database", False, str(error).strip().splitlines()[0], "See that it runs and the address is right."
        )


def _pooler(conn: Connection) -> Finding:
    """A pooler's connections are opened by itself: what ours ask for at their start must stand at the role."""
    shown = {name: conn.execute("SELECT current_setting(%s) AS v", [name]).fetchone() for name in SESSION}
    missing = [f"SET {name} = '{value}'" for name, value in SESSION.items() if (shown[name] or {}).get("v") != value]
    do = "; ".join(f"ALTER ROLE {cluster.APP} {words}" for words in missing)
    return Finding(
        "Connections behind the pooler", not missing, "missing: " + ", ".join(missing) if missing else "ok", do
    )


def _migrations(conn: Connection) -> Finding:
    try:
        found = migrate.status(conn, view_sql())
    except migrate.BrokenMigration as error:
        return Finding("Migrations", False, error.message, str(error.facts.get("do", "")))
    waiting = [*found.pending, *([] if found.functions_current else ["functions and views"])]
    return Finding(
        "Migrations", not waiting, "waiting: " + ", ".join(waiting) if waiting else "current", "gisops migrate"
    )


def _layers(conn: Connection) -> Iterator[Finding]:
    """The city's own layers that cannot be shown, and any layers that are older than their cycle."""
    try:
        catalog = catalog_of(conn)
        old = freshness.stale(conn, catalog)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):  # it waits for its migration
        conn.rollback()
        return
    # What is old is the city's affair, and no fault of the installation.
    state = f"过期 / older than their cycle: {', '.join(old)}" if old else "up to date"
    yield Finding("Layers", True, state)
    for layer_id, why in catalog.refused:
        do = f"gisops layers set {layer_id} FILE, or gisops layers drop {layer_id}"
        yield Finding(f"Layer {layer_id}", False, why, do)


def _roles(conn: Connection) -> Iterator[Finding]:
    row = conn.execute(
        "SELECT current_user AS name, rolsuper OR rolbypassrls AS mighty,"
        " (SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid) AS owned,"
        " (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()) AS owner"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if row is None:
        return
    yield Finding("Owner of the database", True, row["owner"])
    meek = not row["mighty"] and not row["owned"]
    yield Finding(
        "Role of the doors",
        meek,
        f"{row['name']}, {'owns nothing' if meek else 'may do more than it should'}",
        "Give GISOPS_DATABASE_URL a role that owns nothing, and GISOPS_MIGRATE_URL the owner.",
    )
