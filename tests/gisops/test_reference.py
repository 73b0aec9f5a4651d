"""Reference data is brought up to date, and only where something changed."""

from __future__ import annotations

from gisops import reference
from gisops.db.pool import Connection


def test_a_second_load_writes_nothing(owner_conn: Connection) -> None:
    first = reference.load(owner_conn)
    assert first["categories"] > 200
    assert first["category_majors"] > 10
    assert set(reference.load(owner_conn).values()) == {0}


def test_only_what_was_changed_is_written_again_and_the_city_s_switches_stay(owner_conn: Connection) -> None:
    reference.load(owner_conn)
    owner_conn.execute(
        "UPDATE categories SET name_zh = '改过', public = false WHERE scheme = 'GB/T 30428.2-2013' AND code = 'P01-01'"
    )
    owner_conn.execute("UPDATE category_majors SET name_en = 'x' WHERE kind = 'P' AND major = '01'")
    again = reference.load(owner_conn)
    assert again["categories"] == 1
    assert 1 <= again["category_majors"] <= 2
    assert sum(again.values()) == again["categories"] + again["category_majors"]
    row = owner_conn.execute(
        "SELECT name_zh, public FROM categories WHERE scheme = 'GB/T 30428.2-2013' AND code = 'P01-01'"
    ).fetchone()
    assert row == {"name_zh": "上水井盖", "public": False}


def test_a_limit_the_city_has_set_is_not_taken_back(owner_conn: Connection) -> None:
    reference.load(owner_conn)
    owner_conn.execute("UPDATE time_limits SET value = 77")
    # the handbook follows the city's own word, once; nothing else is written
    again = reference.load(owner_conn)
    assert {name: n for name, n in again.items() if n} == {"handbook": again["handbook"]}
    assert set(reference.load(owner_conn).values()) == {0}
    assert owner_conn.execute("SELECT DISTINCT value FROM time_limits").fetchall() == [{"value": 77}]
