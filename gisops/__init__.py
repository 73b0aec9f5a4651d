"""The ground: what a case, grid cell, part, zone and officer is, what may happen to it, and the SQL that changes it."""

__version__ = "0.1.0"
