"""Who looks where: the tree of units, grants spelled out as rows, and what a transaction reads for somebody."""

from __future__ import annotations

from typing import Any

import pytest

from gisops import scopes
from gisops.db.pool import Connection, connect


@pytest.fixture
def owner(sample_database: Any) -> Any:
    """The sample city as its owner; rolled back."""
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


def _one(conn: Connection, statement: str, *values: Any) -> Any:
    row = conn.execute(statement.encode(), values).fetchone()
    assert row is not None
    return next(iter(row.values()))


def _id(conn: Connection, login: str) -> int:
    return int(_one(conn, "SELECT account_id FROM accounts WHERE login = %s", login))


def test_the_tree_holds_every_area_and_cell(owner: Connection) -> None:
    found = owner.execute(
        "SELECT level, count(*) AS n, count(parent_id) AS below FROM scope_units GROUP BY 1 ORDER BY 1"
    )
    rows = {row["level"]: (row["n"], row["below"]) for row in found}
    print(rows)
    assert rows[1] == (1, 0)
    assert all(n == below > 0 for level, (n, below) in rows.items() if level > 1)
    assert _one(owner, "SELECT count(DISTINCT code) FROM grid_cells") == rows[5][0]
    assert scopes.settle(owner) == 0, "the sample is settled"
    for login in ("officer", "inspector", "dispatcher", "handler"):
        print(login, len(scopes.scope_of(owner, _id(owner, login)).units))
