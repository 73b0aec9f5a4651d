"""Where our processes write what they did: to standard error, and to a file each that turns over by size.

Under systemd the journal keeps standard error; a terminal that was closed keeps nothing, so the files are there in
any case. A file has one writer: a rotating file with several loses lines.
"""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from gisops.settings import Settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MOST_BYTES, KEPT = 8 * 2**20, 4


def configure(settings: Settings, process: str) -> None:
    """Log to standard error and to ``GISOPS_HOME/logs/<process>.log``; without that folder, to standard error only."""
    logging.basicConfig(level=settings.log_level.upper(), format=FORMAT)
    folder = settings.home / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        file = RotatingFileHandler(folder / f"{process}.log", maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError as error:
        logging.getLogger(__name__).warning("no log file in %s: %s", folder, error.strerror)
        return
    file.setFormatter(logging.Formatter(FORMAT))
    logging.getLogger().addHandler(file)
