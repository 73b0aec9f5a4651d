"""The handbook: entries that hold for a time, kept in step with what cases are filed by, and files that change them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gisops import city as cities
from gisops import reference
from gisops.cases import handbook
from gisops.cases.handbook import InvalidHandbook
from gisops.city import City
from gisops.db.pool import Connection, connect


@pytest.fixture
def owner(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def city(owner: Connection) -> City:
    return cities.load(owner)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """A function that writes a file of the handbook."""

    def write(text: str, encoding: str = "utf-8-sig") -> Path:
        path = tmp_path / "handbook.csv"
        path.write_text(text, encoding)
        return path

    return write


def _entry(conn: Connection, city: City, code: str, seq: int = 1, at: Any = None) -> dict[str, Any] | None:
    found = [one for one in handbook.entries(conn, city, category=city.category(code), at=at) if one["seq"] == seq]
    return found[0] if found else None


def _later(conn: Connection, days: int = 1) -> None:
    conn.execute(f"SET LOCAL gisops.clock_offset = '{days} days'".encode())


def test_every_condition_has_one_entry_that_says_the_same(owner: Connection, city: City) -> None:
    rows = owner.execute(
        "SELECT f.text_zh, f.closing_zh, h.text_zh AS told, h.closing_zh AS told_closing, h.collection_zh, h.limits,"
        " h.source, h.certainty, h.legal_zh"
        " FROM filing_conditions f LEFT JOIN handbook_entries h USING (filing_condition_id)"
    ).fetchall()
    assert len(rows) > 200
    for row in rows:
        assert (row["told"], row["told_closing"], row["source"]) == (row["text_zh"], row["closing_zh"], "shipped")
        assert row["limits"]
        assert row["collection_zh"]
        assert row["legal_zh"] == "", "no legal basis is shipped: it is the city's to quote"
        assert row["certainty"] != "M"


def test_loading_the_reference_data_again_turns_nothing(owner: Connection) -> None:
    assert reference.load(owner)["handbook"] == 0


def test_a_changed_entry_ends_and_the_next_begins(owner: Connection, city: City, file: Any) -> None:
    before = _entry(owner, city, "E04-05")
    assert before is not None
    _later(owner)
    done = handbook.load(
        owner,
        city,
        file("category,seq,limits,legal_zh,handling_zh\nE04-05,1,4 工作时,本市市容管理条例第十条,劝离并清理\n"),
    )
    assert (done.rows, done.written) == (1, 1)
    after = _entry(owner, city, "E04-05")
    assert after is not None
    assert [(one["value"], one["unit"]) for one in after["limits"]] == [(4, "work_hour")]
    assert after["limits"][0]["zh"] == "4 工作时"
    assert after["limits"][0]["en"] == "4 working hours"
    assert (after["legal_zh"], after["handling_zh"], after["source"]) == (
        "本市市容管理条例第十条",
        "劝离并清理",
        "city",
    )
    assert (after["text_zh"], after["closing_zh"]) == (before["text_zh"], before["closing_zh"]), (
        "what is not sent stays"
    )
    assert after["valid_until"] is None
    # as it was, a second before
    was = _entry(owner, city, "E04-05", at=after["valid_from"] - timedelta(seconds=1))
    assert was == {**before, "valid_until": after["valid_from"]}
    # what cases are filed by from now on
    assert cities.load(owner).category("E04-05").limit == cities.TimeLimit("work_hour", 4.0)
    # the same file again changes nothing
    assert handbook.load(owner, city, file("category,seq,limits\nE04-05,1,4 work_hour\n")).written == 0


def test_what_the_city_wrote_is_not_taken_back_by_a_release(owner: Connection, city: City, file: Any) -> None:
    handbook.load(owner, city, file("category,seq,text_zh,collection_zh\nP01-01,1,井盖缺失,-\n"))
    reference.load(owner)
    entry = _entry(owner, city, "P01-01")
    assert entry is not None
    assert (entry["text_zh"], entry["collection_zh"], entry["source"]) == ("井盖缺失", "", "city")
    row = owner.execute(
        "SELECT text_zh FROM filing_conditions f JOIN categories c USING (category_id)"
        " WHERE c.code = 'P01-01' AND c.scheme = %s AND f.seq = 1",
        [city.category_scheme],
    ).fetchone()
    assert row is not None
    assert row["text_zh"] == "井盖缺失"


def test_a_new_condition_and_staged_limits(owner: Connection, city: City, file: Any) -> None:
    handbook.load(
        owner,
        city,
        file(
            "category,seq,text_zh,text_en,closing_zh,limits,min_photos\n"
            "E04-05,7,占道超过 5 平方米,More than 5 m² of pavement,已清退,"
            "stop 4 work_hour; penalise 7 work_day; restore 20 work_day,2\n"
        ),
    )
    entry = _entry(owner, city, "E04-05", 7)
    assert entry is not None
    assert [one["step"] for one in entry["limits"]] == ["stop", "penalise", "restore"]
    assert (entry["min_photos"], entry["is_default"], entry["certainty"]["code"]) == (2, False, "P")
    first = entry["valid_from"]
    _later(owner)
    handbook.load(owner, city, file("category,seq,ends\nE04-05,7,true\n"))
    assert _entry(owner, city, "E04-05", 7) is None, "nobody files under it any more"
    assert handbook.of_condition(owner, entry["condition_id"], first) is not None, "a case that was shows it still"
    # something else that is changed does not bring it back
    owner.execute("UPDATE filing_conditions SET closing_en = 'Moved on' WHERE filing_condition_id = %s",
                  [entry["condition_id"]])  # fmt: skip
    assert handbook.follow(owner) == 0
    _later(owner, 2)
    handbook.load(owner, city, file("category,seq,ends\nE04-05,7,false\n"))
    assert _entry(owner, city, "E04-05", 7) is not None


def test_another_default_is_what_intake_takes(owner: Connection, city: City, file: Any) -> None:
    handbook.load(
        owner,
        city,
        file("category,seq,text_zh,closing_zh,limits,is_default\nE04-05,9,样例条件,样例结案,1 urgent_hour,true\n"),
    )
    category = cities.load(owner).category("E04-05")
    assert category.limit == cities.TimeLimit("urgent_hour", 1.0)
    rows = handbook.entries(owner, city, category=category)
    assert [one["seq"] for one in rows if one["is_default"]] == [9]


def test_search_looks_in_all_texts_and_takes_no_pattern(owner: Connection, city: City, file: Any) -> None:
    handbook.load(owner, city, file("category,seq,legal_zh\nE04-05,1,样例条例第 7 条_甲%\n"))
    for words in ("样例条例", "条_甲%", "e04-05"):
        assert [one["category"]["code"] for one in handbook.entries(owner, city, words=words)][:1] == ["E04-05"], words
    assert handbook.entries(owner, city, words="条%甲_") == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("category,seq,limits\nE99-99,1,4 work_hour\n", "category"),
        ("category,seq,limits\nE04-05,0,4 work_hour\n", "seq"),
        ("category,seq,limits\nE04-05,x,4 work_hour\n", "seq"),
        ("category,seq,limits\nE04-05,1,4 days\n", "limits"),
        ("category,seq,limits\nE04-05,1,0 work_hour\n", "limits"),
        ("category,seq,limits\nE04-05,1,handle 1 work_day; handle 2 work_day\n", "limits"),
        ("category,seq,limits\nE04-05,1,15 work_day in winter\n", "limits"),
        ("category,seq,text_zh\nE04-05,1,-\n", "text_zh"),
        ("category,seq,text_zh\nE04-05,8,new without the rest\n", "closing_zh"),
        ("category,seq,min_photos\nE04-05,1,99\n", "min_photos"),
        ("category,seq,is_default\nE04-05,1,maybe\n", "is_default"),
        ("category,seq,certainty\nE04-05,1,sure\n", "certainty"),
        ("category,seq,ends\nE04-05,1,true\n", "ends"),
        ("category,seq,ends\nE04-05,8,true\n", "ends"),
        (f"category,seq,text_zh\nE04-05,1,{'长' * 2001}\n", "text_zh"),
        ("category,seq,text_zh\nE04-05,1,a\nE04-05,1,b\n", "seq"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_nothing_is_taken(
    owner: Connection, city: City, file: Any, text: str, column: str
) -> None:
    before = handbook.entries(owner, city)
    with pytest.raises(InvalidHandbook) as raised:
        handbook.load(owner, city, file(text))
    assert column in {row["column"] for row in raised.value.facts["rows"]}
    assert handbook.entries(owner, city) == before


@pytest.mark.parametrize(
    "text",
    [
        "seq,text_zh\n1,x\n",
        "category,seq,colour\nE04-05,1,red\n",
        "category,seq,seq\nE04-05,1,1\n",
        "category,seq\nE04-05\n",
        'category,seq\n"E04-05,1\n',
        "category,seq\n",
        "",
    ],
)
def test_what_is_no_such_file_is_refused(owner: Connection, city: City, file: Any, text: str) -> None:
    with pytest.raises(InvalidHandbook):
        handbook.load(owner, city, file(text))


def test_a_file_in_another_encoding_is_refused(owner: Connection, city: City, file: Any) -> None:
    with pytest.raises(InvalidHandbook, match="UTF-8"):
        handbook.load(owner, city, file("category,seq,text_zh\nE04-05,1,井盖\n", "gb18030"))


def test_words_for_every_code() -> None:
    from gisops import clocks

    assert set(handbook.UNITS) == set(clocks.UNITS)
    assert set(handbook.CERTAINTY) == {"V2", "V", "M", "I", "P"}
    assert "不得引作标准" in handbook.CERTAINTY["M"][0]
