"""The worker as a process of the supervisor's: ``python -m api.worker PARENT GATE_FD``."""

from __future__ import annotations

import os
import sys

from api import logs
from api.lifeline import die_with_parent
from gisops import worker
from gisops.settings import Settings


def main(parent: int, gate: int) -> None:
    """Wait for the gate (the supervisor closes its end of it), then work until told to stop."""
    die_with_parent(parent)
    settings = Settings()
    logs.configure(settings, "worker")
    os.read(gate, 1)
    os.close(gate)
    worker.run(settings)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
