"""A phone in the network opens the trial's address: warned until it trusts the root, then with position and offline.

Chromium gets the root the way a user of Debian gives it one, in NSS's database of certificates of his home folder.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.browser.conftest import ARGUMENTS, sync_api, wait_for_worker
from tests.https_server import Secure, secure_server

pytestmark = pytest.mark.browser

HERE = {"latitude": 20.0301, "longitude": 110.3501, "accuracy": 8}
POSITION = """() => new Promise(told => navigator.geolocation.getCurrentPosition(
  at => told([at.coords.latitude, at.coords.longitude]), refused => told(refused.message)))"""


@pytest.fixture(scope="module")
def server(sample_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    with secure_server(sample_database, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def phone(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a page of a browser of its own, whose user trusts the root that is given, or nothing."""
    opened: list[Any] = []

    def make(root: Path | None, **options: Any) -> Any:
        home = tmp_path / f"user-{len(opened)}"
        home.mkdir()
        if root is not None:
            trust(root, home / ".pki" / "nssdb")
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        launched = browser.browser_type.launch(
            executable_path=chromium, args=ARGUMENTS, env={**os.environ, "HOME": str(home)}
        )
        opened.append(launched)
        context = launched.new_context(
            viewport={"width": 390, "height": 700}, geolocation=HERE, permissions=["geolocation"], **options
        )
        return context.new_page()

    yield make
    for each in opened:
        each.close()


class _Trust(ctypes.Structure):
    _fields_ = (("web", ctypes.c_uint), ("mail", ctypes.c_uint), ("code", ctypes.c_uint))


@contextmanager
def _nss(folder: Path) -> Iterator[tuple[Any, Any]]:
    try:
        nss, smime = ctypes.CDLL("libnss3.so"), ctypes.CDLL("libsmime3.so")
    except OSError:
        pytest.skip("Chromium's library for certificates is not where it is looked for")
    for made in (nss.PK11_GetInternalKeySlot, nss.CERT_GetDefaultCertDB, smime.CERT_DecodeCertFromPackage):
        made.restype = ctypes.c_void_p
    assert nss.NSS_Initialize(f"sql:{folder}".encode(), b"", b"", b"secmod.db", 0) == 0
    try:
        yield nss, smime
    finally:
        nss.NSS_Shutdown()


def trust(root: Path, folder: Path) -> None:
    """What `certutil -A -t C,,` does, by the library that Chromium itself reads it with."""
    folder.mkdir(parents=True)
    der = x509.load_pem_x509_certificate(root.read_bytes()).public_bytes(Encoding.DER)
    with _nss(folder) as (nss, smime):
        slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
        nss.PK11_InitPin(slot, None, None)
        found = ctypes.c_void_p(smime.CERT_DecodeCertFromPackage(der, len(der)))
        assert nss.PK11_ImportCert(slot, found, ctypes.c_ulong(0), b"trial", 0) == 0
        wanted = _Trust()
        assert nss.CERT_DecodeTrustString(ctypes.byref(wanted), b"C,,") == 0
        known = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
        assert nss.CERT_ChangeCertTrust(known, found, ctypes.byref(wanted)) == 0


def test_who_does_not_trust_it_is_warned_and_may_go_on_with_map_and_position(
    server: Secure, phone: Callable[..., Any]
) -> None:
    page = phone(None)
    with pytest.raises(sync_api.Error, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(server.base_url)
    proceeded = phone(None, ignore_https_errors=True)
    proceeded.goto(f"{server.base_url}/officer")
    assert proceeded.evaluate("isSecureContext")
    assert proceeded.evaluate(POSITION) == [HERE["latitude"], HERE["longitude"]]


def test_who_trusts_it_has_the_position_and_the_page_without_a_network(
    server: Secure, phone: Callable[..., Any]
) -> None:
    assert server.host != "127.0.0.1", "this machine has no other address"
    page = phone(server.root)
    # as it is typed
    page.goto(f"http://{server.host}:{server.port}/officer")
    assert page.url == f"{server.base_url}/officer"
    assert page.evaluate("isSecureContext")
    assert page.evaluate(POSITION) == [HERE["latitude"], HERE["longitude"]]
    title = page.title()
    wait_for_worker(page, reload=True)
    page.context.set_offline(True)
    page.reload()
    assert page.title() == title
