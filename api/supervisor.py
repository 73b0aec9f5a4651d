"""The supervisor: keeps the web processes, the worker and the private cluster alive, and stops them in order.

A flat tree: every process is a child of this one and dies with it; only PostgreSQL outlives a kill -9, so that it
can shut down or be adopted by the next start. The supervisor sleeps until a signal arrives, a child ends, the
postmaster ends (a pidfd tells) or a restart falls due.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from gisops import cluster as private_cluster
from gisops.cluster import Cluster
from gisops.errors import GisopsError, NotReady

log = logging.getLogger(__name__)

_STOP_S = 4.0  # what children get for an orderly end; PostgreSQL gets the rest of the ten seconds
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _SETTLED_S = 0.1, 10.0, 30.0


@dataclass
class Child:
    """One process to keep alive; ``due`` is the moment (monotonic) it should be started, ``None`` while it runs.

    One that ``ends`` is not started again once it came to it, which it says by ending with 0.
    """

    name: str
    command: Sequence[str]
    fds: tuple[int, ...] = ()
    ends: bool = False
    process: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    failures: int = 0
    due: float | None = 0.0


class Gate:
    """What children wait for once they have imported everything: the database to be there and up to date.

    Importing is most of a start, and it need not wait for PostgreSQL.
    """

    def __init__(self) -> None:
        self.fd, self._held = os.pipe()

    def open(self) -> None:
        """Let everybody pass who waits now or comes later."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def close(self) -> None:
        """Give the pipe back, when no child will be started any more."""
        self.open()
        os.close(self.fd)


def web_child(number: int, listening: socket.socket, gate: Gate) -> Child:
    """A web process on the socket all of them share."""
    fd = listening.fileno()
    command = [sys.executable, "-m", "api.web", str(fd), str(os.getpid()), str(gate.fd), str(number)]
    # The first one has the machine to itself while it imports: it answers sooner, and that is what is waited for.
    return Child(f"web {number}", command, (fd, gate.fd), due=time.monotonic() + (2.0 if number > 1 else 0.0))


def worker_child(gate: Gate) -> Child:
    """The worker: relay, timers, delivery."""
    return Child("worker", [sys.executable, "-m", "api.worker", str(os.getpid()), str(gate.fd)], (gate.fd,))


def past_child() -> Child:
    """Who tells what is left of a sample's past, and is done then."""
    return Child("past", [sys.executable, "-m", "api.past", str(os.getpid())], ends=True)


def listen(host: str, port: int, *, tries: int = 50) -> socket.socket:
    """Open the web socket; a taken port gives way to the next free one. Raises :class:`NotReady`."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise NotReady(f"{host} is not an address: {error.strerror}.", do="Set GISOPS_HOST, e.g. 127.0.0.1.") from error
    family, address = found[0][0], found[0][4][0]
    for candidate in range(port, min(port + tries, 65536)) if port else [0]:
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((address, candidate))
            opened.listen(2048)
            return opened
        except PermissionError as error:
            opened.close()
            raise NotReady(f"Port {candidate} is not for you.", do="Set GISOPS_PORT to 1024 or more.") from error
        except OSError as error:
            opened.close()
            if error.errno == 99:  # EADDRNOTAVAIL
                raise NotReady(f"This machine has no address {host}.", do="Set GISOPS_HOST, e.g. 127.0.0.1.") from error
    raise NotReady(f"Ports {port} to {port + tries - 1} are all taken.", do="Set GISOPS_PORT to a free port.")


def address(listening: socket.socket, *, tls: bool = False) -> str:
    """The address to type on this machine for an open web socket."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def begin(child: Child) -> None:
    """Start a child before :func:`keep` looks after it; whoever gives up in between calls :func:`end`."""
    _look_after(child)


def end(children: Sequence[Child]) -> None:
    """Stop children that run: asked first, made to after four seconds."""
    _stop(children, None)


def keep(children: Sequence[Child], cluster: Cluster | None, on_ready: Callable[[], object] | None = None) -> None:
    """Keep everything alive until SIGTERM or SIGINT, then stop it within ten seconds.

    ``cluster`` is the private cluster if this process owns it. ``on_ready`` runs in a thread of its own once the
    children were started.
    """
    with _woken_by_signals() as watch:
        try:
            _keep(watch, children, cluster, on_ready)
        finally:
            _stop(children, cluster)


@dataclass
class _Watch:
    """What the supervisor sleeps on: a pipe that signals and threads write to."""

    selector: selectors.BaseSelector
    pipe: socket.socket
    bell: socket.socket
    stopping: bool = False

    def ring(self) -> None:
        with suppress(BlockingIOError):
            self.bell.send(b"\0")

    def sleep(self, until: float | None) -> None:
        for key, _ in self.selector.select(None if until is None else max(0.0, until - time.monotonic())):
            if key.fileobj is self.pipe:
                with suppress(BlockingIOError):
                    self.pipe.recv(4096)


@contextmanager
def _woken_by_signals() -> Iterator[_Watch]:
    pipe, bell = socket.socketpair()
    pipe.setblocking(False)
    bell.setblocking(False)
    with selectors.DefaultSelector() as selector, closing(pipe), closing(bell):
        watch = _Watch(selector, pipe, bell)
        selector.register(pipe, selectors.EVENT_READ)

        def ask(*_: object) -> None:
            watch.stopping = True

        handlers = {signal.SIGTERM: ask, signal.SIGINT: ask, signal.SIGHUP: ask, signal.SIGCHLD: lambda *_: None}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wake_before = signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
        try:
            yield watch
        finally:
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)


def _keep(
    watch: _Watch, children: Sequence[Child], cluster: Cluster | None, on_ready: Callable[[], object] | None
) -> None:
    guard = _Postmaster(cluster, watch) if cluster is not None else None
    while not watch.stopping:
        if guard is not None:
            guard.look()
        for child in children:
            _look_after(child)
        if on_ready is not None:
            threading.Thread(target=on_ready, daemon=True).start()
            on_ready = None
        due = [child.due for child in children if child.due is not None]
        if guard is not None and guard.blind_until is not None:
            due.append(guard.blind_until)
        watch.sleep(min(due, default=None))


def _look_after(child: Child) -> None:
    """Reap a child that ended and start one that is due."""
    now = time.monotonic()
    if child.process is not None and child.process.poll() is not None:
        code, child.process = child.process.returncode, None
        if child.ends and code == 0:
            return
        child.failures = 0 if now - child.born > _SETTLED_S else child.failures + 1
        pause = min(_FIRST_PAUSE_S * 2 ** max(0, child.failures - 1), _LONGEST_PAUSE_S)
        child.due = now + pause
        log.warning("%s ended (%s); started again in %.1f s", child.name, code, pause)
    if child.process is None and child.due is not None and child.due <= now:
        # A group of its own: Ctrl-C at the terminal reaches the supervisor, which stops the others in order.
        child.process = subprocess.Popen(child.command, pass_fds=child.fds, stdin=subprocess.DEVNULL, process_group=0)
        child.born, child.due = now, None


class _Postmaster:
    """Watches PostgreSQL and has it started again, in a thread, so that signals are heard meanwhile."""

    def __init__(self, cluster: Cluster, watch: _Watch) -> None:
        self.cluster, self.watch = cluster, watch
        self.fd: int | None = None
        self.rescuing = False
        self.failures = 0
        self.blind_until: float | None = None

    def look(self) -> None:
        if self.rescuing:
            return
        if self.fd is not None:
            if not any(key.fd == self.fd for key, _ in self.watch.selector.select(0)):
                return
            self._forget()
        now = time.monotonic()
        if self.blind_until is not None and now < self.blind_until:
            return
        self.blind_until = None
        pid = self.cluster.postmaster()
        if pid is None:
            self.rescuing = True
            threading.Thread(target=self._start, daemon=True).start()
        else:
            self._see(pid)

    def _see(self, pid: int) -> None:
        try:
            self.fd = os.pidfd_open(pid)
        except (OSError, AttributeError):  # gone this moment, or a system without pidfd
            self.blind_until = time.monotonic() + 0.5
        else:
            self.watch.selector.register(self.fd, selectors.EVENT_READ)

    def _forget(self) -> None:
        if self.fd is not None:
            self.watch.selector.unregister(self.fd)
            os.close(self.fd)
            self.fd = None

    def _start(self) -> None:
        log.warning("PostgreSQL ended; starting it again")
        try:
            private_cluster.start(self.cluster)
            self.failures = 0
        except (GisopsError, OSError) as error:  # OSError: the disk, which may be better the next time
            self.failures += 1
            self.blind_until = time.monotonic() + min(2.0**self.failures, _LONGEST_PAUSE_S)
            log.error("%s", error)
        # Done before the bell, not when the thread has ended: the one who wakes must see it.
        self.rescuing = False
        self.watch.ring()


def _stop(children: Sequence[Child], cluster: Cluster | None) -> None:
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    give_up = time.monotonic() + _STOP_S
    for process in running:
        try:
            process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in children:
        child.process = None
    if cluster is not None and cluster.owned:
        private_cluster.stop(cluster, patience_s=3)
        private_cluster.release(cluster)
