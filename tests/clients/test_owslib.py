"""OWSLib reads every layer, by the links it is given; and each answer is GeoJSON as RFC 7946 has it."""

from __future__ import annotations

import pytest
from geojson_pydantic import FeatureCollection
from owslib.ogcapi.features import Features
from owslib.util import Authentication

from layers.catalog import load_catalog
from tests.clients.conftest import ALL, OPEN, Served

# It closes no connection.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def client(served: Served, token: str | None) -> Features:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return Features(f"{served.base_url}/ogc", headers=headers, auth=Authentication())


def test_owslib_finds_its_way_from_the_landing_page(served: Served) -> None:
    api = client(served, None)
    assert api.links
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in api.conformance()["conformsTo"]
    assert set(api.feature_collections()) == set(OPEN)
    assert str(api.api()["openapi"]).startswith("3.0")
    assert set(client(served, served.token).feature_collections()) == set(ALL)


@pytest.mark.parametrize("layer", ALL)
def test_owslib_reads_a_layer_as_geojson(served: Served, layer: str) -> None:
    api = client(served, served.token)
    assert api.collection(layer)["id"] == layer
    page = api.collection_items(layer, limit=5)
    read = FeatureCollection.model_validate(page)
    assert len(read.features) == min(5, served.counts[layer]) == page["numberReturned"]
    for feature in read.features:
        assert feature.geometry is not None
        _rings_turn_as_rfc_7946_has_it(feature.geometry.model_dump())
    key = str(read.features[0].id)
    one = api.collection_item(layer, key)
    assert one["properties"] == page["features"][0]["properties"]
    assert one["properties"][load_catalog()[layer].key] == key


def test_owslib_asks_for_what_can_be_asked_and_asks_it(served: Served) -> None:
    api = client(served, None)
    assert {"state", "name_zh"} <= set(api.collection_queryables("fixtures")["properties"])
    by_words = api.collection_items("fixtures", limit=1000, filter="state = 'damaged' AND name_zh LIKE '样例井盖7%'")
    names = {feature["properties"]["name_zh"] for feature in by_words["features"]}
    assert {"样例井盖70", "样例井盖700", "样例井盖790"} <= names
    assert {feature["properties"]["state"] for feature in by_words["features"]} == {"damaged"}
    by_box = api.collection_items("fixtures", bbox=[110.31, 20.01, 110.33, 20.02], limit=1000)
    assert all(
        110.31 <= x <= 110.33 and 20.01 <= y <= 20.02
        for x, y in (feature["geometry"]["coordinates"] for feature in by_box["features"])
    )
    assert by_box["numberReturned"] > 10


def _rings_turn_as_rfc_7946_has_it(geometry: dict[str, object]) -> None:
    """Outer rings turn left, inner ones right (RFC 7946, 3.1.6)."""
    polygons: object = {"Polygon": [geometry.get("coordinates")], "MultiPolygon": geometry.get("coordinates")}.get(
        str(geometry["type"]), []
    )
    for polygon in polygons:  # type: ignore[attr-defined]
        for n, ring in enumerate(polygon):
            area = sum(x1 * y2 - x2 * y1 for (x1, y1, *_), (x2, y2, *_) in zip(ring, [*ring[1:], ring[0]], strict=True))
            assert (area > 0) == (n == 0)
