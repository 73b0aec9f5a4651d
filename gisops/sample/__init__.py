"""The sample city: a small hand-drawn district that does not exist, with everything dispatch has a rule for.

``load`` writes it into an empty database; ``data/sample/README.md`` says what is drawn. Nothing
here is imported by a request.
"""

from __future__ import annotations

from gisops.sample.loading import CityIsThere, Report, load

__all__ = ["CityIsThere", "Report", "load"]
