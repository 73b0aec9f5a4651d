"""The web socket where the server speaks HTTPS itself: TLS for whoever speaks it, and a hint for whoever does not.

An address that is typed on a phone begins with http:// by itself. So the first byte of a connection decides: a TLS
greeting is answered by TLS, anything else by a redirection to the same address with https, on the same port. Nothing
else is ever answered in the open but the root certificate of a trial, which is public, and which a phone that does not
trust it yet could not fetch otherwise without a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import time
from pathlib import Path

import uvicorn

from api import serving
from gisops import certificates
from gisops.errors import NotReady
from gisops.settings import Settings

log = logging.getLogger(__name__)

ROOT_PATH = "/gisops-root.crt"
ROOT_TYPE = "application/x-x509-ca-cert"
_TLS_GREETING = 0x16
# How long somebody may be silent before he says the first byte, and for what he asks in the open.
_PATIENCE_S = 10.0
_MOST_BYTES = 8192
# How many may be at that or at their handshake at once; one more takes the place of who has been longest.
_MOST_OPENING = 512
# How often the files are looked at: a new certificate is noticed without a start.
_LOOK_S = 30.0
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_SAID = (
    "这里使用 HTTPS，请在地址前写 https:// / This server speaks HTTPS: write https:// before the address.\n"
).encode()


class Context:
    """The TLS context of the certificate as it is now; a new file of the same name takes over for new connections."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._state()
        self._looked = time.monotonic()
        self._now = _context(certificate, key)

    def now(self) -> ssl.SSLContext:
        """The context for a connection that begins."""
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            state = self._state()
            if state != self._seen:
                try:
                    self._now, self._seen = _context(*self._files), state
                    log.info("a new certificate is served: %s", self._files[0])
                except (OSError, ssl.SSLError) as error:
                    # Half of the two files may be new: it is looked at again, and the one before serves meanwhile.
                    log.warning("%s cannot be served yet: %s", self._files[0], error)
        return self._now

    def _state(self) -> tuple[int, ...]:
        try:
            found = [file.stat() for file in self._files]
        except OSError:
            return ()
        return tuple(value for each in found for value in (each.st_ino, each.st_size, each.st_mtime_ns))


class Server(serving.Server):
    """uvicorn on a socket of ours, with TLS begun by us."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._context = Context(*certificates.files(settings))
        self._root = certificates.root_file(settings) if certificates.made_here(settings) else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then take connections on the sockets."""
        await super().startup(sockets=[])
        self.servers = [_Door(self, each, self._context, self._root) for each in sockets or []]  # type: ignore[misc]

    def protocol(self) -> asyncio.Protocol:
        """What speaks HTTP on a connection, as uvicorn makes it for itself."""
        made: asyncio.Protocol = self.config.http_protocol_class(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )  # type: ignore[call-arg]
        return made


class _Door:
    """Takes connections on one socket; to uvicorn it is one of its servers."""

    def __init__(self, server: Server, listening: socket.socket, context: Context, root: Path | None) -> None:
        self._server, self._listening, self._context, self._root = server, listening, context, root
        listening.setblocking(False)
        self._loop = asyncio.get_running_loop()
        # The oldest first.
        self._opening: dict[asyncio.Task[None], None] = {}
        self._taking = self._loop.create_task(self._take())

    def close(self) -> None:
        """Take no more connections; those that have begun go on."""
        self._taking.cancel()
        for each in tuple(self._opening):
            each.cancel()

    async def wait_closed(self) -> None:
        """Wait for what was being begun."""
        await asyncio.gather(self._taking, *self._opening, return_exceptions=True)

    async def _take(self) -> None:
        while True:
            try:
                taken, _ = await self._loop.sock_accept(self._listening)
            except OSError as error:
                # As asyncio does it: without a free descriptor nothing can be taken for a while.
                log.warning("a connection could not be taken: %s", error)
                await asyncio.sleep(1)
                continue
            # A handshake takes some hundredths of a second: who has been longest is mostly somebody who says nothing,
            # and if all had to wait for 512 of those, nobody would come in.
            while len(self._opening) >= _MOST_OPENING:
                oldest = next(iter(self._opening))
                oldest.cancel()
                await asyncio.wait([oldest])
            task = self._loop.create_task(self._open(taken))
            self._opening[task] = None
            task.add_done_callback(self._opening.pop)
            # Taking does not wait as long as there is somebody: who was taken begins now, whoever follows.
            await asyncio.sleep(0)

    async def _open(self, taken: socket.socket) -> None:
        handed_on = False
        try:
            taken.setblocking(False)
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first = await asyncio.wait_for(self._first_byte(taken), _PATIENCE_S)
            if first == _TLS_GREETING:
                handed_on = True
                await self._loop.connect_accepted_socket(
                    self._server.protocol, taken, ssl=self._context.now(), ssl_handshake_timeout=_PATIENCE_S
                )
            elif first is not None:
                await asyncio.wait_for(self._hint(taken), _PATIENCE_S)
        except (OSError, ssl.SSLError, TimeoutError) as error:
            # Mostly somebody who does not trust the certificate: the browser says so, and asks its user.
            log.debug("no connection came about: %s", error)
        finally:
            if not handed_on:
                taken.close()

    async def _first_byte(self, taken: socket.socket) -> int | None:
        """The first byte, which stays where it is: TLS wants it too. None where nothing comes any more."""
        while True:
            try:
                seen = taken.recv(1, socket.MSG_PEEK)
                return seen[0] if seen else None
            except BlockingIOError:
                await self._readable(taken)

    async def _readable(self, taken: socket.socket) -> None:
        come = asyncio.Event()
        self._loop.add_reader(taken.fileno(), come.set)
        try:
            await come.wait()
        finally:
            self._loop.remove_reader(taken.fileno())

    async def _hint(self, taken: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked and len(asked) < _MOST_BYTES:
            more = await self._loop.sock_recv(taken, _MOST_BYTES)
            if not more:
                break
            asked += more
        await self._loop.sock_sendall(taken, answer_in_the_open(asked, taken.getsockname(), self._root))
        with contextlib.suppress(OSError):
            taken.shutdown(socket.SHUT_WR)


def answer_in_the_open(asked: bytes, here: tuple[str, int], root: Path | None) -> bytes:
    """What is answered to a request without TLS: go to https; nothing that was sent is looked at any further.

    A redirection for the moment only (307): one for ever would outlive the trial in every browser that saw it.
    """
    head, _, _ = asked.partition(b"\r\n\r\n")
    line, *rest = head.split(b"\r\n")
    method, _, target = line.partition(b" ")
    target = target.rpartition(b" ")[0]
    if method in (b"GET", b"HEAD") and target == ROOT_PATH.encode() and root is not None:
        with contextlib.suppress(OSError):
            return _answer(b"200 OK", root.read_bytes(), ROOT_TYPE.encode(), bodyless=method == b"HEAD")
    if method not in (b"GET", b"HEAD") or not _TARGET.fullmatch(target):
        return _answer(b"400 Bad Request", _SAID)
    host = next(
        (value.strip() for name, _, value in (each.partition(b":") for each in rest) if name.lower() == b"host"), b""
    )
    if not _HOST.fullmatch(host):
        name = f"[{here[0]}]" if ":" in here[0] else here[0]
        host = f"{name}:{here[1]}".encode()
    return _answer(b"307 Temporary Redirect", _SAID, more=b"Location: https://" + host + target + b"\r\n")


def _answer(
    status: bytes,
    body: bytes,
    media_type: bytes = b"text/plain; charset=utf-8",
    *,
    more: bytes = b"",
    bodyless: bool = False,
) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n" % (status, media_type, len(body))
    rules = b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
    return head + rules + more + b"\r\n" + (b"" if bodyless else body)


def check(settings: Settings) -> None:
    """Try what the web processes will do, so that a start fails with a sentence and not in each of them."""
    certificate, key = certificates.files(settings)
    try:
        _context(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise NotReady(f"{certificate} cannot be served: {error}.", do="Set GISOPS_TLS_CERTIFICATE.") from error


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation and compression are how TLS 1.2 was broken; http/1.1 is all that is spoken here.
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(certificate, key)
    return made
