"""A year's cases as arrays: what, when and where, in the order of time. A pure function of seed, moment and ground."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gisops.clocks import WorkCalendar
from gisops.sample.chance import chance
from gisops.sample.year.ground import Ground, Numbers, Spots
from gisops.sample.year.kinds import HOTSPOTS, KINDS, Hotspot, Kind
from gisops.sample.year.seasons import Year

# Which part of a kind's possible spots ever has a case: problems come back to where they were.
RECURRING = 0.4
# How many places of each kind keep having problems: so many and one more for every so many shops.
HOTSPOTS_AT_LEAST, SHOPS_PER_HOTSPOT, HOTSPOTS_AT_MOST = 1, 900, 12
# Nobody points exactly at a spot. Every spot lies in the city, and a report that is less than ten metres outside is
# taken for one inside (dispatch snaps it), so nothing drawn is refused.
MOST_AWAY_M = 6.5
# A building project moves on along its street: so many sites a year, so far apart.
SITES, SITE_STEP_M = 4, 140.0
PROJECTS_AT_LEAST, PROJECTS_AT_MOST = 3, 40


@dataclass(frozen=True)
class Drawn:
    """Cases by number: ``kind`` into ``kinds.KINDS``, ``at`` seconds since 1970, ``hotspot`` into ``hotspots`` or -1;
    ``hotspots`` are name, longitude and latitude.
    """

    kind: NDArray[np.int64]
    at: Numbers
    lon: Numbers
    lat: Numbers
    name_zh: NDArray[np.object_]
    key: NDArray[np.object_]
    hotspot: NDArray[np.int64]
    hotspots: list[tuple[str, float, float]]

    def __len__(self) -> int:
        """How many."""
        return len(self.at)


@dataclass(frozen=True)
class _Stream:
    """Cases that come from one cause: so many, of one kind, in one rhythm, at some spots."""

    kind: int
    count: int
    when: str
    days: str
    spots: Spots
    hotspot: int


def draw(
    ground: Ground, codes: frozenset[str], calendar: WorkCalendar, seed: int, until: datetime, count: int
) -> Drawn:
    """Draw ``count`` cases of the year before ``until``. ``codes`` are the short codes that the city's scheme has."""
    zone = ZoneInfo(ground.timezone)
    year = Year(until.astimezone(zone).date(), calendar, chance(seed, "weather"))
    edges = np.array(
        [(datetime.combine(day, time(), zone).astimezone(UTC)).timestamp() for day in [*year.days, _after(year)]]
    )
    starts = (edges[:-1, None] + np.arange(24) * np.diff(edges)[:, None] / 24).ravel()
    left = np.clip((until.timestamp() - starts) / 3600, 0, 1)
    sites = _Sites(ground, year, chance(seed, "sites"))
    places = _hot_places(ground, sites, chance(seed, "hotspots"))
    streams = _streams(ground, codes, places, count, chance(seed, "streams"))
    shares = {}
    random = chance(seed, "cases")
    found: list[tuple[NDArray[Any], ...]] = []
    for stream in streams:
        rhythm = (stream.when, stream.days)
        if rhythm not in shares:
            weights = np.cumsum(year.weights(*rhythm) * left)
            shares[rhythm] = weights / weights[-1]
        hour = np.searchsorted(shares[rhythm], random.random(stream.count), side="right")
        at = starts[hour] + random.random(stream.count) * 3600 * left[hour]
        spots = stream.spots
        if stream.spots is sites.spots and len(spots):
            chosen = sites.at((at - starts[0]) / (starts[-1] - starts[0]), random, stream.hotspot >= 0)
        else:
            share = np.cumsum(spots.weight)
            chosen = np.searchsorted(share / share[-1], random.random(stream.count), side="right")
        spread = 1.5 if KINDS[stream.kind].place == "part" else 5.0
        away = np.clip(random.normal(0, spread, (stream.count, 2)), -MOST_AWAY_M, MOST_AWAY_M)
        xy = spots.xy[chosen] + away
        kinds = np.full(stream.count, stream.kind)
        found.append((kinds, at, xy, spots.name_zh[chosen], spots.key[chosen], np.full(stream.count, stream.hotspot)))
    kind, at, xy, name, key, hotspot = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(at, kind="stable")
    lon, lat = ground.degrees(xy[order])
    hot = [(spot.name, *_middle(ground, own)) for spot, own in places]
    return Drawn(kind[order], at[order], lon, lat, name[order], key[order], hotspot[order], hot)


def _after(year: Year) -> date:
    return year.days[-1] + timedelta(days=1)


def _middle(ground: Ground, spots: Spots) -> tuple[float, float]:
    lon, lat = ground.degrees(spots.xy.mean(axis=0, keepdims=True))
    return float(lon[0]), float(lat[0])


def _hot_places(ground: Ground, sites: _Sites, random: np.random.Generator) -> list[tuple[Hotspot, Spots]]:
    """The places where problems keep coming back: for each hotspot the spots around one that was picked."""
    wanted = int(np.clip(len(ground.spots["shop"]) // SHOPS_PER_HOTSPOT, HOTSPOTS_AT_LEAST, HOTSPOTS_AT_MOST))
    found: list[tuple[Hotspot, Spots]] = []
    for hotspot in HOTSPOTS:
        if hotspot.place == "site":
            found.append((hotspot, sites.spots))
            continue
        pool = (
            ground.parts.get("P01-37", ground.spots["kerb"]) if hotspot.place == "part" else ground.spots[hotspot.place]
        )
        share = np.cumsum(pool.weight * _crowd(pool))
        for middle in np.searchsorted(share / share[-1], random.random(wanted), side="right"):
            near = pool.nearest(int(middle), hotspot.spread_m)
            weight = np.exp(-np.hypot(*(pool.xy[near] - pool.xy[middle]).T) / hotspot.spread_m)
            # and within it, one or two spots more than the others
            weight *= random.gamma(0.8, 1.0, len(near)) + 0.05
            found.append((hotspot, Spots(pool.xy[near], pool.name_zh[near], weight, pool.key[near])))
    return found


def _crowd(pool: Spots) -> Numbers:
    """Rather among others of its kind than alone."""
    cell = np.floor(pool.xy / 100).astype(int)
    _, which, many = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    return np.minimum(many[which.ravel()], 12).astype(float) ** 1.5


def _streams(
    ground: Ground, codes: frozenset[str], places: list[tuple[Hotspot, Spots]], count: int, random: np.random.Generator
) -> list[_Stream]:
    kinds = [
        (n, kind)
        for n, kind in enumerate(KINDS)
        if kind.code in codes and (kind.place != "part" or kind.code in ground.parts)
    ]
    number = {kind.code: n for n, kind in kinds}
    causes: list[tuple[float, int, str, str, Spots, int]] = []
    of_name = {hotspot.name: sum(h is hotspot for h, _ in places) for hotspot, _ in places}
    for at, (hotspot, spots) in enumerate(places):
        shares = [(number[code], share) for code, share in hotspot.codes if code in number]
        size = random.gamma(3.0, 1 / 3.0) / of_name[hotspot.name]
        for n, share in shares:
            weight = hotspot.share * size * share / sum(s for _, s in shares)
            causes.append((weight, n, hotspot.when, hotspot.days, spots, at))
    left = max(0.3, 1 - sum(cause[0] for cause in causes))
    everywhere = sum(kind.weight for _, kind in kinds)
    for n, kind in kinds:
        weight = left * kind.weight / everywhere
        causes.append((weight, n, kind.when, kind.days, _recurring(ground, kind, weight * count, random), -1))
    weights = np.array([cause[0] for cause in causes])
    counts = random.multinomial(count, weights / weights.sum())
    return [_Stream(kind, int(n), *rest) for (_, kind, *rest), n in zip(causes, counts, strict=True) if n]  # type: ignore[arg-type]


def _recurring(ground: Ground, kind: Kind, expected: float, random: np.random.Generator) -> Spots:
    """The spots where a kind is met this year: fewer than its cases, and some of them far more often than others."""
    pool = ground.parts[kind.code] if kind.place == "part" else ground.spots[kind.place]
    if kind.place == "site":
        return pool
    many = int(min(len(pool), max(3, RECURRING * expected)))
    share = pool.weight / pool.weight.sum()
    chosen = (
        random.choice(len(pool), size=many, replace=False, p=share)
        if (share > 0).sum() >= many
        else np.arange(len(pool))
    )
    weight = random.pareto(1.6, len(chosen)) + 0.3
    return Spots(pool.xy[chosen], pool.name_zh[chosen], np.minimum(weight, 25), pool.key[chosen])


class _Sites:
    """Building projects that move on along their streets; the ground's ``site`` spots become theirs."""

    def __init__(self, ground: Ground, year: Year, random: np.random.Generator) -> None:
        kerb = ground.spots["kerb"]
        many = int(np.clip(len(kerb) // 1500, PROJECTS_AT_LEAST, PROJECTS_AT_MOST))
        paths = []
        for first in random.integers(len(kerb), size=many):
            path = [int(first)]
            heading = random.normal(0, 1, 2)
            for _ in range(SITES - 1):
                target = kerb.xy[path[-1]] + SITE_STEP_M * heading / np.hypot(*heading)
                path.append(int(np.argmin(np.hypot(*(kerb.xy - target).T))))
            paths.append(path)
        at = np.array(paths).ravel()
        self.size = random.gamma(2.0, 0.5, many)
        self.spots = Spots(kerb.xy[at], kerb.name_zh[at], np.ones(len(at)), kerb.key[at])
        ground.spots["site"] = self.spots

    def at(self, share_of_year: Numbers, random: np.random.Generator, hot: bool) -> NDArray[np.int64]:
        """Where each project stands at a moment (0 to 1 of the year); hot: the one that makes the most trouble."""
        chances = np.cumsum(self.size) / self.size.sum()
        project = np.searchsorted(chances, random.random(len(share_of_year)), side="right")
        if hot:
            project[:] = int(np.argmax(self.size))
        site: NDArray[np.int64] = project * SITES + np.minimum((share_of_year * SITES).astype(int), SITES - 1)
        return site
