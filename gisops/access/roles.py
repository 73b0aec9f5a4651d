"""The roles of accounts: what somebody does, and for whom it takes the whole city."""

from __future__ import annotations

ROLES = (
    "admin",
    "acceptor",
    "shift_leader",
    "dispatcher",
    "supervisor",
    "handler",
    "officer",
    "inspector",
    "leader",
    "planner",
    "department",
    "coordinator",
)

# Whose work is about the city as a whole may be given all of it. The others are given units of it, or only what is
# their own: handlers and departments get cases, officers and supervisors (监督员) walk an area.
EVERYWHERE_ROLES = frozenset(
    {"admin", "acceptor", "shift_leader", "dispatcher", "inspector", "leader", "planner", "coordinator"}
)
