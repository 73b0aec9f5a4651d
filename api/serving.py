"""uvicorn as every web process runs it: who watches is let go at once when the process is to end."""

from __future__ import annotations

import socket

import uvicorn


class Server(uvicorn.Server):
    """A server that ends its live streams before it waits for requests to end.

    A stream ends when its client goes, and a wall's never goes: uvicorn would wait for all of its grace, cancel them
    and write a traceback for each. Told to close, they end within a tenth of a second, and their clients come back to
    another process, or to this one's successor.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        # Not there where the application did not start.
        live = getattr(self.config.app.state, "live", None)  # type: ignore[union-attr]
        if live is not None:
            live.close()
        await super().shutdown(sockets)
