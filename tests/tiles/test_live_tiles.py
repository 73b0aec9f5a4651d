"""Tiles kept until something happens in them: none older than what was told, none for others than those who see it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import load_catalog
from tiles import live
from tiles.grid import Tile, tile_of
from tiles.live import LiveTiles, may_be_kept, touched

CASES = load_catalog()["cases"]
LON, LAT = 110.3477, 20.0256
HERE = tile_of(LON, LAT, 14)
ALL = "city dispatcher"


class Cutter:
    """Cuts tiles that tell how often that was done."""

    def __init__(self) -> None:
        self.cuts = 0

    def __call__(self) -> bytes:
        self.cuts += 1
        return str(self.cuts).encode()


@pytest.fixture
def kept() -> LiveTiles:
    made = LiveTiles()
    made.caught_up(time.monotonic() + 3600)
    return made


def test_a_tile_is_cut_once_until_something_happens_in_it(kept: LiveTiles) -> None:
    cut = Cutter()
    assert [kept.tile(CASES, ALL, True, HERE, cut) for _ in range(5)] == [b"1"] * 5
    kept.changed(CASES, LON + 0.5, LAT)
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"1"
    kept.changed(CASES, LON, LAT)
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"2"
    # Something without a place may be anywhere.
    kept.changed(CASES, None, None)
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"3"


def test_scopes_are_kept_apart_and_spoilt_together(kept: LiveTiles) -> None:
    cuts = {scope: Cutter() for scope in (ALL, "7 1 officer 3 ", "7 2 officer 3 ", "8 1 officer 4 ")}
    for _ in range(2):
        for scope, cut in cuts.items():
            kept.tile(CASES, scope, scope == ALL, HERE, cut)
    assert [cut.cuts for cut in cuts.values()] == [1, 1, 1, 1]
    kept.changed(CASES, LON, LAT)
    for scope, cut in cuts.items():
        assert kept.tile(CASES, scope, scope == ALL, HERE, cut) == b"2"


def test_one_that_was_being_cut_when_something_happened_is_not_kept(kept: LiveTiles) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> bytes:
        begun.set()
        assert go_on.wait(10)
        return b"as it was"

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.tile, CASES, ALL, True, HERE, slowly)
        assert begun.wait(10)
        # Who asks for the same meanwhile waits for it; not once it is known to be of before.
        with_him = threads.submit(kept.tile, CASES, ALL, True, HERE, lambda: b"never cut")
        time.sleep(0.05)
        kept.changed(CASES, LON, LAT)
        assert kept.tile(CASES, ALL, True, HERE, lambda: b"as it is") == b"as it is"
        go_on.set()
        assert first.result(10) == with_him.result(10) == b"as it was"
    assert kept.tile(CASES, ALL, True, HERE, lambda: b"cut again") == b"as it is"


def test_one_that_fails_is_the_error_of_all_who_waited_and_of_nobody_else(kept: LiveTiles) -> None:
    def fails() -> bytes:
        raise MemoryError

    with pytest.raises(MemoryError):
        kept.tile(CASES, ALL, True, HERE, fails)
    assert kept.tile(CASES, ALL, True, HERE, lambda: b"fine") == b"fine"


def test_while_nobody_reads_nothing_is_kept_and_nothing_handed_out() -> None:
    kept, cut = LiveTiles(), Cutter()
    assert [kept.tile(CASES, ALL, True, HERE, cut) for _ in range(2)] == [b"1", b"2"]
    kept.caught_up(time.monotonic())
    assert [kept.tile(CASES, ALL, True, HERE, cut) for _ in range(2)] == [b"3", b"3"]
    kept.caught_up(time.monotonic() - live.MOST_S)
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"4"
    # All was read in the end: what was kept before has been told of every change since.
    kept.caught_up(time.monotonic())
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"3"
    kept.lost()
    kept.caught_up(time.monotonic())
    assert kept.tile(CASES, ALL, True, HERE, cut) == b"5"


def test_what_is_not_told_by_events_is_seen_after_a_while(kept: LiveTiles, monkeypatch: pytest.MonkeyPatch) -> None:
    cut, now = Cutter(), time.monotonic()
    for scope, whole, kept_s in ((ALL, True, live.KEPT_S), ("7 1 officer 3 ", False, live.KEPT_OF_SCOPE_S)):
        monkeypatch.setattr(time, "monotonic", lambda: now)
        first = kept.tile(CASES, scope, whole, HERE, cut)
        monkeypatch.setattr(time, "monotonic", lambda kept_s=kept_s: now + kept_s - 0.01)
        assert kept.tile(CASES, scope, whole, HERE, cut) == first
        monkeypatch.setattr(time, "monotonic", lambda kept_s=kept_s: now + kept_s)
        assert kept.tile(CASES, scope, whole, HERE, cut) != first


def test_it_holds_no_more_than_it_may(kept: LiveTiles) -> None:
    small = LiveTiles(10_000)
    small.caught_up(time.monotonic() + 3600)
    for n in range(50):
        small.tile(CASES, ALL, True, Tile(14, n, n), lambda: bytes(1000))
    assert 0 < len(small._kept) <= 10
    small.tile(CASES, ALL, True, HERE, lambda: bytes(20_000))
    assert (CASES.id, HERE) not in small._kept
    assert not small._cuts


@given(st.floats(-180, 180), st.floats(-85, 85), st.integers(8, 18), st.floats(-0.03, 1.03), st.floats(-0.03, 1.03))
def test_every_tile_that_shows_a_point_is_touched_by_it(lon: float, lat: float, z: int, dx: float, dy: float) -> None:
    """A tile shows what lies within its edges and its buffer: 64 of its 4,096 units beyond."""
    at = tile_of(lon, lat, z)
    west, south, east, north = at.bounds()
    x, y = west + dx * (east - west), north - dy * (north - south)
    shows = -64 / 4096 <= dx <= 1 + 64 / 4096 and -64 / 4096 <= dy <= 1 + 64 / 4096
    if shows and -180 <= x <= 180:
        assert at in set(touched(CASES, x, y))


def test_a_point_touches_few_tiles() -> None:
    found = list(touched(CASES, LON, LAT))
    zooms = CASES.maxzoom - CASES.minzoom + 1
    assert zooms <= len(found) == len(set(found)) <= 2 * zooms
    assert {tile_of(LON, LAT, z) for z in range(CASES.minzoom, CASES.maxzoom + 1)} <= set(found)


def test_only_what_is_told_by_events_and_is_nobody_s_privacy_is_kept() -> None:
    assert [layer.id for layer in load_catalog() if may_be_kept(layer, {"work", "public"})] == ["cases"]
    assert not may_be_kept(CASES, {"work", "personal"})
    assert not may_be_kept(replace(CASES, tiling=replace(CASES.tiling, told_by_events=False)), {"work"})
