"""The screens come packed as the browser takes them, and are what they were once it has unpacked them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.testclient import TestClient

from api.routers import screens

SCRIPT = b"console.log('how it is');\n" * 100
# What a browser says over HTTPS, what it says over HTTP, and what a program may say.
SAID = {
    "gzip, deflate, br, zstd": "br",
    "gzip, deflate": "gzip",
    "br;q=0, gzip;q=0.5": "gzip",
    "BR;q=1.0": "br",
    "": None,
    "identity": None,
    "br;q=0": None,
}


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(screens, "DIST", tmp_path)
    (tmp_path / "assets").mkdir()
    return tmp_path


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=10)
    app.include_router(screens.router)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize(("said", "coding"), SAID.items())
def test_the_smallest_form_that_is_taken_is_sent(dist: Path, client: TestClient, said: str, coding: str | None) -> None:
    script = dist / "assets" / "screen-abc.js"
    script.write_bytes(SCRIPT)
    forms = {"gzip": gzip.compress(SCRIPT), "br": b"as brotli packed it"}
    for name, content in (("gz", forms["gzip"]), ("br", forms["br"])):
        script.with_name(f"{script.name}.{name}").write_bytes(content)
    with client.stream("GET", "/assets/screen-abc.js", headers={"Accept-Encoding": said}) as answer:
        sent = b"".join(answer.iter_raw())
        assert answer.headers.get("content-encoding") == coding
        assert sent == (forms[coding] if coding else SCRIPT)
        assert answer.headers["content-length"] == str(len(sent))
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_what_is_not_packed_is_sent_as_it_is(dist: Path, client: TestClient) -> None:
    (dist / "assets" / "noto.woff2").write_bytes(b"a font is packed within" * 100)
    answer = client.get("/assets/noto.woff2", headers={"Accept-Encoding": "br, gzip"})
    assert answer.content == b"a font is packed within" * 100
    assert "content-encoding" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"


def test_pages_are_asked_for_anew_each_time_and_say_what_they_are(dist: Path, client: TestClient) -> None:
    for name in ("index.html", "officer.html", "officer.webmanifest", "officer_worker.js"):
        (dist / name).write_bytes(b"{}")
    for path, kind in (
        ("/", "text/html; charset=utf-8"),
        ("/officer", "text/html; charset=utf-8"),
        ("/officer.webmanifest", "application/manifest+json"),
        ("/officer_worker.js", "text/javascript; charset=utf-8"),
    ):
        answer = client.get(path)
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == (kind, "no-cache"), path


def test_every_text_of_the_build_is_packed_and_unpacks_to_itself() -> None:
    built = screens.DIST / "assets"
    if not built.is_dir():
        pytest.skip("the screens are not built (make screens)")
    scripts = [path for path in built.iterdir() if path.suffix in (".js", ".css") and path.stat().st_size >= 1024]
    assert scripts
    for path in scripts:
        packed, smaller = path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.br")
        assert gzip.decompress(packed.read_bytes()) == path.read_bytes()
        assert smaller.stat().st_size < packed.stat().st_size < path.stat().st_size
