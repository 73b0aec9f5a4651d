"""What kinds of parts stand along which streets, how far apart, on which side, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisops.sample.city.streets import Floats, Streets
from gisops.sample.part_kind import Kind

# Stand for the street office, the community, one of three telecoms, the squad of the place where the part is.
STREET, COMMUNITY, TELECOM = "@street", "@community", "@telecom"
TELECOMS = ("TELECOM-A", "TELECOM-B", "TELECOM-C")


_KINDS = (
    Kind("P01-01", "上水井盖", "URBAN", "WATERWORKS", "WATERWORKS"),
    Kind("P01-02", "污水井盖", "URBAN", "DRAINAGE", "DRAINAGE"),
    Kind("P01-03", "雨水井盖", "URBAN", "DRAINAGE", "DRAINAGE"),
    Kind("P01-04", "雨水箅子", "URBAN", "DRAINAGE", "DRAINAGE"),
    Kind("P01-05", "电力井盖", "URBAN", "POWER", "POWER"),
    Kind("P01-06", "路灯井盖", "URBAN", "LIGHTING", "LIGHTING"),
    Kind("P01-07", "通信井盖", "URBAN", TELECOM, TELECOM),
    Kind("P01-11", "燃气井盖", "URBAN", "GAS", "GAS"),
    Kind("P01-13", "消防/交通信号井盖", "URBAN", "TRAFFIC", "TRAFFIC"),
    Kind("P01-14", "园林井盖", "PARKS", "PARKS", "PARKS"),
    # Nobody owns these: reports of them fall through to the zone.
    Kind("P01-23", "不明井盖", None, None, None),
    Kind("P01-24", "消火栓", "GOV", "WATERWORKS", "WATERWORKS"),
    Kind("P01-25", "供水器", "URBAN", "WATERWORKS", "WATERWORKS"),
    Kind("P01-27", "通讯交接箱", "GOV", TELECOM, TELECOM),
    Kind("P01-28", "电力设施", "GOV", "POWER", "POWER"),
    Kind("P01-30", "电力立杆", "GOV", "POWER", "POWER"),
    Kind("P01-31", "通信立杆", "GOV", TELECOM, TELECOM),
    Kind("P01-37", "路灯", "URBAN", "LIGHTING", "LIGHTING"),
    Kind("P01-39", "景观灯", "PARKS", "PARKS", "LIGHTING"),
    Kind("P01-41", "电话亭", "GOV", "TELECOM-A", "TELECOM-A"),
    Kind("P01-42", "邮筒", "GOV", "GOV", None),
    Kind("P01-44", "售货亭", "URBAN", STREET, None, "B"),
    Kind("P01-45", "自动售货机", "URBAN", None, None, "B"),
    Kind("P01-46", "户外健身设施", "GOV", COMMUNITY, COMMUNITY, "B"),
    Kind("P01-48", "变压器（箱）", "GOV", "POWER", "POWER"),
    Kind("P01-49", "燃气调压站（箱）", "URBAN", "GAS", "GAS"),
    Kind("P01-50", "监控电子眼", "GOV", "TRAFFIC", "TRAFFIC"),
    Kind("P01-54", "充电站（桩）", "GOV", "POWER", None, "B"),
    Kind("P02-01", "停车场", "TRAFFIC", "URBAN", "URBAN", "C"),
    Kind("P02-04", "公交站亭（牌）", "TRAFFIC", "GOV", "ROADS", "B"),
    Kind("P02-09", "跨河桥", "ROADS", "ROADS", "ROADS", "C"),
    Kind("P02-12", "路名牌", "GOV", "CIVIL", "CIVIL"),
    Kind("P02-17", "交通护栏", "TRAFFIC", "TRAFFIC", "ROADS", "B"),
    Kind("P02-20", "人行横道桩", "TRAFFIC", "TRAFFIC", "ROADS"),
    Kind("P02-21", "便道桩", "URBAN", "ROADS", "ROADS"),
    Kind("P02-25", "非机动车停放点", "TRAFFIC", STREET, None, "C"),
    Kind("P02-30", "水域标示牌", "RIVER", "RIVER", "RIVER", "B"),
    Kind("P03-01", "公共厕所", "URBAN", "SANITATION", "SANITATION", "B"),
    Kind("P03-05", "垃圾箱（果皮箱、桶）", "URBAN", "SANITATION", "SANITATION", "B"),
    Kind("P03-06", "户外广告", "URBAN", None, None, "B"),
    Kind("P03-08", "宣传栏", "GOV", STREET, STREET, "B"),
    Kind("P04-01", "古树名木", "PARKS", "PARKS", "PARKS"),
    Kind("P04-02", "行道树", "PARKS", "PARKS", "PARKS"),
    Kind("P04-05", "花钵花架", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P04-06", "雕塑", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P04-07", "街头座椅", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P04-08", "绿地护栏", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P04-10", "喷泉", "PARKS", "PARKS", "PARKS", "B"),
    Kind("P05-07", "水域护栏", "RIVER", "RIVER", "RIVER", "B"),
)
KINDS = {kind.category: kind for kind in _KINDS}

# What street furniture is called in a town's own data, and which part it is here. What is not here (signals,
# crossings) is no part in this list of parts.
FIXTURES = {
    "lamp": "P01-37", "tree": "P04-02", "bin": "P03-05", "hydrant": "P01-24", "bench": "P04-07", "bus_stop": "P02-04",
    "post_box": "P01-42", "telephone": "P01-41", "manhole": "P01-23", "toilet": "P03-01", "bollard": "P02-21",
    "charging_station": "P01-54", "cabinet": "P01-27", "pole": "P01-30", "kiosk": "P01-44", "fountain": "P04-10",
    "artwork": "P04-06", "drinking_water": "P01-25", "vending_machine": "P01-45", "camera": "P01-50",
    "advertising": "P03-06", "board": "P03-08", "transformer": "P01-48", "fitness_station": "P01-46",
}  # fmt: skip

# Where a main lies across the street: this part of its width to the left, and so much more (metres). Cables lie
# under the pavement.
LATERAL = {
    "storm": (0.16, 0.0), "sewage": (-0.16, 0.0), "water": (-0.36, 0.0), "gas": (0.36, 0.0), "power": (-0.5, 2.0),
    "telecom": (0.5, 2.0),
}  # fmt: skip
COVERS = {"storm": "P01-03", "sewage": "P01-02", "water": "P01-01", "gas": "P01-11", "power": "P01-05",
          "telecom": "P01-07"}  # fmt: skip


def lateral_m(medium: str, width: Floats) -> Floats:
    """How far to the left of the street's centre a main lies (negative: to the right), metres."""
    share, more = LATERAL[medium]
    found: Floats = width * share + np.sign(share) * more
    return found


def has_main(streets: Streets, medium: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which roads have a main of this medium under them: the built-up ones, and the great ones between them."""
    great = streets.is_a("trunk", "primary", "secondary", "tertiary")
    street = great | streets.is_a("tertiary", "residential")
    long = streets.length > 2
    needed = {"storm": 0.25, "sewage": 0.3, "water": 0.08, "gas": 0.45, "power": 0.35, "telecom": 0.25}[medium]
    found = long & ((street & (streets.urban > needed)) | (great & (streets.urban_near > needed / 3)))
    return np.asarray(found)


@dataclass(frozen=True)
class Rule:
    """Where a kind stands: spacing in metres by class (0: not there), side (+1 left, -1 right), distance from the kerb.

    ``first`` is the part of a spacing before the first; ``needs`` the least built-up it appears in.
    """

    category: str
    spacing: tuple[float, ...]  # trunk, primary, secondary, tertiary, residential, service, footway
    sides: tuple[int, ...]
    from_kerb_m: float
    first: float = 0.5
    needs: float = 0.0
    jitter_m: float = 0.0


_CLASSES = ("trunk", "primary", "secondary", "tertiary", "residential", "service", "footway")

RULES = (
    Rule("P01-37", (38, 34, 34, 36, 0, 0, 0), (1, -1), 0.7),
    Rule("P01-37", (0, 0, 0, 0, 38, 60, 0), (1,), 0.7, needs=0.15),
    Rule("P04-02", (10, 8, 8, 9, 12, 0, 0), (1, -1), 1.5, needs=0.12, jitter_m=0.25),
    Rule("P01-04", (30, 30, 30, 32, 40, 0, 0), (1, -1), -0.35, 0.3, 0.25),
    Rule("P03-05", (0, 70, 60, 70, 120, 0, 0), (1, -1), 1.1, 0.8, 0.3),
    Rule("P01-24", (0, 120, 120, 120, 140, 0, 0), (-1,), 1.0, 0.35, 0.3),
    Rule("P01-06", (0, 110, 110, 110, 150, 0, 0), (1,), 0.9, 0.2, 0.3),
    Rule("P01-27", (0, 260, 240, 240, 300, 0, 0), (-1,), 2.2, 0.62, 0.25),
    Rule("P01-31", (0, 0, 0, 0, 130, 0, 0), (1,), 1.8, 0.4),
    Rule("P01-30", (0, 0, 0, 70, 65, 60, 0), (-1,), 1.9, 0.45),
    Rule("P01-48", (0, 600, 500, 450, 420, 0, 0), (-1,), 2.8, 0.7, 0.2),
    Rule("P01-49", (0, 0, 0, 500, 450, 0, 0), (1,), 3.0, 0.55, 0.4),
    Rule("P02-04", (520, 430, 430, 520, 0, 0, 0), (1, -1), 2.0, 0.6, 0.15),
    Rule("P03-08", (0, 900, 800, 700, 600, 0, 0), (1,), 2.6, 0.45, 0.35),
    Rule("P03-06", (900, 700, 600, 0, 0, 0, 0), (-1,), 3.2, 0.25, 0.2),
    Rule("P01-42", (0, 1800, 1600, 1700, 0, 0, 0), (1,), 2.4, 0.5, 0.4),
    Rule("P01-41", (0, 0, 2400, 2400, 0, 0, 0), (-1,), 2.4, 0.5, 0.5),
    Rule("P01-44", (0, 0, 1500, 1400, 0, 0, 0), (1,), 2.9, 0.3, 0.5),
    Rule("P01-45", (0, 0, 1500, 1300, 0, 0, 0), (-1,), 2.9, 0.3, 0.6),
    Rule("P01-54", (0, 0, 900, 900, 700, 0, 0), (1,), 2.4, 0.75, 0.35),
    Rule("P04-05", (0, 120, 110, 0, 0, 0, 0), (1,), 2.0, 0.9, 0.7),
    Rule("P01-14", (0, 300, 260, 0, 0, 0, 160), (1,), 1.6, 0.5, 0.3),
    Rule("P04-07", (0, 260, 220, 200, 0, 0, 0), (-1,), 1.9, 0.15, 0.45),
    # Along paths.
    Rule("P04-07", (0, 0, 0, 0, 0, 0, 46), (1,), 0.8),
    Rule("P01-39", (0, 0, 0, 0, 0, 0, 40), (-1,), 0.6, 0.3),
    Rule("P03-05", (0, 0, 0, 0, 0, 0, 95), (-1,), 1.0, 0.7),
)
# Covers above the mains of every medium, metres apart.
COVER_SPACING = (45, 40, 40, 42, 46, 0, 0)


def spacing_of(streets: Streets, by_class: tuple[float, ...], needs: float) -> Floats:
    """Spacing on each road, metres; infinite where there is none."""
    found = np.full(len(streets.lines), np.inf)
    for name, metres in zip(_CLASSES, by_class, strict=True):
        if metres:
            found[streets.is_a(name)] = metres
    found[streets.urban < needs] = np.inf
    return found
