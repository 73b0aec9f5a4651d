"""The fabrics of the made-up city: how houses of each kind stand, as numbers."""

from __future__ import annotations

from typing import NamedTuple


class Fabric(NamedTuple):
    """How a kind of block is built.

    Houses stand in rows of units: ``unit_m`` long and ``depth_m`` deep; ``run`` units (from, to) make one house,
    then ``gap_m`` follow; ``row_m`` is from one row's back to the next one's front. ``fill`` is the share of houses
    that are there. ``shape`` is the footprint's form.
    """

    use: str
    unit_m: tuple[float, float]
    depth_m: tuple[float, float]
    run: tuple[int, int]
    gap_m: tuple[float, float]
    row_m: tuple[float, float]
    floors: tuple[int, int]
    floor_m: float
    fill: float
    setback_m: float
    shape: str = "box"


FABRICS: dict[str, Fabric] = {
    "old": Fabric("residential", (7, 9.5), (11, 15), (1, 3), (0.8, 4.0), (3, 8), (2, 4), 3.2, 0.9, 1.2, "court"),
    "slab": Fabric("residential", (12, 15), (11.5, 13.5), (3, 5), (9, 16), (19, 26), (6, 7), 2.9, 0.95, 5.0, "slab"),
    "tower": Fabric("residential", (40, 52), (19, 24), (1, 1), (14, 24), (22, 34), (18, 32), 2.95, 0.86, 8.0, "tower"),
    "mixed": Fabric("residential", (13, 17), (13, 16), (2, 4), (12, 22), (24, 34), (9, 18), 2.95, 0.9, 6.0, "slab"),
    "lowrise": Fabric("residential", (9, 12), (10, 13), (1, 4), (4, 10), (11, 18), (3, 5), 3.1, 0.85, 4.0, "box"),
    "urban_village": Fabric(
        "residential", (9, 11.5), (9.5, 12), (1, 2), (1.2, 3), (2.2, 5), (3, 7), 3.0, 0.92, 2.0, "box"
    ),
    "village": Fabric("residential", (12, 15.5), (9, 11.5), (1, 1), (2.5, 6), (3, 7), (1, 3), 3.2, 0.8, 2.0, "yard"),
    "centre": Fabric("office", (38, 52), (24, 34), (1, 1), (9, 18), (15, 26), (14, 33), 3.9, 0.93, 10.0, "tower"),
    "shed": Fabric("industrial", (24, 34), (24, 44), (1, 3), (9, 18), (12, 22), (1, 2), 6.0, 0.82, 7.0, "box"),
    "harbour": Fabric("industrial", (30, 40), (26, 36), (2, 4), (14, 26), (22, 34), (1, 2), 7.0, 0.62, 9.0, "box"),
    "school": Fabric("school", (13, 16), (11, 14), (3, 5), (12, 20), (24, 30), (3, 5), 3.7, 0.95, 8.0, "slab"),
    "campus": Fabric("school", (15, 19), (14, 18), (2, 5), (20, 34), (28, 46), (3, 8), 3.8, 0.8, 10.0, "court"),
    "hospital": Fabric("hospital", (16, 20), (18, 22), (2, 5), (14, 24), (20, 30), (4, 14), 4.0, 0.9, 9.0, "court"),
    "market": Fabric("market", (22, 30), (30, 42), (2, 3), (10, 14), (12, 18), (1, 3), 5.5, 0.95, 7.0, "box"),
}

# Rows along the street in front of what stands behind: use is shops where a street is busy.
FRONTS: dict[str, Fabric] = {
    "old": Fabric("residential", (5.5, 8.0), (11, 16), (1, 4), (0.0, 1.6), (0, 0), (2, 4), 3.3, 0.93, 0.8),
    "slab": Fabric("commercial", (9, 12), (11, 14), (2, 6), (6, 18), (0, 0), (2, 6), 3.6, 0.62, 4.0),
    "tower": Fabric("commercial", (11, 14), (13, 17), (3, 7), (8, 22), (0, 0), (2, 4), 4.2, 0.64, 6.0),
    "mixed": Fabric("commercial", (10, 14), (13, 17), (2, 6), (6, 18), (0, 0), (2, 8), 3.8, 0.64, 5.0),
    "lowrise": Fabric("commercial", (7, 10), (10, 13), (1, 4), (2, 9), (0, 0), (2, 4), 3.4, 0.68, 3.0),
    "urban_village": Fabric("commercial", (7, 10), (10, 13), (1, 3), (0.5, 3), (0, 0), (3, 7), 3.2, 0.88, 2.0),
    "centre": Fabric("commercial", (14, 18), (17, 24), (2, 5), (10, 20), (0, 0), (3, 8), 4.6, 0.8, 9.0),
}
