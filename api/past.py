"""The past of a sample city, told behind the open door: ``python -m api.past PARENT``, a process of the supervisor's.

It may be ended at any moment: what is told is committed batch by batch, and the next start goes on from there.
"""

from __future__ import annotations

import os
import sys

from api import logs
from api.console import out
from api.lifeline import die_with_parent
from gisops import cluster
from gisops.sample import loading
from gisops.settings import Settings


def main(parent: int) -> None:
    """Tell it with what the server leaves of one core."""
    die_with_parent(parent)
    os.nice(10)
    settings = Settings()
    logs.configure(settings, "past")
    if told := loading.tell(cluster.database_urls(settings).owner, processes=1):
        out.print(f"[green]✓[/] 一年的案件已齐 / the year's cases are all there: {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
