"""The hand-drawn plan of the sample district: a place that does not exist, in metres east and north of its own corner.

Everything that has a shape of its own stands here as coordinates (docs: ``data/sample/README.md``); what repeats
(cells, buildings, parts) is drawn from it by the other modules. The corner lies at ``ORIGIN``. Names and codes
are made up: no such district, street or company exists.
"""

from __future__ import annotations

from typing import NamedTuple

Line = tuple[tuple[float, float], ...]

# A plausible spot on a northern shore, so that the map's projection, survey grid and datum shift are a real city's.
ORIGIN = (110.35, 20.03)
METRIC_SRID = 4546
# 4699 is a prefix that GB/T 2260 gives to nobody.
CITY_CODE = "469900"
DISTRICT_CODE = "469901"

# ---- the land, its rim walked clockwise from the south-west ----

WEST: Line = ((32, 30), (20, 300), (58, 620), (30, 900), (55, 1200), (40, 1448))
COAST: Line = (
    (40, 1448), (150, 1466), (300, 1436), (480, 1452), (700, 1488), (900, 1468), (1080, 1490), (1180, 1512),
    (1310, 1512), (1450, 1478), (1650, 1452), (1830, 1404), (1988, 1392),
)  # fmt: skip
EAST: Line = ((1988, 1392), (2003, 1100), (1962, 800), (1996, 400), (1980, 15))
SOUTH: Line = ((1980, 15), (1500, 48), (1100, 18), (700, 38), (350, 8), (32, 30))
# New land behind a sea wall: inside the city, not yet in any street, community, cell or zone.
RECLAIMED: Line = ((470, 1430), (560, 1570), (700, 1618), (905, 1612), (985, 1560), (1000, 1460), (700, 1440))

# ---- water: centre lines with their half widths at both ends ----

RIVER: Line = (
    (1090, -60), (1108, 120), (1040, 290), (992, 450), (1060, 610), (1150, 720), (1190, 860), (1135, 1000),
    (1108, 1130), (1180, 1280), (1240, 1400), (1246, 1560),
)  # fmt: skip
RIVER_HALF_WIDTH = (19.0, 38.0)
BRANCH: Line = ((1190, 846), (1300, 890), (1420, 932), (1560, 902), (1700, 936), (1850, 982), (2060, 962))
BRANCH_HALF_WIDTH = (11.0, 7.0)
POND: Line = ((1005, 1010), (1040, 990), (1068, 1012), (1062, 1060), (1030, 1082), (1002, 1058))

# ---- roads ----


class Street(NamedTuple):
    """A hand-drawn road: names, class, full width in metres, centre line."""

    code: str
    name_zh: str
    name_en: str
    road_class: str
    width_m: float
    line: Line


STREETS = (
    Street("R001", "样例大道", "Sample Avenue", "primary", 36, (
        (-60, 742), (200, 733), (430, 752), (660, 772), (900, 765), (1150, 752), (1400, 736), (1620, 730),
        (1850, 744), (2060, 762))),
    Street("R002", "样例海岸路", "Sample Coast Road", "secondary", 26, (
        (-60, 1330), (200, 1346), (430, 1328), (660, 1352), (900, 1358), (1100, 1374), (1230, 1384), (1400, 1364),
        (1620, 1336), (1850, 1288), (2060, 1276))),
    Street("R003", "样例学府路", "Sample College Road", "tertiary", 18, (
        (-60, 372), (200, 382), (430, 365), (700, 392), (880, 400), (1010, 390), (1250, 358), (1450, 350), (1620, 368),
        (1850, 392), (2060, 385))),
    Street("R004", "样例站前路", "Sample Station Road", "tertiary", 20, (
        (452, -60), (448, 150), (430, 365), (424, 560), (430, 752), (442, 950), (424, 1150), (430, 1328), (446, 1510))),
    Street("R005", "样例河滨路", "Sample Riverside Road", "secondary", 24, (
        (900, -60), (906, 150), (880, 400), (888, 600), (900, 765), (952, 900), (962, 1050), (932, 1200),
        (900, 1358), (906, 1520))),
    Street("R006", "样例东环路", "Sample East Ring Road", "secondary", 24, (
        (1598, -60), (1608, 150), (1620, 368), (1642, 560), (1620, 730), (1604, 900), (1640, 1100),
        (1620, 1336), (1598, 1520))),
)  # fmt: skip

LANES = (
    Street("R011", "样例一巷", "Sample Lane 1", "residential", 9, ((-40, 1064), (200, 1044), (330, 1052), (440, 1046))),
    Street("R012", "样例二巷", "Sample Lane 2", "residential", 9, ((206, 382), (222, 560), (210, 733))),
    Street("R013", "样例三巷", "Sample Lane 3", "residential", 9, ((-40, 568), (221, 560), (424, 564))),
    Street("R014", "样例四巷", "Sample Lane 4", "residential", 10, (
        (668, -40), (655, 200), (668, 388), (640, 580), (640, 770))),
    Street("R015", "样例五巷", "Sample Lane 5", "residential", 9, ((436, 1052), (550, 1064), (662, 1050))),
    Street("R016", "样例六巷", "Sample Lane 6", "residential", 9, ((662, 1076), (800, 1060), (962, 1066))),
    Street("R017", "样例七巷", "Sample Lane 7", "residential", 10, (
        (1346, -40), (1352, 180), (1334, 355), (1346, 560), (1330, 740), (1348, 905), (1328, 1150), (1338, 1372))),
    Street("R018", "样例八巷", "Sample Lane 8", "residential", 9, (
        (1035, 566), (1180, 552), (1344, 562), (1500, 550), (1642, 560))),
    Street("R019", "样例九巷", "Sample Lane 9", "residential", 9, (
        (1108, 1128), (1200, 1148), (1330, 1140), (1480, 1156), (1638, 1120))),
    Street("R020", "样例十巷", "Sample Lane 10", "residential", 9, ((1639, 1108), (1820, 1122), (2040, 1096))),
    Street("R021", "样例十一巷", "Sample Lane 11", "residential", 9, ((1642, 566), (1830, 552), (2040, 566))),
)  # fmt: skip

# A disused railway: a walking path now, the line between two communities. No zone reaches it on either side.
RAILWAY: Line = ((660, 772), (668, 900), (654, 1080), (664, 1230), (656, 1352), (660, 1530))
RAILWAY_GAP_M = 30.0

# ---- administrative division: communities are found by markers in the faces between their boundary lines ----


class Community(NamedTuple):
    """A community: street 3 digits, own 3 digits, names, points inside it, kind of building, whose it is at last."""

    street: str
    code: str
    name_zh: str
    name_en: str
    markers: Line
    fabric: str
    organisation: str | None


STREET_AREAS = (
    ("001", "样例海岸街道", "Sample Coast Street", "STREET-1"),
    ("002", "样例老城街道", "Sample Old Town Street", "STREET-2"),
    ("003", "样例河东街道", "Sample East Bank Street", "STREET-3"),
)
COMMUNITIES = (
    Community("001", "001", "样例渔港社区", "Sample Harbour Community", ((200, 1050),), "old", None),
    Community("001", "002", "样例铁西社区", "Sample Railway West Community", ((540, 1050),), "slab", "COMMUNITY-1"),
    Community("001", "003", "样例滨河社区", "Sample Riverside Community", ((820, 1050),), "tower", None),
    Community("002", "001", "样例城南社区", "Sample South Gate Community", ((120, 500),), "old", "COMMUNITY-2"),
    Community("002", "002", "样例学府社区", "Sample College Community", ((760, 300),), "slab", None),
    Community("003", "001", "样例新港社区", "Sample New Port Community", ((1450, 1220),), "tower", None),
    Community("003", "002", "样例东岸社区", "Sample East Bank Community", ((1450, 480),), "slab", None),
    Community("003", "003", "样例工坊社区", "Sample Works Community", ((1800, 1220), (1800, 480)), "shed", None),
)

# ---- places with an outline ----

SITES: dict[str, Line] = {
    "square": ((562, 664), (632, 662), (636, 746), (566, 738)),
    "market": ((470, 452), (556, 448), (560, 524), (474, 530)),
    "school": ((700, 452), (838, 458), (836, 566), (704, 560)),
    "construction": ((1392, 1196), (1532, 1188), (1540, 1292), (1400, 1300)),
    "depot": ((1704, 604), (1806, 598), (1812, 690), (1710, 694)),
    "pier": ((112, 1400), (196, 1404), (204, 1456), (150, 1462), (108, 1456)),
}
# Parks fill whole blocks between roads; a marker in each finds it.
PARK_MARKERS: dict[str, Line] = {
    "riverside_park": ((1040, 1180), (1040, 900)),
    "town_park": ((320, 470),),
    "seaside_green": ((560, 1410), (780, 1420)),
}

# ---- around it ----

NEIGHBOURS = (
    ("469902", "样例海域", "Sample Waters", "north"),
    ("469903", "样例东邻区", "Sample Eastern Neighbour", "east"),
    ("469904", "样例南邻区", "Sample Southern Neighbour", "south"),
    ("469905", "样例西邻区", "Sample Western Neighbour", "west"),
)
