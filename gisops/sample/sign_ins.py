"""The sample's sign-ins: one plainly named account for each role, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeVar


class Worker(Protocol):
    """What a sign-in asks of one of the staff."""

    @property
    def staff_id(self) -> int:
        """Their key."""
        ...

    @property
    def code(self) -> str:
        """Their staff number."""
        ...

    @property
    def organisation(self) -> str:
        """Code of whom they work for."""
        ...

    @property
    def role(self) -> str:
        """What they do."""
        ...


W = TypeVar("W", bound=Worker)


class SignIn(NamedTuple):
    """A sample account: login, role, the person's key if it is one of the staff, code of its organisation."""

    login: str
    role: str
    staff_id: int | None
    organisation: str | None


def sign_ins(staff: Iterable[W], works: Callable[[W], bool], *, officers: str, waterworks: str) -> tuple[SignIn, ...]:
    """One account per role; of those it may belong to, somebody who is on duty has it, if anybody is.

    ``officers`` is how the codes of organisations begin that have officers, ``waterworks`` the department's code.
    """
    staff = tuple(staff)
    # Login, role, organisation (or the beginning of its code), roles its person may have (none: an account of nobody).
    accounts = (
        ("admin", "admin", None, ()),
        ("desk", "acceptor", "CENTRE", ("acceptor",)),
        ("shift_leader", "shift_leader", "CENTRE", ("shift_leader",)),
        ("dispatcher", "dispatcher", "CENTRE", ("dispatcher",)),
        ("supervisor", "supervisor", "CENTRE", ("supervisor",)),
        ("handler", "handler", "ROADS", ("handler",)),
        ("officer", "officer", officers, ("officer",)),
        ("inspector", "inspector", "URBAN", ("inspector",)),
        ("leader", "leader", "GOV", ("leader",)),
        ("planner", "planner", "URBAN", ()),
        ("department", "department", waterworks, ()),
    )
    found = []
    for login, role, prefix, roles in accounts:
        fitting = [p for p in staff if p.role in roles and p.organisation.startswith(prefix or "")]
        person = min(fitting, key=lambda p: (not works(p), p.code), default=None)
        if person:
            found.append(SignIn(login, role, person.staff_id, person.organisation))
        else:
            found.append(SignIn(login, role, None, prefix))
    return tuple(found)
