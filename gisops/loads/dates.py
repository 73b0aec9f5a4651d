"""Dates and times as files write them. What reads in two ways is refused, not guessed.

Read without being told: ``2011-07-01T08:00:00Z`` and every other form of ISO 8601 with a calendar date,
``2011-07-01 08:00:00``, ``2011/7/1 8:00``, ``2011.7.1``, ``20110701``, ``20110701080000``, ``2011年7月1日 8时5分``,
``2011/7/1 下午 3:05``. Only with a format: whatever begins with a day or a month (``03/04/2011`` is March in Boston
and April in London). Refused with advice: numbers that count days or seconds from somewhere.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from gisops.loads.failures import InvalidDate

# The day, then perhaps a time; separators must agree within the day. 24-hour clock unless 上午/下午 stands before it.
_CALENDAR = re.compile(
    r"(?P<year>\d{4})(?:(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})"
    r"|\s*年\s*(?P<month_zh>\d{1,2})\s*月\s*(?P<day_zh>\d{1,2})\s*日)"
    r"(?:(?:T|\s*)(?P<half>上午|下午|AM|PM)?\s*(?P<hour>\d{1,2})\s*(?::|时|点)\s*(?:(?P<minute>\d{1,2})\s*分?)?"
    r"(?:\s*:?\s*(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?\s*秒?)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?",
    re.IGNORECASE,
)
_PACKED = re.compile(
    r"(?P<year>(?:19|20|21)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?:T?\s?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?"
    r"(?P<offset>Z|[+-]\d{2}:?\d{2})?"
)
_TURNED = re.compile(r"(?P<one>\d{1,2})(?P<sep>[-/.])(?P<two>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?!\d)")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
# What a strptime format must hold for its result to be a moment and not a day.
_CLOCK = re.compile(r"%-?[HIMScXsfp]")


def parse(text: str, zone: tzinfo, written: str | None = None) -> datetime | date:
    """Read a date or a moment from a file.

    A text without a time of day gives a date, one with it an aware datetime: in the offset it bears, else in
    ``zone``. ``written`` is a strptime format, and then the only one that is tried. Raises `InvalidDate`, which says
    what would be right.
    """
    given = text.strip()
    if written is not None:
        return _as_written(given, zone, written)
    # Full-width digits and colons are as common as plain ones in lists that were typed by hand.
    plain = unicodedata.normalize("NFKC", given)
    match = _CALENDAR.fullmatch(plain) or _PACKED.fullmatch(plain)
    if match is None:
        raise _why_not(given, plain)
    try:
        return _made(match.groupdict(), zone)
    except ValueError as error:
        raise InvalidDate(f"{given!r} is no date: {error}.", given=given[:60]) from error


def _as_written(given: str, zone: tzinfo, written: str) -> datetime | date:
    try:
        moment = datetime.strptime(given, written)
    except (ValueError, re.error) as error:
        raise InvalidDate(
            f"{given[:60]!r} is not written as {written!r} says.", given=given[:60], format=written
        ) from error
    if not _CLOCK.search(written):
        return moment.date()
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _made(found: dict[str, str | None], zone: tzinfo) -> datetime | date:
    day = date(
        int(found["year"] or 0),
        int(found["month"] or found.get("month_zh") or 0),
        int(found["day"] or found.get("day_zh") or 0),
    )
    if found["hour"] is None:
        return day
    hour, half = int(found["hour"]), (found.get("half") or "").upper()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"hour {hour} is none of a 12-hour clock")
        hour = hour % 12 + (12 if half in ("下午", "PM") else 0)
    micro = int((found.get("fraction") or "0").ljust(6, "0")[:6])
    return datetime(
        day.year, day.month, day.day, hour, int(found["minute"] or 0), int(found["second"] or 0), micro,
        tzinfo=_offset(found["offset"], zone),
    )  # fmt: skip


def _offset(text: str | None, zone: tzinfo) -> tzinfo:
    if not text:
        return zone
    if text.upper() == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)


def _why_not(given: str, plain: str) -> InvalidDate:
    shown = given[:60]
    turned = _TURNED.match(plain)
    if turned:
        one, two, sep = int(turned["one"]), int(turned["two"]), turned["sep"]
        year = "%Y" if len(turned["year"]) == 4 else "%y"
        formats = [f"%m{sep}%d{sep}{year}", f"%d{sep}%m{sep}{year}"]
        if one > 12:
            formats = formats[1:]
        elif two > 12:
            formats = formats[:1]
        return InvalidDate(
            f"{shown!r} begins with a day or a month; say how it is written, e.g. the format "
            + " or ".join(repr(one) for one in formats) + ".",
            given=shown, formats=formats,
        )  # fmt: skip
    if _NUMBER.fullmatch(plain):
        number = float(plain)
        if 10_000 <= number < 100_000:
            what = "looks like a spreadsheet's day number; format the column as text or as a date before exporting it"
        elif 1e8 <= abs(number) < 1e14:
            what = "looks like seconds or milliseconds since 1970; write it as a date"
        else:
            what = "is a number, not a date"
        return InvalidDate(f"{shown!r} {what}.", given=shown)
    return InvalidDate(
        f"{shown!r} is no date that can be read; right are 2011-07-01, 2011-07-01 08:00:00, 2011/7/1 8:00, 20110701 "
        "and 2011年7月1日 8时5分, or whatever a format says.",
        given=shown,
    )
