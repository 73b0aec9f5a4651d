"""Who sees what: denied unless said otherwise."""

from __future__ import annotations

import pytest

from gisops.errors import NotAllowed, NotSignedIn
from layers.catalog import load_catalog
from layers.classes import STAFF_ROLES
from layers.viewer import viewer_of


def test_nobody_signed_in_sees_public_layers_only() -> None:
    seen = {layer.id for layer in load_catalog() if viewer_of(None).may_see(layer)}
    assert seen == {
        "admin_areas", "green_areas", "rivers", "roads", "buildings", "grid_cells", "zones", "fixtures", "places",
        "flood_control", "party_building", "sensors",
    }  # fmt: skip


@pytest.mark.parametrize(
    "layer_id", ["cases", "poverty_relief", "officers", "pipes", "cameras", "camera_views", "vehicles"]
)
def test_what_is_not_public_asks_for_a_sign_in(layer_id: str) -> None:
    with pytest.raises(NotSignedIn):
        viewer_of(None).fields_of(load_catalog()[layer_id])


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
def test_a_role_sees_a_personal_layer_only_where_the_layer_lists_it(role: str) -> None:
    viewer = viewer_of(role)
    assert viewer.may_see(load_catalog()["cases"])
    for layer in load_catalog():
        personal = {field.name for field in layer.fields if field.field_class == "personal"}
        if layer.field_class == "personal" and role not in layer.personal_roles:
            with pytest.raises(NotAllowed):
                viewer.fields_of(layer)
            continue
        told = {field.name for field in viewer.fields_of(layer)}
        assert bool(told & personal) == bool(personal and role in layer.personal_roles)


def test_an_unknown_role_is_a_passer_by_who_signed_in() -> None:
    viewer = viewer_of("intruder")
    assert {field.name for field in viewer.fields_of(load_catalog()["places"])}.isdisjoint(
        {"responsible_person", "phone"}
    )
    with pytest.raises(NotAllowed):
        viewer.require(load_catalog()["cases"])


def test_poverty_relief_is_not_for_everybody_who_works_here() -> None:
    allowed = {role for role in STAFF_ROLES if viewer_of(role).may_see(load_catalog()["poverty_relief"])}
    assert allowed == {"admin", "leader", "inspector"}
