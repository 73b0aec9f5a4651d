"""What axe-core finds wrong with a page for whoever cannot see it, or uses no mouse."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_AXE = Path(__file__).parents[2] / "api" / "screens" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = frozenset({"serious", "critical"})

# Which element, and what is to be done about it.
_RUN = """async () => (await window.axe.run(document, {resultTypes: ['violations']})).violations.map(
  ({id, impact, help, nodes}) => ({id, impact, help,
    nodes: nodes.map(({target, html, failureSummary}) => `${target}: ${html.slice(0, 200)} (${failureSummary})`)}))"""


@cache
def _source() -> str:
    return _AXE.read_text("utf-8")


def grave(page: Any) -> list[str]:
    """What is serious or critical on the page as it is now, in words; axe is given to it by the debugger, as the
    page's own policy lets no script in.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    found = page.evaluate(_RUN)
    return [
        f"{one['impact']} {one['id']}: {one['help']}\n  " + "\n  ".join(one["nodes"])
        for one in found
        if one["impact"] in GRAVE
    ]
