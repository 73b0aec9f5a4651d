"""``make bench [NAME=…]``: run the benchmarks and write ``bench/results.json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    cases_grow,
    exports,
    features,
    freshness,
    hotspots,
    indicators,
    intake,
    loading,
    scope,
    screens,
    tiles,
    tiles_hot,
    timers,
    transitions,
    twins,
    zones,
)
from bench.result import Result
from bench.town import town

BENCHES: dict[str, Callable[..., Iterator[Result]]] = {
    "zones": zones.run,
    "loading": loading.run,
    "intake": intake.run,
    "twins": twins.run,
    "hotspots": hotspots.run,
    "scope": scope.run,
    "indicators": indicators.run,
    "cases_grow": cases_grow.run,
    "tiles": tiles.run,
    "tiles_hot": tiles_hot.run,
    "features": features.run,
    "export": exports.run,
    "freshness": freshness.run,
    "timers": timers.run,
    "transitions": transitions.run,
    "screens": screens.run,
}
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    results: list[Result] = []
    with town() as place:
        for name in names or BENCHES:
            results += BENCHES[name](place)
    # Rows of what was not run now are kept; on a new machine there are none.
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    run = {result.name.partition(".")[0] for result in results}
    kept = [row for row in before if row["name"].partition(".")[0] not in run]
    rows = [*kept, *(result.as_dict() for result in results)]
    RESULTS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    _show(results)


def _show(results: list[Result]) -> None:
    table = Table(title=f"load average {os.getloadavg()[0]:.1f}; written to {RESULTS.name}", title_justify="left")
    for head in ("name", "ours", "other", "unit", "ratio", "goal", "met"):
        table.add_column(head)
    for r in results:
        met = "" if r.met is None else "yes" if r.met else "NO"
        table.add_row(r.name, f"{r.ours:,.4g}", f"{r.other:,.4g}", r.unit, f"{r.ratio:.2f}", r.goal, met)
    Console(width=150).print(table)
    for r in results:
        print(f"{r.name}: {r.sent}")


if __name__ == "__main__":
    main(sys.argv[1:])
