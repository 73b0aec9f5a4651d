"""Bring a database to the schema this release needs.

Tables move by numbered steps, each applied once and never edited again (their checksums are kept). Functions,
grants, views and other things without rows are re-applied whole whenever any of them changed, so that what runs is
always what the files say. All of it happens under one advisory lock, so that many processes may start at once.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from psycopg import Error, errors

from gisops.db.pool import Connection, connect
from gisops.errors import NotReady

log = logging.getLogger(__name__)

# Any number will do, if nobody else takes it: the bytes of "gisops".
_LOCK = 0x6769736F7073
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")

_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  took_ms integer NOT NULL
);
COMMENT ON TABLE migrations IS 'local: The numbered steps that made this database''s tables.';
COMMENT ON COLUMN migrations.number IS 'public: Number of the step.';
COMMENT ON COLUMN migrations.name IS 'public: What the step is about.';
COMMENT ON COLUMN migrations.checksum IS 'public: SHA-256 of the step as it was applied; it may not change afterwards.';
COMMENT ON COLUMN migrations.applied_at IS 'public: When it was applied.';
COMMENT ON COLUMN migrations.took_ms IS 'public: How long it took, in milliseconds.';
CREATE TABLE IF NOT EXISTS reapplied (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE reapplied IS 'local: Which functions, views and grants this database runs: one row.';
COMMENT ON COLUMN reapplied.singleton IS 'public: Always true: there is one row.';
COMMENT ON COLUMN reapplied.checksum IS 'public: SHA-256 over all of the files that are re-applied whole.';
COMMENT ON COLUMN reapplied.applied_at IS 'public: When they were last applied.';
-- Every role may see whether the schema is the one it was written for.
GRANT SELECT ON migrations, reapplied TO PUBLIC;
"""


# Who reads for whom, and who owns the windows: roles nobody signs in as. What must be so, and what makes it so.
_ROLES = (
    ("SELECT FROM pg_roles WHERE rolname = 'gisops_reader'", "CREATE ROLE gisops_reader NOLOGIN"),
    ("SELECT FROM pg_roles WHERE rolname = 'gisops_windows'", "CREATE ROLE gisops_windows NOLOGIN"),
    ("SELECT WHERE pg_has_role(current_user, 'gisops_reader', 'MEMBER')", "GRANT gisops_reader TO CURRENT_USER"),
    ("SELECT WHERE pg_has_role(current_user, 'gisops_windows', 'MEMBER')", "GRANT gisops_windows TO CURRENT_USER"),
    (
        "SELECT WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gisops_app'"
        " AND NOT pg_has_role(oid, 'gisops_reader', 'MEMBER'))",
        "GRANT gisops_reader TO gisops_app",
    ),
)


class BrokenMigration(NotReady):
    """The database and the migration steps do not belong together."""

    code = "broken_migration"


@dataclass(frozen=True)
class Step:
    """One numbered step."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Report:
    """What a migration did: the steps it applied and whether functions and views were re-applied."""

    steps: tuple[str, ...]
    reapplied: bool
    took_s: float


@dataclass(frozen=True)
class Status:
    """How far a database is: steps not applied yet, and whether functions and views are those of this release."""

    pending: tuple[str, ...]
    functions_current: bool

    @property
    def up_to_date(self) -> bool:
        """Nothing is left to do."""
        return not self.pending and self.functions_current


# What the database itself says must be made anew with its functions and grants: name, SQL text.
Own = Callable[[Connection], Sequence[tuple[str, str]]]


def migrate(
    owner_url: str,
    extra: Sequence[tuple[str, str]] = (),
    own: Own | None = None,
    *,
    folder: Traversable | None = None,
    force: bool = False,
) -> Report:
    """Apply what is missing as the owner of the database.

    ``extra`` are (name, SQL text) pairs that are re-applied after the functions: the layers' views. ``own`` is asked
    for such pairs once the steps are applied: the views of the layers that the database holds itself, of which one that
    fails is left as it is, and said in the log. ``folder`` holds ``migrations/`` and ``functions/`` (default: the ones
    shipped here). ``force`` re-applies functions and views even if they did not change. Raises
    :class:`BrokenMigration` when an applied step was changed or is gone, or a step fails; what was applied before it
    stays, and the failing step leaves nothing.
    """
    began = time.monotonic()
    steps, whole = _steps(folder), _whole(folder, extra)
    with connect(owner_url, autocommit=True, unhurried=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        _need_postgis(conn)
        _need_roles(conn)
        conn.execute("SET client_min_messages = warning")
        conn.execute(_OWN_TABLES)
        pending = _pending(conn, steps)
        for step in pending:
            _apply(conn, step)
        checksum = _checksum(whole)
        renew = force or bool(pending) or _reapplied(conn) != checksum
        if renew:
            _reapply(conn, whole, own, checksum)
    return Report(tuple(_title(step) for step in pending), renew, time.monotonic() - began)


def status(conn: Connection, extra: Sequence[tuple[str, str]] = (), *, folder: Traversable | None = None) -> Status:
    """Compare a database with this release; any role may ask. Raises :class:`BrokenMigration` as :func:`migrate`."""
    steps, whole = _steps(folder), _whole(folder, extra)
    there = conn.execute("SELECT to_regclass('migrations') IS NOT NULL AS there").fetchone()
    if there is None or not there["there"]:
        return Status(tuple(_title(step) for step in steps), False)
    return Status(tuple(_title(step) for step in _pending(conn, steps)), _reapplied(conn) == _checksum(whole))


def _title(step: Step) -> str:
    return f"{step.number:04} {step.name}"


def _texts(folder: Traversable | None, kind: str) -> list[tuple[str, str]]:
    there = (folder or files("gisops.db")).joinpath(kind)
    if not there.is_dir():
        return []
    found = (file for file in there.iterdir() if file.name.endswith(".sql"))
    return [(file.name, file.read_text("utf-8")) for file in sorted(found, key=lambda file: file.name)]


def _steps(folder: Traversable | None) -> list[Step]:
    steps: list[Step] = []
    for filename, text in _texts(folder, "migrations"):
        named = _NAME.match(filename)
        if named is None:
            raise BrokenMigration(f"A step is called NNNN_subject.sql, not {filename}.")
        steps.append(Step(int(named[1]), named[2], text))
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise BrokenMigration(f"Steps are numbered from 0001 without gaps, not {[step.number for step in steps]}.")
    return steps


def _whole(folder: Traversable | None, extra: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*_texts(folder, "functions"), *extra]


def _checksum(whole: Iterable[tuple[str, str]]) -> str:
    summed = hashlib.sha256()
    for name, text in whole:
        summed.update(f"{name}\0{text}\0".encode())
    return summed.hexdigest()


def _need_postgis(conn: Connection) -> None:
    present = {row["extname"] for row in conn.execute("SELECT extname FROM pg_extension")}
    for name in ("postgis", "btree_gist"):
        if name in present:
            continue
        try:
            conn.execute(f"CREATE EXTENSION {name}")
        except errors.InsufficientPrivilege as error:
            raise NotReady(
                f"The database has no extension {name}, and this role may not create it.",
                do=f"As a superuser, in that database: CREATE EXTENSION {name};",
            ) from error
        except errors.FeatureNotSupported as error:
            raise NotReady(f"The database server has no {name}.", do="Install PostGIS on it.") from error


def _need_roles(conn: Connection) -> None:
    """Make the roles nobody signs in as, where this role may; else say what a superuser has to type."""
    missing: list[str] = []
    for so, make_so in _ROLES:
        if missing and make_so.startswith("GRANT"):
            missing.append(make_so)  # whether it is so cannot be asked of a role that is not there
        elif conn.execute(so.encode()).fetchone() is None:
            try:
                conn.execute(make_so.encode())
            except errors.InsufficientPrivilege:
                missing.append(make_so)
    if missing:
        row = conn.execute("SELECT current_user AS name").fetchone() or {}
        typed = "; ".join(missing).replace("CURRENT_USER", str(row.get("name")))
        raise NotReady(
            "The database server lacks the roles that show each his own, and this role may not make them.",
            do=f"As a superuser: {typed};",
        )


def _pending(conn: Connection, steps: Sequence[Step]) -> list[Step]:
    by_number = {step.number: step for step in steps}
    applied = conn.execute("SELECT number, name, checksum FROM migrations ORDER BY number").fetchall()
    for row in applied:
        step = by_number.pop(row["number"], None)
        if step is None:
            raise BrokenMigration(
                f"The database holds step {row['number']:04} {row['name']}, which this release does not know.",
                do="Run the release that made this database, or a later one.",
            )
        if step.checksum != row["checksum"]:
            raise BrokenMigration(
                f"Step {_title(step)} was changed after this database had applied it.",
                do="Put the step back as it was and write the change as a new step; "
                "a database without data worth keeping can be made anew: gisops reset",
            )
    return sorted(by_number.values(), key=lambda step: step.number)


def _apply(conn: Connection, step: Step) -> None:
    began = time.monotonic()
    try:
        with conn.transaction():
            # A step that waits for a lock makes everybody behind it wait: better to fail and be tried again.
            conn.execute("SET LOCAL lock_timeout = '10s'")
            conn.execute(step.text.encode())
            conn.execute(
                "INSERT INTO migrations (number, name, checksum, took_ms) VALUES (%s, %s, %s, %s)",
                [step.number, step.name, step.checksum, round((time.monotonic() - began) * 1000)],
            )
    except Error as error:
        raise BrokenMigration(f"Step {_title(step)} failed and left nothing: {_where(error, step.text)}") from error


def hold(conn: Connection) -> None:
    """Let nobody migrate until this transaction ends: for whoever makes views and grants of his own."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _reapply(conn: Connection, whole: Sequence[tuple[str, str]], own: Own | None, checksum: str) -> None:
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '10s'")
        for name, text in whole:
            try:
                conn.execute(text.encode())
            except Error as error:
                raise BrokenMigration(f"{name} failed, nothing was re-applied: {_where(error, text)}") from error
        for name, text in own(conn) if own is not None else ():
            try:
                with conn.transaction():
                    conn.execute(text.encode())
            except Error as error:
                log.error("%s could not be made anew and is closed to everybody: %s", name, _where(error, text))
        conn.execute(
            "INSERT INTO reapplied (checksum) VALUES (%s) ON CONFLICT (singleton)"
            " DO UPDATE SET checksum = excluded.checksum, applied_at = clock_timestamp()",
            [checksum],
        )


def _reapplied(conn: Connection) -> str | None:
    row = conn.execute("SELECT checksum FROM reapplied").fetchone()
    return None if row is None else str(row["checksum"])


def _where(error: Error, text: str) -> str:
    """The server's words with the line they point to."""
    position = error.diag.statement_position
    line = f" (line {text.count(chr(10), 0, int(position) - 1) + 1})" if position else ""
    return f"{error.diag.message_primary or error}{line}"
