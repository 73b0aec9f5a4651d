"""The windows: what they show to whom, and that nothing above the public class is read in another way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import errors, sql

from gisops.access.roles import ROLES
from gisops.access.scopes import grant
from gisops.db.pool import Connection, connect
from layers import windows
from layers.catalog import Layer, load_catalog
from layers.viewer import viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

WINDOWED = [layer for layer in load_catalog() if layer.windowed]
EACH = pytest.mark.parametrize("layer", WINDOWED, ids=lambda layer: layer.id)
FAR = "ST_Point(110.3995, 20.0595, 4326)"
BOXES = {
    "no box": "NULL",
    "degrees": "ST_MakeEnvelope(110.2, 19.9, 110.5, 20.2, 4326)",
    "tiles": "ST_Transform(ST_MakeEnvelope(110.2, 19.9, 110.5, 20.2, 4326), 3857)",
}


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    """The test city, in which the inspector has the one grid cell that everything lies in, and an officer is S-01."""
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        grant(owner, "inspector", "cell", "460199001001001")
        owner.execute("UPDATE accounts SET staff_id = 1 WHERE login IN ('officer', 'handler')")
        owner.execute("UPDATE accounts SET organisation_id = 1 WHERE login = 'department'")


def read(database: Database, login: str | None, statement: str, *names: str) -> list[dict[str, Any]]:
    with tiny_city.seeing(database.app_url, login) as conn:
        return conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names))).fetchall()


def seen(database: Database, login: str | None, layer: Layer, box: str = "NULL") -> dict[str, dict[str, Any]]:
    rows = read(database, login, f"SELECT * FROM {{}}({box})", f"see_{layer.id}")
    return {row[layer.key]: row for row in rows}


def there(database: Database, layer: Layer) -> set[str]:
    with connect(database.owner_url) as owner:
        rows = owner.execute(f"SELECT {layer.key} AS key FROM {layer.relation}").fetchall()
    return {row["key"] for row in rows}


@EACH
@pytest.mark.parametrize("box", BOXES)
def test_whoever_sees_the_whole_city_sees_every_row_in_every_way_of_asking(
    database: Database, layer: Layer, box: str
) -> None:
    assert set(seen(database, "admin", layer, BOXES[box])) == there(database, layer)
    for window in ("dots", *(["tile"] if box == "tiles" else [])):
        rows = read(database, "admin", f"SELECT count(*) AS n FROM {{}}({BOXES[box]})", f"{window}_{layer.id}")
        assert rows[0]["n"] == len(there(database, layer)), window
    for p in (FAR, f"ST_Transform({FAR}, 3857)"):
        rows = read(database, "admin", f"SELECT * FROM {{}}({p}, 100)", f"near_{layer.id}")
        assert {row[layer.key] for row in rows} == there(database, layer)


@EACH
def test_nobody_and_somebody_unknown_see_no_more_than_the_public_part(database: Database, layer: Layer) -> None:
    shown = seen(database, None, layer)
    assert set(shown) == (there(database, layer) if layer.public else set())
    hidden = [field.name for field in layer.fields if field not in layer.public_fields]
    assert all(row[name] is None for row in shown.values() for name in hidden)
    points = read(database, None, "SELECT * FROM {}()", f"dots_{layer.id}")
    assert len(points) == len(shown)
    assert len(read(database, None, f"SELECT * FROM {{}}({FAR}, 9)", f"near_{layer.id}")) == len(shown)


@EACH
@pytest.mark.parametrize("role", ROLES)
def test_a_window_shows_the_fields_the_viewers_classes_open_and_no_other(
    database: Database, layer: Layer, role: str
) -> None:
    viewer = viewer_of(role)
    shown = seen(database, role, layer)
    if not viewer.may_see(layer):
        assert not shown
        return
    classes = viewer.classes_in(layer)
    with connect(database.owner_url) as owner:
        whole = {row[layer.key]: row for row in owner.execute(f"SELECT * FROM {layer.relation}").fetchall()}
    for key, row in shown.items():
        for field in layer.fields:
            open_ = field.field_class in classes or not layer.above(field)
            if not open_:
                assert row[field.name] is None, field.name
            elif row[field.name] is not None and field.mask is None:
                assert row[field.name] == whole[key][field.name]
    if role in tiny_city.EVERYWHERE or layer.scope != "unit" or layer.public:
        assert set(shown) == set(whole)


def test_rows_of_a_layer_above_the_public_are_those_of_the_viewers_units(database: Database) -> None:
    relief = load_catalog()["poverty_relief"]
    assert set(seen(database, "inspector", relief)) == {"H-01"}
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE relief_households SET unit_id = unit_of(5::smallint, '460199001001002')")
    assert seen(database, "inspector", relief) == {}
    assert set(seen(database, "leader", relief)) == {"H-01"}
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE relief_households SET unit_id = NULL")
    assert seen(database, "inspector", relief) == {}, "outside all units is for the whole city's viewers"
    with connect(database.owner_url) as owner:
        owner.execute("SELECT settle_units()")
    assert set(seen(database, "inspector", relief)) == {"H-01"}


def test_a_case_is_seen_by_its_handler_and_a_department_sees_its_own(database: Database) -> None:
    cases = load_catalog()["cases"]
    one = {"460199-2026-000001"}
    assert set(seen(database, "handler", cases)) == set(seen(database, "department", cases)) == one
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE cases SET handler_id = 2, superior_id = 1, organisation_id = 2")
    assert set(seen(database, "handler", cases)) == one, "the superior was told of it"
    assert seen(database, "department", cases) == {}
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE cases SET superior_id = NULL")
    assert seen(database, "handler", cases) == {}
    # An organisation of one's own opens cases to a department alone.
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE accounts SET organisation_id = 2 WHERE login = 'handler'")
    assert seen(database, "handler", cases) == {}
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE cases SET handler_id = 1, organisation_id = 1")


def test_an_account_that_was_closed_sees_what_anybody_sees(database: Database) -> None:
    cases = load_catalog()["cases"]
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE accounts SET active = false WHERE login = 'dispatcher'")
    with connect(database.owner_url) as owner:
        assert seen(database, "dispatcher", cases) == {}
        owner.execute("UPDATE accounts SET active = true WHERE login = 'dispatcher'")


def test_names_and_telephones_are_masked_for_whoever_may_see_them(database: Database) -> None:
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE relief_households SET householder = '王小明', phone = '13800138000'")
    row = seen(database, "leader", load_catalog()["poverty_relief"])["H-01"]
    assert (row["householder"], row["phone"]) == ("王**", "138****8000")
    near = read(database, "leader", f"SELECT * FROM {{}}({FAR}, 1)", "near_poverty_relief")
    assert (near[0]["householder"], near[0]["phone"]) == ("王**", "138****8000")


@pytest.mark.parametrize(
    ("function", "plain", "masked"),
    [
        ("masked_phone", "13800138000", "138****8000"),
        ("masked_phone", "0898-6655432", "089****5432"),
        ("masked_phone", "6655432", "****32"),
        ("masked_phone", "110", "****"),
        ("masked_phone", "", ""),
        ("masked_phone", None, None),
        ("masked_name", "王小明", "王**"),
        ("masked_name", "Sample officer 03", "S**"),
        ("masked_name", "丙", "**"),
        ("masked_name", "", ""),
        ("masked_name", None, None),
    ],
)
def test_masks(conn: Connection, function: str, plain: str | None, masked: str | None) -> None:
    row = conn.execute(sql.SQL("SELECT {}(%s) AS masked").format(sql.Identifier(function)), [plain]).fetchone()
    assert row == {"masked": masked}


def test_pages_follow_the_keys_and_ties_stay_together(database: Database) -> None:
    with connect(database.owner_url) as owner:
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, geom) SELECT d, gen_random_uuid(),"
            " 'T-' || n, 'shop', 'x', ST_Point(110.345, 20.025, 4326)"
            " FROM generate_series(1, 5) n, unnest(ARRAY['1', '2']) d"
        )
    for box in BOXES.values():
        found: list[str] = []
        after = "NULL"
        while page := read(database, "leader", f"SELECT code FROM {{}}({box}, NULL, {after}, 3)", "see_places"):
            assert len(page) <= 4
            found += [row["code"] for row in page]
            after = f"'{found[-1]}'"
        assert found == sorted(found)
        assert len(found) == 11
    rows = read(database, "leader", "SELECT code FROM {}(NULL, 'T-3')", "see_places")
    assert [row["code"] for row in rows] == ["T-3", "T-3"]


# ---- nothing else leads there --------------------------------------------------------------------------------------


@pytest.fixture(params=["gisops_app", "gisops_reader"])
def door(request: pytest.FixtureRequest, database: Database) -> Iterator[Connection]:
    with connect(database.app_url) as conn:
        conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(request.param)))
        yield conn


@pytest.mark.parametrize("layer", list(load_catalog()), ids=lambda layer: layer.id)
def test_a_view_tells_the_doors_its_public_columns_and_no_other(door: Connection, layer: Layer) -> None:
    rows = door.execute(
        "SELECT attname AS name, has_column_privilege(attrelid, attnum, 'SELECT') AS read FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0",
        [layer.relation],
    ).fetchall()
    public = {field.name for field in layer.public_fields} | ({"geom", "geom_3857"} if layer.public else set())
    assert {row["name"] for row in rows if row["read"]} == public
    if layer.windowed:
        with pytest.raises(errors.InsufficientPrivilege):
            door.execute(f"SELECT * FROM {layer.relation}")


def test_windows_belong_to_a_role_that_owns_nothing_else_and_are_for_the_doors(owner_conn: Connection) -> None:
    rows = owner_conn.execute(
        """
        SELECT p.proname AS name, p.prosecdef AS definer, p.proconfig AS set,
          array_agg(a.grantee::regrole::text ORDER BY a.grantee::regrole::text)
            FILTER (WHERE a.grantee <> p.proowner) AS callers
        FROM pg_proc p, aclexplode(p.proacl) a WHERE p.proowner = 'gisops_windows'::regrole GROUP BY p.oid
        """
    ).fetchall()
    made = {row["name"] for row in rows}
    assert made >= {f"{kind}_{layer.id}" for kind in windows.KINDS for layer in WINDOWED}
    for row in rows:
        assert row["definer"], row
        assert "search_path=pg_catalog, public, pg_temp" in row["set"], row
        # what only a viewer asks is the readers' alone
        assert row["callers"] in (["gisops_app", "gisops_reader"], ["gisops_reader"]), row
    owned = owner_conn.execute("SELECT relname FROM pg_class WHERE relowner = 'gisops_windows'::regrole").fetchall()
    assert owned == []
    may = owner_conn.execute("SELECT has_schema_privilege('gisops_windows', 'public', 'CREATE') AS may").fetchone()
    assert may == {"may": False}
