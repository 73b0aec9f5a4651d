"""Spans of time that are counted: what somebody asks for, and its days, weeks and months. In the city's own time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gisops.errors import InvalidInput

SPANS = ("day", "week", "month")
# Each is counted for itself.
MOST_SPANS = 62
_LONGEST = timedelta(days=3_700)
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment to the first that is no longer in it."""

    since: datetime
    until: datetime

    def up_to(self, now: datetime) -> Period:
        """What of it has passed: nothing is due that is still to come."""
        return Period(self.since, max(self.since, min(self.until, now)))


def between(since: str, until: str, zone: ZoneInfo) -> Period:
    """A period of two dates (their midnights) or moments. Raises ``InvalidInput``."""
    made = Period(_moment(since, "from", zone), _moment(until, "to", zone))
    if not made.since < made.until:
        raise InvalidInput("A period ends after it begins: from < to.", field="to")
    if made.until - made.since > _LONGEST:
        raise InvalidInput("A period is at most ten years.", field="to")
    return made


def month(text: str, zone: ZoneInfo) -> Period:
    """The month ``2026-10``. Raises ``InvalidInput``."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) <= 9998:
        raise InvalidInput(f"{text!r} is no month; one is written 2026-10.", field="month")
    first = date(int(found[1]), int(found[2]), 1)
    return Period(_midnight(first, zone), _midnight(next_month(first), zone))


def month_before(text: str) -> str:
    """The month before ``2026-10``."""
    last = date(int(text[:4]), int(text[5:7]), 1) - timedelta(days=1)
    return f"{last:%Y-%m}"


def next_month(first: date) -> date:
    """The first of the month after the one a date lies in."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def slices(period: Period, by: str, zone: ZoneInfo) -> list[tuple[str, datetime, datetime]]:
    """The days, weeks (from Monday) or months of a period: name, beginning, end; the first and the last may be cut.
    Raises ``InvalidInput`` where there are too many.
    """
    found = []
    first = period.since.astimezone(zone).date()
    while (begins := max(period.since, _midnight(first, zone))) < period.until:
        if by == "day":
            follows, name = first + timedelta(days=1), first.isoformat()
        elif by == "week":
            monday = first - timedelta(days=first.weekday())
            follows, name = monday + timedelta(days=7), f"{first.isocalendar().year}-W{first.isocalendar().week:02}"
        else:
            follows, name = next_month(first), f"{first:%Y-%m}"
        found.append((name, begins, min(period.until, _midnight(follows, zone))))
        if len(found) > MOST_SPANS:
            raise InvalidInput(
                f"These are more than {MOST_SPANS} {by}s; ask for a shorter period or longer spans.",
                parameter="by", most=MOST_SPANS,
            )  # fmt: skip
        first = follows
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _moment(text: str, name: str, zone: ZoneInfo) -> datetime:
    try:
        if len(text) == 10:
            return _midnight(date.fromisoformat(text), zone)
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{text!r} is neither a date (2026-10-01) nor a moment (2026-10-01T08:00:00+08:00).", parameter=name
        ) from None
