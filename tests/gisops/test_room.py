"""Room on the disk: what counts as low and full, and the ballast."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisops import room
from gisops.room import MIB, Room

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (100 * GIB, 6 * GIB, "ok"),
        (100 * GIB, 4 * GIB, "low"),
        (2000 * GIB, 50 * GIB, "ok"),  # a fortieth of a large disk is still much room
        (2000 * GIB, 9 * GIB, "low"),
        (1 * GIB, 80 * MIB, "full"),
        (100 * GIB, 95 * MIB, "full"),
    ],
)
def test_a_disk_is_low_at_a_twentieth_and_full_before_the_last_byte(total: int, free: int, state: str) -> None:
    assert Room(total, free).state == state


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert room.look(tmp_path / "not" / "yet").total == room.look(tmp_path).total


def test_the_ballast_is_really_allocated_and_given_back_once(tmp_path: Path) -> None:
    assert room.keep_ballast(tmp_path)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= room.BALLAST_BYTES
    assert room.keep_ballast(tmp_path)
    assert room.drop_ballast(tmp_path)
    assert not room.drop_ballast(tmp_path)
