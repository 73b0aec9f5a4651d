"""SQL is source code: what its files may and may not say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gisops.db import queries
from gisops.db.pool import connect
from tests.house.sql_text import ROOT, calls, files, name, statement_from, without_comments

SQL = files(".sql")
NAMED = [path for path in SQL if "-- name:" in path.read_text("utf-8")]
FUNCTIONS = sorted((ROOT / "gisops/db/functions").glob("*.sql"))
MIGRATIONS = sorted((ROOT / "gisops/db/migrations").glob("*.sql"))

# function: which argument is the SRID. `ST_Transform(geom, 'EPSG:3857')` costs 21 ms a row, the integer 3 microseconds.
# In what is told in a system that was asked for, its number, an integer too (layers/reference_systems.py).
INTEGERS = {"4326", "3857", 'literal_column("4326")', 'literal_column("3857")', "literal_column(str(system.srid))"}
SRID_AT = {
    "ST_Transform": 1,
    "ST_SetSRID": 1,
    "ST_MakeEnvelope": 4,
    "ST_Point": 2,
    "ST_GeomFromText": 1,
    "ST_GeomFromWKB": 1,
    "set_srid": 1,
}


def test_the_files_are_found() -> None:
    assert len(SQL) > 25
    assert len(NAMED) > 12
    assert (len(FUNCTIONS) >= 5, len(MIGRATIONS) >= 3) == (True, True)


# ---- reference systems ---------------------------------------------------------------------------------------------


def _odd_srids(text: str) -> Iterator[tuple[int, str]]:
    for function, place in SRID_AT.items():
        for line, given in calls(text, function):
            if any(argument.startswith("*") for argument in given):  # several in one: the system is the last
                place = len(given) - 1
            if place < len(given) and given[place] not in INTEGERS:
                yield line, f"{function}(… {given[place]})"
            if place >= len(given):
                yield line, f"{function} without a reference system"


@pytest.mark.parametrize("path", files(".sql", ".py"), ids=name)
def test_reference_systems_are_the_two_integers(path: Path) -> None:
    text = path.read_text("utf-8")
    found = list(_odd_srids(without_comments(text) if path.suffix == ".sql" else text))
    assert found == []


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("ST_Transform(geom, 'EPSG:3857')", 1),
        ("ST_Transform(ST_Translate(p, 1, 1), 3857)", 0),
        ("ST_SetSRID(ST_MakePoint(a, b), %(srid)s)", 1),
        ("ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), r, 8), 4326)", 0),
        ("func.ST_MakeEnvelope(\n  *box,\n  4326\n)", 0),
        ("func.ST_MakeEnvelope(*box)", 1),
        ("ST_MakeEnvelope(1, 2, 3, 4)", 1),
        ("st_makeenvelope(1, 2, 3, 4, 4326) AND ST_Point(1, 2)", 1),
    ],
)
def test_an_odd_reference_system_would_be_found(text: str, odd: int) -> None:
    assert len(list(_odd_srids(text))) == odd


# ---- indexes, queries, functions -----------------------------------------------------------------------------------


def _unexplained_indexes(text: str) -> list[str]:
    lines = text.splitlines()
    found = []
    for n, line in enumerate(lines):
        if re.match(r"CREATE (UNIQUE )?INDEX", line.strip()):
            above = n
            while above and lines[above - 1].startswith("--"):
                above -= 1
            if not any(re.match(r"-- Usage: .{8}", said) for said in lines[above:n]):
                found.append(line)
    return found


@pytest.mark.parametrize("path", MIGRATIONS, ids=name)
def test_every_index_says_what_it_serves(path: Path) -> None:
    assert _unexplained_indexes(path.read_text("utf-8")) == []


def test_an_unexplained_index_would_be_found() -> None:
    explained = "-- Usage: the list of cases.\n-- More words.\nCREATE INDEX a ON t (b);\n"
    assert _unexplained_indexes(explained) == []
    assert len(_unexplained_indexes(explained + "CREATE INDEX b ON t (c);\n-- Usage:\nCREATE INDEX c ON t (d);")) == 2


@pytest.mark.parametrize("path", NAMED, ids=name)
def test_every_named_query_says_what_it_is_for_and_is_used(path: Path) -> None:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    found = queries.load(package, path.name)  # refuses what does not describe itself
    assert found
    python = "".join(file.read_text("utf-8") for file in path.parent.glob("*.py"))
    for query, text in found.items():
        described = text.splitlines()[0]
        assert len(described) > 15, query
        asked_by_name = f'"{query}"' in python
        # a module may also go through all that its file holds
        assert asked_by_name or ".items()" in python or "_SQL[f" in python, f"nobody asks for {query}"


def test_a_query_that_does_not_describe_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "undescribed_queries"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "good.sql").write_text("-- name: one\n-- What it is for.\nSELECT 1;\n", "utf-8")
    (package / "bare.sql").write_text("-- name: one\nSELECT 1;\n", "utf-8")
    (package / "twice.sql").write_text("-- name: a\n-- Words.\nSELECT 1;\n-- name: a\n-- Words.\nSELECT 2;\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(queries.load("undescribed_queries", "good.sql")) == ["one"]
    for bad in ("bare.sql", "twice.sql"):
        with pytest.raises(ValueError, match=r"one does not say|given twice"):
            queries.load("undescribed_queries", bad)


def _functions(text: str) -> Iterator[tuple[str, str]]:
    """Name and head (what stands before the body) of each function that a file makes."""
    for match in re.finditer(r"^CREATE (?:OR REPLACE )?FUNCTION (\w+)", text, re.MULTILINE):
        head = re.split(r"\nRETURN |\nBEGIN ATOMIC|\nAS \$", text[match.start() :], maxsplit=1)[0]
        yield match[1], head


@pytest.mark.parametrize("path", [*FUNCTIONS, *MIGRATIONS], ids=name)
def test_functions_declare_their_nature_and_borrow_no_rights(path: Path) -> None:
    for function, head in _functions(path.read_text("utf-8")):
        assert re.search(r"\b(IMMUTABLE|STABLE|VOLATILE)\b", head), function
        assert re.search(r"\n-- \S.{15}", head), f"{function} does not say what it is for"
        assert "SECURITY DEFINER" not in head or "SET search_path" in head, function


def test_there_are_functions_to_look_at() -> None:
    assert sum(len(list(_functions(path.read_text("utf-8")))) for path in FUNCTIONS) > 12


@pytest.mark.parametrize("path", FUNCTIONS, ids=name)
def test_validity_is_asked_through_in_force(path: Path) -> None:
    """Asked directly, the planner walks the exclusion constraint's index; `in_force` says why."""
    text = without_comments(path.read_text("utf-8"))
    direct = [match.start() for match in re.finditer(r"\bvalid\s*(@>|&&|<@)", text)]
    allowed = [match.start(1) + 1 for match in re.finditer(r"RETURN (\(valid @> at\) IS TRUE)", text)]
    assert direct == allowed
    assert len(allowed) == ("FUNCTION in_force" in text)


# ---- statements that change something ------------------------------------------------------------------------------


def _changes() -> Iterator[tuple[str, str, str]]:
    """File, table and text of each UPDATE and DELETE that the program sends."""
    for path in NAMED:
        text = without_comments(path.read_text("utf-8"))
        for match in re.finditer(r"(?<!DO )\b(?:UPDATE|DELETE FROM) ([a-z_]+)", text):
            yield name(path), match[1], statement_from(text, match.start())


def test_changes_of_district_tables_name_the_district_and_call_nothing_volatile(database) -> None:
    with connect(database.owner_url) as conn:
        district = {
            row["name"]
            for row in conn.execute(
                "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p')"
                " AND obj_description(oid, 'pg_class') LIKE 'district: %'"
            )
        }
        volatile = {row["name"] for row in conn.execute("SELECT proname AS name FROM pg_proc WHERE provolatile = 'v'")}
    assert "app_now" not in volatile
    assert "clock_timestamp" in volatile
    changes = [change for change in _changes() if change[1] in district]
    assert {table for _, table, _ in changes} >= {"cases", "outbox"}
    for path, table, statement in changes:
        # after WHERE: a district in the list of what is set would be another matter, and a wrong one
        condition = statement.partition("WHERE")[2]
        assert "district_code" in condition, (path, table)
        called = set(re.findall(r"\b([a-z_0-9]+)\s*\(", statement))
        assert not called & volatile, (path, table)


# Has one connection of its own, which nobody else gets afterwards.
NOT_POOLED = {"gisops/notebook.py"}


# For whom a transaction reads: the one place that sets it, and only to the transaction's end.
LOOKS = {"gisops/access/scopes.sql"}


def test_who_looks_is_set_in_one_place_to_the_end_of_the_transaction() -> None:
    for path in LOOKS:
        told = re.findall(
            r"\bset_config\s*\(([^()]*(?:\([^()]*\)s)?[^()]*)\)", without_comments((ROOT / path).read_text("utf-8"))
        )
        assert len(told) == 2
        assert all(arguments.rstrip().endswith(", true") for arguments in told)
    naming = {
        name(path)
        for path in files(".sql", ".py")
        if re.search(r"(SET|set_config).{0,20}gisops\.account", without_comments(path.read_text("utf-8")))
    }
    assert naming == LOOKS


@pytest.mark.parametrize(
    "path", [path for path in files(".sql", ".py") if name(path) not in NOT_POOLED | LOOKS], ids=name
)
def test_what_a_session_is_told_lasts_for_its_transaction_only(path: Path) -> None:
    """A setting that stays leaks to the next caller of a pooled connection; `set_config()` stays at home."""
    text = without_comments(path.read_text("utf-8"))
    assert not re.search(r"\bset_config\s*\(", text)
    assert not re.search(r'"SET (?!LOCAL|client_min_messages)\w+', text)
