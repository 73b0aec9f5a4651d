"""The server speaks HTTPS itself: `gisops serve --tls`, as another machine in the network meets it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from fastapi.testclient import TestClient

from api import https
from api.app import create_app
from gisops import certificates
from gisops.access import lockout
from gisops.db.pool import connect
from gisops.settings import Settings
from tests.conftest import SAMPLE_PASSWORD
from tests.conftest import serve as serve_plainly
from tests.https_server import ROOT, Secure, environment, secure_server, serve, silent


@pytest.fixture(scope="module")
def server(sample_database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    with secure_server(sample_database, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def web(server: Secure) -> Iterator[httpx2.Client]:
    """Somebody who trusts the trial's root and nobody else."""
    trusting = ssl.create_default_context(cafile=str(server.root))
    with httpx2.Client(base_url=server.base_url, verify=trusting, timeout=20) as client:
        yield client


def test_who_trusts_the_root_is_served_at_every_name_and_nobody_else_is(server: Secure, web: httpx2.Client) -> None:
    assert web.get("/api/city").status_code == 200
    trusting = ssl.create_default_context(cafile=str(server.root))
    for name in ("localhost", "127.0.0.1", server.host):
        assert httpx2.get(f"https://{name}:{server.port}/readyz", verify=trusting, timeout=20).status_code == 200
    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx2.get(f"{server.base_url}/readyz", timeout=20)
    with (
        socket.create_connection((server.host, server.port), timeout=20) as plain,
        trusting.wrap_socket(plain, server_hostname=server.host) as safe,
    ):
        told = safe.getpeercert()
        assert safe.version() in ("TLSv1.2", "TLSv1.3")
    assert told is not None
    assert ("IP Address", server.host) in told["subjectAltName"]
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((server.host, server.port), timeout=20) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


def test_a_sign_in_is_a_cookie_that_goes_by_https_only_and_nobody_promises_https_for_ever(web: httpx2.Client) -> None:
    said = web.post("/api/session", json={"login": "desk", "password": SAMPLE_PASSWORD}, headers={"X-Gisops": "1"})
    assert said.status_code == 200, said.text
    cookie = said.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gisops_session=")
    assert "; Secure" in cookie
    assert web.get("/api/me").json()["login"] == "desk"
    assert "Strict-Transport-Security" not in said.headers


def test_what_happens_streams_through_it(web: httpx2.Client) -> None:
    with web.stream("GET", "/api/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert next(line for line in stream.iter_lines() if line)


def _in_the_open(server: Secure, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    door = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        door.request(method, path, body)
        answer = door.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read()
    finally:
        door.close()


def test_without_https_one_is_led_there_and_nothing_else_is_told(server: Secure, web: httpx2.Client) -> None:
    assert _in_the_open(server, "GET", "/officer?a=1")[:2] == (307, f"{server.base_url}/officer?a=1")
    status, location, said = _in_the_open(server, "POST", "/api/session", json.dumps({"login": "desk"}).encode())
    assert (status, location) == (400, "")
    assert b"https://" in said
    status, _, root = _in_the_open(server, "GET", "/gisops-root.crt")
    assert (status, root) == (200, server.root.read_bytes())
    again = web.get("/gisops-root.crt")
    assert (again.content, again.headers["content-type"]) == (root, "application/x-x509-ca-cert")
    assert b"PRIVATE" not in root


def test_more_than_a_bound_are_not_begun_at_once_and_the_last_to_come_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own door, with a bound that a test reaches: who has been silent for longest makes room."""
    monkeypatch.setattr(https, "_MOST_OPENING", 8)
    monkeypatch.setattr(https, "_PATIENCE_S", 60.0)
    held = certificates.ensure(tmp_path)
    most = 0

    class Counted(dict[asyncio.Task[None], None]):
        def __setitem__(self, task: asyncio.Task[None], value: None) -> None:
            nonlocal most
            super().__setitem__(task, value)
            most = max(most, len(self))

    async def story() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        speaks = SimpleNamespace(protocol=asyncio.Protocol)
        door = https._Door(speaks, listening, https.Context(held.certificate, held.key), held.root)  # type: ignore[arg-type]
        door._opening = Counted()
        where = listening.getsockname()
        quiet = [await asyncio.open_connection(*where) for _ in range(20)]
        # half of them in the middle of a handshake
        for _, writer in quiet[10:]:
            writer.write(b"\x16\x03\x01\x02\x00")
        asked, asking = await asyncio.open_connection(*where)
        asking.write(b"GET /officer HTTP/1.1\r\nHost: gis.local\r\n\r\n")
        assert b"https://gis.local/officer" in await asyncio.wait_for(asked.read(), 30)
        # the first are gone, the last are still waited for
        for reader, _ in quiet[:12]:
            assert await asyncio.wait_for(reader.read(), 30) == b""
        assert not quiet[-1][0].at_eof()
        assert most == 8
        for _, writer in [*quiet, (asked, asking)]:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        door.close()
        await door.wait_closed()
        listening.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (b"GET / HTTP/1.1\r\nHost: evil.example/x\r\n\r\n", b"Location: https://192.0.2.1:8000/\r\n"),
        (b"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", b"Location: https://192.0.2.1:8000/\r\n"),
        (b"GET / HTTP/1.1\r\nhost: gis.local:8000\r\n\r\n", b"Location: https://gis.local:8000/\r\n"),
        (b"GET http://elsewhere.example/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /a\nb HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"", b"HTTP/1.1 400 "),
        (b"\x00" * 9000, b"HTTP/1.1 400 "),
    ],
)
def test_a_hint_leads_nowhere_else(asked: bytes, answered: bytes) -> None:
    said = https.answer_in_the_open(asked, ("192.0.2.1", 8000), None)
    assert answered in said
    assert said.count(b"\r\n\r\n") == 1
    assert said.count(b"Location:") == (b" 307 " in said)


def test_who_says_nothing_or_nonsense_keeps_nobody_waiting(server: Secure, web: httpx2.Client) -> None:
    with ExitStack() as held:
        for _ in range(50):
            held.enter_context(silent(server))
        broken = held.enter_context(silent(server))
        broken.sendall(b"\x16\x03\x01\x00\x05hello")
        began = time.monotonic()
        assert web.get("/readyz").status_code == 200
        assert time.monotonic() - began < 5


def test_it_says_where_phones_reach_it_and_how_they_come_to_trust_it(server: Secure) -> None:
    give_up = time.monotonic() + 10
    while not any("serve-over-https.md" in line for line in server.said) and time.monotonic() < give_up:
        time.sleep(0.05)
    said = "".join(server.said)
    held = certificates.ensure(server.root.parent.parent)
    # The fingerprint first, then the certificate: over HTTPS, and in the open only if that does not open.
    by_https, plain = (f"{scheme}://{server.host}:{server.port}/gisops-root.crt" for scheme in ("https", "http"))
    order = (
        f"{server.base_url}/",
        "信任根证书",
        "not the same: do not install",
        held.root_fingerprint[:47],
        by_https,
        plain,
    )
    assert [said.find(told) for told in order] == sorted(said.index(told) for told in order)
    assert str(held.root) in said
    assert held.root_fingerprint.split() == said[said.index("SHA-256):") + 9 :].split()[:32]
    assert "GISOPS_HOST=0.0.0.0" not in said


def test_a_new_certificate_of_the_same_name_takes_over_and_half_of_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "_LOOK_S", -1.0)
    held, other = certificates.ensure(tmp_path / "one"), certificates.ensure(tmp_path / "two")
    context = https.Context(held.certificate, held.key)
    first = context.now()
    assert context.now() is first
    held.certificate.write_bytes(other.certificate.read_bytes())
    assert context.now() is first
    held.key.write_bytes(other.key.read_bytes())
    second = context.now()
    assert second is not first
    held.key.unlink()
    assert context.now() is second


def test_a_file_that_cannot_be_served_ends_the_start_with_a_sentence(sample_database, tmp_path: Path) -> None:
    told = environment(sample_database, tmp_path, tls_certificate="/nowhere.pem", tls_key="/nowhere.key")
    ended = subprocess.run(serve(), cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "/nowhere.pem cannot be read" in ended.stderr
    assert "GISOPS_TLS_CERTIFICATE" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_by_a_certificate_of_ones_own_https_is_promised_and_no_root_is_given_away(tmp_path: Path) -> None:
    held = certificates.ensure(tmp_path)
    for told, promised in (
        ({"tls_certificate": held.certificate, "tls_key": held.key}, True),
        ({"tls": True}, False),
        ({}, False),
    ):
        app = create_app(Settings(_env_file=None, home=tmp_path, **told))  # type: ignore[arg-type]
        app.state.settings = Settings(_env_file=None, home=tmp_path, **told)  # type: ignore[arg-type]
        asked = TestClient(app, base_url="https://testserver")
        assert ("Strict-Transport-Security" in asked.get("/docs").headers) == promised
        assert (asked.get("/gisops-root.crt").status_code == 200) == ("tls" in told)


NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def behind_nginx(sample_database, tmp_path: Path) -> Iterator[httpx2.Client]:
    """The server of the page, where that page says who asks; nginx by the page's own lines, on ports of its own."""
    if NGINX is None:
        pytest.skip("no nginx on this machine (Debian: apt-get install nginx-light)")
    lines = (ROOT / "docs" / "howto" / "serve-over-https.md").read_text("utf-8")
    settings = dict(re.findall(r"GISOPS_(TRUSTED_PROXIES|PUBLIC_URL)=([^`]+)", lines))
    snippet = lines.split("```nginx\n")[1].split("```")[0]
    held = certificates.ensure(tmp_path, ["gis.example"])
    with serve_plainly(sample_database, **{name.lower(): value for name, value in settings.items()}) as behind:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for of_the_page, here in (
            ("listen 443", f"listen 127.0.0.1:{port}"),
            ("/etc/ssl/gis.example.pem", str(held.certificate)),
            ("/etc/ssl/private/gis.example.key", str(held.key)),
            ("http://127.0.0.1:8000", behind.base_url),
        ):
            assert of_the_page in snippet
            snippet = snippet.replace(of_the_page, here)
        folders = "".join(
            f"{of}_temp_path {tmp_path}/{of};" for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf = tmp_path / "nginx.conf"
        conf.write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;{'user root;' * (os.getuid() == 0)}"
            f" events {{}} http {{ access_log off; {folders} {snippet} }}"
        )
        proxy = subprocess.Popen([NGINX, "-c", str(conf), "-e", str(tmp_path / "error.log")])
        trusting = ssl.create_default_context(cafile=str(held.root))
        try:
            with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=trusting, timeout=20) as client:
                give_up = time.monotonic() + 20
                while True:
                    try:
                        assert client.get("/readyz").status_code == 200
                        break
                    except httpx2.ConnectError:
                        assert time.monotonic() < give_up, (tmp_path / "error.log").read_text()
                        time.sleep(0.05)
                yield client
        finally:
            proxy.terminate()
            proxy.wait(10)


def test_behind_nginx_as_the_page_has_it(behind_nginx: httpx2.Client, sample_database) -> None:
    said = behind_nginx.post(
        "/api/session",
        json={"login": "desk", "password": SAMPLE_PASSWORD},
        headers={"X-Gisops": "1", "X-Forwarded-For": "203.0.113.77", "Origin": "https://gis.example"},
    )
    assert said.status_code == 200, said.text
    assert said.headers["Set-Cookie"].startswith("__Host-gisops_session=")
    assert "; Secure" in said.headers["Set-Cookie"]
    assert said.headers["Strict-Transport-Security"] == "max-age=31536000"
    # What he says of himself is not believed: the door is closed to who reached nginx.
    with connect(sample_database.app_url) as conn:
        for _ in range(lockout.FROM_ONE_ADDRESS):
            lockout.begin(conn, "nobody-at-all", "127.0.0.1")
    wrong = {"login": "nobody-at-all", "password": "not the password"}
    guess = behind_nginx.post("/api/session", json=wrong, headers={"X-Gisops": "1", "X-Forwarded-For": "203.0.113.77"})
    assert guess.status_code == 429
    # The stream's first word comes while it is open, and a photograph of nine megabytes is let through to be judged.
    with behind_nginx.stream("GET", "/api/live") as stream:
        began = time.monotonic()
        assert next(line for line in stream.iter_lines() if line)
        assert time.monotonic() - began < 10
    sent = behind_nginx.post("/api/photos", content=b"\xff\xd8" + bytes(9_000_000), headers={"X-Gisops": "1"})
    assert sent.headers["content-type"] == "application/problem+json"
