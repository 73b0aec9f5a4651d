"""Seasonal limits: a limit that holds "in the planting season" begins to run when the season opens. Pure; the seasons
themselves are data (``data/reference/seasons.csv``).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from gisops.clocks import InvalidTimeLimit


@dataclass(frozen=True, slots=True)
class Season:
    """A part of every year, first and last day included, as (month, day); it may pass the turn of the year."""

    opens: tuple[int, int]
    closes: tuple[int, int]

    @classmethod
    def parse(cls, opens: str, closes: str) -> Season:
        """From ``03-01`` and ``04-30``. Raises InvalidTimeLimit."""
        return cls(_month_and_day(opens), _month_and_day(closes))

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        now = (day.month, day.day)
        if self.opens <= self.closes:
            return self.opens <= now <= self.closes
        return now >= self.opens or now <= self.closes

    def next_opening(self, day: date) -> date:
        """Its first day that does not lie before ``day``."""
        this_year = self._opening(day.year)
        return this_year if this_year >= day else self._opening(day.year + 1)

    def _opening(self, year: int) -> date:
        month, day = self.opens
        # 29 February opens with the month's last day in years without one
        return date(year, month, min(day, monthrange(year, month)[1]))


def begins(at: datetime, seasons: Sequence[Season], tz: tzinfo) -> datetime:
    """When a limit begins to run that was set at ``at``: then, if a season is on; else at the next opening's midnight,
    local time, in the zone of ``at``. Without seasons it runs all year.
    """
    day = at.astimezone(tz).date()
    if not seasons or any(season.holds(day) for season in seasons):
        return at
    opening = min(season.next_opening(day) for season in seasons)
    return datetime.combine(opening, time(), tz).astimezone(at.tzinfo)


def _month_and_day(text: str) -> tuple[int, int]:
    try:
        # a leap year, for 29 February is a day
        day = date.fromisoformat(f"2000-{text}")
    except ValueError as reason:
        raise InvalidTimeLimit(f"{text!r} is no month and day; write 03-01 for the first of March") from reason
    return day.month, day.day
