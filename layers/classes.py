"""The classes of layers and fields, and the roles that count as staff."""

PUBLIC = "public"
WORK = "work"
PERSONAL = "personal"
CLASSES = (PUBLIC, WORK, PERSONAL)

# The roles of accounts. A role that is not here sees what a passer-by sees.
STAFF_ROLES = frozenset({
    "admin", "acceptor", "shift_leader", "dispatcher", "supervisor", "handler", "officer", "inspector", "leader",
    "planner", "department", "coordinator",
})  # fmt: skip
