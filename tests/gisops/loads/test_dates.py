"""Dates of files: five forms and more, two ways to read one refused, advice in every refusal."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisops.loads import dates
from gisops.loads.failures import InvalidDate

SHANGHAI = ZoneInfo("Asia/Shanghai")
EIGHT = datetime(2011, 7, 1, 8, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("2011-07-01T08:00:00Z", datetime(2011, 7, 1, 8, tzinfo=UTC)),
        ("2011-07-01T08:00:00+08:00", EIGHT),
        ("2011-07-01 08:00:00 +0800", EIGHT),
        ("2011-07-01T08:00:00.250-04", datetime(2011, 7, 1, 8, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=-4)))),
        ("2011-07-01 08:00:00", EIGHT),
        ("2011-07-01 08:00", EIGHT),
        ("2011/7/1 8:00", EIGHT),
        ("2011.7.1 8:00:00,5", EIGHT.replace(microsecond=500_000)),
        ("20110701", date(2011, 7, 1)),
        ("20110701080000", EIGHT),
        ("201107010800", EIGHT),
        ("20110701T080000Z", datetime(2011, 7, 1, 8, tzinfo=UTC)),
        ("2011年7月1日 8时5分", EIGHT.replace(minute=5)),
        ("2011年7月1日8时5分6秒", EIGHT.replace(minute=5, second=6)),
        ("2011年07月01日 08:05", EIGHT.replace(minute=5)),
        ("2011年7月1日8时", EIGHT),
        ("2011年7月1日", date(2011, 7, 1)),
        ("2011-07-01", date(2011, 7, 1)),
        ("2011/7/1", date(2011, 7, 1)),
        ("２０１１／７／１　８：００", EIGHT),
        ("2011/7/1 上午 8:00:00", EIGHT),
        ("2011/7/1 下午 3:05", EIGHT.replace(hour=15, minute=5)),
        ("2011/7/1 下午 12:00", EIGHT.replace(hour=12)),
        ("2011/7/1 上午 12:00", EIGHT.replace(hour=0)),
        ("  2011-07-01 ", date(2011, 7, 1)),
    ],
)
def test_a_date_is_read_as_it_is_meant(text: str, right: date) -> None:
    read = dates.parse(text, SHANGHAI)
    assert type(read) is type(right)
    assert read == right
    assert not isinstance(read, datetime) or read.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "written", "right"),
    [
        ("7/1/2011 08:00:00 AM", "%m/%d/%Y %I:%M:%S %p", EIGHT),
        ("03/04/2011", "%d/%m/%Y", date(2011, 4, 3)),
        ("03/04/2011", "%m/%d/%Y", date(2011, 3, 4)),
        ("1.7.2011 8:00", "%d.%m.%Y %H:%M", EIGHT),
        ("2011-07-01T08:00:00+0000", "%Y-%m-%dT%H:%M:%S%z", datetime(2011, 7, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_format_is_followed(text: str, written: str, right: date) -> None:
    read = dates.parse(text, SHANGHAI, written)
    assert (type(read), read) == (type(right), right)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("03/04/2011", "'%m/%d/%Y' or '%d/%m/%Y'"),
        ("7/1/2011 08:00:00 AM", "'%m/%d/%Y'"),
        ("13/04/2011", "format '%d/%m/%Y'."),
        ("04/13/2011", "format '%m/%d/%Y'."),
        ("1-7-11", "'%m-%d-%y'"),
        ("40725", "spreadsheet's day number"),
        ("40725.333", "spreadsheet's day number"),
        ("1309507200", "since 1970"),
        ("1309507200000", "since 1970"),
        ("7", "is a number"),
        ("2011-02-30", "day is out of range"),
        ("2011-13-01", "month must be in 1..12"),
        ("2011-07-01 25:00", "hour must be in 0..23"),
        ("2011/7/1 下午 15:00", "12-hour clock"),
        ("2011-07/01", "right are"),
        ("昨天", "right are"),
        ("", "right are"),
        ("2011-07-01 08:00:00 tomorrow", "right are"),
    ],
)
def test_what_cannot_be_relied_on_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(InvalidDate) as refused:
        dates.parse(text, SHANGHAI)
    assert advice in refused.value.message
    assert refused.value.code == "invalid_date"


def test_a_format_is_the_only_one_tried() -> None:
    with pytest.raises(InvalidDate, match="is not written as"):
        dates.parse("2011-07-01", SHANGHAI, "%d.%m.%Y")


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)), st.sampled_from("T "))
def test_what_python_writes_is_read_back(moment: datetime, sep: str) -> None:
    assert dates.parse(moment.isoformat(sep), UTC) == moment.replace(tzinfo=UTC)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,4}.{0,9}", fullmatch=True))
def test_nothing_but_a_date_or_an_advice_comes_out(text: str) -> None:
    try:
        read = dates.parse(text, SHANGHAI)
    except InvalidDate as refused:
        read = None
        told = refused.message
    assert isinstance(read, date) or told.endswith(".")
