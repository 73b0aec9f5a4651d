"""Codes are split by their scheme, never by their length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisops.codes import (
    PART_SCHEMES,
    AdminCode,
    CategoryCode,
    GridCellCode,
    InvalidAdminCode,
    InvalidCategoryCode,
    InvalidGridCellCode,
    InvalidPartCode,
    PartCode,
    SequenceOverflow,
    UnknownCodeScheme,
    parse_admin,
    parse_category,
    parse_grid_cell,
    parse_part,
)
from gisops.errors import InvalidInput

GB, CJ = "GB/T 30428.2-2013", "CJ/T 214-2007"


def digits(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=width, max_size=width)


def test_the_scheme_decides_how_sixteen_digits_are_split() -> None:
    code = "3205080101000001"
    assert parse_part(code, GB) == PartCode(GB, "320508", "01", "01", 1)
    assert parse_part(code, CJ) == PartCode(CJ, "320508", "01", "01", 1)
    assert parse_part(code, "6+2+3+5") == PartCode("6+2+3+5", "320508", "01", "010", 1)


@given(code=digits(16), scheme=st.sampled_from(list(PART_SCHEMES)))
def test_a_part_code_is_written_as_it_was_read(code: str, scheme: str) -> None:
    assert parse_part(code, scheme).text == code


@given(code=digits(15))
def test_a_grid_cell_code_is_written_as_it_was_read(code: str) -> None:
    cell = parse_grid_cell(code)
    assert cell.text == code
    assert cell.community_code == code[:12]


def test_a_grid_cell_code_has_four_fields() -> None:
    assert parse_grid_cell("460108001002003") == GridCellCode("460108", "001", "002", 3)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "46010800100200",
        "4601080010020031",
        "46010800100200a",
        "４６０１０８００１００２００３",
        " 60108001002003",
        460108001002003,
        None,
    ],
)
def test_a_wrong_grid_cell_code_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidGridCellCode, match="6 \\+ 3 \\+ 3 \\+ 3"):
        parse_grid_cell(wrong)


def test_the_thousandth_cell_of_a_community_is_an_error_and_not_a_longer_code() -> None:
    last = GridCellCode("460108", "001", "002", 998).following()
    assert last.text == "460108001002999"
    with pytest.raises(SequenceOverflow):
        last.following()
    with pytest.raises(SequenceOverflow) as refused:
        _ = GridCellCode("460108", "001", "002", 1000).text
    assert refused.value.facts["most"] == 999
    with pytest.raises(InvalidGridCellCode):
        _ = GridCellCode("460108", "001", "002", -1).text
    with pytest.raises(InvalidGridCellCode):
        _ = GridCellCode("46010", "8001", "0021", 1).text


def test_a_serial_beyond_its_scheme_is_an_error() -> None:
    assert PartCode(GB, "320508", "01", "01", 999_999).text == "3205080101999999"
    with pytest.raises(SequenceOverflow):
        _ = PartCode(GB, "320508", "01", "01", 1_000_000).text
    with pytest.raises(SequenceOverflow):
        _ = PartCode("6+2+3+5", "320508", "01", "010", 100_000).text
    with pytest.raises(InvalidPartCode):
        _ = PartCode(GB, "320508", "01", "010", 1).text


def test_a_code_without_a_known_scheme_is_never_split() -> None:
    for split in (lambda: parse_part("3205080101000001", "16"), lambda: parse_grid_cell("4" * 15, "CJ/T 349-2010")):
        with pytest.raises(UnknownCodeScheme) as refused:
            split()
        assert refused.value.facts["known"]


@pytest.mark.parametrize("wrong", ["", "320508010100000", "32050801010000011", "32050801010000 1", None])
def test_a_wrong_part_code_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidPartCode):
        parse_part(wrong, GB)


def test_an_administrative_code_knows_its_level_and_parent() -> None:
    assert parse_admin("460100") == AdminCode("460100", "city", None)
    assert parse_admin("460108") == AdminCode("460108", "district", "460100")
    assert parse_admin("460108001") == AdminCode("460108001", "street", "460108")
    assert parse_admin("460108001002") == AdminCode("460108001002", "community", "460108001")


@pytest.mark.parametrize(
    ("padded", "own"),
    [("460108001000", "460108001"), ("460108000000", "460108"), ("460108000", "460108")],
)
def test_a_padded_administrative_code_is_refused_with_the_right_one(padded: str, own: str) -> None:
    with pytest.raises(InvalidAdminCode) as refused:
        parse_admin(padded)
    assert refused.value.facts["suggestion"] == own


@pytest.mark.parametrize("wrong", ["", "4601", "4601080", "46010800100", "4601080010021", "46010a", 460108, None])
def test_a_wrong_administrative_code_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidAdminCode):
        parse_admin(wrong)


def test_a_category_without_scheme_is_the_citys() -> None:
    assert parse_category("E04-05", GB) == CategoryCode(GB, "E", "04", "05")
    assert parse_category(" p01-03 ", CJ) == CategoryCode(CJ, "P", "01", "03")


def test_a_category_is_split_at_its_last_colon() -> None:
    assert parse_category(f"{CJ}:E04-01", GB) == CategoryCode(CJ, "E", "04", "01")
    assert parse_category("urn:city:2016:E04-015", GB) == CategoryCode("urn:city:2016", "E", "04", "015")
    assert parse_category(f"{GB}:E04-05", CJ).full == f"{GB}:E04-05"


def test_the_same_number_of_two_schemes_is_two_categories() -> None:
    assert parse_category(f"{CJ}:E04-01", GB) != parse_category("E04-01", GB)


@given(kind=st.sampled_from("PE"), major=digits(2), minor=digits(2), scheme=st.sampled_from([GB, CJ, "a:b", "创卫"]))
def test_a_category_is_written_as_it_was_read(kind: str, major: str, minor: str, scheme: str) -> None:
    full = f"{scheme}:{kind}{major}-{minor}"
    assert parse_category(full, GB).full == full
    assert parse_category(full, GB).text == f"{kind}{major}-{minor}"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ":",
        ":E04-05",
        "  :E04-05",
        "E04",
        "E4-5",
        "X04-05",
        "E04_05",
        "E04-05:",
        "E04-0５",
        "E04-005",
        "E04-05\n1",
        None,
        405,
    ],
)
def test_a_wrong_category_code_is_refused_and_told_what_is_right(wrong: Any) -> None:
    with pytest.raises(InvalidCategoryCode) as refused:
        parse_category(wrong, GB)
    assert isinstance(refused.value, InvalidInput)
    assert "digits" in refused.value.message or "E04-05" in refused.value.message
