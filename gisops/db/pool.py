"""Connections: one pool per process, every connection alike, whatever it is used for.

A pooler that pools by transaction (PgBouncer) may stand before the pool. Two requests on one connection of ours then
meet two connections of the database's, so nothing may be left on one: no prepared statement, no SET, no LISTEN, no lock
of a session. The program sets nothing but for one transaction anyway; what remains is done here.
"""

from __future__ import annotations

import select
from typing import Any

import orjson
import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool

# JSON crosses to and from the database several times a request.
set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)

Connection = psycopg.Connection[DictRow]

# A connection never waits for ever, and never compiles a plan to machine code: our statements are many and short,
# and JIT costs more than any of them runs.
SESSION = {
    "jit": "off",
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
_OPTIONS = " ".join(f"-c {name}={value}" for name, value in SESSION.items())

# Through a pooler: it opens the database's connections itself and takes no options of ours (PgBouncer before 1.20
# refuses a client that sends any), so SESSION stands at the role there, as the how-to says and `gisops doctor` looks;
# and a statement prepared on one connection is unknown on the next.
_POOLED: dict[str, Any] = {"prepare_threshold": None}


def connect(
    url: str, *, autocommit: bool = False, unhurried: bool = False, pooled: bool = False, **kwargs: Any
) -> Connection:
    """Open one connection whose rows are dicts. ``unhurried`` lifts the time-outs (migrations, bulk loads); ``pooled``
    says that the address is that of a pooler by transaction.
    """
    options = "-c jit=off -c timezone=UTC" if unhurried else _OPTIONS
    kwargs = kwargs | (_POOLED if pooled else {"options": options})
    return psycopg.connect(url, autocommit=autocommit, row_factory=dict_row, **kwargs)


def beside(conn: Connection, **kwargs: Any) -> Connection:
    """Open one more connection to the database of another: for what must be committed whatever becomes of that one."""
    info = conn.info
    address = psycopg.conninfo.make_conninfo(info.dsn, password=info.password or None)
    return connect(address, pooled=conn.prepare_threshold is None, **kwargs)


def open_pool(url: str, size: int, *, pooled: bool = False) -> ConnectionPool[Connection]:
    """Open a pool of at most ``size`` connections; each is looked at as it is handed out, so a restart of the database
    costs the caller a reconnect and not an error. ``pooled`` says that the address is that of a pooler by transaction.
    """
    return ConnectionPool(
        url,
        connection_class=psycopg.Connection[DictRow],
        kwargs={"row_factory": dict_row, **(_POOLED if pooled else {"options": _OPTIONS})},
        min_size=1,
        max_size=size,
        timeout=5,
        check=_check,
        open=True,
    )


def _check(conn: Connection) -> None:
    """Ask the server only where there is a sign that it has gone: an idle connection has nothing to say, so one that
    can be read from was closed, or has a notice. A question each time would cost every request a round trip.
    """
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(conn)
