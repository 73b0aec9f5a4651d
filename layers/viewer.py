"""Who is looking, and which classes of layers and fields they may see. Denied unless said otherwise.

A layer and each of its fields has a class: ``public`` (anybody), ``work`` (any signed-in member of staff) or
``personal`` (only the roles that the layer's own ``personal_roles`` lists: poverty relief is not everybody's
business because they work here).
"""

from __future__ import annotations

from dataclasses import dataclass

from gisops.errors import NotAllowed, NotSignedIn
from layers.classes import PERSONAL, PUBLIC, STAFF_ROLES, WORK
from layers.layer import Field, Layer


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks: ``role`` is None without a sign-in; ``classes`` are those open to them in every layer."""

    role: str | None
    classes: frozenset[str]

    def classes_in(self, layer: Layer) -> frozenset[str]:
        """Return the classes this viewer may see in one layer: ``classes``, and personal where the layer lists the
        role.
        """
        if self.role in STAFF_ROLES and self.role in layer.personal_roles:
            return self.classes | {PERSONAL}
        return self.classes

    def may_see(self, layer: Layer) -> bool:
        """Tell whether the layer as such is open to this viewer."""
        return layer.field_class in self.classes_in(layer)

    def fields_of(self, layer: Layer) -> tuple[Field, ...]:
        """Return the fields this viewer may see, in the layer's order. The others do not exist for them.

        Raises ``NotSignedIn`` (nobody is signed in and the layer is not public) or ``NotAllowed``.
        """
        self.require(layer)
        allowed = self.classes_in(layer)
        return tuple(field for field in layer.fields if field.field_class in allowed)

    def sees_public_only(self, layer: Layer) -> bool:
        """Tell whether this viewer sees no more of a layer than anybody does: read from the view's public columns, and
        the same for all who see no more. Everything else is read through the layer's windows.
        """
        return self.may_see(layer) and self.fields_of(layer) == layer.public_fields

    def require(self, layer: Layer) -> None:
        """Raise ``NotSignedIn`` or ``NotAllowed`` unless the layer is open to this viewer."""
        if self.may_see(layer):
            return
        if self.role is None:
            raise NotSignedIn(f"The layer {layer.id} is not public; sign in first.", layer=layer.id)
        raise NotAllowed(f"The layer {layer.id} is not open to the role {self.role}.", layer=layer.id, role=self.role)

    def require_class(self, layer: Layer, name: str) -> None:
        """Raise ``NotSignedIn`` or ``NotAllowed`` unless a class of this layer's fields is open to this viewer."""
        if name in self.classes_in(layer):
            return
        if self.role is None:
            raise NotSignedIn(f"What is {name} in the layer {layer.id} needs a sign-in.", layer=layer.id)
        raise NotAllowed(
            f"What is {name} in the layer {layer.id} is not open to the role {self.role}.",
            layer=layer.id,
            role=self.role,
        )


ANYBODY = Viewer(None, frozenset({PUBLIC}))


def viewer_of(role: str | None) -> Viewer:
    """Return the viewer for an account's role, or for nobody signed in (None)."""
    if role is None:
        return ANYBODY
    return Viewer(role, frozenset({PUBLIC, WORK}) if role in STAFF_ROLES else frozenset({PUBLIC}))
