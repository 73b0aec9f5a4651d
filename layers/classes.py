"""The classes of layers and fields, and the roles that count as staff."""

from gisops.access.roles import ROLES

PUBLIC = "public"
WORK = "work"
PERSONAL = "personal"
CLASSES = (PUBLIC, WORK, PERSONAL)

# A role that is not here sees what a passer-by sees.
STAFF_ROLES = frozenset(ROLES)
