"""What `make bench NAME=scope` measures is right: each viewer gets the cases of his cells, the other side all of them.

The same of what the windows find in other ways than by a small box: pages, counts, neighbours.
"""

from __future__ import annotations

from collections import Counter

from pyproj import Geod

from bench import scope
from bench.town import Town
from gisops.access import scopes
from gisops.cluster import Cluster
from gisops.db.pool import connect
from layers import counts, export, nearest
from layers.catalog import load_catalog
from layers.viewer import viewer_of
from tests.conftest import Database


def test_each_of_them_reads_the_cases_of_his_cells(cluster: Cluster, database: Database) -> None:
    place = Town(cluster, database.settings(), database.name)
    accounts = scope.load(place, 4_000, around=4)
    assert set(accounts) == {"sees-1", "sees-25", "sees-625", "sees-10000", "everywhere"}
    layer = load_catalog()["cases"]
    sights: Counter[str] = Counter()
    with connect(place.url()) as app, connect(database.owner_url) as owner:
        for login, account in accounts.items():
            viewer = viewer_of("dispatcher" if login == "everywhere" else "officer")
            mine = owner.execute(
                "SELECT case_no, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM cases AS c WHERE %s OR EXISTS"
                " (SELECT FROM account_units AS u WHERE u.account_id = %s AND u.unit_id = c.unit_id) ORDER BY case_no",
                [login == "everywhere", account],
            ).fetchall()
            with app.transaction():
                scopes.look_as(app, account)
                for spot in scope.SPOTS:
                    west, south, east, north = scope.box_around(spot)
                    inside = sum(west <= one["lon"] <= east and south <= one["lat"] <= north for one in mine)
                    seen = scope.read_box(app, layer, viewer, spot)
                    assert seen == inside, (login, spot)
                    assert scope.read_tile(app, layer, viewer, spot) > 0 or not seen
                    sights[login] += seen
                # Not by a small box: all of them in pages, in numbers, within 20 km.
                listed, after = [], None
                while True:
                    page = export.page(app, layer, viewer, "csv", after=after)
                    listed += [line.split(",")[0] for line in page.body.decode().splitlines()]
                    after = page.after
                    if after is None:
                        break
                assert listed == [one["case_no"] for one in mine], login
                assert counts.count(app, layer, viewer).count == len(mine)
                assert sum(n for *_, n in counts.heat(app, layer, viewer, bbox=None, zoom=15).squares) == len(mine)
                lon, lat = scope.WEST + 0.19, scope.SOUTH + 0.19
                near = nearest.nearest(app, [layer], viewer, lon, lat, within_m=20_000, limit=20)
                true = sorted(
                    (Geod(ellps="WGS84").inv(lon, lat, one["lon"], one["lat"])[2], one["case_no"]) for one in mine
                )
                assert [one.key for one in near] == [key for _, key in true[:20]], login
    assert 0 < sights["sees-1"] < sights["sees-25"] <= sights["sees-625"] == sights["everywhere"]
    told = {result.name: result for result in scope.measure(place, accounts, "4,000 cases", rounds=1, times=1_000)}
    assert len(told) == 11
    assert all(result.ours > 0 and result.other > 0 for result in told.values())
