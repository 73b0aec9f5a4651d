"""When cases come: hours of days of weeks of a year, with its holidays and its rain, as weights for each local hour."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gisops.clocks import WorkCalendar
from gisops.sample.year.kinds import HOURS

Numbers = NDArray[np.float64]

DAYS_OF_A_YEAR = 365
# Chance of rain on a day and how heavy it is, by month: a tropical coast's, dry in winter, typhoons in late summer.
_WET = (0.10, 0.12, 0.15, 0.20, 0.32, 0.38, 0.36, 0.42, 0.44, 0.34, 0.18, 0.11)
_TYPHOONS = (0, 0, 0, 0, 0, 0.3, 0.9, 1.1, 1.3, 0.9, 0.1, 0)
_WEEKDAY = (1.06, 1.02, 1.0, 1.0, 1.0, 0.80, 0.70)


class Year:
    """The days up to and including ``last`` (local dates), with their weather. The same chance, the same year."""

    def __init__(self, last: date, calendar: WorkCalendar, chance: np.random.Generator) -> None:
        self.first = last - timedelta(days=DAYS_OF_A_YEAR)
        self.days = [self.first + timedelta(days=n) for n in range(DAYS_OF_A_YEAR + 1)]
        self.calendar, self.chance = calendar, chance
        self.rain, self.rain_hour = self._weather()
        self.noise = np.exp(chance.normal(0, 0.07, len(self.days)))

    def _weather(self) -> tuple[Numbers, Numbers]:
        """Rain of each day, 0 none to 1 a typhoon's, and the hour at which it is heaviest."""
        rain = np.zeros(len(self.days))
        for n, day in enumerate(self.days):
            wet = self.chance.random() < _WET[day.month - 1]
            amount = self.chance.gamma(1.2, 0.16)
            rain[n] = min(amount, 0.75) if wet else 0.0
        for month in range(1, 13):
            of_month = [n for n, day in enumerate(self.days) if day.month == month]
            for _ in range(int(self.chance.poisson(_TYPHOONS[month - 1])) if of_month else 0):
                at = of_month[int(self.chance.integers(len(of_month)))]
                for later, amount in ((0, 1.0), (1, 0.7)):
                    if at + later < len(rain):
                        rain[at + later] = max(rain[at + later], amount)
        return rain, self.chance.normal(16, 4, len(self.days)) % 24

    @cached_property
    def working(self) -> NDArray[np.bool_]:
        """Which days are working days, by the city's own calendar."""
        return np.array([self.calendar.works_on(day) for day in self.days])

    @cached_property
    def ordinary(self) -> Numbers:
        """What every kind has in common: weekdays, holidays, some more cases each month, and chance."""
        weekday = np.array([_WEEKDAY[day.weekday()] for day in self.days])
        holiday = np.array(
            [not works and day.weekday() < 5 for works, day in zip(self.working, self.days, strict=True)]
        )
        growth = np.linspace(0.92, 1.08, len(self.days))
        return weekday * np.where(holiday, 0.62, 1.0) * growth * self.noise

    def of_days(self, days: str) -> Numbers:
        """Weight of each day for a kind that depends on ``days`` (`kinds.DAYS`)."""
        month = np.array([day.month for day in self.days])
        weekday = np.array([day.weekday() for day in self.days])
        before = np.concatenate([[0.0], self.rain[:-1]])
        match days:
            case "wet":
                own = 0.55 + 2.6 * self.rain + 1.2 * before
            case "burst":
                own = 0.01 + 9.0 * self.rain**1.8 + 1.2 * before**2
            case "dry":
                own = np.maximum(0.12, 1.15 - 3.0 * self.rain - 1.0 * before)
            case "hot":
                own = np.where((month >= 5) & (month <= 10), 1.6, 0.35)
            case "autumn":
                own = np.where((month >= 10) | (month <= 2), 1.8, 0.5)
            case "work":
                own = np.where(self.working, 1.0, 0.42)
            case "weekend":
                own = np.array([0.6, 0.55, 0.6, 0.75, 1.5, 2.1, 1.5])[weekday]
            case _:
                own = np.ones(len(self.days))
        weight: Numbers = own * self.ordinary
        return weight

    def weights(self, when: str, days: str) -> Numbers:
        """Weight of each hour of the year, days one after the other."""
        hours = np.array(HOURS[when])
        hours = hours / hours.sum()
        if days == "burst":
            # what the rain brings comes with it and in the hours after
            since = (np.arange(24)[None, :] - self.rain_hour[:, None]) % 24
            hours = 0.15 * hours[None, :] + 0.85 * (since + 0.5) * np.exp(-since / 2.2) / 5.2
            own: Numbers = (self.of_days(days)[:, None] * hours).ravel()
            return own
        shared: Numbers = np.outer(self.of_days(days), hours).ravel()
        return shared
