"""One web process: the app on a socket the supervisor opened. ``python -m api.web SOCKET_FD PARENT GATE_FD NUMBER``."""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
from importlib import import_module

from api import logs
from api.lifeline import die_with_parent
from gisops.settings import Settings

# How long open requests and live streams may go on once a stop was asked for.
GRACE_S = 3
# How long after the start what the first question for a layer needs is imported: readiness is not to wait for it.
WARM_AFTER_S = 1.0


def main(fd: int, parent: int, gate: int, number: int) -> None:
    """Import what is needed, wait for the gate (the supervisor closes its end of it), serve until told to stop."""
    die_with_parent(parent)
    # Thousands of modules' objects live for ever: looking through them for garbage costs a tenth of the start, and
    # frozen they are not looked through again.
    gc.disable()
    import uvicorn

    from api import https, serving
    from api.app import create_app
    from gisops import certificates

    settings = Settings()
    logs.configure(settings, f"web-{number}")
    app = create_app(settings)
    gc.freeze()
    gc.enable()
    os.read(gate, 1)
    os.close(gate)
    # The event loop and the threads of requests pass the interpreter's lock to and fro; at the usual 5 ms each pass may
    # cost as much as a whole report.
    sys.setswitchinterval(0.0005)
    warming = threading.Timer(WARM_AFTER_S, _warm)
    warming.daemon = True
    warming.start()
    # As a socket, which knows that it is TCP. By its number alone uvicorn takes it for a Unix socket, nobody switches
    # Nagle's algorithm off, and every answer waits 40 ms for an acknowledgement.
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        # The supervisor says where the server is; uvicorn's own greetings, once per process, would bury that.
        log_level="debug" if settings.log_level.upper() == "DEBUG" else "warning",
        access_log=False,
        server_header=False,
        backlog=2048,
        # X-Forwarded-For is not believed, not even from this machine: limits go by the address that really calls.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = https.Server(config, settings) if certificates.asked_for(settings) else serving.Server(config)
    server.run([socket.socket(fileno=fd)])


def _warm() -> None:
    """Import what the first question for a layer would wait for (see layers.features)."""
    import_module("layers.statements")
    gc.freeze()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
