"""One web process: the app on a socket that the supervisor opened. Started as ``python -m api.web FD PARENT``."""

from __future__ import annotations

import sys

from api.lifeline import die_with_parent
from gisops.settings import Settings

# How long open requests and live streams may go on once a stop was asked for.
GRACE_S = 3


def main(fd: int, parent: int) -> None:
    """Serve until told to stop."""
    die_with_parent(parent)
    import uvicorn

    from api.app import create_app

    settings = Settings()
    uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            fd=fd,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_level=settings.log_level.lower(),
            access_log=False,
            server_header=False,
            backlog=2048,
            timeout_graceful_shutdown=GRACE_S,
        )
    ).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
