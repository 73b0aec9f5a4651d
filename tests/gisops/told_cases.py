"""Some thousand cases of the past in the drawn district, told by the functions that tell real ones.

Two heaps, a market's and an underpass's, a spread over everything, and a placeholder: one coordinate, inside the
district, that stands for "no place given".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import shapely

from gisops import city as cities
from gisops import connect
from gisops.cases import past
from gisops.cases.past import PastCase
from gisops.cases.reports import NewReport
from gisops.db.pool import connect as open_connection

# Shares of the whole: the placeholder outnumbers either heap, and lies where hardly anything is reported.
SHARES = {"market": 0.2, "underpass": 0.12, "placeholder": 0.24}
METRES = np.array([104_600.0, 110_700.0])  # of a degree, there


def tell(url: str, count: int, seed: int = 1) -> dict[str, tuple[float, float]]:
    """Tell so many cases of the sixty days past; returns the heaps' and the placeholder's lon and lat."""
    rng = np.random.default_rng(seed)
    with connect(url) as frames:
        ground = shapely.union_all(frames.grid_cells().geometry.to_numpy())
    west, south, east, north = ground.bounds
    wide = np.array([west, south]) + rng.uniform(0, 1, (40 * count, 2)) * [east - west, north - south]
    wide = wide[shapely.contains_xy(ground, wide)]
    # The two heaps and the placeholder, well apart and with room around.
    inner = wide[shapely.contains_xy(ground.buffer(-0.0015), wide)]
    apart = [inner[0]]
    for at in inner:
        if all(np.hypot(*((at - other) * METRES)) > 600 for other in apart):
            apart.append(at)
    market, underpass, placeholder = (tuple(np.round(at, 5).tolist()) for at in apart[:3])
    sizes = {name: int(share * count) for name, share in SHARES.items()}
    heaps = [
        np.array(at) + np.clip(rng.normal(0, 45, (sizes[name], 2)), -130, 130) / METRES
        for name, at in (("market", market), ("underpass", underpass))
    ]
    rest = wide[-(count - sum(sizes.values())) :]
    places = np.concatenate([*heaps, np.full((sizes["placeholder"], 2), placeholder), rest])
    categories = np.array(["E04-05", "E01-10"])[rng.integers(0, 2, count)]
    now = datetime.now(UTC).replace(microsecond=0)
    # Some sixty days, hardly anything at night.
    hours = np.clip(rng.normal(14, 4, count), 0, 23.9)
    moments = [
        now - timedelta(days=int(day), hours=float(hour))
        for day, hour in zip(rng.integers(1, 60, count), hours, strict=True)
    ]
    told = [
        PastCase(
            NewReport(
                UUID(bytes=rng.bytes(16), version=4), "citizen", category, lon, lat, "WGS84", 5.0, "样例 / sample"
            ),
            moment,
            past.closed(moment, moment + timedelta(hours=3)),
        )
        for (lon, lat), category, moment in zip(places.tolist(), categories.tolist(), moments, strict=True)
    ]
    with open_connection(url) as conn:
        city = cities.load(conn)
        for begin in range(0, count, past.BATCH):
            answers = past.tell(conn, city, told[begin : begin + past.BATCH])
            refused = [answer for answer in answers if isinstance(answer, Exception)]
            assert refused == [], repr(refused[0])
        conn.commit()
    return {"market": market, "underpass": underpass, "placeholder": placeholder}
