"""Sample cities: a drawn one, a real one from OpenStreetMap, and a small district with everything dispatch knows.

``load`` writes one into an empty database; ``data/sample/README.md`` says what is drawn. Nothing here is imported by a
request.
"""

from __future__ import annotations

from gisops.sample.loading import CityIsThere, Report, load

__all__ = ["CityIsThere", "Report", "load"]
