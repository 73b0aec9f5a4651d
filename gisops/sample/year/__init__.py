"""A year of past cases for a sample city: hotspots, recurrence, the rhythm of days and weeks, rain, and lives.

It is laid over whatever city the database holds, drawn or real, and a pure function of that, a seed and a moment. Every
text is put together from plain phrases; nobody is named.
"""

from __future__ import annotations

from gisops.sample.year.plan import BATCH, Plan, cases
from gisops.sample.year.telling import Summary, tell_year

__all__ = ["BATCH", "Plan", "Summary", "cases", "tell_year"]
