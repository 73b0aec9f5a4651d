"""What strangers' clients read: a served city with a row in every layer, and so many parts that they fill pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gisops.access.people import token_hash
from gisops.cluster import Cluster
from gisops.db.pool import connect
from layers.catalog import load_catalog
from tests.conftest import Database, _create, _drop, serve
from tests.layers import tiny_city

# More than two pages of the size that the tests ask for.
PARTS = 1_100
TOKEN = "token-of-an-administrator"
ALL = [layer.id for layer in load_catalog()]
OPEN = [layer.id for layer in load_catalog() if layer.public]


@dataclass(frozen=True)
class Served:
    """A running server, whose token opens every layer, and the rows of each layer that it shows to whoever has it."""

    base_url: str
    token: str
    counts: dict[str, int]


@pytest.fixture(scope="package")
def served(cluster: Cluster, template: str) -> Iterator[Served]:
    database = _create(cluster, template)
    _fill(database)
    with connect(database.owner_url) as owner:
        counts = {layer.id: _count(owner, layer.relation) for layer in load_catalog()}
    with serve(database) as server:
        yield Served(server.base_url, TOKEN, counts)
    _drop(cluster, database)


def _fill(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute("UPDATE organisations SET is_duty_desk = (organisation_id = 1)")
        owner.execute(
            """
            INSERT INTO parts
              (district_code, part_id, code, code_scheme, category_id, name_zh, owner_organisation_id,
               maintainer_organisation_id, state, geom, valid)
            SELECT '460199', gen_random_uuid(), '460199010199' || lpad(n::text, 4, '0'), 'S', 1, '样例井盖' || n, 2, 2,
              CASE WHEN n %% 10 = 0 THEN 'damaged' ELSE 'intact' END,
              ST_Point(110.301 + (n %% 50) * 0.0019, 20.001 + (n / 50) * 0.0011, 4326), '[2000-01-01,)'
            FROM generate_series(1, %s) AS n
            """,
            (PARTS,),
        )
        owner.execute(
            "INSERT INTO sessions (token_hash, account_id, expires_at)"
            " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE login = 'admin'",
            (token_hash(TOKEN),),
        )
        # As after the loads that brought them here.
        owner.execute("SELECT layer_changed(id) FROM unnest(%s::text[]) AS id", [ALL])


def _count(owner: object, relation: str) -> int:
    row = owner.execute(f"SELECT count(*) AS n FROM {relation}").fetchone()  # type: ignore[attr-defined]
    return int(row["n"])
