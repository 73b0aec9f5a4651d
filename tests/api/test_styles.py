"""The map's styles: what they draw is there, for whoever may see it; MapLibre's own validator takes them; one layer's
broken style does not take the others down.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers import icons, style
from layers.catalog import Catalog, load_catalog
from layers.classes import STAFF_ROLES
from layers.style import THEMES, BaseMap, alone, compose
from layers.viewer import viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

ALL = [layer.id for layer in load_catalog()]
OPEN = [layer.id for layer in load_catalog() if layer.field_class == "public"]
WHO = [None, "admin", "handler"]
SCREENS = Path(__file__).parents[2] / "api" / "screens"
SPEC = SCREENS / "node_modules/@maplibre/maplibre-gl-style-spec/dist/index.mjs"
# Validates a list of styles in one run of Node, and prints what is wrong with each.
VALIDATE = """
import {readFileSync} from "node:fs";
const {validateStyleMin} = await import(process.argv[1]);
const styles = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(styles.map((each) => validateStyleMin(each).map(({message}) => message))));
"""


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[TestClient]:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        for role in ("admin", "handler"):
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE role = %s LIMIT 1",
                (token_hash(f"token of {role}"), role),
            )
    with TestClient(create_app(database.settings())) as opened:
        yield opened


def as_(role: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer token of {role}"} if role else {}


def asked(value: Any) -> set[str]:
    """The attributes an expression gets from the tile."""
    if isinstance(value, dict):
        return set().union(*(asked(item) for item in value.values())) if value else set()
    if isinstance(value, list):
        if len(value) == 2 and value[0] in ("get", "has") and isinstance(value[1], str):
            return {value[1]}
        return set().union(*(asked(item) for item in value)) if value else set()
    return set()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(item)


def complaints(*styles: dict[str, Any]) -> list[list[str]]:
    """What MapLibre's validator has to say of each style."""
    node = shutil.which("node")
    if node is None or not SPEC.is_file():
        pytest.skip("node or MapLibre's style specification is not installed (npm ci in api/screens)")
    done = subprocess.run(
        [node, "--input-type=module", "-e", VALIDATE, SPEC.as_uri()],
        input=json.dumps(styles),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


# ---- the composed styles ----


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", WHO)
def test_a_style_draws_what_its_reader_may_see_and_asks_nobody_else(
    client: TestClient, theme: str, role: str | None
) -> None:
    drawn = client.get(f"/styles/{theme}.json", headers=as_(role)).json()
    viewer = viewer_of(role)
    seen = [layer for layer in load_catalog() if viewer.may_see(layer)]
    assert drawn["version"] == 8
    assert drawn["metadata"]["gisops:layers"] == [layer.id for layer in seen]
    assert "glyphs" not in drawn
    # Whole addresses, so that the style alone is enough; ours, so that it asks nobody else.
    assert {text[: text.index("/", 8)] for text in texts(drawn) if "://" in text} == {"http://testserver"}
    assert {piece["metadata"]["gisops:layer"] for piece in drawn["layers"][1:]} == {layer.id for layer in seen}
    ids = [piece["id"] for piece in drawn["layers"]]
    assert len(ids) == len(set(ids))
    assert ids[0] == "background"
    types = [piece["type"] for piece in drawn["layers"]]
    assert set(types[types.index("symbol") :]) == {"symbol"}
    described = {name: client.get(source["url"], headers=as_(role)).json() for name, source in drawn["sources"].items()}
    for piece in drawn["layers"][1:]:
        parts = {each["id"]: each["fields"] for each in described[piece["source"]]["vector_layers"]}
        assert piece["source-layer"] in parts, piece["id"]
        assert piece["source-layer"] in {(own := piece["metadata"]["gisops:layer"]), f"{own}_label"}
        assert asked(piece) <= set(parts[piece["source-layer"]]), piece["id"]
        if "text-field" in piece.get("layout", {}):
            assert piece["layout"]["text-font"] == [style.FONT]


def test_the_open_ground_is_one_source_and_the_rest_are_each_their_own(client: TestClient) -> None:
    anybody = client.get("/styles/day.json").json()["sources"]
    named = anybody["ground"]["url"].removeprefix("http://testserver/tiles/").removesuffix(".json").split(",")
    shown = [layer.id for layer in load_catalog() if layer.id in OPEN and layer.shown and not layer.live]
    assert named == shown
    assert {"roads", "rivers", "green_areas", "buildings"} <= set(named)
    assert set(anybody) == {"ground", *OPEN} - set(named)
    tiles = client.get(anybody["ground"]["url"]).json()
    # One name for the public content of all, for everybody's cache.
    assert re.search(r"\?v=[\w.-]+$", tiles["tiles"][0])
    assert anybody["ground"]["promoteId"]["roads"] == load_catalog()["roads"].key
    # How many live in a building is for staff: their tiles of it are their own, and never in one with everybody's.
    staff = client.get("/styles/day.json", headers=as_("admin")).json()["sources"]
    assert "buildings" not in staff["ground"]["url"]
    assert set(staff) >= {"ground", "buildings", "cases"}


def test_maplibres_own_validator_accepts_every_style_of_every_theme_and_role(client: TestClient) -> None:
    addresses = [(role, f"/styles/{theme}.json") for theme in THEMES for role in WHO]
    addresses += [("admin", f"/styles/layers/{layer}.json?theme={theme}") for layer in ALL for theme in THEMES]
    drawn = [client.get(address, headers=as_(role)).json() for role, address in addresses]
    spoiled = json.loads(json.dumps(drawn[0]))
    spoiled["layers"][1]["paint"]["fill-colour"] = "blue"
    *found, wrong = complaints(*drawn, spoiled)
    assert {address: each for (_, address), each in zip(addresses, found, strict=True) if each} == {}
    assert any("fill-colour" in message for message in wrong)


def test_a_style_is_asked_for_again_only_where_it_changed(client: TestClient) -> None:
    first = client.get("/styles/dark.json")
    again = client.get("/styles/dark.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/styles/dark.json", headers={**as_("admin"), "If-None-Match": first.headers["ETag"]}).content


def test_a_wall_is_written_larger_and_its_ground_is_calmer() -> None:
    dark, wall = (
        {piece["id"]: piece for piece in compose(viewer_of("admin"), theme)["layers"]} for theme in ("dark", "screen")
    )
    assert list(dark) == list(wall)

    def largest(piece: dict[str, Any], part: str, name: str) -> float:
        value = piece[part][name]
        return float(value if isinstance(value, int | float) else value[-1])

    assert largest(wall["admin_areas-district_name"], "layout", "text-size") == pytest.approx(
        1.3 * largest(dark["admin_areas-district_name"], "layout", "text-size")
    )
    assert largest(wall["sensors-badge"], "paint", "circle-radius") > largest(
        dark["sensors-badge"], "paint", "circle-radius"
    )
    assert wall["places-badge"]["paint"]["circle-radius"] == dark["places-badge"]["paint"]["circle-radius"]

    def light(colour: str) -> int:
        return sum(bytes.fromhex(colour[1:]))

    for name in ("rivers-water", "roads-path"):
        (key,) = (key for key in dark[name]["paint"] if key.endswith("-color"))
        assert light(wall[name]["paint"][key]) < light(dark[name]["paint"][key])


def test_an_unknown_style_names_those_there_are(client: TestClient) -> None:
    answer = client.get("/styles/neon.json")
    assert answer.status_code == 404
    assert answer.json()["styles"] == list(THEMES)


# ---- one layer alone ----


@pytest.mark.parametrize("layer_id", ALL)
def test_a_layer_s_own_style_is_a_whole_map_of_it(client: TestClient, layer_id: str) -> None:
    layer = load_catalog()[layer_id]
    address = f"/styles/layers/{layer_id}.json"
    if layer_id not in OPEN:
        assert client.get(address).status_code == 401
    drawn = client.get(address, params={"theme": "dark"}, headers=as_("admin")).json()
    assert list(drawn["sources"]) == [layer_id]
    assert client.get(drawn["sources"][layer_id]["url"], headers=as_("admin")).status_code == 200
    assert drawn["layers"][0]["type"] == "background"
    assert {piece["source"] for piece in drawn["layers"][1:]} == {layer_id}
    # Whoever asks for it wants to see it, whether or not a map that was just opened shows it.
    assert any(piece.get("layout", {}).get("visibility", "visible") == "visible" for piece in drawn["layers"][1:])
    assert drawn["zoom"] >= layer.minzoom


def test_a_layer_s_style_in_no_theme_we_know_names_the_parameter(client: TestClient) -> None:
    answer = client.get("/styles/layers/roads.json?theme=neon")
    assert answer.status_code in (400, 422)
    assert "theme" in answer.text


@pytest.mark.parametrize("address", ["/styles/day.json", "/styles/layers/roads.json", "/styles/sprite.png"])
def test_any_page_may_draw_by_our_styles(client: TestClient, address: str) -> None:
    headers = client.get(address, headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Access-Control-Allow-Credentials" not in headers


# ---- one layer's mistake ----


@pytest.mark.parametrize(
    "written",
    [
        "not JSON",
        "[]",
        '{"layers": []}',
        '{"colours": {"day": {}, "dark": {}}, "layers": [{"id": "x"}]}',
        '{"colours": {"day": {"a": "#fff"}, "dark": {}}, "layers": []}',
        '{"colours": {"day": {}, "dark": {}}, "layers": [{"id": "x", "type": "fill", "paint": {"fill-color": "$no"}}]}',
        '{"colours": {"day": {}, "dark": {}}, "layers": [7]}',
    ],
)
@pytest.mark.parametrize("theme", THEMES)
def test_a_style_that_cannot_be_read_takes_no_other_layer_down(written: str, theme: str) -> None:
    shipped = load_catalog()
    broken = Catalog(tuple(replace(layer, style=written) if layer.id == "roads" else layer for layer in shipped))
    drawn, whole = (compose(viewer_of("admin"), theme, catalog) for catalog in (broken, shipped))
    assert drawn["metadata"]["gisops:broken"] == ["roads"]
    assert "gisops:broken" not in whole["metadata"]

    def others(composed: dict[str, Any]) -> list[str]:
        return [piece["id"] for piece in composed["layers"] if not piece["id"].startswith("roads-")]

    assert others(drawn) == others(whole)
    assert not any(piece["id"].startswith("roads-") for piece in drawn["layers"])


# ---- a base map below ----


def test_our_ground_steps_aside_for_a_base_map() -> None:
    below = BaseMap(
        {"basemap": {"type": "raster", "tiles": ["http://testserver/basemap/{z}/{x}/{y}"], "tileSize": 256}},
        [{"id": "basemap", "type": "raster", "source": "basemap"}],
    )
    drawn = compose(viewer_of("admin"), "day", below=below)
    assert [piece["id"] for piece in drawn["layers"][:2]] == ["background", "basemap"]
    assert "basemap" in drawn["sources"]
    visible = {
        piece["metadata"]["gisops:layer"]
        for piece in drawn["layers"][2:]
        if piece.get("layout", {}).get("visibility", "visible") == "visible"
    }
    assert not visible & {"roads", "rivers", "green_areas", "buildings"}
    assert {"admin_areas", "cases"} <= visible
    assert not any(piece["metadata"]["gisops:level"] == "ground" for piece in drawn["layers"][2:])
    assert complaints(drawn) == [[]]


# ---- icons ----


def test_every_icon_a_style_names_is_drawn_and_every_drawing_is_used(client: TestClient) -> None:
    there = client.get("/styles/sprite.json").json()
    used: set[str] = set()
    for role in STAFF_ROLES:
        for piece in compose(viewer_of(role), "day")["layers"]:
            for text in texts(piece.get("layout", {}).get("icon-image", [])):
                used |= {text} & set(there)
            image = piece.get("layout", {}).get("icon-image")
            # The outcomes of a match: every second entry from the fourth on, and the last.
            outcomes = [image] if isinstance(image, str) else [*image[3::2], image[-1]] if image else []
            assert set(outcomes) <= set(there), piece["id"]
    assert used == set(there)


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_sprite_shows_each_drawing_where_it_says(client: TestClient, ratio: int) -> None:
    name = "sprite" if ratio == 1 else "sprite@2x"
    listed = client.get(f"/styles/{name}.json").json()
    answer = client.get(f"/styles/{name}.png")
    assert answer.headers["Content-Type"] == "image/png"
    alpha = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))[..., 3].astype(int)
    for icon, at in listed.items():
        assert at["pixelRatio"] == ratio
        assert at["sdf"] is True
        own = alpha[at["y"] : at["y"] + at["height"], at["x"] : at["x"] + at["width"]]
        assert own.shape == (at["height"], at["width"])
        # Three quarters is the drawing's edge: as many pixels are inside as it has room for, give or take half of those
        # that its edge runs through; and none of the next drawing's.
        area = icons.drawings()[icon].area
        assert abs((own >= 191).sum() / ratio**2 - area.area) < 0.5 * area.length / ratio, icon
        assert max(own[0].max(), own[-1].max(), own[:, 0].max(), own[:, -1].max()) < 191


def test_the_sprite_is_kept_for_good_under_the_name_styles_give_it(client: TestClient) -> None:
    address = client.get("/styles/day.json").json()["sprite"]
    path, _, query = address.partition("?")
    for ending in (".json", ".png", "@2x.json", "@2x.png"):
        kept = client.get(f"{path}{ending}?{query}")
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        plain = client.get(f"{path}{ending}")
        assert plain.headers["Cache-Control"] == "public, no-cache"
        again = client.get(f"{path}{ending}", headers={"If-None-Match": plain.headers["ETag"]})
        assert again.status_code == 304


# ---- fonts ----


def test_the_fonts_a_style_names_are_there_and_hold_the_city_s_names(client: TestClient) -> None:
    if not (SCREENS / "dist" / "fonts.json").is_file():
        pytest.skip("the screens are not built (make screens)")
    faces = client.get("/styles/day.json").json()["font-faces"][style.FONT]
    assert len(faces) > 50

    def holding(letter: str) -> list[str]:
        found = []
        for face in faces:
            for part in face["unicode-range"]:
                first, _, last = part.removeprefix("U+").partition("-")
                if int(first, 16) <= ord(letter) <= int(last or first, 16):
                    found.append(face["url"])
        return found

    for letter in "路网格河A9":
        address, *_ = holding(letter)
        answer = client.get(address, headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 200
        assert answer.content[:4] == b"wOF2"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_layer_alone_is_closed_to_whom_the_layer_is() -> None:
    closed = load_catalog()["poverty_relief"]
    with pytest.raises(Exception, match="sign in"):
        alone(viewer_of(None), "day", closed)
