"""A year of past cases, batch by batch: each batch by itself, so that several processes can tell it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gisops.cases import case_clocks
from gisops.cases.past import BATCH, PastCase
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.coordinates import SHIFTED_BOX, from_wgs84_array
from gisops.db.pool import Connection
from gisops.keys import derived_key
from gisops.sample.chance import chance
from gisops.sample.year import ground as grounds
from gisops.sample.year.drawing import Drawn, draw
from gisops.sample.year.kinds import FAULTS_OF_EVENTS_ZH, FAULTS_ZH, KINDS
from gisops.sample.year.lives import life, moment, spread, usual_hours
from gisops.sample.year.seasons import DAYS_OF_A_YEAR

__all__ = ["BATCH", "Plan", "cases"]

# How cases come in, and for what cameras and sensors look.
_CHANNELS = ("officer", "citizen", "hotline", "feed")
_CHANNEL_SHARES = (0.59, 0.25, 0.13, 0.03)
_VIDEO = frozenset(
    {
        "E04-05", "E04-01", "E04-06", "E04-09", "E04-10", "E01-07", "E01-36", "E01-10", "E01-12", "E01-14", "E01-13",
        "E02-01", "E03-04", "E03-11", "E01-29",
    }
)  # fmt: skip
_VIDEO_SHARE, _SENSOR_SHARE = 0.10, 0.30
_SENSED = frozenset(("E05-06", "P02-07", "P01-02", "P01-03"))
# Map apps send the shifted system; what is scanned or clicked comes with its code.
_SHIFTED_SHARE = {"citizen": 0.3, "officer": 0.04}
_SCANNED_SHARE = {"officer": 0.6, "citizen": 0.2}


class Plan:
    """The cases of a year: drawn once as arrays, made into `PastCase` batch by batch, in the order of time."""

    def __init__(self, conn: Connection, city: City, *, seed: int, until: datetime, count: int) -> None:
        self.city, self.seed, self.until = city, seed, until
        ground = grounds.read(conn, until - timedelta(days=DAYS_OF_A_YEAR + 1))
        codes = frozenset(code for scheme, code in city.categories if scheme == city.category_scheme)
        self.drawn: Drawn = draw(ground, codes, city.calendar, seed, until, count)
        self._hours = {k.code: usual_hours(k.hours, city.category(k.code).limit) for k in KINDS if k.code in codes}
        self._ends = {k.code: self._due(k.code) for k in KINDS if k.code in codes}
        self._partners = ground.partners
        self._zone = ZoneInfo(ground.timezone)
        west, south, east, north = SHIFTED_BOX
        self._shifted = west < ground.lon < east and south < ground.lat < north

    @property
    def batches(self) -> int:
        """How many batches there are."""
        return -(-len(self.drawn) // BATCH)

    def batch(self, number: int) -> list[PastCase]:
        """The cases of one batch."""
        rows = slice(number * BATCH, (number + 1) * BATCH)
        random = chance(self.seed, f"lives/{number}")
        drawn, count = self.drawn, len(self.drawn.at[rows])
        luck, chances = spread(random, count)
        channel = np.array(_CHANNELS, dtype=object)[random.choice(len(_CHANNELS), size=count, p=_CHANNEL_SHARES)]
        kinds = [KINDS[k] for k in drawn.kind[rows]]
        seen = random.random(count)
        # of their own, so that the year is the same for a seed that it was before
        beside = chance(self.seed, f"beside/{number}").random((count, 8)).tolist()
        for n, kind in enumerate(kinds):
            if kind.code in _VIDEO and seen[n] < _VIDEO_SHARE:
                channel[n] = "video"
            elif kind.code in _SENSED and seen[n] < _SENSOR_SHARE:
                channel[n] = "sensor"
        accuracy = np.round(_accuracy(channel, random), 1)
        lon, lat = drawn.lon[rows], drawn.lat[rows]
        shifted = random.random(count) < np.array([_SHIFTED_SHARE.get(c, 0.0) * self._shifted for c in channel])
        gcj = from_wgs84_array(lon, lat, "GCJ02") if self._shifted else (lon, lat)
        x, y = np.where(shifted, np.round(gcj[0], 7), lon), np.where(shifted, np.round(gcj[1], 7), lat)
        scanned = random.random(count) < np.array([_SCANNED_SHARE.get(c, 0.0) for c in channel])
        found = []
        xs, ys, radius, moments = x.tolist(), y.tolist(), accuracy.tolist(), drawn.at[rows].tolist()
        names, keys = drawn.name_zh[rows], drawn.key[rows]
        for n, kind in enumerate(kinds):
            at = moment(moments[n])
            key = keys[n] if scanned[n] else None
            unknown = channel[n] in ("hotline", "feed") or (channel[n] == "citizen" and chances[n][8] < 0.1)
            report = NewReport(
                client_uid=derived_key(at, f"sample/{self.seed}/{number * BATCH + n}"),
                channel=channel[n],
                category=kind.code,
                x=xs[n],
                y=ys[n],
                crs="GCJ02" if shifted[n] else "WGS84",
                accuracy_m=None if unknown else radius[n],
                text=self._text(kind, names[n], chances[n]),
                part_code=key if isinstance(key, str) else None,
                place_id=key if key is not None and not isinstance(key, str) else None,
            )
            lived = life(
                self._hours[kind.code],
                channel[n],
                at,
                at.astimezone(self._zone).hour,
                self.until,
                luck[n],
                chances[n],
                beside[n],
                self._ends[kind.code],
                self._partners,
            )
            found.append(PastCase(report, at, lived.moves, lived.by_rules, lived.parts, lived.visits))
        return found

    def _due(self, code: str) -> Callable[[datetime], datetime | None]:
        """When work on a kind of case that begins at a moment is due; of one with stages nobody asks for more time."""
        condition = self.city.category(code).filing_condition_id
        if case_clocks.handling(self.city, condition)[0] != "handle":
            return lambda at: None
        return lambda at: case_clocks.deadline_of(self.city, at, condition)

    def _text(self, kind: Any, name: str, chances: list[float]) -> str:
        if kind.zh:
            return f"{name}{kind.zh[int(chances[9] * len(kind.zh))]}。"
        said = FAULTS_ZH if kind.code.startswith("P") else FAULTS_OF_EVENTS_ZH
        called = self.city.category(kind.code).name_zh
        return f"{name}{called}{said[int(chances[9] * len(said))]}。"


def cases(conn: Connection, city: City, *, seed: int, until: datetime, count: int) -> Iterator[PastCase]:
    """A year of past cases before ``until``, in the order of time; a function of its arguments."""
    plan = Plan(conn, city, seed=seed, until=until, count=count)
    for number in range(plan.batches):
        yield from plan.batch(number)


def _accuracy(channel: Any, random: np.random.Generator) -> Any:
    """Radius of the position's error: good in an officer's hand, worse on a telephone between houses."""
    median = np.array([{"officer": 5.0, "citizen": 14.0, "video": 12.0, "sensor": 4.0}.get(c, 20.0) for c in channel])
    return np.clip(median * np.exp(random.normal(0, 0.5, len(channel))), 2.0, 240.0)
