"""What surrounds every request: how large it may be, and headers that keep a browser from what we never ask of it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gisops.settings import Settings

# Everything comes from us, scripts are files, nobody frames us. MapLibre keeps its worker in a file of ours; pictures
# of the map may be data or blobs.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "worker-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# The API's page is Swagger UI, which writes styles into its elements; its scripts are files of ours all the same.
DOCS_POLICY = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def strict_transport(settings: Settings) -> Mapping[str, str]:
    """The promise that this host speaks HTTPS from now on, where it does by a certificate of the city's own.

    By one that was made here for a trial it is not given: a browser that believed it would not let its user pass any
    more, and keeps it when the trial is over. Behind a proxy the proxy gives it.
    """
    return {} if settings.tls_certificate is None else {"Strict-Transport-Security": "max-age=2592000"}


class SecurityHeaders:
    """Middleware that adds ``headers`` to every answer that does not set them itself, and keeps what the API answers
    out of caches unless its route says otherwise.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/")

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if private or message["status"] >= 400:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, completed)


class BodyLimit:
    """Middleware that reads no more of a body than its address takes; beyond that the answer is 413. ``by_path`` knows
    whole addresses, and last steps of any address as ``*/step``.

    Starlette's own does the same, but answers in plain text where the length was announced.
    """

    def __init__(self, app: ASGIApp, ordinary: int, by_path: Mapping[str, int]) -> None:
        self._app, self._ordinary, self._by_path = app, ordinary, by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that refuses what is too much."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = self._by_path.get(path) or self._by_path.get(f"*/{path.rpartition('/')[2]}", self._ordinary)
        length = Headers(scope=scope).get("content-length", "0")
        announced, taken = int(length) if length.isdigit() else 0, 0

        async def counted() -> Message:
            nonlocal taken
            # Raised inside the application, so that it becomes a problem like any other error; before anything is
            # read where the length was announced.
            if announced > limit:
                raise HTTPException(413)
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
