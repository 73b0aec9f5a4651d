"""The made-up city drawn: shore, rivers, streets, blocks, houses and greens of one seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import shapely

from gisops.sample.made import blocks as block_faces
from gisops.sample.made import network, plan
from gisops.sample.made.buildings import draw_buildings, plots
from gisops.sample.made.greens import draw_greens, pitches
from gisops.sample.made.parks import dig, paths
from gisops.sample.made.quarters import quarters
from gisops.sample.made.streets import draw_streets
from gisops.sample.made.waters import Scale, draw_waters
from gisops.sample.town import Buildings, Fixtures, Greens, Profile, Roads, Spots, Town, Waters


class Size(NamedTuple):
    """How a drawing's size is made.

    ``stretch`` is how far the plan is stretched, ``water`` how much wider its rivers are, ``spread`` how far the town
    reaches against its plan, ``villages`` how many are tried in a square kilometre of fields, ``crowded`` how much
    more of the town is low and dense.
    """

    stretch: float
    water: float
    spread: float
    villages: float
    crowded: float


SIZES = {"city": Size(1.0, 1.0, 0.88, 2.5, 0.0), "full": Size(2.18, 1.5, 1.06, 5.5, 0.5)}

PROFILE = Profile(
    # 4699 is a prefix that GB/T 2260 gives to nobody.
    city_code="469900",
    city_zh="样例市",
    city_en="Sample City",
    district_code="469901",
    district_zh="样例区",
    district_en="Sample District",
    metric_srid=plan.METRIC_SRID,
    timezone="Asia/Shanghai",
    made_up=True,
    note_zh="本市由程序绘制,世上并无此城;地名、人名、单位名均为样例。",
    note_en="Drawn by a program: no such city exists; names of places, people and bodies are samples.",
)


def draw(seed: int, size: Literal["city", "full"] = "city") -> Town:
    """Draw the made-up city: the same seed and size give the same arrays, vertex by vertex.

    ``city`` is about 120 km² with 30,000 houses, ``full`` about 570 km² with 300,000. Shapes are in metres of
    EPSG:4546, on a raster of a centimetre.
    """
    town = draw_at(seed, SIZES[size])
    return replace(town, facts={**town.facts, "size": size})


def draw_at(seed: int, size: Size) -> Town:
    """Draw the plan at a size of one's own."""
    # Each part has its own chance: one more house does not bend the river.
    chance = [np.random.default_rng([seed, part]) for part in range(8)]
    scale = Scale(size.stretch, size.water)
    wet = draw_waters(scale, chance[0])
    fields = quarters(scale, size.spread, size.villages, size.crowded, chance[1])
    drawn = draw_streets(wet, fields, chance[2])
    pieces, parent = network.node(drawn, wet)
    roads = network.roads(drawn, pieces, parent, wet, fields, chance[3])
    shapes = block_faces.faces(network.walls(drawn, pieces, parent))
    blocks, waters = dig(block_faces.use(shapes, drawn, wet, fields, chance[4]), wet.waters, chance[7])
    waters = block_faces.bodies(blocks, waters)
    roads = paths(blocks, roads, chance[7])
    outline = shapely.coverage_union_all(blocks.shapes)
    land = shapely.coverage_union_all(blocks.shapes[blocks.fabric != "water"])
    sport = pitches(blocks)
    ground = plots(blocks, roads, sport)
    houses = draw_buildings(blocks, ground, roads, fields, chance[5])
    greens = draw_greens(blocks, sport, roads, wet, fields, chance[6])

    def there(geometry: Any) -> Any:
        return shapely.transform(geometry, lambda xy: np.round(xy + plan.ORIGIN_M, 2))

    return Town(
        profile=PROFILE,
        outline=there(outline),
        land=there(land),
        roads=Roads(there(roads.geom), roads.road_class, roads.name_zh, roads.name_en, roads.oneway, roads.width_m),
        waters=Waters(there(waters.geom), waters.water_class, waters.name_zh, waters.name_en),
        greens=Greens(there(greens.geom), greens.green_class, greens.name_zh),
        buildings=Buildings(
            there(houses.geom), houses.use, houses.name_zh, houses.floors, houses.height_m, houses.households
        ),
        spots=Spots(*(np.empty(0, dtype=object) for _ in range(4))),
        fixtures=Fixtures(*(np.empty(0, dtype=object) for _ in range(2))),
        blocks=there(blocks.shapes),
        urban=blocks.urban,
        facts={"drawn_by": "gisops.sample.made", "seed": seed},
    )
